import type { SlidingLogLimit } from '../limits/limit.js'
import { fits, wholeUnitsLeft } from '../limits/tolerance.js'
import { type Algorithm, allowed, refused, type State } from './algorithm.js'
import { NEWEST } from './verdict.js'

/**
 * The sliding log: every charge of the trailing period, with its time.
 *
 * **Bound**: never more than `limit` in any trailing period (now − period, now]. This requires one
 * entry per admitted request, so up to `limit` entries per key. For large limits, a token bucket
 * achieves nearly the same with two numbers.
 *
 * If a key is counted under several periods, entries are kept for the longest of them, and each
 * limit counts the entries of its own period.
 *
 * If the clock is set back, charges with a later time are moved to the current time.
 */
export interface SlidingLogState extends State {
  /**
   * The times of the charges in ascending order, and the running sums of their costs. The entries
   * in [head, length) count. A take appends to the arrays of the previous state, whose own range
   * stays valid.
   */
  readonly times: number[]
  readonly sums: number[]
  readonly head: number
  readonly length: number
  /** How long entries are kept, in milliseconds: the longest period they were taken under. */
  readonly keptFor: number
  /** The time until which `keptFor` applies, after a take under a shorter period; otherwise 0. */
  readonly keptUntil: number
}

/**
 * Minimum number of expired entries before they are removed. They must also make up at least half
 * of all entries.
 */
const COMPACT_FROM = 32

/** Number of parts of a period. Entries taken under another limit are merged within one part. */
const MERGED_PARTS = 64

/** The running sum at which sums restart from 0. Larger doubles cannot count single units. */
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
    // Without spread: see `fixed-window.ts`.
    const next = { at: now, times, sums, head, length, keptFor, keptUntil }
    const isWasteful = head >= COMPACT_FROM && head * 2 >= next.length
    return isWasteful || sumBefore(next, head) > REBASE_FROM ? compacted(next) : next
  },

  judge(requested, stored, cost) {
    const state = within(requested.period, stored)
    // Entries are removed after `keptFor`, even if this limit would count them for longer.
    const limit = requested.period > stored.keptFor ? { ...requested, period: stored.keptFor } : requested
    const used = usedOf(state)
    const remaining = wholeUnitsLeft(used, limit.limit)
    if (cost === 0 || fits(used + cost, limit.limit)) {
      const untilEmpty = cost > 0 ? requested.period : untilEmptyOf(state, limit.period)
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
    return refused(state.at, remaining, untilEmptyOf(state, limit.period), moreAfter, wait)
  },

  take({ period }, state, cost) {
    return appended(keptUnder(period, state), cost)
  },

  settle(_limit, state, taken, cost) {
    const difference = cost - taken.cost
    if (difference > 0) return appended(state, difference)
    if (difference === 0) return state
    return taken.at >= NEWEST ? withoutNewest(state, -difference) : refunded(state, taken.at, -difference)
  },

  usage(limit, state, now) {
    const current = slidingLog.advance(limit, state, now)
    const units = usedOf(current)
    if (!(units > 0)) return undefined
    const last = timeAt(current, current.length - 1)
    return { units, sinceAge: now - timeAt(current, current.head), lastAge: now - last }
  },

  fromUsage(limit, now, { units, lastAge }) {
    if (lastAge >= limit.period) return slidingLog.fresh(limit, now)
    return { ...appended(slidingLog.fresh(limit, now - lastAge), units), at: now }
  },

  idleAfter(_limit, state) {
    return untilEmptyOf(state, state.keptFor)
  },
}

/**
 * Adds a charge that was taken under a limit of another algorithm, which may admit far more
 * requests. Once there are as many entries as this limit admits, entries less than 1/64 of a period
 * apart are merged and dated to the last of them. So the log has at most 130 entries more than its
 * limit.
 */
export function addTaken(limit: SlidingLogLimit, state: SlidingLogState, cost: number): SlidingLogState {
  return addDebt(limit, keptUnder(limit.period, state), cost)
}

/** Adds the debt of a settlement, merged like `addTaken`. */
export function addDebt(limit: SlidingLogLimit, state: SlidingLogState, cost: number): SlidingLogState {
  const { at, head, length } = state
  const isShort = length - head < Math.max(2, limit.limit)
  if (isShort || at - timeAt(state, length - 2) >= limit.period / MERGED_PARTS) return appended(state, cost)
  const owner = ownerOf(state)
  const last = owner.length - 1
  owner.times[last] = at
  owner.sums[last] = (owner.sums[last] ?? 0) + Math.min(cost, Number.MAX_SAFE_INTEGER)
  return owner
}

/** Returns the state with the retention that a take under this period requires. */
function keptUnder(period: number, state: SlidingLogState): SlidingLogState {
  const { at, times, sums, head, length, keptFor, keptUntil } = state
  if (period >= keptFor || (keptUntil > 0 && at >= keptUntil))
    return { at, times, sums, head, length, keptFor: period, keptUntil: 0 }
  if (keptUntil > 0) return state
  // All entries so far belong to the longer period.
  return { at, times, sums, head, length, keptFor, keptUntil: timeAt(state, length - 1) + keptFor }
}

/** Returns the milliseconds until every entry is older than a period. */
function untilEmptyOf(state: SlidingLogState, period: number): number {
  return state.length === state.head ? 0 : Math.max(0, timeAt(state, state.length - 1) + period - state.at)
}

/**
 * Returns the state without entries older than a period. The log may keep them for a longer period.
 */
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

/**
 * Returns a state that may append to its arrays. It copies them if another state has already
 * appended.
 */
function ownerOf(state: SlidingLogState): SlidingLogState {
  return state.times.length === state.length ? state : compacted(state)
}

function appended(state: SlidingLogState, cost: number): SlidingLogState {
  const owner = ownerOf(state)
  owner.times.push(owner.at)
  // Debt is unbounded, and an infinite sum could not be subtracted again.
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

/** Returns the milliseconds until the oldest entries, `amount` units in total, have expired. */
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
 * Refunds up to `amount` units of the charges at `at`, as far as they still count. Charges with the
 * same time expire together, so it does not matter which of them is refunded.
 */
function refunded(state: SlidingLogState, at: number, amount: number): SlidingLogState {
  const own = compacted(state)
  let left = amount
  for (let entry = own.length - 1; entry >= 0 && timeAt(own, entry) >= at && left > 0; entry--) {
    if (timeAt(own, entry) > at) continue
    const refund = Math.min(left, (own.sums[entry] ?? 0) - sumBefore(own, entry))
    if (refund === 0) continue
    for (let later = entry; later < own.length; later++) own.sums[later] = (own.sums[later] ?? 0) - refund
    left -= refund
  }
  return withoutEmptyEnd(own)
}

/** Refunds up to `amount` units of the newest entries. */
function withoutNewest(state: SlidingLogState, amount: number): SlidingLogState {
  const own = compacted(state)
  const { times, sums } = own
  const left = Math.max(0, sumBefore(own, own.length) - amount)
  while (sums.length > 0 && sumBefore(own, sums.length - 1) >= left) {
    sums.pop()
    times.pop()
  }
  if (sums.length > 0) sums[sums.length - 1] = left
  return { ...own, length: sums.length }
}

/**
 * Removes empty entries at the end. A fully refunded charge leaves no trace; otherwise an unused
 * log would not equal a fresh one before the entry expires.
 */
function withoutEmptyEnd(own: SlidingLogState): SlidingLogState {
  const { times, sums } = own
  while (sums.length > 0 && sumBefore(own, sums.length) === sumBefore(own, sums.length - 1)) {
    sums.pop()
    times.pop()
  }
  return { ...own, length: sums.length }
}
