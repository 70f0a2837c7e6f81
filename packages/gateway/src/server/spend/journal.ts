import { inTurns } from './event-loop-turns.js'
import type { MemoryLedger } from './memory-ledger.js'
import type { Month } from './months.js'
import { addSpend, decodeKey, type Spend } from './spend-entry.js'
import type { SpendBatch } from './spend-ledger.js'

// The file of a ledger: a header, then batches, one a line. Each line begins with a line feed, so that
// a line that was written only in part is ended by the next one.

/** The first line of the file. */
export const HEADER = '{"sluice_spend":1}'

/** Number of entries in a line of a rewritten file. */
const ENTRIES_PER_LINE = 500
/** Number of lines that are parsed in a turn of the event loop. */
const LINES_PER_TURN = 2

/** The contents of a file. */
export interface Journal {
  readonly batches: readonly JournalBatch[]
  /** Number of lines that are not batches, such as one that a crash has cut. */
  readonly unreadable: number
}

/** Entries of a month in the file. */
interface JournalBatch extends Pick<SpendBatch, 'month' | 'entries'> {
  /** Identifies a batch that was written again; empty for sums. */
  readonly id: string
}

/** Formats a batch as a line. */
export function lineOf({ id, month, entries }: JournalBatch): string {
  return `\n${JSON.stringify({ id, month, entries: [...entries].map(([key, spend]) => valuesOf(key, spend)) })}`
}

/** Formats the sums of a ledger as a whole file. */
export async function snapshotOf(ledger: Pick<MemoryLedger, 'months' | 'entriesOf'>): Promise<string> {
  const lines: string[] = []
  for (const month of ledger.months) {
    const entries = [...ledger.entriesOf(month)]
    const starts = Array.from({ length: Math.ceil(entries.length / ENTRIES_PER_LINE) }, (_, line) => line)
    for await (const line of inTurns(starts, 1)) {
      const [from, to] = [line * ENTRIES_PER_LINE, (line + 1) * ENTRIES_PER_LINE]
      lines.push(lineOf({ id: '', month, entries: new Map(entries.slice(from, to)) }))
    }
  }
  return HEADER + lines.join('')
}

/** Parses a file, in turns of the event loop. A batch that was written again counts once. Returns undefined for another file. */
export async function readJournal(bytes: Buffer): Promise<Journal | undefined> {
  const ids = new Set<string>()
  const batches: JournalBatch[] = []
  let unreadable = 0
  let isFirst = true
  for await (const line of inTurns(linesOf(bytes), LINES_PER_TURN)) {
    if (isFirst && line !== HEADER) return undefined
    if (!isFirst && line !== '') {
      const batch = batchOf(line)
      if (batch === undefined) unreadable++
      else if (batch.id === '' || !ids.has(batch.id)) batches.push(batch)
      if (batch !== undefined) ids.add(batch.id)
    }
    isFirst = false
  }
  return { batches, unreadable }
}

function* linesOf(bytes: Buffer): Iterable<string> {
  for (let from = 0; from <= bytes.length; ) {
    const end = bytes.indexOf(10, from)
    const to = end === -1 ? bytes.length : end
    yield bytes.toString('utf8', from, to)
    from = to + 1
  }
}

type Values = readonly [
  key: string,
  amount: string,
  requests: number,
  input: number,
  cached: number,
  output: number,
]

function valuesOf(key: string, { amount, requests, input, cached, output }: Spend): Values {
  return [key, String(amount), requests, input, cached, output]
}

function batchOf(line: string): JournalBatch | undefined {
  try {
    const { id, month, entries } = JSON.parse(line) as { id: unknown; month: unknown; entries: unknown }
    if (typeof id !== 'string' || !isMonth(month) || !Array.isArray(entries)) return undefined
    const sums = new Map<string, Spend>()
    for (const [key, ...values] of entries as Values[]) {
      decodeKey(month, key)
      const sum = addSpend(sums.get(key), spendOf(values))
      if (sum !== undefined) sums.set(key, sum)
    }
    return { id, month, entries: sums }
  } catch {
    return undefined
  }
}

function spendOf([amount, ...counts]: readonly (string | number)[]): Spend {
  const [requests, input, cached, output] = counts
  if (!counts.every((count) => Number.isSafeInteger(count)) || counts.length !== 4)
    throw new TypeError('not numbers of a ledger')
  if (typeof amount !== 'string' || !/^\d{1,19}$/.test(amount)) throw new TypeError('not an amount')
  return { amount: BigInt(amount), requests, input, cached, output } as Spend
}

function isMonth(value: unknown): value is Month {
  return typeof value === 'string' && /^\d{4}-(0[1-9]|1[0-2])$/.test(value)
}
