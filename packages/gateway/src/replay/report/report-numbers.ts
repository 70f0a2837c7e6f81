import { formatMoney, formatWait } from 'sluice'

// Number formats of reports, which do not depend on the locale of the machine.

/** Formats a number as `1,234,567`, with up to two decimals. */
export function formatNumber(number: number): string {
  const [whole = '', fraction] = (Math.round(number * 100) / 100).toString().split('.')
  const grouped = whole.replaceAll(/\B(?=(\d{3})+$)/g, ',')
  return fraction === undefined ? grouped : `${grouped}.${fraction}`
}

/** Formats units, or an amount of money in units of 10^-9. */
export function formatAmount(units: number, currency: string | undefined): string {
  return currency === undefined ? formatNumber(units) : formatMoney(units, currency)
}

/** Formats a number with a noun: `1 line`, `2 lines`. */
export function formatQuantity(number: number, noun: string): string {
  return `${formatNumber(number)} ${noun}${number === 1 ? '' : 's'}`
}

/** Formats a fraction from 0 to 1 as `12.5 %`. Small fractions are never shown as zero. */
export function formatPercent(fraction: number): string {
  const points = fraction * 100
  if (points === 0) return '0 %'
  if (points < 0.01) return '< 0.01 %'
  return `${points < 1 ? points.toFixed(2) : points.toFixed(1)} %`
}

/** Returns a number as a fraction of a total; 0 if the total is 0. */
export function fractionOf(number: number, total: number): number {
  return total === 0 ? 0 : number / total
}

/** Formats a duration: `250 ms`, `1.5 s`, `4 minutes`. */
export function formatLength(milliseconds: number): string {
  if (milliseconds < 1000) return `${Math.round(milliseconds)} ms`
  return milliseconds < 120_000 ? `${Math.round(milliseconds / 100) / 10} s` : formatWait(milliseconds)
}

/** Formats a time: `2023-11-16 18:15:46 UTC`. */
export function formatTime(at: number): string {
  return `${new Date(at).toISOString().slice(0, 19).replace('T', ' ')} UTC`
}
