/**
 * What the admin port tells the dashboard, as JSON. All times are milliseconds, and `at` and `started` are epoch milliseconds.
 * JSON knows no Infinity: a time that never comes is null.
 *
 * A client is shown by the key that it is counted under: its address, `client ID`, or, where the key is a secret, a short digest.
 */

/** Every second: what came in that second, and what is under way at its end. */
export interface Sample {
  readonly at: number
  /**
   * Routes that requests came to: at most 30, the busiest; the others together are called `(others)`, and requests that no route
   * takes `(unrouted)`.
   */
  readonly routes: Readonly<Record<string, RouteSample>>
  readonly store: Latency & { readonly failures: number }
  readonly inFlight: number
  readonly waiting: number
}

export interface RouteSample {
  readonly allowed: number
  readonly refused: number
  /** Requests that a shadow rule would have refused. */
  readonly shadowRefused: number
  /** Requests that ended otherwise: unknown credentials, unreadable requests, the store away, clients gone, and the like. */
  readonly failed: number
  readonly decision: Latency
  readonly upstream: Latency
  readonly inFlight: number
  readonly waiting: number
  /** Refused requests by rule, and by reason: `exceeded`, `oversized`, `busy`. */
  readonly refusals: Readonly<Record<string, Readonly<Record<string, number>>>>
}

/** Of one second. All zero where nothing was measured. Percentiles are within 10 % of the exact ones. */
export interface Latency {
  readonly count: number
  readonly p50: number
  readonly p99: number
  readonly max: number
}

/** How the gateway stands. */
export interface Status {
  readonly at: number
  readonly started: number
  readonly version: string
  /** `token`: whoever has the admin token may act; `off`: no token is configured, and nobody may. */
  readonly acts: 'off' | 'token'
  readonly store: StoreStatus
  readonly routes: readonly RouteStatus[]
  /** Keys of which this page knows how full they are. */
  readonly clientsTracked: number
}

export interface StoreStatus {
  readonly kind: 'memory' | 'redis' | 'memcached'
  readonly state: 'answers' | 'lost'
  /** What decides while the store is lost; absent where the state is in memory. */
  readonly policy?: 'local' | 'open' | 'closed'
  readonly breaker?: 'closed' | 'open' | 'half-open'
  /** Keys in the memory of this process. */
  readonly keys: number
  /** Charges that unknown keys shared a bucket for because the memory was full. */
  readonly overflowed: number
}

export interface RouteStatus {
  readonly route: string
  readonly warmUp?: { readonly scale: number; readonly ready: boolean }
  readonly rules: readonly RuleStatus[]
}

export interface RuleStatus {
  readonly rule: string
  readonly resource: string
  /** As people write it, an act included; `by expression` where each request has its own. */
  readonly limit: string
  /** What it comes to now for a client without a tier, warm-up included. */
  readonly effective: string
  readonly enforced: boolean
  /** Whether the rule counts for all routes together; an act on it is an act on it everywhere. */
  readonly shared: boolean
  /** What the file says, where an act says otherwise. */
  readonly overridden?: { readonly limit: string; readonly enforced: boolean }
  readonly keyedBy: string
  /** The keys that are nearest to the limit, fullest first, at most 10, as they are now. */
  readonly fullness: readonly KeyFullness[]
  readonly allowed: number
  readonly refused: number
  /** Requests that it, as a shadow rule, would have refused. */
  readonly wouldHaveRefused: number
}

export interface KeyFullness {
  /** As it is shown. */
  readonly key: string
  /** Names the key in an act or a search. */
  readonly id: string
  /** 0 for nothing used, 1 for full. */
  readonly used: number
  readonly remaining: number
  /** Until a request of cost 1 would be let in; 0 where it would be now. */
  readonly retryAfter: number | null
}

/** Who sends most, and who is refused most, in the last 10 to 20 minutes. */
export interface Talkers {
  readonly heaviest: readonly Talker[]
  readonly refused: readonly Talker[]
  /** How far the counts may be off, in words. */
  readonly error: string
}

export interface Talker {
  readonly client: string
  /** Requests; at least `count - error`, at most `count`. */
  readonly count: number
  readonly error: number
}

/** One client, as it stands with every rule that it has been seen by. Nothing is taken to find out. */
export interface ClientState {
  readonly client: string
  readonly rules: readonly ClientRule[]
}

export interface ClientRule {
  readonly route: string
  readonly rule: string
  readonly resource: string
  readonly limit: string
  readonly enforced: boolean
  /** Names the key in an act. */
  readonly id: string
  readonly remaining: number
  readonly used: number
  readonly resetAfter: number
  readonly moreAfter: number
  readonly retryAfterOfOne: number | null
  /** Requests, since this key was last taken notice of. */
  readonly allowed: number
  readonly refused: number
}

/** What may be done from the page. It holds until it is undone or the gateway is restarted; a reload of the file keeps it. */
export type Act =
  | { readonly act: 'shadow'; readonly route: string; readonly rule: string; readonly shadow: boolean }
  /** `20/minute`, or a number for what is in flight. */
  | { readonly act: 'limit'; readonly route: string; readonly rule: string; readonly limit: string }
  /** Forgets what a key has used. Without a rule: in all rules of the route that know the key; without a route: of all routes. */
  | { readonly act: 'reset'; readonly route?: string; readonly rule?: string; readonly key: string }
  /** The rule is as the file says. */
  | { readonly act: 'undo'; readonly route: string; readonly rule: string }

/** 200 with what was done in words; or 4xx with what was wrong. */
export type ActAnswer = { readonly ok: true; readonly done: string } | { readonly error: string }
