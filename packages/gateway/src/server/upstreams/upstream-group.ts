import {
  DEFAULT_FALLBACK_ON,
  type HealthCheckConfig,
  type UpstreamConfig,
} from '../../policy/config/config.js'
import { headerName } from '../../policy/headers/header-name.js'
import type { HeaderPair } from '../http/proxy-headers.js'
import type { UpstreamLoad } from '../observability/upstream-load.js'
import type { Attempt, UpstreamAddress } from './upstream-address.js'
import { chooseAddress } from './upstream-address.js'
import type { UpstreamLimits } from './upstream-limits.js'

/** The headers in which providers expect a credential. */
const CREDENTIALS: readonly string[] = ['authorization', 'x-api-key', 'x-goog-api-key', 'api-key']

export interface UpstreamGroupOptions {
  readonly name: string
  readonly config: Pick<UpstreamConfig, 'headers' | 'fallbackOn' | 'health'>
  readonly addresses: readonly UpstreamAddress[]
  /** Undefined if it has no limits. */
  readonly limits: UpstreamLimits | undefined
  /** Headers other than the usual ones that hold the credentials of clients, in lower case. */
  readonly keyHeaders: readonly string[]
  readonly onHealthChange: (group: UpstreamGroup, address: UpstreamAddress) => void
}

/** A named upstream: its addresses, the headers for it, its limits and its fallbacks. */
export class UpstreamGroup {
  readonly name: string
  readonly addresses: readonly UpstreamAddress[]
  readonly headers: readonly HeaderPair[]
  readonly limits: UpstreamLimits | undefined
  /** Undefined if its addresses are not checked. */
  readonly check: HealthCheckConfig | undefined
  /** The upstreams to try next, in this order. */
  readonly fallbacks: UpstreamGroup[] = []
  /** Number of requests that were sent to a fallback instead. */
  fallbackCount = 0
  readonly #fallbackOn: ReadonlySet<number>
  /** Names of client headers that are not forwarded, because the upstream gets its own credential. */
  readonly #withheld: readonly string[]
  readonly #withheldWith = new WeakMap<ReadonlySet<string>, ReadonlySet<string>>()
  readonly #onHealthChange: UpstreamGroupOptions['onHealthChange']
  #next = 0

  constructor({ name, config, addresses, limits, keyHeaders, onHealthChange }: UpstreamGroupOptions) {
    const { headers = [], fallbackOn = DEFAULT_FALLBACK_ON } = config
    this.name = name
    this.addresses = addresses
    this.headers = headers
    this.limits = limits
    this.check = config.health
    this.#fallbackOn = new Set(fallbackOn)
    this.#onHealthChange = onHealthChange
    const hasCredential = headers.some(([header]) => CREDENTIALS.includes(headerName(header).folded))
    this.#withheld = hasCredential ? [...CREDENTIALS, ...keyHeaders] : []
  }

  /** Reports whether a response with this status sends the request to the next upstream. */
  fallsBackOn(status: number): boolean {
    return this.#fallbackOn.has(status)
  }

  /**
   * Chooses the address for a request.
   *
   * @param except an address that was already tried
   * @returns undefined if there is no other address
   */
  choose(except?: UpstreamAddress): UpstreamAddress | undefined {
    const chosen = chooseAddress(this.addresses, this.#next, performance.now(), except)
    this.#next = (this.#next + 1) % this.addresses.length
    return chosen
  }

  /** A check of an address ended. */
  onCheck(address: UpstreamAddress, isHealthy: boolean): void {
    address.onCheck(isHealthy, (changed) => this.#onHealthChange(this, changed))
  }

  attempt(address: UpstreamAddress): Attempt {
    return address.attempt((changed) => this.#onHealthChange(this, changed))
  }

  /** The state and the counts of the upstream. */
  get load(): UpstreamLoad {
    const responses: Record<string, number> = {}
    for (const address of this.addresses)
      for (const [status, count] of address.responses) responses[status] = (responses[status] ?? 0) + count
    const { pause } = this.limits ?? {}
    return {
      upstream: this.name,
      addresses: this.addresses.map(({ host, health, inFlight }) => ({
        address: host,
        up: health.isUp,
        inFlight,
      })),
      responses,
      fallbacks: this.fallbackCount,
      pauses: pause?.count ?? 0,
      pausedMs: pause?.remainingMs() ?? 0,
    }
  }

  /** Adds the credentials of clients to the names of headers that are not forwarded. */
  withheld(others: ReadonlySet<string> = NONE): ReadonlySet<string> | undefined {
    if (this.#withheld.length === 0) return others === NONE ? undefined : others
    let all = this.#withheldWith.get(others)
    if (all === undefined) {
      all = new Set([...others, ...this.#withheld])
      this.#withheldWith.set(others, all)
    }
    return all
  }
}

const NONE: ReadonlySet<string> = new Set()
