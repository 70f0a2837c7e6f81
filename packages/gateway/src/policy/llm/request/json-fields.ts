import { RequestError } from 'sluice'

/** A parsed JSON object. Inherited properties are never read. */
export type Fields = Readonly<Record<string, unknown>>

/** Maximum token count that a member can state: a thousand times the largest context window. */
export const MAX_TOKENS = 1_000_000_000

/** Maximum number of answers per request. */
export const MAX_ANSWERS = 1024

export function isFields(value: unknown): value is Fields {
  return value !== null && typeof value === 'object' && !Array.isArray(value)
}

/** Returns an own member of an object; undefined if it is missing or the value is not an object. */
export function own(value: unknown, name: string): unknown {
  return isFields(value) && Object.hasOwn(value, name) ? value[name] : undefined
}

/** Returns a member as a list; empty if it is not a list. */
export function listOf(value: unknown, name: string): readonly unknown[] {
  const member = own(value, name)
  return Array.isArray(member) ? member : []
}

/**
 * Reads a whole number of the request; undefined if the member is missing or null.
 *
 * @throws RequestError for any other value, and for a number outside the range
 */
export function statedNumber(body: Fields, name: string, min: number, max: number): number | undefined {
  return checkedNumber(own(body, name), name, min, max)
}

/** Checks a value as `statedNumber` does. */
export function checkedNumber(value: unknown, name: string, min: number, max: number): number | undefined {
  if (value === undefined || value === null) return undefined
  if (typeof value === 'number' && Number.isInteger(value) && value >= min && value <= max) return value
  throw new RequestError(
    `'${name}' must be a whole number from ${min} to ${max}, not ${describeValue(value)}`,
  )
}

/** A member that can state the maximum output. */
export interface MaximumField {
  readonly name: string
  readonly value: unknown
}

/** Names of members for which -2 means to fill the context window. */
const FILLS_CONTEXT = /(^|[/_])n(um)?_predict$/

/**
 * Returns the maximum output of a request: the largest value of the given members. Returns
 * undefined if no member states a maximum, or if one means unlimited: -1, as in llama.cpp and LM
 * Studio, or 0, which some servers treat as unlimited.
 *
 * @throws RequestError that names the member
 */
export function statedMaximum(fields: readonly MaximumField[]): number | undefined {
  const maxima = fields.map(maximumIn).filter((maximum) => maximum !== undefined)
  const largest = Math.max(...maxima)
  return Number.isFinite(largest) ? largest : undefined
}

/** Reads the maximum output from members of one object, as `statedMaximum` does. */
export function maximumOf(body: unknown, ...names: readonly string[]): number | undefined {
  return statedMaximum(names.map((name) => ({ name, value: own(body, name) })))
}

function maximumIn({ name, value }: MaximumField): number | undefined {
  if (value === undefined || value === null) return undefined
  const fillsContext = value === -2 && FILLS_CONTEXT.test(name)
  if (value === 0 || value === -1 || fillsContext) return Number.POSITIVE_INFINITY
  if (typeof value === 'number' && Number.isInteger(value) && value > 0 && value <= MAX_TOKENS) return value
  throw new RequestError(
    `'${name}' must be a whole number from 1 to ${MAX_TOKENS}, or -1 for no maximum, not ${describeValue(value)}`,
  )
}

/**
 * Reads a boolean; `false` if the member is missing or null.
 *
 * @throws RequestError for any other value
 */
export function statedFlag(value: unknown, name: string): boolean {
  if (value === undefined || value === null) return false
  if (typeof value === 'boolean') return value
  throw new RequestError(`'${name}' must be true or false, not ${describeValue(value)}`)
}

/**
 * Reads the name of the model; undefined if it is missing or null.
 *
 * @throws RequestError if it is not a string
 */
export function statedModel(value: unknown): string | undefined {
  if (value === undefined || value === null) return undefined
  if (typeof value === 'string') return value
  throw new RequestError(`'model' must be a string, not ${describeValue(value)}`)
}

/** Describes a value for an error message: a shortened string, `a list` or `an object`. */
export function describeValue(value: unknown): string {
  if (typeof value === 'string') return `'${value.slice(0, 40)}'`
  if (Array.isArray(value)) return 'a list'
  return isFields(value) ? 'an object' : String(value)
}
