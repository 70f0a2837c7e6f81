/** The response of `/api/refusals`, newest refusal first. */
export interface RecentRefusals {
  readonly refusals: readonly RecentRefusal[]
  /** Number of kept refusals that match the filter; more than are listed if there are many. */
  readonly matching: number
  /** Number of refusals that the gateway keeps at the moment, and at most. */
  readonly kept: number
  readonly maxKept: number
}

/** A request that a limit refused, or that came from a blocked client. */
export interface RecentRefusal {
  /** Epoch milliseconds. */
  readonly at: number
  /** Empty if none matched. */
  readonly route: string
  /** The name of the rule. For a blocked client, the reason of the act, or `deny`. */
  readonly rule: string
  /** Why the request was refused: `exceeded`, `oversized`, `busy` or `blocked`. */
  readonly reason: string
  /** The id of the client, or its address if it is anonymous. */
  readonly client: string
  readonly method: string
  /** The path without the query; cut after 200 characters. */
  readonly path: string
  /** The request ID, which the client got in its answer; empty if there is none. */
  readonly id: string
  /**
   * Milliseconds after which the request would have been admitted or the block ends; null if never.
   */
  readonly retryAfter: number | null
}
