/**
 * The samples that `/api/live` sends to the dashboard, as JSON. All times are in milliseconds, and
 * `at` is in epoch milliseconds.
 */

/** One second of traffic, and the requests in progress at its end. */
export interface Sample {
  readonly at: number
  /**
   * Traffic by route, for the 30 busiest routes. The remaining routes are summed as `(others)`.
   * Requests that match no route are counted as `(unrouted)`.
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
  /**
   * Requests that ended before a limit was applied, because of invalid credentials, an invalid
   * request, an unavailable store, a client that disconnected, or an error of the gateway.
   */
  readonly failed: number
  readonly decision: Latency
  readonly upstream: Latency
  readonly inFlight: number
  readonly waiting: number
  /** Refused requests by rule, then by reason: `exceeded`, `oversized` or `busy`. */
  readonly refusals: Readonly<Record<string, Readonly<Record<string, number>>>>
}

/** Latencies of one second; all 0 if nothing was measured. Percentiles are accurate to 10 %. */
export interface Latency {
  readonly count: number
  readonly p50: number
  readonly p99: number
  readonly max: number
}
