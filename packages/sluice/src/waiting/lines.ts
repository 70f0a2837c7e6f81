import type { MaybePromise } from '../maybe-promise.js'
import type { Store } from '../stores/store.js'
import type { LineSize, Waiting } from './order.js'

/** The units of one rule and key that a request can wait for. */
export interface Pool extends LineSize {
  /** Identifies the line of the rule and key: see `lineId`. */
  readonly id: string
  /** The scope of the rule. */
  readonly scope: string
  /** The longest time in all lines together, if the request enters this one first. */
  readonly timeoutMs: number
}

/** A request and the pools that it takes from. */
export interface Candidate extends Waiting {
  readonly pools: readonly Pool[]
}

/**
 * One decision on a request that waits: its result, or the time after which to try again and the
 * pool that will admit it last.
 */
export type Attempt<T> = { readonly result: T } | { readonly retryInMs: number; readonly poolId: string }

/** A request that waits for a result. */
export interface WaitingRequest<T> extends Candidate {
  /** Makes one decision. Called only while the request is first in a line, one call at a time. */
  attempt(): MaybePromise<Attempt<T>>
  /**
   * Returns a result that ends the wait of a request that waits behind others; undefined to wait.
   * An error has no effect.
   */
  readonly checkEarly: (() => MaybePromise<T | undefined>) | undefined
  /** Disposes of a result that arrived after the request had left its line. */
  onLateResult(result: T): void
  /** Aborts the wait. */
  readonly signal: AbortSignal | undefined
}

/** Why a request ended its wait without a result. */
export interface Unserved {
  /** `full`: the line had no place. `late`: the pool cannot admit the request in time. */
  readonly reason: 'full' | 'timeout' | 'late'
  /** The pool for which the request waited last. */
  readonly poolId: string
  /** The number of requests in the line of that pool. */
  readonly ahead: number
  /** How long the slots of the rule were held recently; undefined if unknown. */
  readonly holdMs: number | undefined
}

export type Outcome<T> = { readonly result: T } | Unserved

/**
 * The lines of requests that wait for the pools of one store. A waiting request holds nothing. It
 * is in the line of the pool that will admit it last, and takes all its charges at once when it is
 * first there. Lines know neither rules nor quotas.
 *
 * The lines of a store can be in another process: everything that an implementation needs from a
 * request is data, or a call that can be a message.
 */
export interface Lines {
  /** True if no request waits. An implementation that cannot know at once returns false. */
  readonly areIdle: boolean
  /** Returns the place of a request that arrives now among all requests. */
  newTicket(): number
  /**
   * Finds a pool for which others wait that come first. `isFull` is true if the request could not
   * wait there.
   */
  ahead(candidate: Candidate): MaybePromise<{ readonly poolId: string; readonly isFull: boolean } | undefined>
  /**
   * Lets a request wait, first in the line of one of its pools.
   *
   * @param minWaitMs if the line is empty, the request does not wait for longer than its timeout
   * @returns rejects with the error of the attempt, or with the reason of the signal
   */
  enter<T>(request: WaitingRequest<T>, poolId: string, minWaitMs: number): MaybePromise<Outcome<T>>
  /**
   * Lets the first request of a line try again, because slots are free or units were refunded.
   *
   * @param heldMs how long the slots were held; undefined if unknown or for units
   */
  onFreed(scope: string, key: string, heldMs?: number): void
}

/** A store that says where its requests wait. */
export interface StoreWithLines extends Store {
  readonly lines: Lines
}

export function hasLines(store: Store): store is StoreWithLines {
  return 'lines' in store && store.lines !== undefined
}

/** Identifies the line of a rule and key. */
export function lineId(scope: string, key: string): string {
  return JSON.stringify([scope, key])
}
