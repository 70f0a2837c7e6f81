/** A month in UTC, such as `2026-11`. */
export type Month = string

/** Number of months for which the ledger keeps a month after it has ended. */
export const MONTHS_KEPT = 13

/** Returns the month of a day or time such as `2026-11-05` or `2026-11-05T10:00:00Z`. */
export function monthOf(day: string): Month {
  return day.slice(0, 7)
}

/** Returns the day in UTC of a time in milliseconds since the epoch, such as `2026-11-05`. */
export function dayAt(time: number): string {
  return new Date(time).toISOString().slice(0, 10)
}

/** Returns the month that is `count` months after another; before it if negative. */
export function monthAfter(month: Month, count: number): Month {
  return dayAt(startOf(month, count)).slice(0, 7)
}

/** Returns the last day of a month. */
export function lastDayOf(month: Month): string {
  return dayAt(startOf(month, 1) - 1)
}

/** Returns when the ledger forgets a month, in milliseconds since the epoch. */
export function expiryOf(month: Month): number {
  return startOf(month, 1 + MONTHS_KEPT)
}

/** Lists the months that the ledger keeps at a time, the oldest first. */
export function keptMonths(now: number): readonly Month[] {
  const current = monthOf(dayAt(now))
  return Array.from({ length: MONTHS_KEPT + 1 }, (_, index) => monthAfter(current, index - MONTHS_KEPT))
}

/** Returns the start of the month that is `after` months after another. */
function startOf(month: Month, after: number): number {
  const [year = 0, number = 0] = month.split('-').map(Number)
  return Date.UTC(year, number - 1 + after)
}
