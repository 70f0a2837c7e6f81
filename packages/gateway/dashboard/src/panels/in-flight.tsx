import { count, tick } from '../components/format.js'
import { Empty, Panel } from '../components/panel.js'
import { periodLabel, routeLabel, type View } from './view.js'
import { ViewPlot } from './view-plot.js'

/** Plots the requests in flight and those waiting for a limit. */
export function InFlight({ view }: { readonly view: View }) {
  return (
    <Panel id="in-flight" title="In flight and waiting" note="requests">
      {view.buckets.length === 0 ? (
        <Empty>No data yet.</Empty>
      ) : (
        <ViewPlot
          label={`Requests in flight and waiting, ${periodLabel(view)}, ${routeLabel(view)}`}
          view={view}
          format={count}
          tick={tick}
          height={130}
          minScale={4}
          lines={[
            {
              label: 'in flight',
              help: 'Requests that were sent to the upstream and whose response has not ended. The highest number of each point.',
              colour: 'busy',
              values: view.buckets.map(({ traffic }) => traffic.inFlight),
            },
            {
              label: 'waiting',
              help: 'Requests that wait until a limit admits them. The highest number of each point.',
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
