import type { ComponentChildren } from 'preact'
import { useState } from 'preact/hooks'
import { Terms } from './terms.js'
import './table.css'

export interface Column<Row> {
  readonly title: string
  /** What the column means, with its unit: the tooltip of its cells. */
  readonly help: string
  readonly cell: (row: Row) => ComponentChildren
  /** `number` aligns right; `bar` reserves the width of a bar. */
  readonly kind?: 'number' | 'bar'
  /** Hidden on narrow screens. */
  readonly wideOnly?: boolean
}

/** A table whose first column names the row. A long table is truncated until it is expanded. */
export function Table<Row>({
  caption,
  columns,
  rows,
  keyOf,
  first = 12,
}: {
  /** A caption for screen readers. */
  readonly caption: string
  readonly columns: readonly Column<Row>[]
  readonly rows: readonly Row[]
  readonly keyOf: (row: Row) => string
  /** Rows shown before the table is expanded. */
  readonly first?: number
}) {
  const [showAll, setShowAll] = useState(false)
  const shown = showAll ? rows : rows.slice(0, first)
  return (
    <>
      <table>
        <caption class="visually-hidden">{caption}</caption>
        <thead>
          <tr>
            {columns.map((column) => (
              <th key={column.title} scope="col" class={classOf(column)} title={column.help}>
                {column.title}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {shown.map((row) => (
            <tr key={keyOf(row)}>
              {columns.map((column, index) =>
                index === 0 ? (
                  <th key={column.title} scope="row" class={classOf(column)} title={column.help}>
                    {column.cell(row)}
                  </th>
                ) : (
                  <td key={column.title} class={classOf(column)} title={column.help}>
                    {column.cell(row)}
                  </td>
                ),
              )}
            </tr>
          ))}
        </tbody>
      </table>
      {rows.length > first && (
        <button type="button" class="more" onClick={() => setShowAll(!showAll)}>
          {showAll ? `Show the first ${first}` : `Show all ${rows.length}`}
          <span class="visually-hidden"> of {caption}</span>
        </button>
      )}
      <Terms of={caption} terms={columns} />
    </>
  )
}

function classOf({ kind, wideOnly }: Pick<Column<unknown>, 'kind' | 'wideOnly'>): string {
  const classes = [kind === 'number' && 'number', kind === 'bar' && 'wide', wideOnly === true && 'wide-only']
  return classes.filter(Boolean).join(' ')
}
