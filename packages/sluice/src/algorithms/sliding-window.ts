import type { SlidingWindowLimit } from '../limits/limit.js'
import { fits, wholeUnitsLeft } from '../limits/tolerance.js'
import { type Algorithm, allowed, refused, type State } from './algorithm.js'
import { ageOfWindow } from './fixed-window.js'
import { NEWEST } from './verdict.js'

/**
 * The sliding window with two counters. It estimates the usage of the trailing period as if the
 * requests of the previous window were evenly spread: previous·(1 − elapsed/period) + current.
 * (Described by Cloudflare in "How we built rate limiting capable of scaling to millions of
 * domains", 2017.)
 *
 * **Bound**: at most `limit` by that estimate, and about `limit` in every trailing period for
 * evenly spread requests. With the worst timing, always less than 2·`limit` in a period. The token
 * bucket and the sliding log are exact to one request.
 *
 * Windows start with the first charge of a key. If the clock is set back before the start of a
 * window, the window starts now instead.
 */
export interface SlidingWindowState extends State {
  readonly start: number
  readonly previous: number
  readonly current: number
}

export const slidingWindow: Algorithm<SlidingWindowLimit, SlidingWindowState> = {
  fresh(_limit, now) {
    return { at: now, start: now, previous: 0, current: 0 }
  },

  advance({ period }, state, now) {
    const { start, previous, current } = state
    if (previous === 0 && current === 0) return { at: now, start: now, previous, current }
    if (now < start) return { at: now, start: now, previous, current }
    const windows = Math.floor((now - start) / period)
    if (windows === 0) return { at: now, start, previous, current }
    if (windows === 1 && current > 0) return { at: now, start: start + period, previous: current, current: 0 }
    return { at: now, start: now, previous: 0, current: 0 }
  },

  judge(limit, state, cost) {
    const after = slidingWindow.take(limit, state, cost, '')
    if (cost === 0 || fits(estimate(limit, after), limit.limit)) return verdictOn(limit, after, 0)
    return verdictOn(limit, state, cost)
  },

  // Without spread: see `fixed-window.ts`.
  take(_limit, { at, start, previous, current }, cost) {
    return { at, start, previous, current: current + cost }
  },

  settle(limit, state, taken, cost) {
    const difference = cost - taken.cost
    if (difference >= 0 || taken.at >= state.start) {
      const current = state.current + difference
      const fromPrevious = taken.at >= NEWEST ? Math.max(0, -current) : 0
      return {
        ...state,
        current: Math.max(0, current),
        previous: Math.max(0, state.previous - fromPrevious),
      }
    }
    const fromPrevious = taken.at >= state.start - limit.period
    return fromPrevious ? { ...state, previous: Math.max(0, state.previous + difference) } : state
  },

  usage(limit, state, now) {
    const current = slidingWindow.advance(limit, state, now)
    const units = estimate(limit, current)
    if (!(units > 0)) return undefined
    const since = current.previous > 0 ? current.start - limit.period : current.start
    return { units, sinceAge: now - since, lastAge: Math.max(0, now - state.at) }
  },

  fromUsage(limit, now, usage) {
    const start = now - ageOfWindow(limit.period, usage)
    return slidingWindow.advance(limit, { at: start, start, previous: 0, current: usage.units }, now)
  },

  idleAfter(limit, state) {
    if (state.current > 0) return state.start + 2 * limit.period - state.at
    return state.previous > 0 ? state.start + limit.period - state.at : 0
  },
}

function estimate(limit: SlidingWindowLimit, { at, start, previous, current }: SlidingWindowState): number {
  return previous * (1 - (at - start) / limit.period) + current
}

/**
 * Returns the verdict on a state.
 *
 * @param refusedCost the cost that did not fit; 0 if the cost fits and is already in the state
 */
function verdictOn(limit: SlidingWindowLimit, state: SlidingWindowState, refusedCost: number) {
  const remaining = wholeUnitsLeft(estimate(limit, state), limit.limit)
  const resetAfter = slidingWindow.idleAfter(limit, state)
  // All remaining units may be used now. They then belong to the window before the one in which the
  // next unit becomes free.
  const usedUp = { ...state, current: state.current + remaining }
  const moreAfter = resetAfter > 0 ? timeUntilRoomFor(limit, usedUp, 1) : 0
  if (refusedCost === 0) return allowed(state.at, remaining, resetAfter, moreAfter)
  return refused(state.at, remaining, resetAfter, moreAfter, timeUntilRoomFor(limit, state, refusedCost))
}

/**
 * Returns the milliseconds until `cost` fits if no other charge arrives; Infinity if it never does.
 */
function timeUntilRoomFor(limit: SlidingWindowLimit, state: SlidingWindowState, cost: number): number {
  if (cost > limit.limit) return Number.POSITIVE_INFINITY
  const { at, start, previous, current } = state
  const room = limit.limit - cost
  if (current <= room) {
    // It fits within this window once previous·(1 − elapsed/period) ≤ room − current.
    const elapsed = previous === 0 ? 0 : limit.period * (1 - (room - current) / previous)
    return Math.max(0, start + elapsed - at)
  }
  // It fits in the next window, where `current` has become `previous`.
  return start + limit.period + limit.period * (1 - room / current) - at
}
