import { dayAt, lastDayOf, MONTHS_KEPT, type Month, monthAfter, monthOf } from '../../spend/months.js'

/** Which spend a report sums, and how. */
export interface SpendQuery {
  /** `client`, `model`, `route`, `day`, or a label. */
  readonly by: Grouping
  /** The first and the last day in UTC, such as `2026-11-01`. */
  readonly from: string
  readonly to: string
  readonly format: 'json' | 'csv'
  /** Maximum number of rows; undefined for all. */
  readonly limit: number | undefined
}

/** What a report groups by. */
export type Grouping =
  | { readonly kind: 'client' | 'model' | 'route' | 'day'; readonly name: string }
  | { readonly kind: 'label'; readonly name: string }

/** Reports a query that is invalid. */
export class SpendQueryError extends Error {
  override readonly name = 'SpendQueryError'
}

const PARAMETERS: readonly string[] = ['by', 'month', 'from', 'to', 'format', 'limit']
const KINDS = ['client', 'model', 'route', 'day'] as const
const MAX_ROWS = 100_000

/**
 * Parses the parameters of `/api/spend`. Without a month or days, the query is about the current month.
 *
 * @throws SpendQueryError that says what is wrong and what would be right
 */
export function parseSpendQuery(query: URLSearchParams, now: number): SpendQuery {
  for (const name of query.keys()) {
    if (!PARAMETERS.includes(name))
      throw new SpendQueryError(`unknown parameter '${name.slice(0, 40)}'; use ${PARAMETERS.join(', ')}`)
    if (query.getAll(name).length > 1) throw new SpendQueryError(`write '${name}' only once`)
  }
  const format = query.get('format') ?? 'json'
  if (format !== 'json' && format !== 'csv') throw new SpendQueryError("'format' must be json or csv")
  return {
    by: groupingOf(query.get('by') ?? 'client'),
    ...periodOf(query, now),
    format,
    limit: limitOf(query),
  }
}

function groupingOf(by: string): Grouping {
  const kind = KINDS.find((each) => each === by)
  if (kind !== undefined) return { kind, name: kind }
  // A label that is called `model` can be written as in the limits: `client.model`.
  const [, name] = /^(?:client\.)?([a-z][a-z0-9_]{0,63})$/.exec(by) ?? []
  if (name === undefined)
    throw new SpendQueryError("'by' must be client, model, route, day or the name of a label, such as team")
  return { kind: 'label', name }
}

function periodOf(query: URLSearchParams, now: number): { readonly from: string; readonly to: string } {
  const [month, from, to] = ['month', 'from', 'to'].map((name) => query.get(name))
  if (month != null && (from != null || to != null))
    throw new SpendQueryError("write either 'month', or 'from' and 'to'")
  if (from == null && to == null) {
    const chosen = month ?? monthOf(dayAt(now))
    if (!isDay(`${chosen}-01`)) throw new SpendQueryError("'month' must be a month such as 2026-11")
    return { from: `${chosen}-01`, to: lastDayOf(chosen) }
  }
  for (const [name, day] of [['from', from] as const, ['to', to] as const])
    if (day == null || !isDay(day))
      throw new SpendQueryError(
        `'${name}' must be a day such as 2026-11-05; 'from' and 'to' are the first and the last day`,
      )
  const days = { from: from as string, to: to as string }
  if (days.from > days.to) throw new SpendQueryError("'from' must not be after 'to'")
  if (monthsOf(days).length > MONTHS_KEPT + 1)
    throw new SpendQueryError(
      `the days must be within ${MONTHS_KEPT + 1} months, since older ones are not kept`,
    )
  return days
}

function isDay(text: string): boolean {
  if (!/^2\d{3}-\d\d-\d\d$/.test(text)) return false
  const time = Date.parse(`${text}T00:00:00Z`)
  return !Number.isNaN(time) && dayAt(time) === text
}

function limitOf(query: URLSearchParams): number | undefined {
  const text = query.get('limit')
  if (text === null) return undefined
  const limit = /^\d{1,6}$/.test(text) ? Number(text) : 0
  if (limit >= 1 && limit <= MAX_ROWS) return limit
  throw new SpendQueryError(`'limit' must be a number of rows from 1 to ${MAX_ROWS}`)
}

/** Lists the months that a period touches; at most one more than the ledger keeps. */
export function monthsOf({ from, to }: Pick<SpendQuery, 'from' | 'to'>): readonly Month[] {
  const months: Month[] = []
  for (let month = monthOf(from); month <= monthOf(to); month = monthAfter(month, 1)) {
    months.push(month)
    if (months.length > MONTHS_KEPT + 1) break
  }
  return months
}
