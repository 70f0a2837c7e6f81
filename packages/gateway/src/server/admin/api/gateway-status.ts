/**
 * The response of `/api/status`, which `/api/live` also sends. All times are in milliseconds, and
 * `at` and `started` are in epoch milliseconds. JSON has no Infinity, so an infinite time is null.
 */

/** The state of the gateway, its store, its routes and their rules. */
export interface Status {
  readonly at: number
  readonly started: number
  readonly version: string
  /**
   * `token`: actions require the admin token. `off`: no token is configured, so no actions are
   * allowed.
   */
  readonly acts: 'off' | 'token'
  readonly store: StoreStatus
  /** The addresses of all upstreams; empty if routes do not choose their upstream. */
  readonly upstreams: readonly UpstreamStatus[]
  readonly routes: readonly RouteStatus[]
  /** Keys whose usage the gateway tracks for the dashboard. */
  readonly clientsTracked: number
}

export interface StoreStatus {
  readonly kind: 'memory' | 'redis' | 'memcached'
  readonly state: 'answers' | 'lost'
  /** The failure policy of the store; absent if the state is in memory. */
  readonly policy?: 'local' | 'open' | 'closed'
  readonly breaker?: 'closed' | 'open' | 'half-open'
  /** Keys in the memory of this process. */
  readonly keys: number
  /** Charges of unknown keys that shared one bucket because the memory was full. */
  readonly overflowed: number
}

/** One address of an upstream. */
export interface UpstreamStatus {
  readonly upstream: string
  /** The host and port. */
  readonly address: string
  /** False while the address is skipped. */
  readonly up: boolean
  readonly inFlight: number
  /** Time until a pause ends that the upstream asked for; 0 without one. */
  readonly paused: number
}

export interface RouteStatus {
  readonly route: string
  readonly warmUp?: { readonly scale: number; readonly ready: boolean }
  readonly rules: readonly RuleStatus[]
}

export interface RuleStatus {
  readonly rule: string
  readonly resource: string
  /** The limit in effect, overrides included; `by expression` if it is computed per request. */
  readonly limit: string
  /** The limit of a client without a tier at this moment, warm-up included. */
  readonly effective: string
  readonly enforced: boolean
  /** True if routes share the rule. An action on a shared rule applies to all of them. */
  readonly shared: boolean
  /** The settings in the configuration file, if an override replaces them. */
  readonly overridden?: { readonly limit: string; readonly enforced: boolean }
  readonly keyedBy: string
  /** The keys that are nearest to the limit, at most 10, highest usage first. */
  readonly fullness: readonly KeyFullness[]
  readonly allowed: number
  readonly refused: number
  /** Requests that the rule would have refused while it was a shadow rule. */
  readonly wouldHaveRefused: number
}

export interface KeyFullness {
  /** The key as it is displayed: an address, `client ID`, or the digest of a secret key. */
  readonly key: string
  /** Identifies the key in actions and searches. */
  readonly id: string
  /** Fraction of the limit in use: 0 if nothing is used, 1 if the key is at its limit. */
  readonly used: number
  readonly remaining: number
  /** Time until a request of cost 1 is admitted; 0 if it would be admitted now. */
  readonly retryAfter: number | null
}
