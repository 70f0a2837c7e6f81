import { parseDuration } from 'sluice'
import type { Cells } from './cells.js'
import type { SenderIds } from './sender-ids.js'
import type { Timestamps, TimeUnit } from './timestamps.js'
import { BadLineError, shown, type TraceRequest } from './trace-request.js'

/** What the columns of a trace can say of a request. Headers are `header:NAME`. */
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
  'duration',
] as const

export type Field = (typeof FIELDS)[number]

/** The place of each field among the cells of a line; -1 where it has none. */
export type Places = Readonly<Record<Field, number>>

export const NOWHERE = placesOf(() => -1)

export function placesOf(placeOf: (field: Field) => number): Places {
  return Object.fromEntries(FIELDS.map((field) => [field, placeOf(field)])) as Places
}

/** Units of the fields that are times, where they are known. */
export interface FieldUnits {
  readonly time: TimeUnit | undefined
  readonly duration: TimeUnit | undefined
}

/** Longest client, tier and address, in characters: what limiters take of a client. */
const MAX_NAME = 256
const MAX_TARGET = 8192

/**
 * Makes a request of what a line says.
 *
 * @throws BadLineError
 */
export function requestOf(
  cells: Cells,
  places: Places,
  moments: Timestamps,
  senders: SenderIds,
  units: FieldUnits,
  headers: Readonly<Record<string, string>> | undefined,
): TraceRequest {
  const time = cells.text(places.time)
  if (time === undefined) throw new BadLineError('it has no time')
  const [method, target] = hasTarget(places)
    ? methodAndTarget(cells.text(places.method), cells.text(places.path))
    : NO_TARGET
  const at = moments.read(time, units.time)
  const client = nameOf('client', cells.text(places.client))
  const ip = nameOf('ip', cells.text(places.ip))
  const duration = cells.text(places.duration)
  return {
    at,
    client,
    sender: senders.number(client, ip),
    tier: senders.tier(nameOf('tier', cells.text(places.tier))),
    ip,
    method,
    target,
    headers,
    input: countAt('input_tokens', cells, places.input_tokens),
    output: countAt('output_tokens', cells, places.output_tokens),
    cached: countAt('cached_tokens', cells, places.cached_tokens),
    maxOutput: countAt('max_tokens', cells, places.max_tokens),
    cost: numberOf('cost', cells.text(places.cost)),
    costs: undefined,
    duration: duration === undefined ? undefined : durationOf(duration, units.duration),
  }
}

const NO_TARGET = [undefined, undefined] as const

function hasTarget({ method, path }: Places): boolean {
  return method >= 0 || path >= 0
}

/** `POST /predict` may stand in one column. */
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

/** A client, tier or address, as long as it may be. @throws BadLineError */
export function nameOf(field: string, text: string | undefined): string | undefined {
  return text === undefined ? undefined : textOf(field, text, MAX_NAME)
}

/** A path and query, as long as they may be. @throws BadLineError */
export function targetOf(text: string): string {
  return textOf('path', text, MAX_TARGET)
}

function textOf(field: string, text: string, most: number): string {
  if (text.length <= most) return text
  throw new BadLineError(`its ${field} has more than ${most} characters`)
}

/** Most counts are written as plain digits. */
function countAt(field: string, cells: Cells, place: number): number | undefined {
  if (place < 0) return undefined
  const count = cells.digits(place)
  return count >= 0 ? count : countOf(field, cells.text(place))
}

/** Tokens are counted whole. */
function countOf(field: string, text: string | undefined): number | undefined {
  const number = numberOf(field, text)
  if (number === undefined || Number.isSafeInteger(number)) return number
  throw new BadLineError(`its ${field} ${shown(text ?? '')} is no whole number`)
}

function numberOf(field: string, text: string | undefined): number | undefined {
  if (text === undefined) return undefined
  const number = Number(text)
  if (Number.isFinite(number) && number >= 0) return number
  throw new BadLineError(`its ${field} ${shown(text)} is no number, zero or more`)
}

const MILLISECONDS: Readonly<Record<TimeUnit, number>> = { s: 1000, ms: 1, us: 1e-3, ns: 1e-6 }

/** A number, of milliseconds where nothing says its unit, or a text such as `1.5s`. */
function durationOf(text: string, unit: TimeUnit | undefined): number {
  const number = Number(text)
  if (Number.isFinite(number) && number >= 0) return number * MILLISECONDS[unit ?? 'ms']
  try {
    return parseDuration(text)
  } catch {
    throw new BadLineError(`its duration ${shown(text)} is none, such as 1.5s or 1500`)
  }
}
