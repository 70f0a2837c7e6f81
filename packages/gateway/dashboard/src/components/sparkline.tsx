import './sparkline.css'

/** A small plot in a table cell; the adjacent cells contain its numbers. */
export function Sparkline({
  values,
  length,
}: {
  readonly values: readonly number[]
  /** Number of values across the full width. Fewer values are aligned to the right. */
  readonly length: number
}) {
  const top = Math.max(...values, 1)
  const points = values.map(
    (value, index) => `${index + length - values.length} ${((1 - value / top) * 20 + 1).toFixed(1)}`,
  )
  return (
    <svg class="sparkline" viewBox={`0 0 ${length - 1} 22`} preserveAspectRatio="none" aria-hidden="true">
      <path d={points.length > 0 ? `M${points.join('L')}` : ''} />
    </svg>
  )
}
