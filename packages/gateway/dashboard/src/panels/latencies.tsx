import type { Latency } from '../../../src/server/admin/api/live-samples.js'
import { duration } from '../components/format.js'
import { Empty, Panel } from '../components/panel.js'
import { Plot } from '../components/plot.js'
import type { TimeBucket } from '../timeseries/buckets.js'
import type { View } from './view.js'

/** How long decisions, the store and the upstream take. */
export function Latencies({ view }: { readonly view: View }) {
  return (
    <>
      <LatencyPlot
        id="decision-time"
        title="Decision time"
        note="of the limits"
        empty="How long it takes to decide on a request, as soon as one comes in."
        view={view}
        of={({ traffic }) => traffic.decision}
      />
      <LatencyPlot
        id="store-time"
        title="Store time"
        note="an operation"
        empty="How long the store takes for an operation, as soon as there is one."
        view={view}
        of={({ store }) => store}
      />
      <LatencyPlot
        id="upstream-time"
        title="Upstream time"
        note="of whole answers"
        empty="How long model servers take to answer, as soon as they have."
        view={view}
        of={({ traffic }) => traffic.upstream}
      />
    </>
  )
}

function LatencyPlot({
  id,
  title,
  note,
  empty,
  view,
  of,
}: {
  readonly id: string
  readonly title: string
  readonly note: string
  readonly empty: string
  readonly view: View
  readonly of: (stretch: TimeBucket) => Latency
}) {
  const latencies = view.stretches.map(of)
  const measured = (value: (latency: Latency) => number) =>
    latencies.map((latency) => (latency.count === 0 ? null : value(latency)))
  return (
    <Panel id={id} title={title} note={note}>
      {latencies.every((latency) => latency.count === 0) ? (
        <Empty>{empty}</Empty>
      ) : (
        <Plot
          label={`${title} over the last ${view.minutes} minutes: the median and the 99th percentile`}
          times={view.times}
          span={view.span}
          format={duration}
          height={130}
          lines={[
            { label: 'median', colour: 'ink', values: measured(({ p50 }) => p50) },
            { label: '99 %', colour: 'other', values: measured(({ p99 }) => p99), dashed: true },
          ]}
        />
      )}
    </Panel>
  )
}
