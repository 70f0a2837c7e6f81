import type { ComponentChildren } from 'preact'
import { useState } from 'preact/hooks'
import './sortable-table.css'
import './table.css'

export interface SortableColumn<Row> {
  readonly title: string
  /** The value to sort by. */
  readonly value: (row: Row) => number | string
  /** The content of a cell; default: its value. */
  readonly cell?: (row: Row) => ComponentChildren
  /** Hidden on narrow screens. */
  readonly wideOnly?: boolean
}

interface Order {
  readonly column: number
  readonly descending: boolean
}

/**
 * A table that can be sorted by any column and searched by the first column. The first click on a
 * column of numbers sorts in descending order.
 */
export function SortableTable<Row>({
  caption,
  columns,
  rows,
  searchable = false,
  first = 20,
}: {
  /** A caption for screen readers. */
  readonly caption: string
  readonly columns: readonly SortableColumn<Row>[]
  readonly rows: readonly Row[]
  readonly searchable?: boolean
  /** Rows shown before the table is expanded. */
  readonly first?: number
}) {
  const [order, setOrder] = useState<Order>()
  const [query, setQuery] = useState('')
  const [showAll, setShowAll] = useState(false)
  const found = rows.filter((row) => textOf(columns[0], row).toLowerCase().includes(query.toLowerCase()))
  const sorted =
    order === undefined ? found : found.toSorted(byColumn(columns[order.column], order.descending))
  const shown = showAll ? sorted : sorted.slice(0, first)
  const sortBy = (column: number) => {
    const isNumber = rows.some((row) => typeof columns[column]?.value(row) === 'number')
    setOrder({ column, descending: order?.column === column ? !order.descending : isNumber })
  }
  return (
    <>
      {searchable && (
        <label>
          <span class="visually-hidden">Search {caption}</span>
          <input
            class="search"
            type="search"
            placeholder={`Search ${columns[0]?.title.toLowerCase()}`}
            value={query}
            onInput={(event) => setQuery(event.currentTarget.value)}
          />
        </label>
      )}
      <div class="sortable">
        <table>
          <caption class="visually-hidden">{caption}</caption>
          <thead>
            <tr>
              {columns.map((column, index) => (
                <th
                  key={column.title}
                  scope="col"
                  class={classOf(column, index)}
                  {...(order?.column === index && {
                    'aria-sort': order.descending ? 'descending' : 'ascending',
                  })}
                >
                  <button type="button" onClick={() => sortBy(index)}>
                    {column.title}
                  </button>
                </th>
              ))}
            </tr>
          </thead>
          <tbody>
            {shown.map((row) => (
              <tr key={textOf(columns[0], row)}>
                {columns.map((column, index) =>
                  index === 0 ? (
                    <th key={column.title} scope="row">
                      {cellOf(column, row)}
                    </th>
                  ) : (
                    <td key={column.title} class={classOf(column, index)}>
                      {cellOf(column, row)}
                    </td>
                  ),
                )}
              </tr>
            ))}
          </tbody>
        </table>
      </div>
      {found.length === 0 && <p class="empty">No matches.</p>}
      {found.length > first && (
        <button type="button" class="more" onClick={() => setShowAll(!showAll)}>
          {showAll ? `Show the first ${first}` : `Show all ${found.length}`}
          <span class="visually-hidden"> of {caption}</span>
        </button>
      )}
    </>
  )
}

function byColumn<Row>(column: SortableColumn<Row> | undefined, descending: boolean) {
  return (a: Row, b: Row): number => {
    const [one, other] = [column?.value(a) ?? 0, column?.value(b) ?? 0]
    const ascending =
      typeof one === 'number' && typeof other === 'number'
        ? one - other
        : String(one).localeCompare(String(other))
    return descending ? -ascending : ascending
  }
}

function textOf<Row>(column: SortableColumn<Row> | undefined, row: Row): string {
  return String(column?.value(row) ?? '')
}

function cellOf<Row>({ cell, value }: SortableColumn<Row>, row: Row): ComponentChildren {
  return cell === undefined ? value(row) : cell(row)
}

function classOf<Row>({ wideOnly }: SortableColumn<Row>, index: number): string {
  return [index > 0 && 'number', wideOnly === true && 'wide-only'].filter(Boolean).join(' ')
}
