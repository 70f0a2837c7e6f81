import { EvaluationError } from '@marcbachmann/cel-js'

/** The largest CEL int (64 bits). */
export const MAX_INT = 2n ** 63n - 1n
const MIN_INT = -(2n ** 63n)

/** Maximum length of a string that is parsed as a number, in characters. */
const MAX_DIGITS = 100

/** Truncates a double. @throws EvaluationError if the result is out of range */
export function intOfDouble(value: number): bigint {
  // Doubles cannot represent the bounds exactly; the nearest double is out of range.
  if (value > -(2 ** 63) && value < 2 ** 63) return BigInt(Math.trunc(value))
  throw outOfRange()
}

export function intOfUint(value: { valueOf(): bigint }): bigint {
  return checkedInt(value.valueOf())
}

/** Parses decimal digits with an optional sign. */
export function intOfString(text: string): bigint {
  if (text.length > MAX_DIGITS || !/^[+-]?[0-9]+$/.test(text)) throw notANumber()
  const digits = BigInt(text.replace(/^[+-]/, ''))
  return checkedInt(text.startsWith('-') ? -digits : digits)
}

/** Parses a decimal number, an infinity or NaN. */
export function doubleOfString(text: string): number {
  if (text.length > MAX_DIGITS) throw notANumber()
  if (/^[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?$/.test(text)) {
    const value = Number(text)
    if (Number.isFinite(value)) return value
    throw outOfRange()
  }
  const infinite = /^([+-]?)inf(?:inity)?$/i.exec(text)
  if (infinite !== null) return infinite[1] === '-' ? Number.NEGATIVE_INFINITY : Number.POSITIVE_INFINITY
  if (/^nan$/i.test(text)) return Number.NaN
  throw notANumber()
}

/** @throws EvaluationError if the value does not fit into 64 bits */
export function checkedInt(value: bigint): bigint {
  if (value >= MIN_INT && value <= MAX_INT) return value
  throw outOfRange()
}

function outOfRange(): EvaluationError {
  return new EvaluationError({ code: 'numeric_overflow', message: 'a number is out of range' })
}

function notANumber(): EvaluationError {
  return new EvaluationError({ code: 'conversion_error', message: 'the string is not a number' })
}
