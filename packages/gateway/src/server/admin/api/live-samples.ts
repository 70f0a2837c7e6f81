/**
 * The samples of `/api/live`, one per second, and of `/api/history`, one per minute. All times are in
 * milliseconds, and `at` is in epoch milliseconds.
 */

/** The traffic of one second or one minute. */
export interface Sample {
  /** The end of a second; the start of a minute. */
  readonly at: number
  /** The length of the sample in seconds, at most 60. */
  readonly seconds: number
  /**
   * Traffic by route, for the 30 busiest routes, or the 15 busiest of a minute. The remaining routes are summed as `(others)`.
   * Requests that match no route are counted as `(unrouted)`.
   */
  readonly routes: Readonly<Record<string, RouteSample>>
  readonly store: Latency & { readonly failures: number }
  /** Requests in progress at the end of a second; the highest of these numbers in a minute. */
  readonly inFlight: number
  readonly waiting: number
  /**
   * Tokens by model, for the 8 models with the most tokens. Those of the remaining models, and of
   * requests that name none, are summed as `(others)`. Absent without tokens.
   */
  readonly models?: Readonly<Record<string, Tokens>>
  /** Tokens by client, for the 8 clients with the most tokens. */
  readonly clients?: Readonly<Record<string, Tokens>>
}

/** Tokens that were charged for model calls when they ended. */
export interface Tokens {
  readonly input: number
  readonly output: number
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
  /** The tokens and latencies of model calls. Absent if none ended. */
  readonly model?: ModelSample
  /** Responses of the upstream by class of status, such as `2xx`; `none` if there was no response. */
  readonly statuses: Readonly<Record<string, number>>
  /** Refused requests by rule, then by reason: `exceeded`, `oversized` or `busy`. */
  readonly refusals: Readonly<Record<string, Readonly<Record<string, number>>>>
}

export interface ModelSample extends Tokens {
  /** Time to first token: from forwarding a request to the first text. Only of streams. */
  readonly firstToken: Latency
  /** Average time per output token after the first, of each stream. */
  readonly perOutputToken: Latency
}

/** Latencies of one sample; all 0 if nothing was measured. Percentiles are accurate to 10 %. */
export interface Latency {
  readonly count: number
  readonly p50: number
  readonly p99: number
  readonly max: number
}
