import { perSecondLabel, tick } from '../components/format.js'
import { Empty, Panel } from '../components/panel.js'
import { periodLabel, routeLabel, type View } from './view.js'
import { type ExplainedLine, ViewPlot } from './view-plot.js'

const GROUPS = [
  ['2xx', 'allowed', 'Success', false],
  ['3xx', 'other', 'Redirect, or not modified', true],
  ['4xx', 'waiting', 'The upstream rejected the request', false],
  ['5xx', 'bad', 'The upstream failed', false],
  ['none', 'bad', 'No response: the upstream or the client disconnected, or a timeout', true],
] as const

/** Plots the statuses of the upstream's responses beside the refusals of the gateway. */
export function Statuses({ view }: { readonly view: View }) {
  const { buckets } = view
  const lines: ExplainedLine[] = GROUPS.filter(
    ([group]) => group === '2xx' || buckets.some(({ traffic }) => (traffic.statuses[group] ?? 0) > 0),
  ).map(([group, colour, meaning, dashed]) => ({
    label: group === 'none' ? 'upstream: none' : `upstream: ${group}`,
    help: `Responses per second. ${meaning}.`,
    colour,
    dashed,
    values: buckets.map(({ traffic, seconds }) => (traffic.statuses[group] ?? 0) / seconds),
  }))
  return (
    <Panel
      id="statuses"
      title="Upstream statuses and refusals"
      note={`per second, ${routeLabel(view)}, ${periodLabel(view)}`}
    >
      {buckets.length === 0 ? (
        <Empty>No data yet.</Empty>
      ) : (
        <ViewPlot
          label={`Responses of the upstream by status, and refusals, per second, ${routeLabel(view)}`}
          view={view}
          format={perSecondLabel}
          tick={tick}
          height={180}
          minScale={1}
          lines={[
            ...lines,
            {
              label: 'refused by a limit',
              help: 'Requests per second that the gateway refused and did not send to the upstream.',
              colour: 'refused',
              values: buckets.map(({ traffic, seconds }) => traffic.refused / seconds),
            },
          ]}
        />
      )}
    </Panel>
  )
}
