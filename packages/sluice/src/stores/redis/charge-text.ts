import type { AlgorithmName, Limit } from '../../limits/limit.js'
import type { Charge, Settlement, StoreVerdict } from '../store.js'

/** The first instants of the window that holds now, of the next one, and of the one after that. */
export type Borders = readonly [number, number, number]

/** The letters by which the script and its states name the algorithms. */
const LETTER: Record<AlgorithmName, string> = {
  'token-bucket': 't',
  'fixed-window': 'f',
  'sliding-window': 'w',
  'sliding-log': 'l',
  concurrency: 'n',
}

/** A charge as the script reads it. Numbers are the shortest text that says exactly them. */
export function chargeText(charge: Charge, cost: number, borders: Borders | undefined): string[] {
  const { limit, enforce, lease } = charge
  return [
    LETTER[limit.algorithm],
    String(limit.limit),
    String(limit.algorithm === 'concurrency' ? limit.lease : limit.period),
    limit.algorithm === 'token-bucket' ? String(limit.burst) : '0',
    borders === undefined ? '' : `${borders.join(' ')} ${zoneOf(limit)}`,
    String(cost),
    enforce === false ? '0' : '1',
    lease === undefined ? '' : `=${lease}`,
  ]
}

/** A settlement as the script reads it. */
export function settlementText({ charge, taken, cost }: Settlement, borders: Borders | undefined): string[] {
  const lease = taken.lease
  return [
    ...chargeText({ ...charge, lease }, cost, borders),
    String(taken.cost),
    String(taken.at),
    String(taken.resetAfter),
  ]
}

/** The zone whose calendar counts. */
export function zoneOf(limit: Limit): string {
  return (limit.algorithm === 'fixed-window' && limit.timeZone) || 'UTC'
}

/** What the script said: the time, and a verdict a line. */
export interface Answer {
  readonly at: number
  /** `false`: a calendar window was not the one of the server's now, and nothing was done. */
  readonly decided: boolean
  readonly verdicts: readonly StoreVerdict[]
}

/** @throws Error where it is no answer of the script. */
export function readAnswer(reply: unknown): Answer {
  if (!Array.isArray(reply) || reply.length === 0) throw new Error('the script gave no answer')
  const [first, ...lines] = reply.map(String) as [string, ...string[]]
  if (first === 'window') return { at: Number(lines[0]), decided: false, verdicts: [] }
  const at = Number(first)
  return { at, decided: true, verdicts: lines.map((line) => readVerdict(line, at)) }
}

function readVerdict(line: string, at: number): StoreVerdict {
  const [allowed, remaining, resetAfter, retryAfter, moreAfter] = line.split(' ').map(readNumber)
  if (moreAfter === undefined) throw new Error(`the script gave no verdict but '${line}'`)
  return {
    allowed: allowed === 1,
    at,
    remaining: remaining as number,
    resetAfter: resetAfter as number,
    retryAfter: retryAfter as number,
    moreAfter,
  }
}

/** Lua writes infinity as `inf`; and its -0 is 0 to everybody else. */
function readNumber(text: string): number {
  return text === 'inf' ? Number.POSITIVE_INFINITY : Number(text) + 0
}
