import type { TimelineReport } from '../../../src/replay/report/report.js'
import { Panel } from '../components/panel.js'
import { Plot } from '../components/plot.js'
import type { Line } from '../components/plot-drawing.js'
import { bucketLength, number } from './report-format.js'
import { type Side, titleOf } from './sides.js'

/** Colours of rules, from theme.css. Further rules reuse them with dashed lines. */
const COLOURS = ['refused', 'shadowed', 'waiting', 'busy', 'other', 'allowed']

/** Plots requests, refusals by rule and admitted tokens over time. */
export function Timelines({ report, name, id }: Side) {
  const { timeline, rules } = report
  const times = timeline.stretches.map(({ at }) => at)
  const of = (value: (stretch: TimelineReport['stretches'][number]) => number) =>
    timeline.stretches.map(value)
  const refusing = rules.flatMap((rule, index) =>
    rule.enforced && rule.refused > 0
      ? [{ label: `${rule.rule} · ${rule.route}`, values: of(({ refusedBy }) => refusedBy[index] ?? 0) }]
      : [],
  )
  const span = [times[0] ?? 0, (times.at(-1) ?? 0) + timeline.width] as const
  const plot = (label: string, lines: readonly Line[]) => (
    <Plot label={label} times={times} lines={lines} format={number} span={span} height={200} group="replay" />
  )
  const note = `per ${bucketLength(timeline.width)}`
  return (
    <div class="side-by-side">
      <Panel id={`requests-${id}`} title={titleOf('Requests', { name })} note={note}>
        {plot('Allowed and refused requests over time', [
          { label: 'allowed', colour: 'allowed', values: of(({ allowed }) => allowed), stack: true },
          { label: 'refused', colour: 'refused', values: of(({ refused }) => refused), stack: true },
        ])}
      </Panel>
      {refusing.length > 0 && (
        <Panel id={`refusals-${id}`} title={titleOf('Refusals by rule', { name })} note={note}>
          {plot(
            'Refusals of each rule over time',
            refusing.map((line, index) => ({
              ...line,
              colour: COLOURS[index % COLOURS.length] ?? 'other',
              dashed: index >= COLOURS.length,
            })),
          )}
        </Panel>
      )}
      {report.tokens.offered > 0 && (
        <Panel id={`tokens-${id}`} title={titleOf('Tokens admitted', { name })} note={note}>
          {plot('Tokens of admitted requests over time', [
            { label: 'tokens', colour: 'busy', values: of(({ tokens }) => tokens), stack: true },
          ])}
        </Panel>
      )}
    </div>
  )
}
