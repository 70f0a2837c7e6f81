import type { RouteSample } from '../../../src/server/admin/api/live-samples.js'
import { perSecondLabel, tick } from '../components/format.js'
import { Empty, Panel } from '../components/panel.js'
import { periodLabel, routeLabel, type View } from './view.js'
import { ViewPlot } from './view-plot.js'

/** Plots requests per second by outcome. */
export function Traffic({ view }: { readonly view: View }) {
  const perSecond = (of: (traffic: RouteSample) => number) =>
    view.buckets.map(({ traffic, seconds }) => of(traffic) / seconds)
  const shadowed = perSecond(({ shadowRefused }) => shadowRefused)
  const failed = perSecond((traffic) => traffic.failed)
  return (
    <Panel id="traffic" title="Requests per second" note={`${routeLabel(view)}, ${periodLabel(view)}`}>
      {view.buckets.length === 0 ? (
        <Empty>No data yet.</Empty>
      ) : (
        <ViewPlot
          label={`Allowed and refused requests per second, ${routeLabel(view)}. The Routes table lists the numbers.`}
          view={view}
          format={perSecondLabel}
          tick={tick}
          height={250}
          minScale={1}
          lines={[
            {
              label: 'allowed',
              help: 'Requests per second that were admitted and sent to the upstream.',
              colour: 'allowed',
              values: perSecond(({ allowed }) => allowed),
              stack: true,
            },
            {
              label: 'refused',
              help: 'Requests per second that a limit refused.',
              colour: 'refused',
              values: perSecond(({ refused }) => refused),
              stack: true,
            },
            ...(failed.some((value) => value > 0)
              ? [
                  {
                    label: 'failed',
                    help: 'Requests per second that ended before a limit was applied, such as those with wrong credentials.',
                    colour: 'other',
                    values: failed,
                    stack: true,
                  },
                ]
              : []),
            ...(shadowed.some((value) => value > 0)
              ? [
                  {
                    label: 'over shadow limits',
                    help: 'Requests per second that rules with enforce: false would have refused.',
                    colour: 'shadowed',
                    values: shadowed,
                    dashed: true,
                  },
                ]
              : []),
          ]}
        />
      )}
    </Panel>
  )
}
