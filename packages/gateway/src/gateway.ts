import type { AddressInfo } from 'node:net'
import { isDeepStrictEqual } from 'node:util'
import { clientAddressReader } from 'sluice/http'
import { Dashboard } from './admin/dashboard.js'
import type { Readiness } from './admin/pages.js'
import { startAdmin } from './admin/server.js'
import { type GatewayConfig, policiesOf } from './config/config.js'
import { restartNeeded } from './config/restart-needed.js'
import { type ClientReader, openClientReader } from './identity/client-reader.js'
import type { Log } from './log.js'
import { GatewayMetrics } from './metrics/gateway-metrics.js'
import { timed } from './metrics/timed-store.js'
import { toldToAll } from './observers.js'
import { type Admission, createAdmission, type Overrides } from './policy/admission.js'
import { fittingOverrides } from './policy/fitting-overrides.js'
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
  let overrides: Overrides = new Map()
  const metrics = new GatewayMetrics()
  const warmUps = new WarmUps()
  const dashboard =
    config.admin && new Dashboard(config, { opened, warmUps, overrides: () => overrides, override })
  const observers = toldToAll(dashboard === undefined ? [] : [metrics, dashboard])
  const store = timed(opened.store, observers.storeTook)
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
    overrides = fittingOverrides(overrides, (some) => admissionOf(next, some), log)
    const admission = admissionOf(next, overrides)
    dashboard?.show(next, admission.policies)
    return {
      admission,
      addresses: clientAddressReader({
        trustedProxies: identity.trustedProxies,
        ipv6Subnet: identity.ipv6Subnet,
      }),
      clients,
      upstream,
      maxBody,
      traffic: observers,
    }
  }

  function admissionOf(of: GatewayConfig, overrides: Overrides): Admission {
    return createAdmission(of, { store, warmUps, overrides, listener: observers.limiterDid })
  }

  function override(next: Overrides): void {
    const admission = admissionOf(config, next)
    overrides = next
    setup = { ...setup, admission }
    dashboard?.show(config, admission.policies)
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
  let admin: Awaited<ReturnType<typeof startAdmin>> | undefined
  try {
    admin =
      config.admin &&
      dashboard &&
      (await startAdmin({
        config: config.admin,
        sources: {
          readiness,
          metrics: {
            type: metrics.contentType,
            text: () => metrics.text({ store: opened.figures, warmUps: () => warmUps.ofRoutes(config) }),
            summary: () => metrics.summary(),
          },
          live: {
            feed: dashboard.feed,
            status: () => dashboard.status(),
            talkers: () => dashboard.talkers(),
            client: (text) => dashboard.client(text),
            config: () => dashboard.config(),
          },
        },
        perform: (act) => dashboard.perform(act),
        log,
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
        dashboard?.feed.close()
        await admin?.close()
        await store.close()
      })()
      return stopping
    },
  }
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
