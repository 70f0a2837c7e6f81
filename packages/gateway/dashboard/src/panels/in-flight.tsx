import { count, lastMinutes, tick } from '../components/format.js'
import { Empty, Panel } from '../components/panel.js'
import { Plot } from '../components/plot.js'
import { routeLabel, type View } from './view.js'

/** Plots the requests in flight and those waiting for a limit. */
export function InFlight({ view }: { readonly view: View }) {
  return (
    <Panel id="in-flight" title="In flight and waiting" note="requests">
      {view.buckets.length === 0 ? (
        <Empty>No data yet.</Empty>
      ) : (
        <Plot
          label={`Requests in flight and waiting over ${lastMinutes(Number(view.minutes))}, ${routeLabel(view)}`}
          times={view.times}
          span={view.span}
          format={count}
          tick={tick}
          height={130}
          minScale={4}
          lines={[
            {
              label: 'in flight',
              colour: 'busy',
              values: view.buckets.map(({ traffic }) => traffic.inFlight),
            },
            {
              label: 'waiting',
              colour: 'waiting',
              values: view.buckets.map(({ traffic }) => traffic.waiting),
              dashed: true,
            },
          ]}
        />
      )}
    </Panel>
  )
}
