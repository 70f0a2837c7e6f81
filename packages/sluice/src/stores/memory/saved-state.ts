import type { ConcurrencyState } from '../../algorithms/concurrency.js'
import type { Limit } from '../../limits/limit.js'
import { calendarWindow } from '../../time/calendar.js'
import type { AnyState } from './typed-states.js'

/** Count of numbers saved for a charge, by the kind of its state. */
export const WIDTHS: readonly number[] = [1, 2, 3, 3, 3, 4]
/** Maximum count of numbers saved for a charge. */
export const MAX_WIDTH = 4

/**
 * Returns a state under which a taken charge gets the same verdict as under the original state,
 * from which the numbers were saved. For a log and for leases, the first and the last one suffice:
 *
 * - A charge that fits waits for at most one unit.
 * - Every entry has a cost above 0, and every lease has slots.
 * - `MemoryCharges` does not take a charge of cost 0 to a limit in debt.
 */
export function savedState(limit: Limit, numbers: ArrayLike<number>, base: number, now: number): AnyState {
  const first = numbers[base] as number
  const second = numbers[base + 1] as number
  const third = numbers[base + 2] as number
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
      // The first entry has one unit, and the last one represents all other units.
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
