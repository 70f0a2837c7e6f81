/** Numbers and moments of a report, in full: whoever reads it may count on them. */

const whole = new Intl.NumberFormat('en', { maximumFractionDigits: 2 })
const day = new Intl.DateTimeFormat('en-GB', { dateStyle: 'medium', timeStyle: 'medium', timeZone: 'UTC' })

export function number(value: number): string {
  return whole.format(value)
}

/** `12.5 %`; what is more than nothing is not shown as nothing. */
export function part(of: number, all: number): string {
  const points = all === 0 ? 0 : (of / all) * 100
  if (points > 0 && points < 0.01) return '<0.01 %'
  return `${points === 0 ? '0' : points.toFixed(points < 1 ? 2 : 1)} %`
}

export function moment(at: number): string {
  return `${day.format(at)} UTC`
}

/** `second`, `30 seconds`, `4 minutes`: how long a stretch of a plot is. */
export function bucketLength(milliseconds: number): string {
  const seconds = milliseconds / 1000
  if (seconds < 120) return seconds === 1 ? 'second' : `${number(seconds)} seconds`
  return seconds < 7200 ? `${number(seconds / 60)} minutes` : `${number(seconds / 3600)} hours`
}

/** Whether a clause of a wish is about what is refused; else it is about what is let in. */
export function isRefusal(clause: string): boolean {
  return /^refuse/i.test(clause)
}
