import { count, tick } from '../components/format.js'
import { Empty, Panel } from '../components/panel.js'
import { Plot } from '../components/plot.js'
import { routeLabel, type View } from './view.js'

/** Requests that are with the upstream, and those that wait for a slot. */
export function InFlight({ view }: { readonly view: View }) {
  return (
    <Panel id="under-way" title="In flight and waiting" note="requests">
      {view.stretches.length === 0 ? (
        <Empty>How many requests are with the model servers, and how many wait in line for a slot.</Empty>
      ) : (
        <Plot
          label={`Requests in flight and waiting over the last ${view.minutes} minutes, ${routeLabel(view)}`}
          times={view.times}
          span={view.span}
          format={count}
          tick={tick}
          height={130}
          atLeast={4}
          lines={[
            {
              label: 'in flight',
              colour: 'busy',
              values: view.stretches.map(({ traffic }) => traffic.inFlight),
            },
            {
              label: 'waiting',
              colour: 'waiting',
              values: view.stretches.map(({ traffic }) => traffic.waiting),
              dashed: true,
            },
          ]}
        />
      )}
    </Panel>
  )
}
