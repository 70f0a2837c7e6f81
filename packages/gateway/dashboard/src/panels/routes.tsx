import { useMemo } from 'preact/hooks'
import { Bar } from '../components/bar.js'
import { count, rate } from '../components/format.js'
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
  const perSecond = (total: number) => rate(total / Math.max(minute.length, 1))
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
              wideOnly: true,
              kind: 'bar',
              cell: ({ requests }) => <Sparkline values={requests} length={SECONDS} />,
            },
            { title: 'Allowed/s', kind: 'number', cell: ({ traffic }) => perSecond(traffic.allowed) },
            { title: 'Refused/s', kind: 'number', cell: ({ traffic }) => perSecond(traffic.refused) },
            {
              title: 'Refused',
              kind: 'bar',
              cell: ({ traffic }) => (
                <Bar part={traffic.refused / Math.max(requestsIn(traffic), 1)} colour="refused" />
              ),
            },
            {
              title: 'In flight',
              kind: 'number',
              wideOnly: true,
              cell: ({ traffic }) => count(traffic.inFlight),
            },
            {
              title: 'Waiting',
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
