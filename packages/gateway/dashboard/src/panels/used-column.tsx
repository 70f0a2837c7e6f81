import { Bar, usageColour } from '../components/bar.js'
import type { Column } from '../components/table.js'

/** The column that shows the part of a limit in use. */
export const USED_COLUMN: Column<{ readonly used: number }> = {
  title: 'Used',
  help: 'The part of the limit in use, in percent.',
  kind: 'bar',
  cell: ({ used }) => <Bar part={used} colour={usageColour(used)} />,
}
