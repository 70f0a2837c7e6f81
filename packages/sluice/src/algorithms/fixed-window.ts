import type { FixedWindowLimit } from '../limits/limit.js'
import { fits, wholeUnitsLeft } from '../limits/tolerance.js'
import { calendarWindow } from '../time/calendar.js'
import { type Algorithm, allowed, refused, type State, type Usage } from './algorithm.js'

/**
 * The fixed window: a counter that restarts with each window.
 *
 * **Bound**: at most `limit` in a window, and therefore at most 2·`limit` in a period that
 * straddles two windows. A token bucket or a sliding log avoids this.
 *
 * - `first-request`: a window opens with the first charge after the last one closed, and closes a
 *   period later.
 * - `calendar`: windows are hours, days, weeks, months or years of a time zone; `now` is the time
 *   since the epoch.
 *
 * If the clock is set back, a `first-request` window that opened in the future opens now instead. A
 * calendar window cannot move. After a step of up to a minute, such as clock jitter at midnight,
 * the later window stays in use. After a larger step, its count is carried over to the correct
 * window.
 */
export interface FixedWindowState extends State {
  readonly start: number
  readonly end: number
  readonly count: number
}

/** The largest backward step that is treated as clock jitter, in milliseconds. */
const MAX_JITTER_MS = 60_000

export const fixedWindow: Algorithm<FixedWindowLimit, FixedWindowState> = {
  fresh(limit, now) {
    return inWindowAt(limit, now, 0)
  },

  advance(limit, state, now) {
    if (now >= state.end || (state.count === 0 && limit.align !== 'calendar'))
      return fixedWindow.fresh(limit, now)
    if (now >= state.start || (limit.align === 'calendar' && state.start - now <= MAX_JITTER_MS))
      return { at: now, start: state.start, end: state.end, count: state.count }
    return inWindowAt(limit, now, state.count)
  },

  judge(limit, { at, end, count }, cost) {
    const after = count + cost
    if (cost === 0 || fits(after, limit.limit)) {
      const untilEmpty = after > 0 ? end - at : 0
      return allowed(at, wholeUnitsLeft(after, limit.limit), untilEmpty, untilEmpty)
    }
    const untilEmpty = count > 0 ? end - at : 0
    const wait = cost > limit.limit ? Number.POSITIVE_INFINITY : end - at
    return refused(at, wholeUnitsLeft(count, limit.limit), untilEmpty, untilEmpty, wait)
  },

  take(_limit, { at, start, end, count }, cost) {
    return { at, start, end, count: count + cost }
  },

  settle(_limit, state, taken, cost) {
    const difference = cost - taken.cost
    const fromThisWindow = taken.at >= state.start
    if (difference < 0 && !fromThisWindow) return state
    return { ...state, count: Math.max(0, state.count + difference) }
  },

  usage(_limit, { at, start, end, count }, now) {
    if (count === 0 || now >= end) return undefined
    return { units: count, sinceAge: Math.max(0, now - start), lastAge: Math.max(0, now - at) }
  },

  fromUsage(limit, now, usage) {
    if (limit.align === 'calendar') {
      const state = inWindowAt(limit, now, usage.units)
      return now - usage.lastAge >= state.start ? state : { ...state, count: 0 }
    }
    const start = now - ageOfWindow(limit.period, usage)
    if (now - start >= limit.period) return fixedWindow.fresh(limit, now)
    return { at: now, start, end: start + limit.period, count: usage.units }
  },

  idleAfter(_limit, state) {
    return state.count === 0 ? 0 : Math.max(0, state.end - state.at)
  },
}

/**
 * Returns the age of the window for usage under another limit. Usage that spans more than a period
 * cannot be dated: it counts in a window that starts with its newest unit, and therefore for at
 * most one period.
 */
export function ageOfWindow(period: number, { sinceAge, lastAge }: Usage): number {
  return sinceAge - lastAge < period ? sinceAge : lastAge
}

/** Returns a state in the window that contains `now`. */
function inWindowAt(limit: FixedWindowLimit, now: number, count: number): FixedWindowState {
  // Here and above, states are literals without spread, because spread makes a decision take 1.7
  // times as long.
  if (limit.align !== 'calendar') return { at: now, start: now, end: now + limit.period, count }
  const { start, end } = calendarWindow(now, limit.period, limit.timeZone)
  return { at: now, start, end, count }
}
