import type { RouteSample } from '../../../src/server/admin/api/live-samples.js'
import { rate, tick } from '../components/format.js'
import { Empty, Panel } from '../components/panel.js'
import { Plot } from '../components/plot.js'
import { routeLabel, type View } from './view.js'

/** Plots requests per second by outcome. */
export function Traffic({ view }: { readonly view: View }) {
  const perSecond = (of: (traffic: RouteSample) => number) =>
    view.buckets.map(({ traffic, seconds }) => of(traffic) / seconds)
  const shadowed = perSecond(({ shadowRefused }) => shadowRefused)
  const failed = perSecond((traffic) => traffic.failed)
  return (
    <Panel id="traffic" title="Requests per second" note={`${routeLabel(view)}, last ${view.minutes} min`}>
      {view.buckets.length === 0 ? (
        <Empty>No data yet.</Empty>
      ) : (
        <Plot
          label={`Allowed and refused requests per second, ${routeLabel(view)}. The Routes table lists the numbers.`}
          times={view.times}
          span={view.span}
          format={rate}
          tick={tick}
          height={250}
          minScale={1}
          lines={[
            { label: 'allowed', colour: 'allowed', values: perSecond(({ allowed }) => allowed), stack: true },
            { label: 'refused', colour: 'refused', values: perSecond(({ refused }) => refused), stack: true },
            ...(failed.some((value) => value > 0)
              ? [{ label: 'failed', colour: 'other', values: failed, stack: true }]
              : []),
            ...(shadowed.some((value) => value > 0)
              ? [{ label: 'over shadow limits', colour: 'shadowed', values: shadowed, dashed: true }]
              : []),
          ]}
        />
      )}
    </Panel>
  )
}
