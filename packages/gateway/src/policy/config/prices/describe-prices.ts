import type { ModelPrice } from 'sluice'
import { formatUnits, unitsOf } from 'sluice/internal'
import { alignedLines, printable } from '../../terminal-text.js'
import type { GatewayConfig } from '../config.js'

/** Maximum number of models that are listed. */
const MAX_LISTED = 50

/** The columns of the table, and the price of a model in each; undefined without a price of its own. */
const COLUMNS: readonly (readonly [name: string, priceOf: (price: ModelPrice) => number | undefined])[] = [
  ['input', ({ input }) => input],
  ['cached input', ({ cachedInput }) => cachedInput],
  ['cache write', ({ cacheWrite }) => cacheWrite],
  ['output', ({ output }) => output],
  ['reasoning', ({ reasoning }) => reasoning],
  ['image', ({ image }) => image],
  ['audio second', ({ audioSecond }) => audioSecond],
  ['request', ({ request }) => request],
]

/**
 * Describes the prices of the models that the configuration names, and of those in the price list, as
 * a table. Columns without a price are omitted. Returns no line without a price list.
 */
export function describePrices({ prices, models = [], usage }: GatewayConfig): string[] {
  if (prices === undefined) return []
  const { list, path } = prices
  const named = new Set([...models, ...(usage?.models ?? []), ...list.models.map(({ pattern }) => pattern)])
  const rows = [...named].slice(0, MAX_LISTED).map((model) => ({ model, price: list.priceOf(model)?.price }))
  const columns = COLUMNS.filter(([, priceOf]) =>
    rows.some(({ price }) => price && priceOf(price) !== undefined),
  )
  const table = [
    ['model', ...columns.map(([name]) => name)],
    ...rows.map(({ model, price }) => [
      printable(model),
      ...(price === undefined ? ['no price'] : columns.map(([, priceOf]) => textOf(priceOf(price)))),
    ]),
  ]
  const lines = alignedLines(table).map((line) => `    ${line}`)
  const date = list.asOf === undefined ? '' : ` of ${list.asOf}`
  const more = named.size > MAX_LISTED ? [`    and ${named.size - MAX_LISTED} more`] : []
  return [`  prices${date} in ${list.currency} from ${path}, per million tokens:`, ...lines, ...more]
}

function textOf(price: number | undefined): string {
  return price === undefined ? '' : formatUnits(Number(unitsOf(String(price))))
}
