import type { Latency } from '../../../src/server/admin/api/live-samples.js'
import { duration } from '../components/format.js'
import { Empty, Panel } from '../components/panel.js'
import type { TimeBucket } from '../timeseries/buckets.js'
import { periodLabel, type View } from './view.js'
import { ViewPlot } from './view-plot.js'

/** Plots the latency of decisions, the store and the upstream. */
export function Latencies({ view }: { readonly view: View }) {
  return (
    <>
      <LatencyPlot
        id="decision-time"
        title="Decision time"
        note="per request"
        empty="No decisions in this period."
        help="Time that the gateway takes to decide on a request, without waiting for a limit."
        view={view}
        of={({ traffic }) => traffic.decision}
      />
      <LatencyPlot
        id="store-time"
        title="Store time"
        note="per operation"
        empty="No store operations in this period."
        help="Time that an operation of the store takes, such as taking from a limit."
        view={view}
        of={({ store }) => store}
      />
      <LatencyPlot
        id="upstream-time"
        title="Upstream time"
        note="complete responses"
        empty="No responses in this period."
        help="Time from forwarding a request to the end of the upstream's response."
        view={view}
        of={({ traffic }) => traffic.upstream}
      />
    </>
  )
}

/** Plots the median and the 99th percentile of a latency. */
export function LatencyPlot({
  id,
  title,
  note,
  empty,
  help,
  view,
  of,
}: {
  readonly id: string
  readonly title: string
  readonly note: string
  readonly empty: string
  /** What is measured. */
  readonly help: string
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
        <ViewPlot
          label={`${title}, ${periodLabel(view)}: the median and the 99th percentile`}
          view={view}
          format={duration}
          height={130}
          lines={[
            {
              label: 'median',
              help: `${help} Half of the values were lower. Over several seconds or routes, the mean of their medians.`,
              colour: 'ink',
              values: measured(({ p50 }) => p50),
            },
            {
              label: '99th percentile',
              help: `${help} 1 in 100 values was higher. Over several seconds or routes, the highest of their 99th percentiles.`,
              colour: 'other',
              values: measured(({ p99 }) => p99),
              dashed: true,
            },
          ]}
        />
      )}
    </Panel>
  )
}
