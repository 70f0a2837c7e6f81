import type { RouteStatus, Status, StoreStatus } from '../../../src/server/admin/api/gateway-status.js'
import type { Live } from '../api/use-live.js'
import { Badge } from '../components/badge.js'
import { count, duration, percent, rate } from '../components/format.js'
import { Tile, Tiles } from '../components/tile.js'
import { trafficOf } from '../timeseries/buckets.js'
import { requestsIn } from '../timeseries/route-history.js'
import { FAILURE_POLICIES } from './labels.js'

/** Number of seconds over which the current rates are averaged. */
const AVERAGE_SECONDS = 5

/** The tiles with the current state and rates. */
export function TopLine({ connection, history, status }: Live) {
  const recent = history.lastSeconds(AVERAGE_SECONDS).map((sample) => trafficOf(sample, undefined))
  const newest = history.samples.at(-1)
  const sum = (of: (traffic: (typeof recent)[number]) => number) =>
    recent.reduce((total, traffic) => total + of(traffic), 0)
  const perSecond = (total: number) => (recent.length === 0 ? 0 : total / recent.length)
  const requests = sum(requestsIn)
  const refused = sum((traffic) => traffic.refused)
  const shadowed = sum((traffic) => traffic.shadowRefused)
  return (
    <Tiles>
      <Tile
        title="Gateway"
        help="Whether the gateway accepts requests, and for how long it has been running."
        figure={
          connection.state === 'live' ? (
            <GatewayState status={status} />
          ) : (
            <Badge tone="bad">{connection.state === 'connecting' ? 'Connecting' : 'Unreachable'}</Badge>
          )
        }
        below={status && `up ${duration(status.at - status.started)}, version ${status.version}`}
      />
      <Tile
        title="Store"
        help="Where the state of the limits is kept, whether it responds, and the number of keys in memory."
        figure={status && <StoreState store={status.store} />}
        below={status && storeDetails(status.store)}
      />
      <Tile
        title="Allowed"
        help="Requests per second that were admitted, on average over the last 5 seconds."
        figure={<PerSecond value={perSecond(sum((traffic) => traffic.allowed))} />}
        below={shadowed > 0 ? `${rate(perSecond(shadowed))}/s over shadow limits` : undefined}
      />
      <Tile
        title="Refused"
        help="Requests per second that a limit refused, on average over the last 5 seconds, and their part of all requests."
        figure={<PerSecond value={perSecond(refused)} tone={refused > 0 ? 'refused' : undefined} />}
        below={requests > 0 ? `${percent(refused / requests)} of requests` : 'no requests'}
      />
      <Tile
        title="In flight"
        help="Requests that were sent to the upstream and whose response has not ended."
        figure={<Requests number={newest?.inFlight ?? 0} />}
        below="sent to the upstream"
      />
      <Tile
        title="Waiting"
        help="Requests that wait until a limit admits them."
        figure={<Requests number={newest?.waiting ?? 0} />}
        below="for a limit"
      />
    </Tiles>
  )
}

function Requests({ number }: { readonly number: number }) {
  return (
    <>
      {count(number)}
      <small>{number === 1 ? 'request' : 'requests'}</small>
    </>
  )
}

function PerSecond({ value, tone }: { readonly value: number; readonly tone?: string | undefined }) {
  return (
    <span class={tone}>
      {rate(value)}
      <small>/s</small>
    </span>
  )
}

function GatewayState({ status }: { readonly status: Status | undefined }) {
  if (status === undefined) return <Badge tone="plain">Connecting</Badge>
  if (status.store.state === 'lost')
    return status.store.policy === 'closed' ? (
      <Badge tone="bad">Rejecting all</Badge>
    ) : (
      <Badge tone="warning">Degraded</Badge>
    )
  const warmingUp = status.routes.filter(isWarmingUp).length
  if (warmingUp > 0) return <Badge tone="warning">Warming up</Badge>
  return <Badge tone="good">Running</Badge>
}

function StoreState({ store }: { readonly store: StoreStatus }) {
  if (store.state === 'lost') return <Badge tone="bad">Unavailable</Badge>
  if (store.overflowed > 0 && store.kind === 'memory') return <Badge tone="warning">Full</Badge>
  return <Badge tone="good">{store.kind === 'memory' ? 'In memory' : 'Available'}</Badge>
}

function storeDetails({ kind, state, policy, keys }: StoreStatus): string {
  if (state === 'lost') return `${kind}; ${FAILURE_POLICIES[policy ?? 'local']}`
  return kind === 'memory' ? `${count(keys)} keys` : kind
}

function isWarmingUp({ warmUp }: RouteStatus): boolean {
  return warmUp !== undefined && (!warmUp.ready || warmUp.scale < 1)
}
