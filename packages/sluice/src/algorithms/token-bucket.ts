import type { TokenBucketLimit } from '../limits/limit.js'
import { fits, wholeUnitsLeft } from '../limits/tolerance.js'
import { type Algorithm, allowed, refused, type State } from './algorithm.js'

/**
 * The token bucket, decided by the generic cell rate algorithm (ITU-T I.371; the "virtual scheduling" form).
 *
 * **Bound**: in any interval of length t, at most `burst + limit·t/period` is admitted, to within one part in 10^12;
 * with settlements, that much is admitted less what is given back in the same interval. One charge that is given back leaves no more room
 * than if it had never come; of two in turn the second may leave more, by its own cost at most (see `settle`).
 *
 * With the emission interval T = period/limit, GCRA keeps the theoretical arrival time TAT and admits a cost c iff
 * max(TAT, now) + c·T − now ≤ burst·T. The state here is that same TAT in two parts, TAT = at + level·T: a single
 * epoch time in milliseconds is too coarse a number (its step is 0.24 µs) for a million a second over days.
 *
 * **Under a changed limit** the level stays in units. It drains at the larger of the rate that it was last taken under and
 * the rate asked about, until something is taken under the new one. So among several limits, in any interval of
 * length t no more is admitted than by a bucket with the largest burst and the largest rate of them.
 *
 * When the clock is set back the TAT stays, which makes the level higher, but not above the burst.
 * An empty bucket stays empty, whether its state is still kept or not.
 */
export interface TokenBucketState extends State {
  /** Units used, as of `at`; above `burst` only while there is debt, or where the limit was larger. */
  readonly level: number
  /**
   * Units a millisecond that drain until something is taken, where the limit that it was last taken under drains faster
   * than the one asked about.
   */
  readonly fasterRate?: number
}

export const tokenBucket: Algorithm<TokenBucketLimit, TokenBucketState> = {
  fresh(_limit, now) {
    return { at: now, level: 0 }
  },

  advance(limit, { at, level }, now, kept = limit) {
    const [rate, keptRate] = [drainRate(limit), drainRate(kept)]
    // A look under a faster limit writes nothing: the faster rate stays only where something is taken.
    const draining = rate > keptRate && now >= at ? limit : kept
    const next = { at: now, level: levelNow(draining, at, level, now) }
    return keptRate > rate ? { ...next, fasterRate: keptRate } : next
  },

  judge(limit, { at, level, fasterRate }, cost) {
    const after = level + cost
    if (cost > 0 && fitsBurst(limit, after))
      return allowed(at, left(limit, after), timeToDrain(limit, after), untilMore(limit, after))
    const untilEmpty = timeToDrain(limit, level, fasterRate)
    const more = untilMore(limit, level, fasterRate)
    if (cost === 0) return allowed(at, left(limit, level), untilEmpty, more)
    const excess = after - limit.burst
    const wait = fitsBurst(limit, cost) ? timeToDrain(limit, excess, fasterRate) : Number.POSITIVE_INFINITY
    return refused(at, left(limit, level), untilEmpty, more, wait)
  },

  take(_limit, state, cost) {
    return { at: state.at, level: state.level + cost }
  },

  settle(limit, state, taken, cost) {
    // What drains first is what came first: of this charge, no more is left than what drains from now until its end. Where one that came
    // before it was given back since, its end was earlier than it was told when it was taken, and less may be left; but that a level cannot tell.
    const stillCounted = Math.max(0, ((taken.at + taken.resetAfter - state.at) * limit.limit) / limit.period)
    const difference = Math.max(cost - taken.cost, -stillCounted)
    return { at: state.at, level: Math.max(0, state.level + difference) }
  },

  usage(limit, state, now) {
    const level = levelNow(limit, state.at, state.level, now)
    const age = Math.max(0, now - state.at)
    return level > 0 ? { units: level, sinceAge: age, lastAge: age } : undefined
  },

  withUsage(limit, now, { units, lastAge }) {
    // More than a full bucket would refuse for longer than this limit alone ever does.
    return { at: now, level: levelNow(limit, now - lastAge, Math.min(units, limit.burst), now) }
  },

  idleAfter(limit, state) {
    return timeToDrain(limit, state.level)
  },
}

/** The level at `now` of a bucket that had `level` at `at`. */
export function levelNow(limit: TokenBucketLimit, at: number, level: number, now: number): number {
  if (level === 0) return 0
  const drained = ((now - at) * limit.limit) / limit.period
  return drained >= 0 ? Math.max(0, level - drained) : Math.max(level, Math.min(limit.burst, level - drained))
}

export function fitsBurst(limit: TokenBucketLimit, level: number): boolean {
  return fits(level, limit.burst)
}

/** Units a millisecond that drain. */
function drainRate({ limit, period }: TokenBucketLimit): number {
  return limit / period
}

/** How long `units` take to drain, in milliseconds. */
export function timeToDrain(limit: TokenBucketLimit, units: number, fasterRate?: number): number {
  return fasterRate === undefined ? (units * limit.period) / limit.limit : units / fasterRate
}

function left(limit: TokenBucketLimit, level: number): number {
  return wholeUnitsLeft(level, limit.burst)
}

function untilMore(limit: TokenBucketLimit, level: number, fasterRate?: number): number {
  if (level === 0) return 0
  const excess = level + left(limit, level) + 1 - limit.burst
  return Math.max(0, timeToDrain(limit, excess, fasterRate))
}
