/** A request that a tenant sends. */
export interface Arrival {
  /** Milliseconds since the start. */
  readonly at: number
  readonly tenant: string
  /** Prompt tokens. */
  readonly input: number
  /** Tokens of the response, hidden ones included. At least 1. */
  readonly output: number
  /** The first tokens of the response, which the upstream does not show. Default: 0. */
  readonly hidden?: number
  /** The largest output that the request allows. Default: not stated. */
  readonly maxOutput?: number
}

/** Merges arrivals into one list by time. */
export function merge(...lists: readonly (readonly Arrival[])[]): Arrival[] {
  return lists.flat().sort((a, b) => a.at - b.at)
}
