import type { LimiterEvent, Store } from 'sluice'
import type { GatewayConfig, UpstreamConfig } from '../../policy/config/config.js'
import { DEFAULT_UPSTREAM } from '../../policy/config/sections/upstreams-section.js'
import type { UpstreamCall } from '../../policy/policy-request.js'
import type { TlsMaterial } from '../http/tls-files.js'
import type { Log } from '../logging/log.js'
import type { UpstreamLoad } from '../observability/upstream-load.js'
import { ProviderPause } from './provider-pause.js'
import { createUpstream, type Upstream } from './upstream.js'
import { UpstreamAddress } from './upstream-address.js'
import { UpstreamGroup } from './upstream-group.js'
import { UpstreamLimits } from './upstream-limits.js'

export interface UpstreamSetOptions {
  readonly store: Store
  readonly log: Pick<Log, 'info' | 'warn'>
  readonly listener?: ((name: string, event: LimiterEvent<UpstreamCall>) => void) | undefined
  /** Returns the contents of the TLS files of an upstream. */
  readonly materialOf: (name: string) => TlsMaterial | undefined
  /** The upstreams of the previous configuration. Their unchanged addresses are kept. */
  readonly previous?: UpstreamSet | undefined
}

/** The upstreams of one configuration. */
export class UpstreamSet {
  readonly default: UpstreamGroup
  /** All upstreams by name, including the default. */
  readonly groups: ReadonlyMap<string, UpstreamGroup>
  /** True if the line of a limit of an upstream follows the responses of its requests. */
  readonly tracksWork: boolean
  /** The addresses by everything that determines their connections. */
  readonly #addresses = new Map<string, UpstreamAddress>()

  /** @throws Error if the connections to an upstream cannot be configured */
  constructor(config: GatewayConfig, options: UpstreamSetOptions) {
    const { upstream, upstreamTls, upstreams = {} } = config
    const all: Readonly<Record<string, UpstreamConfig>> = {
      [DEFAULT_UPSTREAM]: { urls: [upstream], ...(upstreamTls && { tls: upstreamTls }) },
      ...upstreams,
    }
    try {
      const groups = Object.entries(all).map(
        ([name, each]) => [name, this.#groupOf(name, each, config, options)] as const,
      )
      this.groups = new Map(groups)
    } catch (error) {
      for (const pool of this.poolsNotIn(options.previous)) void pool.destroy()
      throw error
    }
    for (const [name, { fallback = [] }] of Object.entries(all))
      this.#group(name).fallbacks.push(...fallback.map((next) => this.#group(next)))
    this.default = this.#group(DEFAULT_UPSTREAM)
    this.tracksWork = [...this.groups.values()].some(({ limits }) => limits?.tracksWork === true)
  }

  /** The state and the counts of all upstreams. */
  get load(): readonly UpstreamLoad[] {
    return [...this.groups.values()].map(({ load }) => load)
  }

  /** Lists the connection pools that another set does not contain. */
  poolsNotIn(other: UpstreamSet | undefined): readonly Upstream[] {
    const kept: ReadonlySet<UpstreamAddress> = new Set(other === undefined ? [] : other.#addresses.values())
    return [...this.#addresses.values()].flatMap((address) => (kept.has(address) ? [] : [address.pool]))
  }

  #group(name: string): UpstreamGroup {
    return this.groups.get(name) as UpstreamGroup
  }

  #groupOf(
    name: string,
    config: UpstreamConfig,
    { timeouts, identity }: GatewayConfig,
    options: UpstreamSetOptions,
  ): UpstreamGroup {
    const { log } = options
    const group = new UpstreamGroup({
      name,
      config,
      addresses: config.urls.map((url) => this.#addressOf(name, url, config, { timeouts, options })),
      limits: limitsOf(name, config, options),
      keyHeaders: identity.apiKeyHeaders ?? [],
      onHealthChange: ({ name: upstream }, { host: address, health }) => {
        if (health.isUp) log.info({ upstream, address }, 'the address of an upstream is in use again')
        else log.warn({ upstream, address }, 'the address of an upstream is skipped after several failures')
      },
    })
    group.fallbackCount = options.previous?.groups.get(name)?.fallbackCount ?? 0
    return group
  }

  #addressOf(
    name: string,
    url: string,
    { tls }: UpstreamConfig,
    { timeouts, options }: Pick<GatewayConfig, 'timeouts'> & { readonly options: UpstreamSetOptions },
  ): UpstreamAddress {
    const material = { ...options.materialOf(name), serverName: tls?.serverName }
    const { connect, headers, idle } = timeouts
    const key = JSON.stringify([name, url, connect, headers, idle, material])
    const { previous } = options
    const known = previous === undefined ? undefined : previous.#addresses.get(key)
    const address = known ?? new UpstreamAddress(createUpstream(url, { connect, headers, idle }, material))
    this.#addresses.set(key, address)
    return address
  }
}

function limitsOf(
  name: string,
  { rules = [] }: UpstreamConfig,
  { store, log, listener, previous }: UpstreamSetOptions,
): UpstreamLimits | undefined {
  if (rules.length === 0) return undefined
  const pause =
    previous?.groups.get(name)?.limits?.pause ??
    new ProviderPause((milliseconds) =>
      log.warn(
        { upstream: name, pauseMs: Math.ceil(milliseconds) },
        'an upstream asks to pause; its requests wait or are refused',
      ),
    )
  return new UpstreamLimits({ name, rules, store, pause, listener })
}
