import { EvaluationError } from '@marcbachmann/cel-js'

/** CEL's conversions between numbers and strings, as its specification has them: what is out of range is an error. */

export const MAX_INT = 2n ** 63n - 1n
const MIN_INT = -(2n ** 63n)

/** Longest string that is read as a number, in characters: more digits than any number needs. */
const MAX_DIGITS = 100

export function intOfDouble(value: number): bigint {
  // The bounds themselves are no doubles: what is nearest to them is outside.
  if (value > -(2 ** 63) && value < 2 ** 63) return BigInt(Math.trunc(value))
  throw outOfRange()
}

export function intOfUint(value: { valueOf(): bigint }): bigint {
  return checkedInt(value.valueOf())
}

/** Decimal digits with a sign before them or none. */
export function intOfString(text: string): bigint {
  if (text.length > MAX_DIGITS || !/^[+-]?[0-9]+$/.test(text)) throw noNumber()
  const digits = BigInt(text.replace(/^[+-]/, ''))
  return checkedInt(text.startsWith('-') ? -digits : digits)
}

/** A decimal number, an infinity or NaN. */
export function doubleOfString(text: string): number {
  if (text.length > MAX_DIGITS) throw noNumber()
  if (/^[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?$/.test(text)) {
    const value = Number(text)
    if (Number.isFinite(value)) return value
    throw outOfRange()
  }
  const infinite = /^([+-]?)inf(?:inity)?$/i.exec(text)
  if (infinite !== null) return infinite[1] === '-' ? Number.NEGATIVE_INFINITY : Number.POSITIVE_INFINITY
  if (/^nan$/i.test(text)) return Number.NaN
  throw noNumber()
}

/** @throws EvaluationError for what 64 bits do not hold. */
export function checkedInt(value: bigint): bigint {
  if (value >= MIN_INT && value <= MAX_INT) return value
  throw outOfRange()
}

function outOfRange(): EvaluationError {
  return new EvaluationError({ code: 'numeric_overflow', message: 'a number is out of range' })
}

function noNumber(): EvaluationError {
  return new EvaluationError({ code: 'conversion_error', message: 'a string is not a number' })
}
