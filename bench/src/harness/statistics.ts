/** Returns the median. @param values at least one; NaN is ignored */
export function median(values: readonly number[]): number {
  return quantile(values, 0.5)
}

/** Returns the first and the third quartile. @param values at least one; NaN is ignored */
export function quartiles(values: readonly number[]): readonly [number, number] {
  return [quantile(values, 0.25), quantile(values, 0.75)]
}

/**
 * Returns a quantile, interpolated between the two nearest values. NaN is ignored.
 *
 * @param fraction from 0 to 1
 */
export function quantile(values: readonly number[], fraction: number): number {
  const sorted = values.filter((value) => !Number.isNaN(value)).toSorted((a, b) => a - b)
  const position = (sorted.length - 1) * fraction
  const low = sorted[Math.floor(position)] ?? Number.NaN
  const high = sorted[Math.ceil(position)] ?? Number.NaN
  return low + (high - low) * (position - Math.floor(position))
}
