import { useEffect, useRef } from 'preact/hooks'
import uPlot from 'uplot'
import 'uplot/dist/uPlot.min.css'
import type { ClauseResult, SuggestedLimit } from '../../../src/replay/suggest/suggest.js'
import { colourOf, useColourChanges } from '../components/theme.js'
import '../components/plot.css'
import { isRefusal, number, part } from './report-format.js'

const HEIGHT = 260

/**
 * Plots the fraction of refused requests (left axis) and the admitted amounts (right axis) against
 * the limit, on a logarithmic scale.
 */
export function TradeOffCurve({
  curve,
  unit,
}: {
  readonly curve: readonly SuggestedLimit[]
  /** The units of a limit that are shown as 1. */
  readonly unit: number
}) {
  const container = useRef<HTMLDivElement>(null)
  const colours = useColourChanges()
  const clauses = curve[0]?.clauses ?? []
  useEffect(() => {
    const element = container.current
    if (element === null || curve.length === 0) return
    const drawn = new uPlot(curveOptions(clauses, element.clientWidth), dataOf(curve, unit), element)
    const observer = new ResizeObserver(() => drawn.setSize({ width: element.clientWidth, height: HEIGHT }))
    observer.observe(element)
    return () => {
      observer.disconnect()
      drawn.destroy()
    }
  }, [curve, unit, colours])
  return (
    <figure class="plot">
      <div
        class="canvas"
        ref={container}
        role="img"
        aria-label="Refusals and admissions by limit"
        style={{ blockSize: `${HEIGHT}px` }}
      />
      <figcaption>
        <ul class="legend">
          <LegendEntry colour="other" label="share of all requests refused (left)" />
          {clauses.map(({ clause }) => (
            <LegendEntry
              key={clause}
              colour={isRefusal(clause) ? 'refused' : 'allowed'}
              label={`${clause} (${isRefusal(clause) ? 'left' : 'right'})`}
            />
          ))}
        </ul>
      </figcaption>
    </figure>
  )
}

function LegendEntry({ colour, label }: { readonly colour: string; readonly label: string }) {
  return (
    <li>
      <span class="swatch" style={{ borderTopColor: `var(--${colour})` }} aria-hidden="true" />
      <span class="label">{label}</span>
    </li>
  )
}

function dataOf(curve: readonly SuggestedLimit[], unit: number): uPlot.AlignedData {
  const clauses = curve[0]?.clauses ?? []
  return [
    curve.map(({ limit }) => limit / unit),
    curve.map(({ refused, requests }) => (requests === 0 ? 0 : refused / requests)),
    ...clauses.map((_, index) => curve.map((point) => point.clauses[index]?.value ?? 0)),
  ]
}

function curveOptions(clauses: readonly ClauseResult[], width: number): uPlot.Options {
  const axis = { stroke: colourOf('quiet'), font: '11px system-ui, sans-serif', ticks: { show: false } }
  const grid = { stroke: colourOf('line'), width: 1 }
  const series = (colour: string, scale: string): uPlot.Series => ({
    stroke: colourOf(colour),
    scale,
    width: 1.5,
    points: { show: true, size: 5 },
  })
  const admits = clauses.some(({ clause }) => !isRefusal(clause))
  return {
    width,
    height: HEIGHT,
    padding: [8, 10, 0, 0],
    legend: { show: false },
    cursor: { drag: { x: false, y: false } },
    scales: {
      x: { time: false, distr: 3, log: 2 },
      part: { range: [0, 1] },
      ...(admits && { amount: { range: (_plot, _low, high) => [0, (high ?? 1) * 1.05] } }),
    },
    axes: [
      { ...axis, grid, values: (_plot, ticks) => ticks.map((tick) => (tick === null ? null : number(tick))) },
      {
        ...axis,
        grid,
        scale: 'part',
        size: 54,
        values: (_plot, ticks) => ticks.map((tick) => part(tick, 1)),
      },
      ...(admits
        ? [
            {
              ...axis,
              grid: { show: false },
              scale: 'amount',
              side: 1 as const,
              size: 70,
              values: (_plot: uPlot, ticks: number[]) => ticks.map(number),
            },
          ]
        : []),
    ],
    series: [
      {},
      series('other', 'part'),
      ...clauses.map(({ clause }) =>
        isRefusal(clause) ? series('refused', 'part') : series('allowed', 'amount'),
      ),
    ],
  }
}
