import type { FixedWindowLimit } from '../limits/limit.js'
import { fits, wholeUnitsLeft } from '../limits/tolerance.js'
import { calendarWindow } from '../time/calendar.js'
import { type Algorithm, allowed, refused, type State, type Usage } from './algorithm.js'

/**
 * The fixed window: a counter that starts again with each window.
 *
 * **Bound**: at most `limit` in a window, and so at most 2·`limit` in a period that straddles two windows. Who cannot
 * bear that takes a token bucket or a sliding log.
 *
 * `first-request`: a window opens with the first charge after the last one closed, and closes a period later.
 * `calendar`: the hour, day, week, month or year of a time zone; `now` is then the time since the epoch.
 *
 * When the clock is set back, a `first-request` window that opened in what is now the future is taken to open now. A
 * calendar window cannot be moved: the later one stays in force for a clock that trembles at midnight (by up to a
 * minute), and for a greater step its count is carried into the window that is right.
 */
export interface FixedWindowState extends State {
  readonly start: number
  readonly end: number
  readonly count: number
}

/** A step back by no more than this, in milliseconds, is taken for a tremble of the clock. */
const TREMBLE = 60_000

export const fixedWindow: Algorithm<FixedWindowLimit, FixedWindowState> = {
  fresh(limit, now) {
    return inWindowAt(limit, now, 0)
  },

  advance(limit, state, now) {
    if (now >= state.end || (state.count === 0 && limit.align !== 'calendar'))
      return fixedWindow.fresh(limit, now)
    if (now >= state.start || (limit.align === 'calendar' && state.start - now <= TREMBLE))
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

  withUsage(limit, now, usage) {
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
 * How long ago the window began that holds units which were counted another way. Units that one window cannot hold cannot
 * be dated: they count in the window that begins with the last of them, and so for one period at most.
 */
export function ageOfWindow(period: number, { sinceAge, lastAge }: Usage): number {
  return sinceAge - lastAge < period ? sinceAge : lastAge
}

/** The state in the window of this moment. */
function inWindowAt(limit: FixedWindowLimit, now: number, count: number): FixedWindowState {
  // States are written out, here and above: with objects that are spread into others a decision in memory takes 1.7 times as long.
  if (limit.align !== 'calendar') return { at: now, start: now, end: now + limit.period, count }
  const { start, end } = calendarWindow(now, limit.period, limit.timeZone)
  return { at: now, start, end, count }
}
