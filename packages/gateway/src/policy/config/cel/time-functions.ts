import { offsetAt } from 'sluice/internal'

/** The type of `now`, as CEL names it. */
export const TIMESTAMP = 'google.protobuf.Timestamp'

/**
 * The parts of a time in a time zone, by the names of CEL's functions. As in CEL's specification,
 * months, days of the year and `getDayOfMonth` count from 0, `getDate` from 1, and Sunday is 0.
 *
 * @param local a date whose UTC parts are those of the wall clock in the time zone
 */
const PARTS: Readonly<Record<string, (local: Date) => number>> = {
  getFullYear: (local) => local.getUTCFullYear(),
  getMonth: (local) => local.getUTCMonth(),
  getDate: (local) => local.getUTCDate(),
  getDayOfMonth: (local) => local.getUTCDate() - 1,
  getDayOfWeek: (local) => local.getUTCDay(),
  getDayOfYear: (local) =>
    (Date.UTC(local.getUTCFullYear(), local.getUTCMonth(), local.getUTCDate()) -
      Date.UTC(local.getUTCFullYear(), 0, 1)) /
    86_400_000,
  getHours: (local) => local.getUTCHours(),
  getMinutes: (local) => local.getUTCMinutes(),
  getSeconds: (local) => local.getUTCSeconds(),
}

/** The names of the functions, each of which requires a time zone. */
export const ZONED_FUNCTIONS: readonly string[] = Object.keys(PARTS)

/**
 * Returns the functions by name and signature. The evaluator's own functions read the wall clock
 * through the time zone of the process, and are wrong around changes of its clocks.
 */
export function timeFunctions(prefix: string): Record<string, Record<string, (...args: never[]) => unknown>> {
  return Object.fromEntries(
    Object.entries(PARTS).map(([name, part]) => {
      const inZone = (time: Date, zone: string) =>
        BigInt(part(new Date(time.getTime() + offsetAt(time.getTime(), zone))))
      return [name, { [`${TIMESTAMP}.${prefix}${name}(string): int`]: inZone }]
    }),
  )
}

/** Reports whether a string is the name of a time zone. */
export function isTimeZone(zone: string): boolean {
  try {
    return new Intl.DateTimeFormat('en-US', { timeZone: zone }) !== undefined
  } catch {
    return false
  }
}
