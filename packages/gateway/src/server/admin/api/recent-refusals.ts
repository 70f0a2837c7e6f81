/** The response of `/api/refusals`, newest refusal first. */
export interface RecentRefusals {
  readonly refusals: readonly RecentRefusal[]
  /** Number of kept refusals that match the filter; more than are listed if there are many. */
  readonly matching: number
  /** Number of refusals that the gateway keeps at the moment, and at most. */
  readonly kept: number
  readonly maxKept: number
}

/** A request that a limit refused. */
export interface RecentRefusal {
  /** Epoch milliseconds. */
  readonly at: number
  readonly route: string
  readonly rule: string
  /** Why the rule refused: `exceeded`, `oversized` or `busy`. */
  readonly reason: string
  /** The id of the client, or its address if it is anonymous. */
  readonly client: string
  readonly method: string
  /** The path without the query; cut after 200 characters. */
  readonly path: string
  /** The request ID, which the client got in its answer; empty if there is none. */
  readonly id: string
  /** Milliseconds after which the request would have been admitted; null if never. */
  readonly retryAfter: number | null
}
