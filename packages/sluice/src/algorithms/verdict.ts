/**
 * The result of judging one charge. Times are in milliseconds from the decision.
 *
 * An allowed charge reports the state after it. A refused charge takes nothing and reports the
 * current state.
 */
export interface Verdict {
  readonly allowed: boolean
  /** The store's time of the decision, in milliseconds. */
  readonly at: number
  /** Whole units left. */
  readonly remaining: number
  /** Time until no units are used. */
  readonly resetAfter: number
  /**
   * Time until this charge would be allowed if no other arrived: 0 if it is allowed, Infinity if it
   * exceeds what the limit can ever hold.
   */
  readonly retryAfter: number
  /** Time until more than `remaining` units could be used; 0 if no units are used. */
  readonly moreAfter: number
}

/** The time of a refund that belongs to no particular charge. It is later than any other time. */
export const NEWEST = 1e300

/** The properties of a taken charge that its settlement needs. */
export interface Taken {
  /** The cost that was taken. */
  readonly cost: number
  /**
   * The store's time of the charge, in milliseconds. 1e300 refunds units of no particular charge:
   * those that were charged last.
   */
  readonly at: number
  /** The `resetAfter` of its verdict: the charge stops counting at `at + resetAfter`. */
  readonly resetAfter: number
  /** The lease that a concurrency charge holds. */
  readonly lease?: string | undefined
}
