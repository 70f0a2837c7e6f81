import type { MaybePromise } from '../maybe-promise.js'
import type { WindowOptions } from '../overload/hand-over-window.js'
import type { Store } from '../stores/store.js'
import type { LineSize } from './order.js'
import type { Dispatch, Service } from './service.js'
import type { Rank, Share } from './share.js'

/** The units of one rule and key that a request can wait for. */
export interface Pool extends LineSize {
  /** Identifies the line of the rule and key: see `lineId`. */
  readonly id: string
  /** The scope of the rule. */
  readonly scope: string
  /** The longest time in all lines together, if the request enters this one first. */
  readonly timeoutMs: number
  /** The request's part of the line. Undefined if the line is first come, first served. */
  readonly share: Share | undefined
  /**
   * The hand-over window that limits the pool beside its units; undefined without one. Its requests
   * always enter the line, where they are sent one after the other.
   */
  readonly window: WindowOptions | undefined
  /** The class of the request; undefined if the rule has none. Such requests always enter the line, too. */
  readonly rank: Rank | undefined
  /** The time in which its response must begin, and the input that is read before. Undefined without one. */
  readonly deadline: Deadline | undefined
}

/** When the response of a request must begin. */
export interface Deadline {
  /** Milliseconds after the request entered its line. */
  readonly withinMs: number
  readonly input: number
}

/** Reports whether the requests of a pool always enter its line. */
export function admitsInLine({ window, rank }: Pick<Pool, 'window' | 'rank'>): boolean {
  return window !== undefined || rank !== undefined
}

/** A request and the pools that it takes from. */
export interface Candidate {
  /** The place of the request among all requests, by arrival. */
  readonly ticket: number
  /** The client that waits. */
  readonly waiter: string | undefined
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
  /**
   * `full`: the line had no place, or another request took it. `late`: the request could not be
   * admitted in time.
   */
  readonly reason: 'full' | 'timeout' | 'late'
  /** The pool for which the request waited last. */
  readonly poolId: string
  /** The number of requests in the line of that pool. */
  readonly ahead: number
  /** How long the slots of the rule were held recently; undefined if unknown. */
  readonly holdMs: number | undefined
  /** How long another such request would wait, in milliseconds; undefined if unknown. */
  readonly expectedWaitMs: number | undefined
}

/** A pool in whose line a request must wait, because others come first or its line admits them. */
export interface Ahead {
  readonly poolId: string
  /** True if the request could not wait there. */
  readonly isFull: boolean
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
  /** Finds a pool in whose line a request that arrives must wait. */
  ahead(candidate: Candidate): MaybePromise<Ahead | undefined>
  /**
   * Lets a request wait, first in the line of one of its pools.
   *
   * @param minWaitMs if the line is empty, the request does not wait for longer than its timeout
   * @returns rejects with the error of the attempt, or with the reason of the signal
   */
  enter<T>(request: WaitingRequest<T>, poolId: string, minWaitMs: number): MaybePromise<Outcome<T>>
  /** Records that an admitted request is sent, and charges it to its tenant. */
  begin(poolId: string, dispatch: Dispatch): Service
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

/** Returns a store whose requests wait in the given lines. */
export function withLines(store: Store, lines: Lines): StoreWithLines {
  return {
    take: (charges) => store.take(charges),
    peek: (charges) => store.peek(charges),
    settle: (settlements) => store.settle(settlements),
    reset: (scope, key) => store.reset(scope, key),
    close: () => store.close(),
    lines,
  }
}

/** Identifies the line of a rule and key. */
export function lineId(scope: string, key: string): string {
  return JSON.stringify([scope, key])
}

/** Returns the scope of the rule of a line. */
export function scopeOf(lineId: string): string {
  return (JSON.parse(lineId) as [string])[0]
}
