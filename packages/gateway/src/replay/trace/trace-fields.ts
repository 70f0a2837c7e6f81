import { parseDuration } from 'sluice'
import { isCurrency, MAX_MONEY, unitsOf } from 'sluice/internal'
import type { Cells } from './cells.js'
import type { SenderIds } from './sender-ids.js'
import type { Timestamps, TimeUnit } from './timestamps.js'
import { BadLineError, quoteShortened, type TraceRequest } from './trace-request.js'

/** Fields of a request that columns can contain. Headers are named `header:NAME`. */
export const FIELDS = [
  'time',
  'client',
  'tier',
  'ip',
  'method',
  'path',
  'input_tokens',
  'output_tokens',
  'cached_tokens',
  'max_tokens',
  'cost',
  'model',
  'money',
  'currency',
  'duration',
] as const

export type Field = (typeof FIELDS)[number]

/** Index of the cell of each field; -1 if a field has none. */
export type CellIndexes = Readonly<Record<Field, number>>

export const NO_CELLS = cellIndexes(() => -1)

export function cellIndexes(indexOf: (field: Field) => number): CellIndexes {
  return Object.fromEntries(FIELDS.map((field) => [field, indexOf(field)])) as CellIndexes
}

/** Units of times and durations; undefined if unknown. */
export interface FieldUnits {
  readonly time: TimeUnit | undefined
  readonly duration: TimeUnit | undefined
}

/** Maximum length of a client, tier or address, in characters, as in the limiters. */
const MAX_NAME = 256
const MAX_TARGET = 8192

/**
 * Builds a request from the cells of a line.
 *
 * @throws BadLineError if a cell is invalid
 */
export function requestOf(
  cells: Cells,
  indexes: CellIndexes,
  timestamps: Timestamps,
  senders: SenderIds,
  units: FieldUnits,
  headers: Readonly<Record<string, string>> | undefined,
): TraceRequest {
  const time = cells.text(indexes.time)
  if (time === undefined) throw new BadLineError('the time is missing')
  const [method, target] = hasTarget(indexes)
    ? methodAndTarget(cells.text(indexes.method), cells.text(indexes.path))
    : NO_TARGET
  const at = timestamps.read(time, units.time)
  const client = nameOf('client', cells.text(indexes.client))
  const ip = nameOf('ip', cells.text(indexes.ip))
  const duration = cells.text(indexes.duration)
  const money = moneyOf(cells.text(indexes.money))
  return {
    at,
    client,
    sender: senders.number(client, ip),
    tier: senders.interned(nameOf('tier', cells.text(indexes.tier))),
    ip,
    method,
    target,
    headers,
    input: countAt('input_tokens', cells, indexes.input_tokens),
    output: countAt('output_tokens', cells, indexes.output_tokens),
    cached: countAt('cached_tokens', cells, indexes.cached_tokens),
    maxOutput: countAt('max_tokens', cells, indexes.max_tokens),
    cost: numberOf('cost', cells.text(indexes.cost)),
    costs: undefined,
    model: senders.interned(nameOf('model', cells.text(indexes.model))),
    money,
    currency: money === undefined ? undefined : senders.interned(currencyOf(cells.text(indexes.currency))),
    call: undefined,
    labels: undefined,
    duration: duration === undefined ? undefined : durationOf(duration, units.duration),
  }
}

const NO_TARGET = [undefined, undefined] as const

function hasTarget({ method, path }: CellIndexes): boolean {
  return method >= 0 || path >= 0
}

/** Returns the method and the target, which may share a column as in `POST /predict`. */
function methodAndTarget(
  method: string | undefined,
  path: string | undefined,
): [method: string | undefined, target: string | undefined] {
  if (path === undefined) return [method?.toUpperCase(), undefined]
  const target = targetOf(path)
  const space = target.indexOf(' ')
  if (method !== undefined || space < 1) return [method?.toUpperCase(), target]
  return [target.slice(0, space).toUpperCase(), target.slice(space + 1).trim()]
}

/** Checks the length of a client, tier or address. @throws BadLineError */
export function nameOf(field: string, text: string | undefined): string | undefined {
  return text === undefined ? undefined : textOf(field, text, MAX_NAME)
}

/** Checks the length of a path and query. @throws BadLineError */
export function targetOf(text: string): string {
  return textOf('path', text, MAX_TARGET)
}

function textOf(field: string, text: string, maxLength: number): string {
  if (text.length <= maxLength) return text
  throw new BadLineError(`${field} is longer than ${maxLength} characters`)
}

/** Parses a count. Plain digits, the common case, need no substring. */
function countAt(field: string, cells: Cells, index: number): number | undefined {
  if (index < 0) return undefined
  const count = cells.digits(index)
  return count >= 0 ? count : countOf(field, cells.text(index))
}

function countOf(field: string, text: string | undefined): number | undefined {
  const number = numberOf(field, text)
  if (number === undefined || Number.isSafeInteger(number)) return number
  throw new BadLineError(`${field} must be a whole number, not ${quoteShortened(text ?? '')}`)
}

function numberOf(field: string, text: string | undefined): number | undefined {
  if (text === undefined) return undefined
  const number = Number(text)
  if (Number.isFinite(number) && number >= 0) return number
  throw new BadLineError(`${field} must be a number, zero or more, not ${quoteShortened(text)}`)
}

/** Parses an amount of the currency into units of 10^-9. */
function moneyOf(text: string | undefined): number | undefined {
  if (text === undefined) return undefined
  const units = unitsOf(text)
  if (units !== undefined && units <= BigInt(MAX_MONEY)) return Number(units)
  throw new BadLineError(
    `money must be an amount below nine million with at most nine decimals, not ${quoteShortened(text)}`,
  )
}

function currencyOf(text: string | undefined): string | undefined {
  if (text === undefined || isCurrency(text)) return text
  throw new BadLineError(`currency must be three capital letters such as USD, not ${quoteShortened(text)}`)
}

const MILLISECONDS: Readonly<Record<TimeUnit, number>> = { s: 1000, ms: 1, us: 1e-3, ns: 1e-6 }

/** Parses a number, by default of milliseconds, or a duration such as `1.5s`. */
function durationOf(text: string, unit: TimeUnit | undefined): number {
  const number = Number(text)
  if (Number.isFinite(number) && number >= 0) return number * MILLISECONDS[unit ?? 'ms']
  try {
    return parseDuration(text)
  } catch {
    throw new BadLineError(`duration must be a value such as 1.5s or 1500, not ${quoteShortened(text)}`)
  }
}
