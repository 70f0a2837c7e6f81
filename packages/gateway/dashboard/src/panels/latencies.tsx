import type { Latency } from '../../../src/server/admin/api/live-samples.js'
import { duration, lastMinutes } from '../components/format.js'
import { Empty, Panel } from '../components/panel.js'
import { Plot } from '../components/plot.js'
import type { TimeBucket } from '../timeseries/buckets.js'
import type { View } from './view.js'

/** Plots the latency of decisions, the store and the upstream. */
export function Latencies({ view }: { readonly view: View }) {
  return (
    <>
      <LatencyPlot
        id="decision-time"
        title="Decision time"
        note="per request"
        empty="No decisions yet."
        view={view}
        of={({ traffic }) => traffic.decision}
      />
      <LatencyPlot
        id="store-time"
        title="Store time"
        note="per operation"
        empty="No store operations yet."
        view={view}
        of={({ store }) => store}
      />
      <LatencyPlot
        id="upstream-time"
        title="Upstream time"
        note="complete responses"
        empty="No responses yet."
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
  readonly of: (bucket: TimeBucket) => Latency
}) {
  const latencies = view.buckets.map(of)
  const measured = (value: (latency: Latency) => number) =>
    latencies.map((latency) => (latency.count === 0 ? null : value(latency)))
  return (
    <Panel id={id} title={title} note={note}>
      {latencies.every((latency) => latency.count === 0) ? (
        <Empty>{empty}</Empty>
      ) : (
        <Plot
          label={`${title} over ${lastMinutes(Number(view.minutes))}: the median and the 99th percentile`}
          times={view.times}
          span={view.span}
          format={duration}
          height={130}
          lines={[
            { label: 'median', colour: 'ink', values: measured(({ p50 }) => p50) },
            { label: '99th percentile', colour: 'other', values: measured(({ p99 }) => p99), dashed: true },
          ]}
        />
      )}
    </Panel>
  )
}
