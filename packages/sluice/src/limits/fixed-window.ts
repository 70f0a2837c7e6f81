import { type Algorithm, allowed, refused, type State } from './algorithm.js'
import { calendarWindow } from './calendar.js'
import { type FixedWindowLimit, fits, sameAlignment, usesWallTime, wholeUnitsLeft } from './limit.js'

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

  usedFraction(limit, state) {
    return state.count / limit.limit
  },

  withUsed(limit, now, fraction) {
    return inWindowAt(limit, now, fraction * limit.limit)
  },

  rescale(from, to, state) {
    const fraction = state.count / from.limit
    const count = fraction * to.limit
    if (from.period === to.period && sameAlignment(from, to)) return { ...state, count }
    if (usesWallTime(to)) return fixedWindow.withUsed(to, state.at, fraction)
    const start = state.at - ((state.at - state.start) * to.period) / from.period
    return { at: state.at, start, end: start + to.period, count }
  },

  idleAfter(_limit, state) {
    return state.count === 0 ? 0 : Math.max(0, state.end - state.at)
  },
}

/** The state in the window of this moment. */
function inWindowAt(limit: FixedWindowLimit, now: number, count: number): FixedWindowState {
  // States are written out, here and above: with objects that are spread into others a decision in memory takes 1.7 times as long.
  if (limit.align !== 'calendar') return { at: now, start: now, end: now + limit.period, count }
  const { start, end } = calendarWindow(now, limit.period, limit.timeZone)
  return { at: now, start, end, count }
}
