import type { ConcurrencyState } from '../../algorithms/concurrency.js'
import type { Limit } from '../../limits/limit.js'
import { calendarWindow } from '../../time/calendar.js'
import type { AnyState } from './typed-states.js'

/** Numbers that are saved of a charge, by the kind of its state. */
export const WIDTHS: readonly number[] = [1, 2, 3, 3, 3, 4]
/** The most numbers that are saved of a charge. */
export const MAX_WIDTH = 4

/**
 * Returns a state that gives the same verdict on a charge that was taken as the one from which the
 * numbers were saved. For a log and for slots, three facts make the first and the last entry enough:
 * a charge that fits waits for one unit at most, every entry has units and every lease has slots,
 * and a charge of cost 0 to a limit in debt is not decided on numbers.
 */
export function savedState(limit: Limit, numbers: ArrayLike<number>, place: number, now: number): AnyState {
  const first = numbers[place] as number
  const second = numbers[place + 1] as number
  const third = numbers[place + 2] as number
  switch (limit.algorithm) {
    case 'token-bucket':
      return { at: now, level: first }
    case 'fixed-window': {
      const { period, timeZone, align } = limit
      const isCalendar = align === 'calendar'
      const end = isCalendar ? calendarWindow(first, period, timeZone).end : first + period
      return { at: isCalendar ? third : now, start: first, end, count: second }
    }
    case 'sliding-window':
      return { at: now, start: first, previous: second, current: third }
    case 'sliding-log': {
      // The first entry and the others: a charge that fits waits for one unit at most.
      const [times, sums] =
        first === 0
          ? [[], []]
          : [
              [second, third],
              [1, first],
            ]
      const log = { at: now, times, sums, head: 0, length: times.length, keptFor: limit.period, keptUntil: 0 }
      return log
    }
    case 'concurrency': {
      const leases: ConcurrencyState['leases'] = new Map()
      if (first > 0)
        leases.set('first', { until: second, slots: first }).set('last', { until: third, slots: 0 })
      return { at: now, leases, held: first, first: second, last: third }
    }
  }
}
