import { inTurns } from './event-loop-turns.js'
import { ForgetPlan } from './forget-plan.js'
import { keptMonths, type Month, monthOf } from './months.js'
import { addSpend, decodeKey, encodeKey, otherKey, type Spend } from './spend-entry.js'
import {
  type AddResult,
  ALL_ADDED,
  MAX_ENTRIES,
  type SpendBatch,
  type SpendLedger,
  TOO_MUCH_TO_MOVE,
  type VisitEntry,
} from './spend-ledger.js'

/** Maximum number of entries of all months. With names of usual lengths, they take about 200 MB. */
const MAX_ALL_ENTRIES = 500_000

export interface LedgerOptions {
  /** Maximum number of entries of a month. */
  readonly maxEntries?: number
  readonly now?: () => number
}

/** A ledger in the memory of this process. It is lost when the process ends. */
export class MemoryLedger implements SpendLedger {
  readonly kept = 'memory'
  readonly #months = new Map<Month, Map<string, Spend>>()
  readonly #maxEntries: number
  readonly #now: () => number
  /** The last batch. */
  #added: { readonly id: string; readonly result: AddResult } | undefined

  constructor({ maxEntries = MAX_ENTRIES, now = Date.now }: LedgerOptions = {}) {
    this.#maxEntries = maxEntries
    this.#now = now
  }

  async start(): Promise<void> {}

  async add({ writer, sequence, month, entries }: SpendBatch): Promise<AddResult> {
    const id = `${writer}:${sequence}`
    if (this.#added?.id !== id) this.#added = { id, result: this.addNow(month, entries) }
    return this.#added.result
  }

  /** @param isKept true for entries that were in the ledger before, which always find room */
  addNow(month: Month, entries: ReadonlyMap<string, Spend>, isKept = false): AddResult {
    const oldest = this.#oldest
    for (const known of this.#months.keys()) if (known < oldest) this.#months.delete(known)
    if (month < oldest) return ALL_ADDED
    let [other, refused] = [0, 0]
    const kept = this.#months.get(month) ?? new Map<string, Spend>()
    this.#months.set(month, kept)
    for (const [key, spend] of entries) {
      const hasRoom = isKept || kept.has(key) || (kept.size < this.#maxEntries && this.size < MAX_ALL_ENTRIES)
      const target = hasRoom ? key : otherKey(month, key)
      const sum = addSpend(kept.get(target), spend)
      if (sum === undefined) refused += spend.requests
      else {
        kept.set(target, sum)
        if (!hasRoom) other += spend.requests
      }
    }
    return { other, refused }
  }

  /** Number of entries. */
  get size(): number {
    let size = 0
    for (const month of this.#months.values()) size += month.size
    return size
  }

  async read(months: readonly Month[], visit: VisitEntry): Promise<void> {
    for (const month of months)
      for await (const [key, spend] of inTurns(this.entriesOf(month))) visit(decodeKey(month, key), spend)
  }

  /** The entries of a month, by encoded key. */
  entriesOf(month: Month): ReadonlyMap<string, Spend> {
    return (month >= this.#oldest ? this.#months.get(month) : undefined) ?? new Map()
  }

  /** The months with entries. */
  get months(): readonly Month[] {
    return [...this.#months.keys()].filter((month) => month >= this.#oldest)
  }

  async forget(client: string): Promise<number> {
    const plan = new ForgetPlan(client)
    await this.read(this.months, (key) => plan.add(key))
    for (const { from, to } of plan.moves) this.#move(monthOf(from.day), encodeKey(from), encodeKey(to))
    return plan.moves.length
  }

  #move(month: Month, from: string, to: string): void {
    const entries = this.#months.get(month)
    const spend = entries?.get(from)
    if (entries === undefined || spend === undefined) return
    const sum = addSpend(entries.get(to), spend)
    if (sum === undefined) throw new RangeError(TOO_MUCH_TO_MOVE)
    entries.delete(from)
    entries.set(to, sum)
  }

  get #oldest(): Month {
    return keptMonths(this.#now())[0] as Month
  }

  async close(): Promise<void> {}
}
