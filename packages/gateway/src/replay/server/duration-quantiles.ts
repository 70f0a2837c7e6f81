/** Quantiles of durations, in milliseconds. */
export interface DurationQuantiles {
  readonly p50: number
  readonly p90: number
  readonly p99: number
  readonly max: number
}

/** Returns exact quantiles by the nearest rank; null if there are no values. */
export function quantilesOf(values: readonly number[]): DurationQuantiles | null {
  if (values.length === 0) return null
  const sorted = Float64Array.from(values).sort()
  const at = (part: number) => sorted[Math.ceil(part * sorted.length) - 1] as number
  return { p50: at(0.5), p90: at(0.9), p99: at(0.99), max: at(1) }
}
