import type { Limit } from '../limits/limit.js'
import type { Taken, Verdict } from './verdict.js'

/**
 * The usage of one key under one limit, as of `at` (milliseconds). Each algorithm adds its own
 * fields.
 */
export interface State {
  readonly at: number
}

/**
 * The usage of a key, in a form that another algorithm can start from. Ages are in milliseconds
 * before now.
 */
export interface Usage {
  /** Units in use now. */
  readonly units: number
  /** An upper bound on the age of the oldest unit. */
  readonly sinceAge: number
  /** A lower bound on the age of the newest unit. */
  readonly lastAge: number
}

/**
 * Defines the meaning of a limit as pure functions on states, independent of stores and clocks.
 *
 * The caller calls `advance`, then `judge`, and then `take` if all charges of the request are
 * allowed. A state passed to `advance`, `take` or `settle` must not be used again, because the
 * returned state may share its parts. `judge` changes nothing.
 *
 * **If the clock is set back**, units that have already become free do not become free again. Times
 * in a state that a correct clock could not have produced are moved back, so a clock that was far
 * ahead blocks a key for at most one period after it is corrected. This requires that the advanced
 * state is stored whenever `now` is before `state.at`, even if the charge is refused.
 */
export interface Algorithm<L extends Limit, S extends State> {
  /** Returns the state of a key without usage. */
  fresh(limit: L, now: number): S
  /**
   * Returns the state at `now`, without the units that have become free since `state.at`.
   *
   * @param kept the limit of the last take, if it differs from `limit`. Both have compatible states
   *   (`hasCompatibleState`).
   */
  advance(limit: L, state: S, now: number, kept?: L): S
  /**
   * Decides whether an advanced state admits `cost`. A cost of 0 takes nothing and is always
   * allowed.
   */
  judge(limit: L, state: S, cost: number): Verdict
  /**
   * Returns the state after taking a `cost` that `judge` allowed. `lease` identifies the holder of
   * slots.
   */
  take(limit: L, state: S, cost: number, lease: string): S
  /**
   * Returns the state after the cost of a taken charge is changed to `cost`. A higher cost is
   * charged even beyond the limit (debt). A lower cost is refunded only while the charge still
   * counts: never more than was taken, never into another window, and never below zero.
   */
  settle(limit: L, state: S, taken: Taken, cost: number): S
  /**
   * Returns the usage at `now` for a limit of another algorithm; undefined if no units are used.
   */
  usage(limit: L, state: S, now: number): Usage | undefined
  /**
   * Returns a state at `now` that starts from the usage under another limit. It errs on the side of
   * admitting.
   */
  fromUsage(limit: L, now: number, usage: Usage): S
  /** Returns the milliseconds from `state.at` until the state equals a fresh one. */
  idleAfter(limit: L, state: S): number
}

/** Creates the verdict on a cost that fits, which reports the state after the charge. */
export function allowed(at: number, remaining: number, resetAfter: number, moreAfter: number): Verdict {
  return new JudgedVerdict(true, at, remaining, resetAfter, 0, moreAfter)
}

/** Creates the verdict on a cost that does not fit now, which reports the current state. */
export function refused(
  at: number,
  remaining: number,
  resetAfter: number,
  moreAfter: number,
  retryAfter: number,
): Verdict {
  return new JudgedVerdict(false, at, remaining, resetAfter, retryAfter, moreAfter)
}

/**
 * A verdict. It is a class, because V8 would allocate object literals with integer fields and
 * convert them once the same field held a fraction elsewhere, which costs 1 µs per verdict.
 */
class JudgedVerdict implements Verdict {
  constructor(
    readonly allowed: boolean,
    readonly at: number,
    readonly remaining: number,
    readonly resetAfter: number,
    readonly retryAfter: number,
    readonly moreAfter: number,
  ) {}
}
