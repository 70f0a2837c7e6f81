import { useEffect, useRef, useState } from 'preact/hooks'
import uPlot from 'uplot'
import 'uplot/dist/uPlot.min.css'
import { timeOfDay } from './format.js'
import { type Line, optionsOf, type PlotProps, stacked } from './plot-drawing.js'
import { useColourChanges } from './theme.js'
import './plot.css'

/** Lines over time. All plots of a group show the same moment under the pointer; the legend says what was then, or is now. */
export function Plot(props: PlotProps) {
  const { label, times, lines, format, height = 180 } = props
  const place = useRef<HTMLDivElement>(null)
  const plot = useRef<uPlot | null>(null)
  const latest = useRef(props)
  latest.current = props
  const [pointed, setPointed] = useState<number | null>(null)
  const colours = useColourChanges()
  const shape = JSON.stringify(
    lines.map(({ label, colour, dashed, stack }) => [label, colour, dashed, stack]),
  )

  // Drawn anew where its shape or the colours have changed.
  useEffect(() => {
    const element = place.current
    if (element === null) return
    const drawn = new uPlot(
      optionsOf(latest, element.clientWidth, height, (index) => setPointed(index)),
      stacked(latest.current),
      element,
    )
    plot.current = drawn
    const observer = new ResizeObserver(() => drawn.setSize({ width: element.clientWidth, height }))
    observer.observe(element)
    return () => {
      observer.disconnect()
      drawn.destroy()
      plot.current = null
    }
  }, [shape, colours, height])

  useEffect(() => plot.current?.setData(stacked(latest.current)), [times, lines])

  const at = pointed !== null && pointed < times.length ? pointed : times.length - 1
  return (
    <figure class="plot">
      <div class="canvas" ref={place} role="img" aria-label={label} style={{ blockSize: `${height}px` }} />
      <figcaption>
        <ul class="legend">
          {lines.map(({ label, colour, dashed, values }) => (
            <li key={label}>
              <span
                class={dashed ? 'swatch dashed' : 'swatch'}
                style={{ borderTopColor: `var(--${colour})` }}
                aria-hidden="true"
              />
              <span class="label">{label}</span>
              <span>{valueAt(values, at, format)}</span>
            </li>
          ))}
          {pointed !== null && times[at] !== undefined && <li class="at">at {timeOfDay(times[at])}</li>}
        </ul>
      </figcaption>
    </figure>
  )
}

function valueAt(values: Line['values'], index: number, format: PlotProps['format']): string {
  const value = values[index]
  return value === undefined || value === null ? '–' : format(value)
}
