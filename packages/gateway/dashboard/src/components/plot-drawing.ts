import type uPlot from 'uplot'
import { colourOf } from './theme.js'

export interface Line {
  readonly label: string
  /** What the line means, with its unit: the tooltip of its legend. */
  readonly help?: string
  /** The name of a colour in theme.css. */
  readonly colour: string
  /** One value for each time; null if nothing was measured. */
  readonly values: readonly (number | null)[]
  /** Draws a dashed line, so that colour is not the only distinction. */
  readonly dashed?: boolean
  /** Draws the line as an area, stacked on the stacked lines before it. */
  readonly stack?: boolean
}

export interface PlotProps {
  /** A description for screen readers. */
  readonly label: string
  /** Epoch milliseconds, ascending. */
  readonly times: readonly number[]
  readonly lines: readonly Line[]
  readonly format: (value: number) => string
  /** The format of axis ticks; default: `format`. */
  readonly tick?: (value: number) => string
  /** Start and end of the time axis, in epoch milliseconds. */
  readonly span: readonly [from: number, to: number]
  /** Height in CSS pixels. */
  readonly height?: number
  /** Minimum upper end of the value axis. */
  readonly minScale?: number
  /** Plots of the same group share the cursor; default: `now`, the group of the live plots. */
  readonly group?: string
  /** Called with the range that was selected by dragging, in epoch milliseconds. */
  readonly onZoom?: (from: number, to: number) => void
}

/** Shortest drag that selects a range, in CSS pixels. */
const MIN_DRAG = 6

const FONT = '11px system-ui, sans-serif'
const hourAndMinute = new Intl.DateTimeFormat('en-GB', { hour: '2-digit', minute: '2-digit' })
const withSeconds = new Intl.DateTimeFormat('en-GB', {
  hour: '2-digit',
  minute: '2-digit',
  second: '2-digit',
})

/** Returns the options of a plot. Values that change every second are read from `latest`. */
export function plotOptions(
  latest: { readonly current: PlotProps },
  width: number,
  height: number,
  onHover: (index: number | null) => void,
): uPlot.Options {
  const axis = { font: FONT, stroke: colourOf('quiet'), ticks: { show: false } }
  const grid = { stroke: colourOf('line'), width: 1 }
  const { lines, minScale = 0, group = 'now', onZoom } = latest.current
  return {
    width,
    height,
    // Leaves room for half of the last tick label.
    padding: [8, 26, 0, 0],
    legend: { show: false },
    cursor: {
      y: false,
      drag: { x: onZoom !== undefined, y: false, setScale: false },
      // Only the plot that was dragged on reports the range.
      sync: { key: group, filters: { pub: (event) => event === 'mousemove' || event === 'mouseleave' } },
      points: { size: 6 },
    },
    scales: {
      x: { time: true, range: () => latest.current.span.map((at) => at / 1000) as [number, number] },
      y: { range: (_plot, _low, high) => [0, Math.max((high ?? 0) * 1.1, minScale)] },
    },
    axes: [
      { ...axis, grid: { show: false }, space: 70, size: 26, values: (_plot, ticks) => ticks.map(timeTick) },
      {
        ...axis,
        grid,
        space: 32,
        size: 54,
        values: (_plot, ticks) => ticks.map(valueTick),
      },
    ],
    series: [{}, ...inDrawingOrder(lines).map(seriesOf)],
    hooks: {
      setCursor: [({ cursor }) => onHover((cursor.left ?? -1) < 0 ? null : (cursor.idx ?? null))],
      setSelect: [onSelect],
    },
  }

  function onSelect(plot: uPlot): void {
    const { left, width } = plot.select
    if (width === 0) return
    plot.setSelect({ left: 0, top: 0, width: 0, height: 0 }, false)
    if (width < MIN_DRAG) return
    const [from, to] = [left, left + width].map((x) => plot.posToVal(x, 'x') * 1000) as [number, number]
    latest.current.onZoom?.(from, to)
  }

  function valueTick(value: number): string {
    const { format, tick = format } = latest.current
    return tick(value)
  }

  function timeTick(seconds: number): string {
    const [from, to] = latest.current.span
    return (to - from > 120_000 ? hourAndMinute : withSeconds).format(seconds * 1000)
  }
}

/** Returns the plotted values, with each stacked line added to those below it. */
export function stackedData({ times, lines }: Pick<PlotProps, 'times' | 'lines'>): uPlot.AlignedData {
  const below = times.map(() => 0)
  const drawn = new Map<Line, (number | null)[]>()
  for (const line of lines)
    drawn.set(
      line,
      times.map((_time, index) => {
        const value = line.values[index] ?? null
        if (line.stack !== true || value === null) return value
        below[index] = (below[index] ?? 0) + value
        return below[index] ?? null
      }),
    )
  return [times.map((at) => at / 1000), ...inDrawingOrder(lines).map((line) => drawn.get(line) ?? [])]
}

/**
 * Sorts areas before lines. Areas are drawn from top to bottom, because each covers the lower part
 * of those drawn before it.
 */
function inDrawingOrder(lines: readonly Line[]): Line[] {
  return [
    ...lines.filter(({ stack }) => stack === true).reverse(),
    ...lines.filter(({ stack }) => stack !== true),
  ]
}

function seriesOf({ label, colour, dashed, stack }: Line): uPlot.Series {
  const stroke = colourOf(colour)
  return {
    label,
    stroke,
    width: 1.5,
    points: { show: false },
    ...(dashed === true && { dash: [5, 4] }),
    // Opaque, because each area hides the lower part of the areas drawn before it.
    ...(stack === true && { fill: `color-mix(in oklab, ${stroke} 28%, ${colourOf('panel')})` }),
  }
}
