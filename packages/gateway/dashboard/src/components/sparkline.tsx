import './sparkline.css'

/** The course of a number, small enough for a cell of a table. What it says stands in the cells beside it. */
export function Sparkline({
  values,
  length,
}: {
  readonly values: readonly number[]
  /** How many values there may be: fewer stand at the end. */
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
