// Money is counted in whole units of 10^-9 of a currency, so sums of prices are exact.

/** Units of money per unit of a currency. */
export const UNITS_PER_CURRENCY = 1_000_000_000

/** Digits after the decimal point that the units can represent. */
export const MONEY_DECIMALS = 9

/** The resource that rules with amounts of money count. */
export const MONEY = 'money'

/** The largest amount that can be counted, in units: about nine million of a currency. */
export const MAX_MONEY = Number.MAX_SAFE_INTEGER

/** Reports whether a string has the form of a currency code: three capital letters. */
export function isCurrency(code: unknown): code is string {
  return typeof code === 'string' && /^[A-Z]{3}$/.test(code)
}

const DECIMAL = /^([0-9]{1,400})(?:\.([0-9]{1,400}))?(?:e([+-]?[0-9]{1,3}))?$/i

/**
 * Converts a decimal number, such as `0.5`, `2e3` or the string of a JavaScript number, to units
 * of 10^-9. The result is exact.
 *
 * @returns undefined if it is not a decimal number, or has more than nine digits after the point
 */
export function unitsOf(decimal: string): bigint | undefined {
  const [, whole, fraction = '', exponent = '0'] = DECIMAL.exec(decimal) ?? []
  if (whole === undefined) return undefined
  const digits = BigInt(whole + fraction)
  const shift = Number(exponent) - fraction.length + MONEY_DECIMALS
  if (shift >= 0) return digits * 10n ** BigInt(shift)
  const divisor = 10n ** BigInt(-shift)
  return digits % divisor === 0n ? digits / divisor : undefined
}

/**
 * Formats an amount of money without losing digits: `20 USD`, `12.30 USD`, `0.000125 USD`. An
 * amount that is not whole has at least two digits after the point.
 *
 * @param units whole units of 10^-9 of the currency, 0 or more; fractions are rounded down
 * @param currency the code of the currency, such as `USD`
 */
export function formatMoney(units: number, currency: string): string {
  return `${formatUnits(units)} ${currency}`
}

/** Formats an amount as `formatMoney` does, without the currency. A sum may be a bigint of any size. */
export function formatUnits(units: number | bigint): string {
  if (typeof units === 'bigint') {
    const perCurrency = BigInt(UNITS_PER_CURRENCY)
    return decimal(String(units / perCurrency), Number(units % perCurrency))
  }
  const whole = Math.max(0, Math.floor(units))
  const rest = whole % UNITS_PER_CURRENCY
  return decimal(String((whole - rest) / UNITS_PER_CURRENCY), rest)
}

/** @param rest the units that are less than one of the currency */
function decimal(integer: string, rest: number): string {
  if (rest === 0) return integer
  const decimals = String(rest).padStart(MONEY_DECIMALS, '0').replace(/0+$/, '')
  return `${integer}.${decimals.padEnd(2, '0')}`
}
