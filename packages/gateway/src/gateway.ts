import type { AddressInfo } from 'node:net'
import { isDeepStrictEqual } from 'node:util'
import { clientAddressReader } from 'sluice/http'
import { type Readiness, startAdmin } from './admin/server.js'
import type { GatewayConfig } from './config/config.js'
import { restartNeeded } from './config/restart-needed.js'
import type { Log } from './log.js'
import { createAdmission } from './policy/admission.js'
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
   *
   * @throws Error that says what needs a restart, or what is wrong; nothing has changed then.
   */
  apply(config: GatewayConfig): void
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

async function startWith({ store, health }: OpenedStore, first: GatewayConfig, log: Log): Promise<Gateway> {
  let config = first
  let setup = setupOf(config, createUpstream(config.upstream, config.timeouts))
  let stopping: Promise<void> | undefined

  function setupOf({ routes, fallback, identity, maxBody }: GatewayConfig, upstream: Upstream): Setup {
    return {
      admission: createAdmission(routes, fallback, store),
      addresses: clientAddressReader(identity),
      upstream,
      maxBody,
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
    stopping === undefined ? readinessWith(await health()) : { ready: false, details: { status: 'stopping' } }
  let admin: Awaited<ReturnType<typeof startAdmin>> | undefined
  try {
    admin = config.admin && (await startAdmin(config.admin, { readiness }))
  } catch (error) {
    await proxy.close(0)
    throw error
  }

  return {
    address: proxy.address,
    adminAddress: admin?.address,
    apply(next) {
      const fixed = restartNeeded(config, next)
      if (fixed !== undefined) throw new Error(fixed)
      const before = setup.upstream
      const kept = next.upstream === config.upstream && isDeepStrictEqual(next.timeouts, config.timeouts)
      setup = setupOf(next, kept ? before : createUpstream(next.upstream, next.timeouts))
      config = next
      proxy.setRequestTimeout(next.timeouts.request)
      if (!kept) before.close().catch((error) => log.crashed(error))
    },
    close() {
      stopping ??= (async () => {
        await proxy.close(config.timeouts.shutdown)
        await setup.upstream.destroy()
        await admin?.close()
        await store.close()
      })()
      return stopping
    },
  }
}

/** A gateway that can decide without its store is ready without it; one that may not would only answer 503. */
function readinessWith(health: StoreHealth): Readiness {
  if (health === undefined) return { ready: true, details: { status: 'ready' } }
  const { state, policy } = health
  if (state === 'answers') return { ready: true, details: { status: 'ready', store: state } }
  const ready = policy !== 'closed'
  return { ready, details: { status: ready ? 'ready' : 'without its store', store: state, policy } }
}
