/**
 * Comparisons that tolerate rounding errors. Usage is a floating-point number, and a sum of
 * fractions that should equal the limit may exceed it by one part in 10^12.
 */

/**
 * Reports whether `used` fits within a capacity. The tolerance is always less than a whole unit.
 */
export function fits(used: number, capacity: number): boolean {
  return used <= withTolerance(capacity)
}

/** Returns the largest usage that `fits` accepts for a capacity. */
export function withTolerance(capacity: number): number {
  return capacity + Math.min(capacity * 1e-12, 0.25)
}

/**
 * Returns the whole units that remain of a capacity, never negative. A rounding error never costs a
 * unit.
 */
export function wholeUnitsLeft(used: number, capacity: number): number {
  const left = capacity - used
  return Math.max(0, Math.floor(left + Math.min(left * 1e-12 + 1e-9, 0.25)))
}
