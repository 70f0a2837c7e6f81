import { RequestError } from 'sluice'

/** A JSON object as it was parsed. What it inherits is never read. */
export type Fields = Readonly<Record<string, unknown>>

/** The most tokens that one field may state: a thousand times the largest context window there is. */
export const MAX_TOKENS = 1_000_000_000

/** The most answers that one request may ask for. */
export const MAX_ANSWERS = 1024

export function isFields(value: unknown): value is Fields {
  return value !== null && typeof value === 'object' && !Array.isArray(value)
}

/** The object's own member; undefined where it has none, or is no object. */
export function own(value: unknown, name: string): unknown {
  return isFields(value) && Object.hasOwn(value, name) ? value[name] : undefined
}

/** The member as a list; an empty one where it is none. */
export function listOf(value: unknown, name: string): readonly unknown[] {
  const member = own(value, name)
  return Array.isArray(member) ? member : []
}

/**
 * A whole number that the request states; undefined where the field is missing or null.
 *
 * @throws RequestError for everything else, and for what is outside of the range.
 */
export function statedNumber(body: Fields, name: string, least: number, most: number): number | undefined {
  return checkedNumber(own(body, name), name, least, most)
}

/** As `statedNumber`, of a value that was found. */
export function checkedNumber(value: unknown, name: string, least: number, most: number): number | undefined {
  if (value === undefined || value === null) return undefined
  if (typeof value === 'number' && Number.isInteger(value) && value >= least && value <= most) return value
  throw new RequestError(`'${name}' is a whole number from ${least} to ${most}, not ${shown(value)}`)
}

/** A field that may state the most tokens of output. */
export interface MaximumField {
  readonly name: string
  readonly value: unknown
}

/** Fields in which -2 fills the context window. */
const FILLS_CONTEXT = /(^|[/_])n(um)?_predict$/

/**
 * The most tokens of output that a request allows: the largest of its fields. Undefined where none states a maximum, and
 * where one says that there is none: -1 does, as llama.cpp and LM Studio have it, and 0, which some servers take for that.
 *
 * @throws RequestError that names the field.
 */
export function statedMaximum(fields: readonly MaximumField[]): number | undefined {
  const maxima = fields.map(maximumIn).filter((maximum) => maximum !== undefined)
  const largest = Math.max(...maxima)
  return Number.isFinite(largest) ? largest : undefined
}

/** As `statedMaximum`, of members of one object. */
export function maximumOf(body: unknown, ...names: readonly string[]): number | undefined {
  return statedMaximum(names.map((name) => ({ name, value: own(body, name) })))
}

function maximumIn({ name, value }: MaximumField): number | undefined {
  if (value === undefined || value === null) return undefined
  const fillsContext = value === -2 && FILLS_CONTEXT.test(name)
  if (value === 0 || value === -1 || fillsContext) return Number.POSITIVE_INFINITY
  if (typeof value === 'number' && Number.isInteger(value) && value > 0 && value <= MAX_TOKENS) return value
  throw new RequestError(
    `'${name}' must be a whole number from 1 to ${MAX_TOKENS}, or -1 for no maximum; it is ${shown(value)}`,
  )
}

/** `true` or `false`; `false` where the field is missing or null. @throws RequestError for everything else. */
export function statedFlag(value: unknown, name: string): boolean {
  if (value === undefined || value === null) return false
  if (typeof value === 'boolean') return value
  throw new RequestError(`'${name}' is true or false, not ${shown(value)}`)
}

/** The model's name, where there is one. @throws RequestError where it is no text. */
export function statedModel(value: unknown): string | undefined {
  if (value === undefined || value === null) return undefined
  if (typeof value === 'string') return value
  throw new RequestError(`'model' is a text, not ${shown(value)}`)
}

/** A value in an error, short whatever it is. */
export function shown(value: unknown): string {
  if (typeof value === 'string') return `'${value.slice(0, 40)}'`
  if (Array.isArray(value)) return 'a list'
  return isFields(value) ? 'an object' : String(value)
}
