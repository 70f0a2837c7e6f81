import type { TokenBucketLimit } from '../limits/limit.js'
import { fits, wholeUnitsLeft } from '../limits/tolerance.js'
import { type Algorithm, allowed, refused, type State } from './algorithm.js'

/**
 * The token bucket, decided by the generic cell rate algorithm (ITU-T I.371; the "virtual
 * scheduling" form).
 *
 * **Bound**: in any interval of length t, at most `burst + limit·t/period` is admitted, to within
 * one part in 10^12. Refunds in the same interval are subtracted. A refund leaves no more room than
 * if the charge had never arrived. If two charges are refunded one after the other, the second
 * refund may leave more room, by at most its own cost (see `settle`).
 *
 * With the emission interval T = period/limit, GCRA stores the theoretical arrival time TAT and
 * admits a cost c if and only if max(TAT, now) + c·T − now ≤ burst·T. The state holds the TAT in
 * two parts, TAT = at + level·T. A single epoch time in milliseconds has a resolution of 0.24 µs,
 * which is too coarse for a million units per second over days.
 *
 * **If the limit changes**, the level keeps its number of units. Until a charge is taken under the
 * new limit, the level drains at the larger of the old and the new rate. So several limits together
 * admit no more, in any interval, than one bucket with their largest burst and their largest rate.
 *
 * **New keys.** With `initial`, a new key starts with a level of `burst - initial`, so the bound
 * holds a fortiori. Its bucket fills from the first take on, even if that is refused, so the store
 * keeps a new state that takes nothing (`isNew`). A full bucket must be told from a new one, so it
 * is kept for as long as an empty bucket takes to fill. A key that makes no request for longer is
 * new again.
 *
 * If the clock is set back, the TAT stays, which raises the level, but not above the burst. An
 * empty bucket stays empty, whether or not its state is still stored.
 */
export interface TokenBucketState extends State {
  /** Units used, as of `at`. Exceeds `burst` only after debt, or if the limit was larger before. */
  readonly level: number
  /**
   * The drain rate, in units per millisecond, until the next take. Set if the limit of the last
   * take drains faster than the requested one.
   */
  readonly fasterRate?: number
  /** True for a key that starts with fewer units than the burst and has no stored state yet. */
  readonly isNew?: true
}

export const tokenBucket: Algorithm<TokenBucketLimit, TokenBucketState> = {
  fresh: freshBucket,

  advance(limit, { at, level, isNew = false }, now, kept = limit) {
    const [rate, keptRate] = [drainRate(limit), drainRate(kept)]
    // A peek under a faster limit stores nothing; the faster rate applies from the next take.
    const draining = rate > keptRate && now >= at ? limit : kept
    const next = { at: now, level: levelNow(draining, at, level, now) }
    if (limit.initial !== undefined && (isNew || now - at >= keptFor(kept, level)))
      return freshBucket(limit, now)
    return keptRate > rate ? { ...next, fasterRate: keptRate } : next
  },

  judge(limit, { at, level, fasterRate }, cost) {
    const after = level + cost
    if (cost > 0 && fitsBurst(limit, after))
      return allowed(at, remaining(limit, after), timeToDrain(limit, after), timeUntilMore(limit, after))
    const untilEmpty = timeToDrain(limit, level, fasterRate)
    const more = timeUntilMore(limit, level, fasterRate)
    if (cost === 0) return allowed(at, remaining(limit, level), untilEmpty, more)
    const excess = after - limit.burst
    const wait = fitsBurst(limit, cost) ? timeToDrain(limit, excess, fasterRate) : Number.POSITIVE_INFINITY
    return refused(at, remaining(limit, level), untilEmpty, more, wait)
  },

  take(_limit, state, cost) {
    return { at: state.at, level: state.level + cost }
  },

  settle(limit, state, taken, cost) {
    // Charges drain in order, so the part of the charge that still counts is at most the amount
    // that drains between now and its end. If an earlier charge has been refunded since, less may
    // be left, but the level does not show that.
    const stillCounted = Math.max(0, ((taken.at + taken.resetAfter - state.at) * limit.limit) / limit.period)
    const difference = Math.max(cost - taken.cost, -stillCounted)
    // Nothing was taken from a new key, so there is nothing to refund.
    if (state.isNew && difference <= 0) return state
    return { at: state.at, level: Math.max(0, state.level + difference) }
  },

  usage(limit, state, now) {
    const level = levelNow(limit, state.at, state.level, now)
    const age = Math.max(0, now - state.at)
    return level > 0 ? { units: level, sinceAge: age, lastAge: age } : undefined
  },

  fromUsage(limit, now, { units, lastAge }) {
    // A level above the burst would refuse for longer than this limit alone ever would.
    return { at: now, level: levelNow(limit, now - lastAge, Math.min(units, limit.burst), now) }
  },

  idleAfter(limit, state) {
    return state.isNew ? 0 : keptFor(limit, state.level)
  },
}

/** Returns how long a state is kept, in milliseconds: until a missing state has the same meaning. */
function keptFor(limit: TokenBucketLimit, level: number): number {
  return timeToDrain(limit, limit.initial === undefined ? level : level + limit.burst)
}

/** Reports whether a state must be kept although nothing was taken: the bucket of a new key fills. */
export function isNewBucket(state: State): boolean {
  return (state as TokenBucketState).isNew === true
}

function freshBucket({ burst, initial }: TokenBucketLimit, now: number): TokenBucketState {
  return initial === undefined ? { at: now, level: 0 } : { at: now, level: burst - initial, isNew: true }
}

/** Returns the level at `now` of a bucket that had `level` at `at`. */
export function levelNow(limit: TokenBucketLimit, at: number, level: number, now: number): number {
  if (level === 0) return 0
  const drained = ((now - at) * limit.limit) / limit.period
  return drained >= 0 ? Math.max(0, level - drained) : Math.max(level, Math.min(limit.burst, level - drained))
}

/** Reports whether a level fits into the burst, with tolerance. */
function fitsBurst(limit: TokenBucketLimit, level: number): boolean {
  return fits(level, limit.burst)
}

/** Returns the drain rate in units per millisecond. */
function drainRate({ limit, period }: TokenBucketLimit): number {
  return limit / period
}

/** Returns how long `units` take to drain, in milliseconds. */
export function timeToDrain(limit: TokenBucketLimit, units: number, fasterRate?: number): number {
  return fasterRate === undefined ? (units * limit.period) / limit.limit : units / fasterRate
}

function remaining(limit: TokenBucketLimit, level: number): number {
  return wholeUnitsLeft(level, limit.burst)
}

function timeUntilMore(limit: TokenBucketLimit, level: number, fasterRate?: number): number {
  if (level === 0) return 0
  const excess = level + remaining(limit, level) + 1 - limit.burst
  return Math.max(0, timeToDrain(limit, excess, fasterRate))
}
