import { Panel } from '../components/panel.js'
import { Plot } from '../components/plot.js'
import { alignTimelines } from './align-timelines.js'
import { bucketLength, number } from './report-format.js'
import type { Side } from './sides.js'

interface ComparedPlot {
  readonly id: string
  readonly title: string
  readonly of: 'refused' | 'falselyRefused'
}

const PLOTS: readonly ComparedPlot[] = [
  { id: 'both-refused', title: 'Refusals compared', of: 'refused' },
  { id: 'both-falsely', title: 'False refusals compared', of: 'falselyRefused' },
]

/** Plots the refusals of two policies over time. */
export function ComparisonTimelines({ one, other }: { readonly one: Side; readonly other: Side }) {
  return (
    <div class="side-by-side">
      {PLOTS.map(({ id, title, of }) => (
        <ComparisonPlot key={id} id={id} title={title} of={of} one={one} other={other} />
      ))}
    </div>
  )
}

function ComparisonPlot({
  id,
  title,
  of,
  one,
  other,
}: ComparedPlot & { readonly one: Side; readonly other: Side }) {
  const { width, pairs } = alignTimelines(
    one.report.timeline,
    other.report.timeline,
    (stretch) => stretch[of],
  )
  if (pairs.every((pair) => pair.one + pair.other === 0)) return null
  const times = pairs.map(({ at }) => at)
  return (
    <Panel id={id} title={title} note={`per ${bucketLength(width)}`}>
      <Plot
        label={`${title}, over time: ${one.name} and ${other.name}`}
        times={times}
        lines={[
          { label: one.name, colour: 'refused', values: pairs.map((pair) => pair.one) },
          { label: other.name, colour: 'allowed', values: pairs.map((pair) => pair.other), dashed: true },
        ]}
        format={number}
        span={[times[0] ?? 0, (times.at(-1) ?? 0) + width]}
        height={200}
        minScale={1}
        group="replay"
      />
    </Panel>
  )
}
