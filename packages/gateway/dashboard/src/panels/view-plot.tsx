import { Plot } from '../components/plot.js'
import type { Line, PlotProps } from '../components/plot-drawing.js'
import type { View } from './view.js'

/** A line of a plot, with the tooltip that every number of the page has. */
export type ExplainedLine = Line & { readonly help: string }

/** A plot of the selected period. Dragging on it zooms in. */
export function ViewPlot({
  view: { times, span, onZoom },
  ...plot
}: Omit<PlotProps, 'times' | 'span' | 'onZoom' | 'lines'> & {
  readonly view: View
  readonly lines: readonly ExplainedLine[]
}) {
  return <Plot {...plot} times={times} span={span} onZoom={onZoom} />
}
