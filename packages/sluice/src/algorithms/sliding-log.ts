import type { SlidingLogLimit } from '../limits/limit.js'
import { fits, wholeUnitsLeft } from '../limits/tolerance.js'
import { type Algorithm, allowed, refused, type State } from './algorithm.js'

/**
 * The sliding log: every charge of the trailing period, with its time.
 *
 * **Bound**: at most `limit` in every trailing period (now − period, now], exactly. The price is an entry a request that
 * was allowed, so up to `limit` entries a key; for large limits the token bucket says nearly the same with two numbers.
 *
 * Under several periods every entry is kept for the longest of them, and each limit counts those of its own.
 *
 * When the clock is set back, charges that are dated later than now are dated now.
 */
export interface SlidingLogState extends State {
  /**
   * Times of the charges, rising, and the running sum of their costs up to and including each. What counts is
   * [head, length). A take appends to the arrays that the state before it had; what that one sees of them stays as it was.
   */
  readonly times: number[]
  readonly sums: number[]
  readonly head: number
  readonly length: number
  /** Entries are kept for this long, in milliseconds: the longest period that they were taken under. */
  readonly keptFor: number
  /** Until when that is needed, where something was taken under a shorter period since; else 0. */
  readonly keptUntil: number
}

/** Entries that no longer count are cut off once they are this many, and half of all. */
const COMPACT_FROM = 32

/** Into how many parts of a period entries are merged that another limit allowed. */
const MERGED_PARTS = 64

/** Beyond this a running sum starts again from 0: doubles would soon be too coarse to count single units on top of it. */
const REBASE_FROM = 2 ** 50

export const slidingLog: Algorithm<SlidingLogLimit, SlidingLogState> = {
  fresh({ period }, now) {
    return { at: now, times: [], sums: [], head: 0, length: 0, keptFor: period, keptUntil: 0 }
  },

  advance(limit, state, now) {
    const dated = now < state.at ? datedNoLaterThan(state, now) : state
    const { times, sums, length, keptFor, keptUntil } = dated
    let { head } = dated
    while (head < length && now - timeAt(dated, head) >= keptFor) head++
    if (head === length) return slidingLog.fresh(limit, now)
    // Written out: see `fixed-window.ts`.
    const next = { at: now, times, sums, head, length, keptFor, keptUntil }
    const wasteful = head >= COMPACT_FROM && head * 2 >= next.length
    return wasteful || sumBefore(next, head) > REBASE_FROM ? compacted(next) : next
  },

  judge(asked, kept, cost) {
    const state = within(asked.period, kept)
    // An entry is over as soon as it is forgotten, though this limit would count it for longer.
    const limit = asked.period > kept.keptFor ? { ...asked, period: kept.keptFor } : asked
    const used = usedOf(state)
    const remaining = wholeUnitsLeft(used, limit.limit)
    if (cost === 0 || fits(used + cost, limit.limit)) {
      const untilEmpty = cost > 0 ? asked.period : untilOver(state, limit.period)
      return allowed(
        state.at,
        wholeUnitsLeft(used + cost, limit.limit),
        untilEmpty,
        used > 0 ? untilOneLess(limit, state) : untilEmpty,
      )
    }
    const wait =
      cost > limit.limit ? Number.POSITIVE_INFINITY : untilGone(limit, state, used + cost - limit.limit)
    const moreAfter = used > 0 ? untilOneLess(limit, state) : 0
    return refused(state.at, remaining, untilOver(state, limit.period), moreAfter, wait)
  },

  take({ period }, state, cost) {
    return appended(keptUnder(period, state), cost)
  },

  settle(_limit, state, taken, cost) {
    const difference = cost - taken.cost
    if (difference > 0) return appended(state, difference)
    return difference === 0 ? state : givenBack(state, taken.at, -difference)
  },

  usage(limit, state, now) {
    const current = slidingLog.advance(limit, state, now)
    const units = usedOf(current)
    if (!(units > 0)) return undefined
    const last = timeAt(current, current.length - 1)
    return { units, sinceAge: now - timeAt(current, current.head), lastAge: now - last }
  },

  withUsage(limit, now, { units, lastAge }) {
    if (lastAge >= limit.period) return slidingLog.fresh(limit, now)
    return { ...appended(slidingLog.fresh(limit, now - lastAge), units), at: now }
  },

  idleAfter(_limit, state) {
    return untilOver(state, state.keptFor)
  },
}

/**
 * The state with what was taken under a limit that counts another way. That limit may allow far more requests than this
 * one. So once there are as many entries as this limit allows, entries less than 1/64 of a period apart become one, dated
 * as the last of them: the log has at most 130 entries more than its limit.
 */
export function takenBeside(limit: SlidingLogLimit, state: SlidingLogState, cost: number): SlidingLogState {
  return owedBeside(limit, keptUnder(limit.period, state), cost)
}

/** As `takenBeside`, for what a settlement charges in addition. */
export function owedBeside(limit: SlidingLogLimit, state: SlidingLogState, cost: number): SlidingLogState {
  const { at, head, length } = state
  const isShort = length - head < Math.max(2, limit.limit)
  if (isShort || at - timeAt(state, length - 2) >= limit.period / MERGED_PARTS) return appended(state, cost)
  const owner = ownerOf(state)
  const last = owner.length - 1
  owner.times[last] = at
  owner.sums[last] = (owner.sums[last] ?? 0) + Math.min(cost, Number.MAX_SAFE_INTEGER)
  return owner
}

/** The state with its entries kept for as long as it takes once something is taken under a limit of this period. */
function keptUnder(period: number, state: SlidingLogState): SlidingLogState {
  const { at, times, sums, head, length, keptFor, keptUntil } = state
  if (period >= keptFor || (keptUntil > 0 && at >= keptUntil))
    return { at, times, sums, head, length, keptFor: period, keptUntil: 0 }
  if (keptUntil > 0) return state
  // All entries so far were taken under the longer period.
  return { at, times, sums, head, length, keptFor, keptUntil: timeAt(state, length - 1) + keptFor }
}

/** Milliseconds until no entry is younger than a period. */
function untilOver(state: SlidingLogState, period: number): number {
  return state.length === state.head ? 0 : Math.max(0, timeAt(state, state.length - 1) + period - state.at)
}

/** The state with no more than counts in this period: the log keeps more where it was taken under a longer one. */
function within(period: number, state: SlidingLogState): SlidingLogState {
  if (period >= state.keptFor) return state
  let low = state.head
  let high = state.length
  while (low < high) {
    const middle = (low + high) >>> 1
    if (state.at - timeAt(state, middle) < period) high = middle
    else low = middle + 1
  }
  return { ...state, head: low }
}

function timeAt(state: SlidingLogState, index: number): number {
  return state.times[index] ?? state.at
}

function sumBefore(state: SlidingLogState, index: number): number {
  return index === 0 ? 0 : (state.sums[index - 1] ?? 0)
}

function usedOf(state: SlidingLogState): number {
  return sumBefore(state, state.length) - sumBefore(state, state.head)
}

/** The state with arrays of its own: those that another state has already appended to are not this one's to write to. */
function ownerOf(state: SlidingLogState): SlidingLogState {
  return state.times.length === state.length ? state : compacted(state)
}

function appended(state: SlidingLogState, cost: number): SlidingLogState {
  const owner = ownerOf(state)
  owner.times.push(owner.at)
  // Debt may be any number; an infinite sum could not be taken apart again.
  owner.sums.push(sumBefore(owner, owner.length) + Math.min(cost, Number.MAX_SAFE_INTEGER))
  const { at, times, sums, head, length, keptFor, keptUntil } = owner
  return { at, times, sums, head, length: length + 1, keptFor, keptUntil }
}

function compacted(state: SlidingLogState): SlidingLogState {
  const base = sumBefore(state, state.head)
  const times = state.times.slice(state.head, state.length)
  const sums = state.sums.slice(state.head, state.length).map((sum) => sum - base)
  const { at, keptFor, keptUntil } = state
  return { at, times, sums, head: 0, length: times.length, keptFor, keptUntil }
}

function datedNoLaterThan(state: SlidingLogState, now: number): SlidingLogState {
  const own = compacted(state)
  const keptUntil = Math.min(own.keptUntil, now + own.keptFor)
  return { ...own, times: own.times.map((time) => Math.min(time, now)), keptUntil }
}

function untilOneLess(limit: SlidingLogLimit, state: SlidingLogState): number {
  const debt = Math.max(0, usedOf(state) - limit.limit)
  return untilGone(limit, state, 1 + debt)
}

/** Milliseconds until the oldest entries that hold `amount` together no longer count. */
function untilGone(limit: SlidingLogLimit, state: SlidingLogState, amount: number): number {
  const target = sumBefore(state, state.head) + Math.min(amount, usedOf(state)) * (1 - 1e-12)
  let low = state.head
  let high = state.length - 1
  while (low < high) {
    const middle = (low + high) >>> 1
    if ((state.sums[middle] ?? 0) >= target) high = middle
    else low = middle + 1
  }
  return Math.max(0, timeAt(state, low) + limit.period - state.at)
}

/**
 * The state with so much given back of what was taken at `at`, as far as it still counts. All that was taken at one moment is over
 * at one moment, so that it does not matter which of its entries give back.
 */
function givenBack(state: SlidingLogState, at: number, amount: number): SlidingLogState {
  const own = compacted(state)
  let left = amount
  for (let entry = own.length - 1; entry >= 0 && timeAt(own, entry) >= at && left > 0; entry--) {
    if (timeAt(own, entry) > at) continue
    const given = Math.min(left, (own.sums[entry] ?? 0) - sumBefore(own, entry))
    if (given === 0) continue
    for (let later = entry; later < own.length; later++) own.sums[later] = (own.sums[later] ?? 0) - given
    left -= given
  }
  return withoutEmptyEnd(own)
}

/**
 * The state without the entries at its end that hold nothing any more. What was given back entirely is as if it had never come: else a log of
 * which nothing is used would not be as good as new before the last of them is over.
 */
function withoutEmptyEnd(own: SlidingLogState): SlidingLogState {
  const { times, sums } = own
  while (sums.length > 0 && sumBefore(own, sums.length) === sumBefore(own, sums.length - 1)) {
    sums.pop()
    times.pop()
  }
  return { ...own, length: sums.length }
}
