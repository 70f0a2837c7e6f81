import './sparkline.css'

/** The course of a number, small enough for a cell of a table. What it says stands in the cells beside it. */
export function Sparkline({ values }: { readonly values: readonly number[] }) {
  const top = Math.max(...values, 1)
  const points = values.map((value, index) => `${index} ${((1 - value / top) * 20 + 1).toFixed(1)}`)
  return (
    <svg
      class="sparkline"
      viewBox={`0 0 ${Math.max(values.length - 1, 1)} 22`}
      preserveAspectRatio="none"
      aria-hidden="true"
    >
      <path d={points.length > 0 ? `M${points.join('L')}` : ''} />
    </svg>
  )
}
