import { formatMoney, MAX_MONEY, unitsOf } from './money.js'
import type { Scanner } from './scanner.js'

/** Examples of limit strings, for error messages. */
export const EXAMPLE = "as in '10/minute', '5 per 300 seconds' or '10/5m burst 20'"

const SUFFIXES: ReadonlyMap<string, number> = new Map([
  ['k', 1e3],
  ['K', 1e3],
  ['M', 1e6],
  ['G', 1e9],
])

/** A number of units, or an amount of money in units of 10^-9 of its currency. */
export interface Count {
  readonly units: number
  readonly currency: string | undefined
}

/**
 * Reads a number of units, or an amount of money.
 *
 * @param subject names the count in errors, such as `the burst`
 * @param unit the currency of the limit that the count belongs to; undefined for the limit itself
 */
export function readCount(
  scanner: Scanner,
  subject: string,
  min = 1,
  unit?: { readonly currency?: string },
): Count {
  const at = scanner.position()
  const digits = scanner.take(/[0-9]{1,32}(\.[0-9]{1,32})?/y)
  if (digits === undefined) return scanner.fail(`expected a number for ${subject}, ${EXAMPLE}`)
  const suffixAt = at + digits.length
  // A currency may follow the number without a space. `PER` is the word, not a currency.
  const suffix = scanner.takeHere(/(?![A-Z]{3}\b)[a-zA-Z]+/y)
  const factor = suffix === undefined ? 1 : SUFFIXES.get(suffix)
  if (factor === undefined)
    return scanner.fail(`'${suffix}' is not a multiplier; use k, M or G, as in '100k/minute'`, suffixAt)
  const currencyAt = scanner.position()
  const currency = scanner.take(/(?!PER\b)[A-Z]{3}\b/y)
  if (unit !== undefined && currency !== undefined && currency !== unit.currency)
    return scanner.fail(
      unit.currency === undefined
        ? `${subject} cannot be an amount of money, because the limit is not one`
        : `${subject} must be in ${unit.currency}, like the limit, not in ${currency}`,
      currencyAt,
    )
  const written = `${digits}${suffix ?? ''}`
  const moneyIn = unit?.currency ?? currency
  if (moneyIn !== undefined)
    return { units: readMoney(scanner, digits, factor, `${written} ${moneyIn}`, min, at), currency: moneyIn }
  const product = Number(digits) * factor
  const scaled = Number.isInteger(product) ? product : Math.round(product * 1e9) / 1e9
  if (!Number.isSafeInteger(scaled) || /\.[0-9]{10}/.test(digits)) {
    return scanner.fail(
      `${written} is not a whole number below 2^53; for less than one unit, lengthen the period, as in '1 per 2 seconds'`,
      at,
    )
  }
  if (scaled < min) return scanner.fail('a limit of zero would refuse every request; the minimum is 1', at)
  return { units: scaled, currency: undefined }
}

function readMoney(
  scanner: Scanner,
  digits: string,
  factor: number,
  written: string,
  min: number,
  at: number,
): number {
  const units = unitsOf(digits)
  if (units === undefined)
    return scanner.fail(`${written} has more than nine digits after the point; round it`, at)
  const scaled = units * BigInt(factor)
  if (scaled > BigInt(MAX_MONEY)) {
    const currency = written.slice(-3)
    return scanner.fail(
      `${written} is too much to be counted; the largest amount is ${formatMoney(MAX_MONEY, currency)}`,
      at,
    )
  }
  if (scaled < BigInt(min))
    return scanner.fail(`a limit of zero would refuse every request; write an amount above 0`, at)
  return Number(scaled)
}
