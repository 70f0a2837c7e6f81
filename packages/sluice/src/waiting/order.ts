import type { Rank, Share } from './share.js'

/** A request in a line, as its order sees it. */
export interface Waiting {
  /** The place of the request among all requests, by arrival. */
  readonly ticket: number
  /** The client that waits. */
  readonly waiter: string | undefined
  /** Undefined if the rule is not fair between tenants. */
  readonly share: Share | undefined
  /** Undefined if the rule has no classes. */
  readonly rank?: Rank | undefined
}

/** How many requests a line holds. */
export interface LineSize {
  readonly maxQueued: number
  /** True if all requests in the line come from one client. */
  readonly isPerClient: boolean
}

/** The order in which the requests of a line are tried. It knows neither timers nor stores. */
export interface Order<T extends Waiting> {
  /** The number of waiting requests. */
  readonly length: number
  /** The request to try next; undefined if none waits. */
  readonly first: T | undefined
  /** The request that loses its place first; undefined if none waits. */
  readonly last: T | undefined
  push(entry: T): void
  /** Removes an entry that waits. */
  remove(entry: T): void
  /** Reports whether the first request is served before one that does not wait in this line. */
  precedes(entry: Waiting): boolean
  /** Reports whether the line has no place for another request. */
  isFullFor(entry: Waiting, size: LineSize): boolean
  /** Finds the request that loses its place to one for which the line is not full. */
  displacedBy(entry: Waiting, size: LineSize): T | undefined
  /** Predicts how long another request would wait, in milliseconds; undefined if unknown. */
  expectedWaitMs(entry: Waiting): number | undefined
}
