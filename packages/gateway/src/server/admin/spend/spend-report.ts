import { formatUnits } from 'sluice/internal'
import type { Spend, SpendKey } from '../../spend/spend-entry.js'
import type { SpendLedger } from '../../spend/spend-ledger.js'
import type { SpendReport, SpendRow } from '../api/spend-report.js'
import { type Grouping, monthsOf, type SpendQuery, SpendQueryError } from './spend-query.js'

/** A sum of any size. */
interface Sum {
  readonly name: string
  readonly currency: string
  amount: bigint
  requests: number
  input: number
  cached: number
  output: number
}

/**
 * Sums the spend in a ledger.
 *
 * @throws SpendQueryError for a label that no client with spend in this time has
 */
export async function spendReport(
  ledger: Pick<SpendLedger, 'read' | 'kept'>,
  query: SpendQuery,
): Promise<SpendReport> {
  const { by, from, to, limit } = query
  const rows = new Sums()
  const totals = new Sums()
  const labels = new Set<string>()
  await ledger.read(monthsOf(query), (key, spend) => {
    if (key.day < from || key.day > to) return
    rows.add(nameIn(key, by), key.currency, spend)
    totals.add('', key.currency, spend)
    for (const label of Object.keys(key.labels)) labels.add(label)
  })
  const names = [...labels].sort()
  if (by.kind === 'label' && !labels.has(by.name) && rows.all.length > 0)
    throw new SpendQueryError(unknownLabel(by.name, names))
  const sorted = rows.all.sort(by.kind === 'day' ? byName : byAmount)
  return {
    ...{ by: by.name, from, to },
    rows: sorted.slice(0, limit).map(({ name, ...sum }) => ({ name, ...rowOf(sum) })),
    count: sorted.length,
    totals: totals.all.sort(byAmount).map(rowOf),
    labels: names,
    kept: ledger.kept,
  }
}

function unknownLabel(name: string, labels: readonly string[]): string {
  const known = labels.length === 0 ? 'they have no labels' : `their labels are: ${labels.join(', ')}`
  return `no client with spend in this time has the label '${name}'; ${known}`
}

function nameIn(key: SpendKey, { kind, name }: Grouping): string {
  if (kind !== 'label') return key[kind]
  return Object.hasOwn(key.labels, name) ? (key.labels[name] ?? '') : ''
}

class Sums {
  readonly #sums = new Map<string, Sum>()

  add(name: string, currency: string, { amount, requests, input, cached, output }: Spend): void {
    const id = `${currency} ${name}`
    let sum = this.#sums.get(id)
    if (sum === undefined) {
      sum = { name, currency, amount: 0n, requests: 0, input: 0, cached: 0, output: 0 }
      this.#sums.set(id, sum)
    }
    sum.amount += amount
    sum.requests += requests
    sum.input += input
    sum.cached += cached
    sum.output += output
  }

  get all(): Sum[] {
    return [...this.#sums.values()]
  }
}

function byName(one: Sum, other: Sum): number {
  if (one.name !== other.name) return one.name < other.name ? -1 : 1
  return one.currency < other.currency ? -1 : 1
}

/** Orders by currency, since amounts of different ones cannot be compared. */
function byAmount(one: Sum, other: Sum): number {
  if (one.currency !== other.currency) return one.currency < other.currency ? -1 : 1
  if (one.amount !== other.amount) return one.amount > other.amount ? -1 : 1
  return byName(one, other)
}

function rowOf({
  currency,
  amount,
  requests,
  input,
  cached,
  output,
}: Omit<Sum, 'name'>): Omit<SpendRow, 'name'> {
  return {
    ...{ currency, amount: formatUnits(amount), requests },
    ...{ inputTokens: input, cachedTokens: cached, outputTokens: output },
  }
}
