import { useMemo } from 'preact/hooks'
import { Bar } from '../components/bar.js'
import { count, perSecondLabel } from '../components/format.js'
import { Empty, Panel } from '../components/panel.js'
import { RouteName } from '../components/route-name.js'
import { Sparkline } from '../components/sparkline.js'
import { Table } from '../components/table.js'
import type { History } from '../timeseries/history.js'
import { type RouteTraffic, requestsIn, routesIn } from '../timeseries/route-history.js'

const SECONDS = 60

/** Lists the traffic of each route. Selecting a route filters the plots. */
export function Routes({
  history,
  route,
  onRoute,
}: {
  readonly history: History
  readonly route: string | undefined
  readonly onRoute: (route: string | undefined) => void
}) {
  const minute = useMemo(() => history.lastSeconds(SECONDS), [history])
  const routes = useMemo(() => routesIn(minute), [minute])
  const perSecond = (total: number) => perSecondLabel(total / Math.max(minute.length, 1))
  return (
    <Panel id="routes" title="Routes" note="last minute; select a route to filter the plots">
      {routes.length === 0 ? (
        <Empty>No requests in the last minute.</Empty>
      ) : (
        <Table<RouteTraffic>
          caption="routes and their requests in the last minute"
          rows={routes}
          keyOf={(row) => row.route}
          columns={[
            {
              title: 'Route',
              help: 'A route of the configuration. Select it to show only its traffic in the plots.',
              cell: (row) => (
                <button
                  type="button"
                  class="link name"
                  aria-pressed={row.route === route}
                  onClick={() => onRoute(row.route === route ? undefined : row.route)}
                >
                  <RouteName route={row.route} />
                </button>
              ),
            },
            {
              title: 'Requests',
              help: 'Requests per second over the last minute.',
              wideOnly: true,
              kind: 'bar',
              cell: ({ requests }) => <Sparkline values={requests} length={SECONDS} />,
            },
            {
              title: 'Allowed',
              help: 'Requests per second that were admitted, on average over the last minute.',
              kind: 'number',
              cell: ({ traffic }) => perSecond(traffic.allowed),
            },
            {
              title: 'Refused',
              help: 'Requests per second that a limit refused, on average over the last minute.',
              kind: 'number',
              cell: ({ traffic }) => perSecond(traffic.refused),
            },
            {
              title: 'Share refused',
              help: 'Refused requests in percent of all requests of the last minute.',
              kind: 'bar',
              cell: ({ traffic }) => (
                <Bar part={traffic.refused / Math.max(requestsIn(traffic), 1)} colour="refused" />
              ),
            },
            {
              title: 'In flight',
              help: 'Requests that are being processed by the upstream now.',
              kind: 'number',
              wideOnly: true,
              cell: ({ traffic }) => count(traffic.inFlight),
            },
            {
              title: 'Waiting',
              help: 'Requests that wait for a limit now.',
              kind: 'number',
              wideOnly: true,
              cell: ({ traffic }) => count(traffic.waiting),
            },
          ]}
        />
      )}
    </Panel>
  )
}
