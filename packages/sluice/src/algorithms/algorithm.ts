import type { Limit } from '../limits/limit.js'
import type { Taken, Verdict } from './verdict.js'

/**
 * What one key has used of one limit. `at` is the time (milliseconds) up to which the state has been brought.
 * Everything else is the algorithm's own.
 */
export interface State {
  readonly at: number
}

/** What a key has used by one way of counting, for another to begin from. Ages are milliseconds before now. */
export interface Usage {
  /** Units that count now. */
  readonly units: number
  /** None of them was taken earlier than this. */
  readonly sinceAge: number
  /** None of them was taken later than this. */
  readonly lastAge: number
}

/**
 * An algorithm says what a limit means: pure functions from state to state. It sees no store and no clock.
 *
 * The order of use is always `advance`, then `judge`, then (only where everything that the request meets is
 * allowed) `take`. A state that was handed to `advance`, `take` or `settle` is used up: go on with the one
 * returned, which may share its parts. `judge` changes nothing.
 *
 * **When the clock is set back**, the state's time wins: what was used is not given back a second time. But no part
 * of a state stays dated later than a clock that is right could have dated it, so that a clock that was far
 * ahead locks nobody out for longer than a period once it is right. For that the advanced state has to be kept
 * whenever `now` is before `state.at`, also when the charge is refused.
 */
export interface Algorithm<L extends Limit, S extends State> {
  /** The state of a key that was never seen. */
  fresh(limit: L, now: number): S
  /**
   * The state at `now`: what has come back since `state.at` is back.
   *
   * @param kept the limit that the state was last taken under, where that is not `limit`; they count alike (`hasCompatibleState`)
   */
  advance(limit: L, state: S, now: number, kept?: L): S
  /** Whether `cost` may be taken now from an advanced state. A cost of 0 takes nothing and is always allowed. */
  judge(limit: L, state: S, cost: number): Verdict
  /** The state with `cost` taken; asked only where `judge` allowed it. A lease names who holds a concurrency slot. */
  take(limit: L, state: S, cost: number, lease: string): S
  /**
   * The state in which the charge that was `taken` counts `cost` instead. More is charged now, whatever the limit
   * says (debt). Less is given back only where it still counts: never more than was taken, never into another
   * window, never past empty.
   */
  settle(limit: L, state: S, taken: Taken, cost: number): S
  /** What is used at `now`, for a limit that counts another way; undefined where nothing is. */
  usage(limit: L, state: S, now: number): Usage | undefined
  /** A state at `now` that begins from what was counted another way, and refuses for it as briefly as it can. */
  withUsage(limit: L, now: number, usage: Usage): S
  /** Milliseconds from `state.at` until the state says no more than a fresh one. */
  idleAfter(limit: L, state: S): number
}

/** The verdict on a cost that fits: how things are once it is taken. */
export function allowed(at: number, remaining: number, resetAfter: number, moreAfter: number): Verdict {
  return new Judged(true, at, remaining, resetAfter, 0, moreAfter)
}

/** The verdict on a cost that does not fit now: how things are without it. */
export function refused(
  at: number,
  remaining: number,
  resetAfter: number,
  moreAfter: number,
  retryAfter: number,
): Verdict {
  return new Judged(false, at, remaining, resetAfter, retryAfter, moreAfter)
}

/**
 * Made by a constructor, since V8 goes on to make literals that say 0 for a whole number once the same field was a fraction elsewhere, and changes each
 * of them when it is looked at: 1 µs a verdict.
 */
class Judged implements Verdict {
  constructor(
    readonly allowed: boolean,
    readonly at: number,
    readonly remaining: number,
    readonly resetAfter: number,
    readonly retryAfter: number,
    readonly moreAfter: number,
  ) {}
}
