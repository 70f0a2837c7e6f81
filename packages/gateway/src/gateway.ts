import type { AddressInfo } from 'node:net'
import { isDeepStrictEqual } from 'node:util'
import { clientAddressReader } from 'sluice/http'
import { type Readiness, startAdmin } from './admin/server.js'
import type { GatewayConfig, PolicyConfig } from './config/config.js'
import { restartNeeded } from './config/restart-needed.js'
import { type ClientReader, openClientReader } from './identity/client-reader.js'
import type { Log } from './log.js'
import { GatewayMetrics, type Sources } from './metrics/gateway-metrics.js'
import { createAdmission } from './policy/admission.js'
import { WarmUps } from './policy/warm-ups.js'
import type { Setup } from './proxy/handler.js'
import { startProxy } from './proxy/server.js'
import { createUpstream, type Upstream } from './proxy/upstream.js'
import { type OpenedStore, openStore, type StoreHealth } from './store/open-store.js'

/** A gateway that runs. */
export interface Gateway {
  readonly address: AddressInfo
  /** Undefined without an admin port. */
  readonly adminAddress: AddressInfo | undefined
  /**
   * Goes on with another configuration. Requests that are under way end as they began; what clients have used stays used.
   * Rejects with an Error that says what needs a restart, or what is wrong; nothing has changed then. One call ends before the
   * next begins.
   */
  apply(config: GatewayConfig): Promise<void>
  /** Takes no more requests and waits for those that run, as long as the configuration says; then cuts them. */
  close(): Promise<void>
}

/**
 * Starts a gateway. A store that does not answer hinders it not: that is logged, and the policy for it decides.
 *
 * @throws Error where a port cannot be had, or the configuration names an upstream that cannot be used.
 */
export async function startGateway(first: GatewayConfig, log: Log): Promise<Gateway> {
  const opened = await openStore(first, log)
  try {
    return await startWith(opened, first, log)
  } catch (error) {
    await opened.store.close()
    throw error
  }
}

async function startWith(opened: OpenedStore, first: GatewayConfig, log: Log): Promise<Gateway> {
  let config = first
  const metrics = new GatewayMetrics()
  const store = metrics.timed(opened.store)
  const warmUps = new WarmUps()
  let setup = setupOf(
    config,
    createUpstream(config.upstream, config.timeouts),
    await openClientReader(config.identity, log),
  )
  let stopping: Promise<void> | undefined

  function setupOf(next: GatewayConfig, upstream: Upstream, clients: ClientReader): Setup {
    const { identity, maxBody } = next
    warmUps.keep(policiesOf(next).flatMap(({ warmUp }) => warmUp ?? []))
    metrics.setTiers(tiersOf(next))
    return {
      admission: createAdmission(next, {
        store,
        warmUps,
        listener: (route, event) => metrics.limiterDid(route, event),
      }),
      addresses: clientAddressReader({
        trustedProxies: identity.trustedProxies,
        ipv6Subnet: identity.ipv6Subnet,
      }),
      clients,
      upstream,
      maxBody,
      traffic: metrics,
    }
  }

  const proxy = await startProxy({
    endpoint: config.listen,
    requestTimeout: config.timeouts.request,
    setup: () => setup,
    trouble: {
      upstreamFailed: (route, { status, code, detail }) =>
        log.upstreamFailed({ route, status, code, detail }),
      crashed: (error) => log.crashed(error),
    },
  })
  const readiness = async (): Promise<Readiness> =>
    stopping === undefined
      ? readinessWith(await opened.health())
      : { ready: false, details: { status: 'stopping' } }
  const sources: Sources = {
    store: opened.figures,
    warmUps: () =>
      policiesOf(config).flatMap(({ name, warmUp }) =>
        warmUp === undefined ? [] : [[name, warmUps.of(warmUp).scale] as const],
      ),
  }
  let admin: Awaited<ReturnType<typeof startAdmin>> | undefined
  try {
    admin =
      config.admin &&
      (await startAdmin(config.admin, {
        readiness,
        metrics: {
          type: metrics.contentType,
          text: () => metrics.text(sources),
          summary: () => metrics.summary(),
        },
      }))
  } catch (error) {
    await proxy.close(0)
    throw error
  }

  return {
    address: proxy.address,
    adminAddress: admin?.address,
    async apply(next) {
      const fixed = restartNeeded(config, next)
      if (fixed !== undefined) throw new Error(fixed)
      const before = setup
      const sameUpstream =
        next.upstream === config.upstream && isDeepStrictEqual(next.timeouts, config.timeouts)
      const sameClients = isDeepStrictEqual(next.identity, config.identity)
      const clients = sameClients ? before.clients : await openClientReader(next.identity, log)
      const upstream = sameUpstream ? before.upstream : createUpstream(next.upstream, next.timeouts)
      setup = setupOf(next, upstream, clients)
      config = next
      proxy.setRequestTimeout(next.timeouts.request)
      if (!sameClients) before.clients.stop()
      if (!sameUpstream) before.upstream.close().catch((error) => log.crashed(error))
    },
    close() {
      stopping ??= (async () => {
        await proxy.close(config.timeouts.shutdown)
        setup.clients.stop()
        warmUps.stop()
        await setup.upstream.destroy()
        await admin?.close()
        await store.close()
      })()
      return stopping
    },
  }
}

function policiesOf({ routes, fallback }: GatewayConfig): readonly PolicyConfig[] {
  return fallback === 'deny' ? routes : [...routes, fallback]
}

/** All the tiers that a configuration names. */
function tiersOf(config: GatewayConfig): string[] {
  const ofRules = policiesOf(config).flatMap(({ rules }) =>
    rules.flatMap(({ tiers }) => Object.keys(tiers ?? {})),
  )
  return [...Object.keys(config.tiers), ...ofRules]
}

/** A gateway that can decide without its store is ready without it; one that may not would only answer 503. */
function readinessWith(health: StoreHealth): Readiness {
  if (health === undefined) return { ready: true, details: { status: 'ready' } }
  const { state, policy } = health
  if (state === 'answers') return { ready: true, details: { status: 'ready', store: state } }
  const ready = policy !== 'closed'
  return { ready, details: { status: ready ? 'ready' : 'without its store', store: state, policy } }
}
