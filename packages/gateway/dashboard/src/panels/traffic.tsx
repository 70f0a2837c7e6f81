import type { RouteSample } from '../../../src/server/admin/api/live-samples.js'
import { rate, tick } from '../components/format.js'
import { Empty, Panel } from '../components/panel.js'
import { Plot } from '../components/plot.js'
import { routeLabel, type View } from './view.js'

/** Requests a second, by what became of them. */
export function Traffic({ view }: { readonly view: View }) {
  const perSecond = (of: (traffic: RouteSample) => number) =>
    view.stretches.map(({ traffic, seconds }) => of(traffic) / seconds)
  const shadowed = perSecond(({ shadowRefused }) => shadowRefused)
  const failed = perSecond((traffic) => traffic.failed)
  return (
    <Panel id="traffic" title="Requests a second" note={`${routeLabel(view)}, last ${view.minutes} min`}>
      {view.stretches.length === 0 ? (
        <Empty>
          Here will be the requests of each second: those that were let in, and those that were refused.
        </Empty>
      ) : (
        <Plot
          label={`Requests a second that were allowed and refused, ${routeLabel(view)}. The table of routes has the numbers.`}
          times={view.times}
          span={view.span}
          format={rate}
          tick={tick}
          height={250}
          atLeast={1}
          lines={[
            { label: 'allowed', colour: 'allowed', values: perSecond(({ allowed }) => allowed), stack: true },
            { label: 'refused', colour: 'refused', values: perSecond(({ refused }) => refused), stack: true },
            ...(failed.some((value) => value > 0)
              ? [{ label: 'failed', colour: 'other', values: failed, stack: true }]
              : []),
            ...(shadowed.some((value) => value > 0)
              ? [{ label: 'would be refused (shadow)', colour: 'shadowed', values: shadowed, dashed: true }]
              : []),
          ]}
        />
      )}
    </Panel>
  )
}
