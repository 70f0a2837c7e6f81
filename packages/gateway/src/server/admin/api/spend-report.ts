/** What the requests of a group have spent in one currency. */
export interface SpendRow {
  /** The client, label, model, route or day; empty for requests without one. */
  readonly name: string
  readonly currency: string
  /** A decimal number of the currency without a rounding error, such as `12.34`. */
  readonly amount: string
  readonly requests: number
  /** Tokens. `inputTokens` includes `cachedTokens`. */
  readonly inputTokens: number
  readonly cachedTokens: number
  readonly outputTokens: number
}

/** The response of `/api/spend`. */
export interface SpendReport {
  /** `client`, `model`, `route`, `day` or the name of a label. */
  readonly by: string
  /** The first and the last day in UTC, such as `2026-11-01`. */
  readonly from: string
  readonly to: string
  /** The rows with the highest amounts first, or in the order of days. */
  readonly rows: readonly SpendRow[]
  /** Number of rows, which exceeds that of `rows` if `limit` has cut them. */
  readonly count: number
  /** The sums of all rows, for each currency. */
  readonly totals: readonly Omit<SpendRow, 'name'>[]
  /** The names of the labels that clients with spend in this time have. */
  readonly labels: readonly string[]
  /** Where the ledger is kept. What is in memory ends with the process. */
  readonly kept: 'redis' | 'file' | 'memory'
  /** Why the report may lack recent spend; absent if it does not. */
  readonly failure?: string
}
