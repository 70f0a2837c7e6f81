import { isDeepStrictEqual } from 'node:util'
import type { Spend, SpendKey } from '../../../src/server/spend/spend-entry.js'

interface Row {
  key: SpendKey
  spend: Spend
}

/** A ledger as a list that is searched from its beginning. */
export class SlowLedger {
  #rows: Row[] = []

  constructor(private readonly maxEntries: number) {}

  add(key: SpendKey, spend: Spend): void {
    const ofMonth = this.#rows.filter((row) => row.key.day.slice(0, 7) === key.day.slice(0, 7))
    const isKnown = ofMonth.some((row) => isDeepStrictEqual(row.key, key))
    const { day, currency } = key
    const other = { day, client: 'other', labels: {}, model: 'other', route: 'other', currency }
    this.#rows.push({ key: isKnown || ofMonth.length < this.maxEntries ? key : other, spend })
    this.#merge()
  }

  forget(client: string): void {
    const others = this.#rows.filter(({ key }) => ![client, 'forgotten', 'other'].includes(key.client))
    for (const row of this.#rows) {
      if (row.key.client !== client) continue
      const shared = Object.entries(row.key.labels).filter(([name, value]) =>
        others.some(({ key }) => key.labels[name] === value),
      )
      row.key = { ...row.key, client: 'forgotten', labels: Object.fromEntries(shared) }
    }
    this.#merge()
  }

  /** Removes what is older than a day. */
  expire(first: string): void {
    this.#rows = this.#rows.filter(({ key }) => key.day >= first)
  }

  get rows(): readonly Row[] {
    return this.#rows
  }

  #merge(): void {
    const merged: Row[] = []
    for (const row of this.#rows) {
      const same = merged.find(({ key }) => isDeepStrictEqual(key, row.key))
      if (same === undefined) merged.push(row)
      else
        same.spend = {
          amount: same.spend.amount + row.spend.amount,
          requests: same.spend.requests + row.spend.requests,
          input: same.spend.input + row.spend.input,
          cached: same.spend.cached + row.spend.cached,
          output: same.spend.output + row.spend.output,
        }
    }
    this.#rows = merged
  }
}
