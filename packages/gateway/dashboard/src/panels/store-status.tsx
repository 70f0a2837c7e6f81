import type {
  RouteStatus,
  Status,
  StoreStatus,
  UpstreamStatus,
} from '../../../src/server/admin/api/gateway-status.js'
import { Badge } from '../components/badge.js'
import { Bar } from '../components/bar.js'
import { count } from '../components/format.js'
import { Panel } from '../components/panel.js'
import { RouteName } from '../components/route-name.js'
import { Table } from '../components/table.js'
import { FAILURE_POLICIES } from './labels.js'

/** Shows the state of the store, its circuit breaker and the warm-ups. */
export function StoreStatusPanel({ status }: { readonly status: Status }) {
  const warming = status.routes.filter(({ warmUp }) => warmUp !== undefined)
  return (
    <Panel id="store-status" title="Store and warm-up">
      <dl class="facts">
        <StoreFacts store={status.store} />
        {status.upstreams.map((upstream) => (
          <UpstreamFact {...upstream} />
        ))}
      </dl>
      {warming.length === 0 ? (
        <p class="empty">
          No route has a <code>warm_up</code>; all limits apply in full.
        </p>
      ) : (
        <Table<RouteStatus>
          caption="routes whose limits grow while their model warms up"
          rows={warming}
          first={6}
          keyOf={({ route }) => route}
          columns={[
            {
              title: 'Route',
              help: 'A route whose model warms up.',
              cell: ({ route }) => <RouteName route={route} />,
            },
            {
              title: 'Model',
              help: 'Whether the model is ready, and whether its limits are still growing.',
              cell: ({ warmUp }) => <WarmUpBadge ready={warmUp?.ready} scale={warmUp?.scale} />,
            },
            {
              title: 'Limits',
              help: 'The part of the configured limits that applies now, in percent.',
              kind: 'bar',
              cell: ({ warmUp }) => <Bar part={warmUp?.scale ?? 1} colour="busy" />,
            },
          ]}
        />
      )}
    </Panel>
  )
}

/** Shows one address of an upstream. */
function UpstreamFact({ upstream, address, up, inFlight, paused }: UpstreamStatus) {
  return (
    <>
      <dt>Upstream {upstream}</dt>
      <dd>
        {address} {up ? <Badge tone="good">in use</Badge> : <Badge tone="bad">skipped</Badge>}{' '}
        {paused > 0 && <Badge tone="warning">paused for {Math.ceil(paused / 1000)} s</Badge>}{' '}
        {count(inFlight)} in flight
      </dd>
    </>
  )
}

function WarmUpBadge({
  ready,
  scale = 1,
}: {
  readonly ready: boolean | undefined
  readonly scale: number | undefined
}) {
  if (ready !== true) return <Badge tone="bad">not ready</Badge>
  return scale < 1 ? <Badge tone="warning">warming up</Badge> : <Badge tone="good">warm</Badge>
}

const BREAKER_STATES = {
  closed: <Badge tone="good">closed: the store is in use</Badge>,
  'half-open': <Badge tone="warning">half-open: testing the store</Badge>,
  open: <Badge tone="bad">open: the store is bypassed</Badge>,
}

function StoreFacts({ store }: { readonly store: StoreStatus }) {
  const { kind, state, policy, breaker, keys, overflowed } = store
  return (
    <>
      <dt>Store</dt>
      <dd>
        {kind}{' '}
        {state === 'lost' ? <Badge tone="bad">unavailable</Badge> : <Badge tone="good">available</Badge>}
      </dd>
      {breaker !== undefined && (
        <>
          <dt>Breaker</dt>
          <dd>{BREAKER_STATES[breaker]}</dd>
        </>
      )}
      {policy !== undefined && (
        <>
          <dt>On failure</dt>
          <dd>{FAILURE_POLICIES[policy]}</dd>
        </>
      )}
      <dt>Keys in memory</dt>
      <dd>
        <span title="Clients and other keys whose usage is kept in the memory of the gateway.">
          {count(keys)}
        </span>
        {overflowed > 0 && <> (full; {count(overflowed)} charges shared a bucket)</>}
      </dd>
    </>
  )
}
