import { parseRedisUrl, type RedisConnection, RedisUrlConnection } from 'sluice/internal'
import { inTurns } from './event-loop-turns.js'
import { ForgetPlan } from './forget-plan.js'
import type { LedgerOptions } from './memory-ledger.js'
import { expiryOf, keptMonths, type Month, monthAfter, monthOf } from './months.js'
import { ADD, MOVE, SCAN } from './redis-scripts.js'
import { decodeKey, encodeKey, otherKey, type Spend } from './spend-entry.js'
import {
  type AddResult,
  ALL_ADDED,
  MAX_ENTRIES,
  type SpendBatch,
  type SpendLedger,
  type VisitEntry,
} from './spend-ledger.js'

/** How long the server remembers the last batch of a gateway, in milliseconds: a week. */
const REMEMBER_MS = 7 * 86_400_000
/** Number of fields that one call reads. */
const FIELDS_PER_CALL = 1000
/** Number of entries that one call moves. */
const MOVES_PER_CALL = 50

/**
 * A ledger in Redis that all gateways on the server share: a hash for each month, which expires 13
 * months after the month.
 */
export class RedisLedger implements SpendLedger {
  readonly kept = 'redis'
  readonly #connection: RedisConnection
  readonly #maxEntries: number
  readonly #now: () => number

  /** Connects on first use. @param url the address of the store */
  constructor(url: string, { maxEntries = MAX_ENTRIES, now = Date.now }: LedgerOptions = {}) {
    this.#connection = new RedisUrlConnection(parseRedisUrl(url))
    this.#maxEntries = maxEntries
    this.#now = now
  }

  async start(): Promise<void> {}

  async add({ writer, sequence, month, entries }: SpendBatch): Promise<AddResult> {
    const keepMs = expiryOf(month) - this.#now()
    if (keepMs <= 0) return ALL_ADDED
    const values = [...entries].flatMap(([key, { amount, requests, input, cached, output }]) => [
      ...[key, otherKey(month, key)],
      ...[amount, requests, input, cached, output].map(String),
    ])
    const keys = [keyOf(month), `${keyOf(month)}:sent:${writer}`]
    const settings = [sequence, keepMs, REMEMBER_MS, this.#maxEntries].map(String)
    const [other, refused] = (await this.#connection.run('eval', ADD, keys, [
      ...settings,
      ...values,
    ])) as number[]
    return { other: other ?? 0, refused: refused ?? 0 }
  }

  async read(months: readonly Month[], visit: VisitEntry): Promise<void> {
    for (const month of months) await this.#readMonth(month, visit)
  }

  async forget(client: string): Promise<number> {
    const plan = new ForgetPlan(client)
    const kept = keptMonths(this.#now())
    // The clock of another gateway may be ahead.
    await this.read([...kept, monthAfter(kept.at(-1) as Month, 1)], (key) => plan.add(key))
    const { moves } = plan
    for (const month of new Set(moves.map(({ from }) => monthOf(from.day)))) {
      const ofMonth = moves.filter(({ from }) => monthOf(from.day) === month)
      for (let first = 0; first < ofMonth.length; first += MOVES_PER_CALL) {
        const args = ofMonth.slice(first, first + MOVES_PER_CALL).flatMap(({ from, to }) => [from, to])
        await this.#connection.run('eval', MOVE, [keyOf(month)], args.map(encodeKey))
      }
    }
    return moves.length
  }

  close(): Promise<void> {
    return this.#connection.close()
  }

  async #readMonth(month: Month, visit: VisitEntry): Promise<void> {
    const keys = new Map<string, string>()
    const numbers = new Map<string, string>()
    let cursor = '0'
    do {
      const args = [cursor, String(FIELDS_PER_CALL)]
      const [next, page] = (await this.#connection.run('eval', SCAN, [keyOf(month)], args)) as [
        Buffer,
        Buffer[],
      ]
      const texts = page.map((part) => part.toString('utf8'))
      for (let at = 0; at + 1 < texts.length; at += 2) {
        const [field = '', value = ''] = texts.slice(at, at + 2)
        if (field.startsWith('[')) keys.set(value, field)
        else numbers.set(field, value)
      }
      cursor = next.toString('utf8')
    } while (cursor !== '0')
    for await (const [entry, key] of inTurns(keys)) visit(decodeKey(month, key), spendOf(entry, numbers))
  }
}

function spendOf(entry: string, numbers: ReadonlyMap<string, string>): Spend {
  const read = (name: string) => numbers.get(`${entry}:${name}`) ?? '0'
  const [requests, input, cached, output] = ['requests', 'input', 'cached', 'output'].map((name) =>
    Number(read(name)),
  ) as [number, number, number, number]
  return { amount: BigInt(read('amount')), requests, input, cached, output }
}

/** The braces put all keys of a month into one slot of a cluster. */
function keyOf(month: Month): string {
  return `sluice:spend:v1:{${month}}`
}
