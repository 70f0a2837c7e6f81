import { countsSlots, hasCompatibleState, type Limit, usesWallTime } from '../limits/limit.js'
import type { State, Usage } from './algorithm.js'
import type { ConcurrencyState } from './concurrency.js'
import { algorithmOf } from './registry.js'
import { owedBeside, type SlidingLogState, takenBeside } from './sliding-log.js'
import type { TokenBucketState } from './token-bucket.js'
import type { Taken } from './verdict.js'

/**
 * What one key has used, as one kind of limit counts it: the limit that was last taken under, and its state.
 *
 * A key whose limit changes has one count for each way of counting that is in use (`hasCompatibleState`): the window of a minute
 * and that of a day, a bucket and a log. What is taken under one of them is taken in all, so that changing back and
 * forth gains nothing. A limit that counts in a new way begins from what the others know (`Usage`).
 *
 * All capacities are units. A look makes a state and keeps none; only what is taken or settled is kept.
 */
export interface Count {
  readonly limit: Limit
  readonly state: State
}

/** The time that a limit counts in: windows of the calendar have a clock of their own. */
export type TimeFor = (limit: Limit) => number

/** Most ways of counting that one key is kept under; beyond it the count that ends first is dropped. */
export const MAX_COUNTS = 4

/** The state now, as a limit sees it. Changes nothing. */
export function stateUnder(limit: Limit, counts: readonly Count[], timeFor: TimeFor): State {
  const algorithm = algorithmOf(limit)
  const now = timeFor(limit)
  const own = counts.find((count) => hasCompatibleState(count.limit, limit))
  if (own !== undefined) return algorithm.advance(limit, own.state, now, own.limit)
  const usage = countsSlots(limit) ? undefined : largestUsage(counts, timeFor)
  return usage === undefined ? algorithm.fresh(limit, now) : algorithm.withUsage(limit, now, usage)
}

/** The counts after `cost` was taken under a limit; asked only where the limit allowed it. */
export function countsAfterTake(
  limit: Limit,
  counts: readonly Count[],
  cost: number,
  lease: string,
  timeFor: TimeFor,
): Count[] {
  const state = algorithmOf(limit).take(limit, stateUnder(limit, counts, timeFor), cost, lease)
  // A store may have forgotten a key that is over, or not yet.
  const isOver = countsIdleAfter(counts, timeFor) <= 0
  const others = isOver ? [] : counts.filter((count) => !hasCompatibleState(count.limit, limit))
  const next: Count[] = [{ limit, state }]
  for (const each of others) {
    const other = besideLeases(each, limit, timeFor)
    if (other === undefined) continue
    const current = advanced(other, timeFor)
    if (idleAfter(current) <= 0 && !goesOn(other.limit, limit)) continue
    const isCharged = !countsSlots(limit) && !countsSlots(current.limit)
    next.push(isCharged ? { ...current, state: takenElsewhere(current, cost) } : current)
  }
  return next.length > MAX_COUNTS ? withoutSoonestOver(next) : next
}

/**
 * The counts after a charge that was taken counts `cost` instead. What is owed is owed in every count. What is given back
 * goes to each as far as it still counts there; where a count cannot tell, as little as can be left of the charge.
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
    // A lease is renewed for as long as its own charge said; but a bucket drains at the rate that it was last taken under.
    const isOwn = hasCompatibleState(count.limit, limit) && limit.algorithm !== 'token-bucket'
    const by = isOwn ? limit : count.limit
    const { state } = advanced({ limit: by, state: count.state }, timeFor)
    const there = chargeIn(count, limit, charged, timeFor)
    if (by.algorithm === 'sliding-log' && limit.algorithm !== 'sliding-log' && cost > there.cost)
      return { limit: by, state: owedBeside(by, state as SlidingLogState, cost - there.cost) }
    return { limit: count.limit, state: algorithmOf(by).settle(by, state, there, cost) }
  })
  const others = counts.filter((count) => countsSlots(count.limit) !== countsSlots(limit))
  // As in `besideLeases`; and what a log is owed ends no lease.
  if (ofSameKind.length === 0 && limit.algorithm === 'sliding-log' && others.length > 0) return [...counts]
  const rest =
    ofSameKind.length > 0 ? others : others.map((count) => besideLeases(count, limit, timeFor) ?? count)
  return [...settled, ...rest].filter((count) => idleAfter(advanced(count, timeFor)) > 0)
}

/** Whether a clock was set back since the counts were kept: what it does to them has to be kept whatever is decided. */
export function isSetBack(counts: readonly Count[], timeFor: TimeFor): boolean {
  return counts.some(({ limit, state }) => timeFor(limit) < state.at)
}

/**
 * The counts as they can be judged at this moment: with what a clock that was set back did to them, and without leases that
 * have ended, which are taken out of the state in place. All else stays as it was kept; the same list where nothing changed.
 */
export function countsNow(counts: readonly Count[], timeFor: TimeFor): readonly Count[] {
  if (isSetBack(counts, timeFor)) return counts.map((count) => advanced(count, timeFor))
  if (!counts.some((count) => hasEndedLeases(count, timeFor))) return counts
  return counts.map((count) => (countsSlots(count.limit) ? advanced(count, timeFor) : count))
}

function hasEndedLeases({ limit, state }: Count, timeFor: TimeFor): boolean {
  return countsSlots(limit) && (state as ConcurrencyState).first <= timeFor(limit)
}

/** Milliseconds from now until all counts say no more than fresh ones. */
export function countsIdleAfter(counts: readonly Count[], timeFor: TimeFor): number {
  let longest = 0
  for (const { limit, state } of counts)
    longest = Math.max(longest, algorithmOf(limit).idleAfter(limit, state) - (timeFor(limit) - state.at))
  return longest
}

function advanced({ limit, state }: Count, timeFor: TimeFor): Count {
  return { limit, state: algorithmOf(limit).advance(limit, state, timeFor(limit)) }
}

/** The state after something was taken under a limit that counts another way. */
function takenElsewhere({ limit, state }: Count, cost: number): State {
  if (limit.algorithm === 'sliding-log') return takenBeside(limit, state as SlidingLogState, cost)
  if (limit.algorithm !== 'token-bucket') return algorithmOf(limit).take(limit, state, cost, '')
  // More than a full bucket would refuse for longer than its limit alone ever does.
  const { at, level } = state as TokenBucketState
  const filled: TokenBucketState = { at, level: Math.max(level, Math.min(level + cost, limit.burst)) }
  return filled
}

function idleAfter({ limit, state }: Count): number {
  return algorithmOf(limit).idleAfter(limit, state)
}

/**
 * Whether a count of which nothing is used any more goes on beside a limit: the minute beside the day, so that a limit by the
 * minute stays exact while another by the day is in use. A window of the calendar begins again when it is asked about.
 */
function goesOn(count: Limit, beside: Limit): boolean {
  return !countsSlots(count) && !usesWallTime(count) && spanOf(count) < spanOf(beside)
}

/** How long what was taken counts at most, in milliseconds. */
function spanOf(limit: Limit): number {
  if (limit.algorithm === 'concurrency') return limit.lease
  return limit.algorithm === 'token-bucket' ? (limit.burst * limit.period) / limit.limit : limit.period
}

/** Of what several counts know, that of which the most is used. */
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
 * The count as it goes on beside one under another limit. Stores hold the entries of a log and the leases of slots each in
 * a shape of its own, so that a key has only one of them: a log goes on as a window, and leases end.
 */
function besideLeases(count: Count, limit: Limit, timeFor: TimeFor): Count | undefined {
  const { algorithm } = count.limit
  if (algorithm === 'concurrency' && limit.algorithm === 'sliding-log') return undefined
  if (algorithm !== 'sliding-log' || limit.algorithm !== 'concurrency') return count
  const { keptFor } = count.state as SlidingLogState
  const window: Limit = { algorithm: 'fixed-window', limit: count.limit.limit, period: keptFor }
  const now = timeFor(count.limit)
  const usage = algorithmOf(count.limit).usage(count.limit, count.state, now)
  if (usage === undefined) return undefined
  return { limit: window, state: algorithmOf(window).withUsage(window, now, usage) }
}

function withoutSoonestOver(counts: readonly Count[]): Count[] {
  const [first, ...others] = counts as readonly [Count, ...Count[]]
  const soonest = Math.min(...others.map(idleAfter))
  const dropped = others.findIndex((count) => idleAfter(count) === soonest)
  return [first, ...others.filter((_, index) => index !== dropped)]
}

/** A charge as a count has to see it that may be kept under another limit than the one that was charged. */
function chargeIn(count: Count, limit: Limit, charged: Taken, timeFor: TimeFor): Taken {
  const age = timeFor(limit) - charged.at
  const isSameClock = usesWallTime(count.limit) === usesWallTime(limit)
  const at = isSameClock ? charged.at : timeFor(count.limit) - age
  if (count.limit.algorithm !== 'token-bucket') return { ...charged, at }
  const rate = count.limit.limit / count.limit.period
  // Whether it has drained, or ever found room, the bucket does not tell.
  if (limit.algorithm !== 'token-bucket') return { ...charged, at, resetAfter: 0 }
  const chargedRate = limit.limit / limit.period
  if (chargedRate === rate) return charged
  // The bucket drained at the larger of the rates; this is the least that can be left of the charge.
  const level = charged.resetAfter * chargedRate - Math.max(0, chargedRate - rate) * age
  return { ...charged, at, resetAfter: level / rate }
}
