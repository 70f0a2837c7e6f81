import { useEffect, useRef, useState } from 'preact/hooks'
import uPlot from 'uplot'
import 'uplot/dist/uPlot.min.css'
import { timeOfDay } from './format.js'
import { type Line, type PlotProps, plotOptions, stackedData } from './plot-drawing.js'
import { Terms } from './terms.js'
import { useColourChanges } from './theme.js'
import './plot.css'

/** A line plot over time. The legend shows the values at the cursor, or the latest ones. */
export function Plot(props: PlotProps) {
  const { label, times, lines, format, height = 180 } = props
  const container = useRef<HTMLDivElement>(null)
  const plot = useRef<uPlot | null>(null)
  const latest = useRef(props)
  latest.current = props
  const [hovered, setHovered] = useState<number | null>(null)
  const colours = useColourChanges()
  const shape = JSON.stringify(
    lines.map(({ label, colour, dashed, stack }) => [label, colour, dashed, stack]),
  )

  // The plot is recreated when its lines or colours change.
  useEffect(() => {
    const element = container.current
    if (element === null) return
    const drawn = new uPlot(
      plotOptions(latest, element.clientWidth, height, (index) => setHovered(index)),
      stackedData(latest.current),
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

  useEffect(() => plot.current?.setData(stackedData(latest.current)), [times, lines])

  const at = hovered !== null && hovered < times.length ? hovered : times.length - 1
  return (
    <figure class="plot">
      <div
        class="canvas"
        ref={container}
        role="img"
        aria-label={label}
        style={{ blockSize: `${height}px` }}
      />
      <figcaption>
        <ul class="legend">
          {lines.map(({ label, help, colour, dashed, values }) => (
            <li key={label} title={help}>
              <span
                class={dashed ? 'swatch dashed' : 'swatch'}
                style={{ borderTopColor: `var(--${colour})` }}
                aria-hidden="true"
              />
              <span class="label">{label}</span>
              <span>{valueAt(values, at, format)}</span>
            </li>
          ))}
          {hovered !== null && times[at] !== undefined && <li class="at">at {timeOfDay(times[at])}</li>}
        </ul>
        <Terms of={label} terms={lines.map(({ label, help }) => ({ title: label, help }))} />
      </figcaption>
    </figure>
  )
}

function valueAt(values: Line['values'], index: number, format: PlotProps['format']): string {
  const value = values[index]
  return value === undefined || value === null ? '–' : format(value)
}
