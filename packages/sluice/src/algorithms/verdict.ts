/**
 * The answer to one charge. Times are in milliseconds from the moment of the decision.
 *
 * For an allowed charge it says how things are afterwards; for a refused one, which took nothing, how they are.
 */
export interface Verdict {
  readonly allowed: boolean
  /** The store's time of the decision, in milliseconds. */
  readonly at: number
  /** Whole units that are left. */
  readonly remaining: number
  /** Until nothing is used any more. */
  readonly resetAfter: number
  /**
   * Until this charge, its cost included, would be allowed if nothing else came: 0 where it is allowed, Infinity
   * where it is more than the limit can ever hold.
   */
  readonly retryAfter: number
  /** Until more than `remaining` may have been used from now on, at the earliest; 0 where nothing is used. */
  readonly moreAfter: number
}

/** What a settlement must know of the charge as it was taken. */
export interface Taken {
  /** What was taken. */
  readonly cost: number
  /** The store's time when it was taken, in milliseconds. */
  readonly at: number
  /** The verdict's `resetAfter` when it was taken: from `at + resetAfter` on, the charge counts no more. */
  readonly resetAfter: number
  /** The lease that a concurrency charge holds. */
  readonly lease?: string | undefined
}
