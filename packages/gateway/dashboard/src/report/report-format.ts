// Unabbreviated formats for numbers and times in a report.

const decimal = new Intl.NumberFormat('en', { maximumFractionDigits: 2 })
const day = new Intl.DateTimeFormat('en-GB', { dateStyle: 'medium', timeStyle: 'medium', timeZone: 'UTC' })

export function number(value: number): string {
  return decimal.format(value)
}

/** Formats a number with a noun: `1 line`, `2 lines`. */
export function counted(value: number, noun: string): string {
  return `${number(value)} ${noun}${value === 1 ? '' : 's'}`
}

/** Formats a fraction as a percentage: `12.5 %`. A fraction above zero is never shown as `0 %`. */
export function part(of: number, all: number): string {
  const points = all === 0 ? 0 : (of / all) * 100
  if (points > 0 && points < 0.01) return '<0.01 %'
  return `${points === 0 ? '0' : points.toFixed(points < 1 ? 2 : 1)} %`
}

export function moment(at: number): string {
  return `${day.format(at)} UTC`
}

/** Formats the period that a point covers: `second`, `30 seconds`, `4 minutes`. */
export function bucketLength(milliseconds: number): string {
  const seconds = milliseconds / 1000
  if (seconds < 120) return seconds === 1 ? 'second' : `${number(seconds)} seconds`
  return seconds < 7200 ? `${number(seconds / 60)} minutes` : `${number(seconds / 3600)} hours`
}

/** Reports whether a clause of an objective limits refusals rather than admissions. */
export function isRefusal(clause: string): boolean {
  return /^refuse/i.test(clause)
}
