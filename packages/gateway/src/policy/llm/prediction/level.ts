/** The lowest level, at which a client starts: half of its answers are longer than what is reserved. */
export const LOWEST_LEVEL = 0.5
/** The level from which everything that a request may use is reserved. */
export const FULL_LEVEL = 1
/** How far a stream moves the level: up if it met an empty bucket, and slowly down if not. */
const STEP = 0.05
/** The fraction of streams that may meet an empty bucket in the long run. */
const TOLERATED = 0.001

/**
 * Returns the quantile of a client's answers to reserve for its next stream, after one has ended.
 *
 * This is adaptive conformal inference (Gibbs and Candès, 2021, https://arxiv.org/abs/2106.00170):
 * the level rises by a step with each failure and falls by a small part of it with each success.
 * A stream whose whole maximum is reserved, at level 1 and above, cannot fail, so the level stays
 * below 1 + `STEP`. Therefore at most 0.001 · T + 11 of any T streams fail, whatever the lengths
 * are. The level must not be cut to 1 for this: one success would suffice to fail again.
 *
 * @param metEmptyBucket whether the limit could not hold more of the stream
 */
export function nextLevel(level: number, metEmptyBucket: boolean): number {
  const moved = level + STEP * (Number(metEmptyBucket) - TOLERATED)
  return Math.min(Math.max(moved, LOWEST_LEVEL), FULL_LEVEL + STEP)
}
