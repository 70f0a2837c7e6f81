import type { RouteStatus, Status, StoreStatus } from '../../../src/server/admin/api/gateway-status.js'
import type { Live } from '../api/use-live.js'
import { Badge } from '../components/badge.js'
import { count, duration, rate, share } from '../components/format.js'
import { Tile, Tiles } from '../components/tile.js'
import { trafficOf } from '../timeseries/buckets.js'
import { requestsIn } from '../timeseries/route-history.js'
import { FAILURE_POLICIES } from './labels.js'

/** Seconds that "now" is the mean of: short enough for now, long enough to be read. */
const NOW = 5

/** How it stands, at a glance. */
export function TopLine({ connection, history, status }: Live) {
  const recent = history.lastSeconds(NOW).map((sample) => trafficOf(sample, undefined))
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
        figure={
          connection.state === 'live' ? (
            <GatewayState status={status} />
          ) : (
            <Badge tone="bad">{connection.state === 'connecting' ? 'Connecting' : 'Not reached'}</Badge>
          )
        }
        below={status && `up ${duration(status.at - status.started)}, version ${status.version}`}
      />
      <Tile
        title="Store"
        figure={status && <StoreState store={status.store} />}
        below={status && aboutStore(status.store)}
      />
      <Tile
        title="Allowed now"
        figure={<PerSecond value={perSecond(sum((traffic) => traffic.allowed))} />}
        below={shadowed > 0 ? `${rate(perSecond(shadowed))}/s over shadow rules` : undefined}
      />
      <Tile
        title="Refused now"
        figure={<PerSecond value={perSecond(refused)} tone={refused > 0 ? 'refused' : undefined} />}
        below={requests > 0 ? `${share(refused / requests)} of all requests` : 'no requests'}
      />
      <Tile title="In flight" figure={count(newest?.inFlight ?? 0)} below="with the model servers" />
      <Tile title="Waiting" figure={count(newest?.waiting ?? 0)} below="in line for a slot" />
    </Tiles>
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
      <Badge tone="bad">Refusing all</Badge>
    ) : (
      <Badge tone="warning">On its own</Badge>
    )
  const cold = status.routes.filter(isWarmingUp).length
  if (cold > 0) return <Badge tone="warning">Warming up</Badge>
  return <Badge tone="good">Running</Badge>
}

function StoreState({ store }: { readonly store: StoreStatus }) {
  if (store.state === 'lost') return <Badge tone="bad">Lost</Badge>
  if (store.overflowed > 0 && store.kind === 'memory') return <Badge tone="warning">Full</Badge>
  return <Badge tone="good">{store.kind === 'memory' ? 'In memory' : 'Answers'}</Badge>
}

function aboutStore({ kind, state, policy, keys }: StoreStatus): string {
  if (state === 'lost') return `${kind}; meanwhile ${FAILURE_POLICIES[policy ?? 'local']}`
  return kind === 'memory' ? `${count(keys)} keys` : kind
}

function isWarmingUp({ warmUp }: RouteStatus): boolean {
  return warmUp !== undefined && (!warmUp.ready || warmUp.scale < 1)
}
