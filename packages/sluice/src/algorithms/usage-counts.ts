import { countsSlots, hasCompatibleState, type Limit, usesWallTime } from '../limits/limit.js'
import type { State, Usage } from './algorithm.js'
import type { ConcurrencyState } from './concurrency.js'
import { algorithmOf } from './registry.js'
import { addDebt, addTaken, type SlidingLogState } from './sliding-log.js'
import type { TokenBucketState } from './token-bucket.js'
import type { Taken } from './verdict.js'

/**
 * The usage of one key under one kind of limit: the limit of the last take, and its state.
 *
 * A key whose limit changes has one count for each kind in use (`hasCompatibleState`), for example
 * a minute and a day window, or a bucket and a log. A charge is added to all counts, so a client
 * gains nothing by switching between limits. A limit of a new kind starts from the usage
 * in the other counts (`Usage`).
 *
 * All amounts are in units. Reading creates a temporary state; only takes and settlements are
 * stored.
 */
export interface Count {
  readonly limit: Limit
  readonly state: State
}

/** Returns the time for a limit. Calendar windows use their own clock. */
export type TimeFor = (limit: Limit) => number

/** Maximum number of counts per key. If it is exceeded, the count that expires first is dropped. */
export const MAX_COUNTS = 4

/** Returns the current state under a limit. Changes nothing. */
export function stateUnder(limit: Limit, counts: readonly Count[], timeFor: TimeFor): State {
  const algorithm = algorithmOf(limit)
  const now = timeFor(limit)
  const own = counts.find((count) => hasCompatibleState(count.limit, limit))
  if (own !== undefined) return algorithm.advance(limit, own.state, now, own.limit)
  const usage = countsSlots(limit) ? undefined : largestUsage(counts, timeFor)
  return usage === undefined ? algorithm.fresh(limit, now) : algorithm.fromUsage(limit, now, usage)
}

/** Returns the counts after taking a `cost` that the limit allowed. */
export function countsAfterTake(
  limit: Limit,
  counts: readonly Count[],
  cost: number,
  lease: string,
  timeFor: TimeFor,
): Count[] {
  const state = algorithmOf(limit).take(limit, stateUnder(limit, counts, timeFor), cost, lease)
  // The result must not depend on whether the store has already removed an expired key.
  const isExpired = countsIdleAfter(counts, timeFor) <= 0
  const others = isExpired ? [] : counts.filter((count) => !hasCompatibleState(count.limit, limit))
  const next: Count[] = [{ limit, state }]
  for (const each of others) {
    const other = convertedFor(each, limit, timeFor)
    if (other === undefined) continue
    const current = advanced(other, timeFor)
    if (idleAfter(current) <= 0 && !isPending(other.limit, limit)) continue
    const isCharged = !countsSlots(limit) && !countsSlots(current.limit)
    next.push(isCharged ? { ...current, state: takenUnderOther(current, cost) } : current)
  }
  return next.length > MAX_COUNTS ? withoutSoonestExpired(next) : next
}

/**
 * Returns the counts after the cost of a taken charge becomes `cost`. Debt is added to every count.
 * A refund applies to each count to the extent that the charge still counts there. A count that
 * cannot determine this refunds the minimum.
 */
export function countsAfterSettlement(
  limit: Limit,
  counts: readonly Count[],
  charged: Taken,
  cost: number,
  timeFor: TimeFor,
): Count[] {
  const ofSameKind = counts.filter((count) => {
    if (countsSlots(count.limit) !== countsSlots(limit)) return false
    return hasCompatibleState(count.limit, limit) || idleAfter(advanced(count, timeFor)) > 0
  })
  const own: Count = { limit, state: algorithmOf(limit).fresh(limit, timeFor(limit)) }
  const settling = ofSameKind.length > 0 ? ofSameKind : [own]
  const settled = settling.map((count): Count => {
    // A lease is renewed for the duration of its own charge. A bucket drains at the rate of its
    // last take.
    const isOwn = hasCompatibleState(count.limit, limit) && limit.algorithm !== 'token-bucket'
    const settledLimit = isOwn ? limit : count.limit
    const { state } = advanced({ limit: settledLimit, state: count.state }, timeFor)
    const converted = chargeIn(count, limit, charged, timeFor)
    if (
      settledLimit.algorithm === 'sliding-log' &&
      limit.algorithm !== 'sliding-log' &&
      cost > converted.cost
    )
      return {
        limit: settledLimit,
        state: addDebt(settledLimit, state as SlidingLogState, cost - converted.cost),
      }
    return {
      limit: count.limit,
      state: algorithmOf(settledLimit).settle(settledLimit, state, converted, cost),
    }
  })
  const others = counts.filter((count) => countsSlots(count.limit) !== countsSlots(limit))
  // A log and leases cannot coexist (see `convertedFor`), and the debt of a log must not end a
  // lease.
  if (ofSameKind.length === 0 && limit.algorithm === 'sliding-log' && others.length > 0) return [...counts]
  const rest =
    ofSameKind.length > 0 ? others : others.map((count) => convertedFor(count, limit, timeFor) ?? count)
  return [...settled, ...rest].filter((count) => idleAfter(advanced(count, timeFor)) > 0)
}

/**
 * Reports whether the clock was set back since the counts were stored. They must then be stored
 * again.
 */
export function isClockSetBack(counts: readonly Count[], timeFor: TimeFor): boolean {
  return counts.some(({ limit, state }) => timeFor(limit) < state.at)
}

/**
 * Returns the counts ready for judging: adjusted to a clock that was set back, and without expired
 * leases, which are removed from the state in place. Returns the same list if nothing changed.
 */
export function countsNow(counts: readonly Count[], timeFor: TimeFor): readonly Count[] {
  if (isClockSetBack(counts, timeFor)) return counts.map((count) => advanced(count, timeFor))
  if (!counts.some((count) => hasEndedLeases(count, timeFor))) return counts
  return counts.map((count) => (countsSlots(count.limit) ? advanced(count, timeFor) : count))
}

function hasEndedLeases({ limit, state }: Count, timeFor: TimeFor): boolean {
  return countsSlots(limit) && (state as ConcurrencyState).first <= timeFor(limit)
}

/** Returns the milliseconds from now until all counts equal fresh ones. */
export function countsIdleAfter(counts: readonly Count[], timeFor: TimeFor): number {
  let longest = 0
  for (const { limit, state } of counts)
    longest = Math.max(longest, algorithmOf(limit).idleAfter(limit, state) - (timeFor(limit) - state.at))
  return longest
}

function advanced({ limit, state }: Count, timeFor: TimeFor): Count {
  return { limit, state: algorithmOf(limit).advance(limit, state, timeFor(limit)) }
}

/** Returns the state after a take under a limit of another kind. */
function takenUnderOther({ limit, state }: Count, cost: number): State {
  if (cost === 0) return state
  if (limit.algorithm === 'sliding-log') return addTaken(limit, state as SlidingLogState, cost)
  if (limit.algorithm !== 'token-bucket') return algorithmOf(limit).take(limit, state, cost, '')
  // A level above the burst would refuse for longer than this limit alone ever would.
  const { at, level } = state as TokenBucketState
  const filled: TokenBucketState = { at, level: Math.max(level, Math.min(level + cost, limit.burst)) }
  return filled
}

function idleAfter({ limit, state }: Count): number {
  return algorithmOf(limit).idleAfter(limit, state)
}

/**
 * Reports whether a key keeps an empty count while it is charged under another limit. A minute
 * window is kept next to a day window, so that it stays exact while the day window is in use. A
 * calendar window is recreated on demand.
 */
function isPending(count: Limit, other: Limit): boolean {
  return !countsSlots(count) && !usesWallTime(count) && spanOf(count) < spanOf(other)
}

/** Returns the maximum time for which a charge counts, in milliseconds. */
function spanOf(limit: Limit): number {
  if (limit.algorithm === 'concurrency') return limit.lease
  return limit.algorithm === 'token-bucket' ? (limit.burst * limit.period) / limit.limit : limit.period
}

/** Returns the largest usage among the counts. */
function largestUsage(counts: readonly Count[], timeFor: TimeFor): Usage | undefined {
  let largest: Usage | undefined
  for (const { limit, state } of counts) {
    const usage = algorithmOf(limit).usage(limit, state, timeFor(limit))
    if (usage !== undefined && (largest === undefined || isLarger(usage, largest))) largest = usage
  }
  return largest
}

function isLarger(a: Usage, b: Usage): boolean {
  if (a.units !== b.units) return a.units > b.units
  return a.lastAge === b.lastAge ? a.sinceAge > b.sinceAge : a.lastAge < b.lastAge
}

/**
 * Converts a count for coexistence with another limit. In the stores, a key has either the entries
 * of a log or the leases of slots. Next to slots, a log becomes a fixed window; next to a log,
 * leases end.
 */
function convertedFor(count: Count, limit: Limit, timeFor: TimeFor): Count | undefined {
  const { algorithm } = count.limit
  if (algorithm === 'concurrency' && limit.algorithm === 'sliding-log') return undefined
  if (algorithm !== 'sliding-log' || limit.algorithm !== 'concurrency') return count
  const { keptFor } = count.state as SlidingLogState
  const window: Limit = { algorithm: 'fixed-window', limit: count.limit.limit, period: keptFor }
  const now = timeFor(count.limit)
  const usage = algorithmOf(count.limit).usage(count.limit, count.state, now)
  if (usage === undefined) return undefined
  return { limit: window, state: algorithmOf(window).fromUsage(window, now, usage) }
}

function withoutSoonestExpired(counts: readonly Count[]): Count[] {
  const [first, ...others] = counts as readonly [Count, ...Count[]]
  const soonest = Math.min(...others.map(idleAfter))
  const dropped = others.findIndex((count) => idleAfter(count) === soonest)
  return [first, ...others.filter((_, index) => index !== dropped)]
}

/** Converts a taken charge to the limit and the clock of a count. */
function chargeIn(count: Count, limit: Limit, charged: Taken, timeFor: TimeFor): Taken {
  const age = timeFor(limit) - charged.at
  const isSameClock = usesWallTime(count.limit) === usesWallTime(limit)
  const at = isSameClock ? charged.at : timeFor(count.limit) - age
  if (count.limit.algorithm !== 'token-bucket') return { ...charged, at }
  const rate = count.limit.limit / count.limit.period
  // The bucket cannot tell whether the charge has drained.
  if (limit.algorithm !== 'token-bucket') return { ...charged, at, resetAfter: 0 }
  const chargedRate = limit.limit / limit.period
  if (chargedRate === rate) return charged
  // The bucket drained at the larger rate, so at least this much of the charge is left.
  const level = charged.resetAfter * chargedRate - Math.max(0, chargedRate - rate) * age
  return { ...charged, at, resetAfter: level / rate }
}
