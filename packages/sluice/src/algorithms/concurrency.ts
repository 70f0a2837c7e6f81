import type { ConcurrencyLimit } from '../limits/limit.js'
import { type Algorithm, allowed, refused, type State } from './algorithm.js'

/**
 * The slots in use: a set of leases, each with its number of slots and its end.
 *
 * **Bound**: at most `limit` slots are held at any moment. A lease that is neither renewed nor
 * released ends after `lease` milliseconds, so the slots of a crashed process are free again within
 * one lease.
 *
 * If the clock is set back, every lease ends at most one lease from now.
 */
export interface ConcurrencyState extends State {
  /** Leases by name, ordered by their ends. */
  readonly leases: Map<string, { readonly until: number; readonly slots: number }>
  readonly held: number
  /** A lower bound on the ends of all leases. */
  readonly first: number
  /**
   * The end of the last lease; meaningless without leases. It is recomputed only when that lease
   * ends, because the search visits every lease.
   */
  readonly last: number
}

export const concurrency: Algorithm<ConcurrencyLimit, ConcurrencyState> = {
  fresh(_limit, now) {
    return { at: now, leases: new Map(), held: 0, first: now, last: now }
  },

  advance(limit, state, now) {
    const { leases } = state
    let { held, first, last } = state
    if (now < state.at) {
      last = Math.min(last, now + limit.lease)
      first = Math.min(first, last)
      for (const [name, { until, slots }] of leases) leases.set(name, { until: Math.min(until, last), slots })
    }
    if (first <= now) {
      for (const [name, { until, slots }] of leases) {
        first = until
        if (until > now) break
        leases.delete(name)
        held -= slots
      }
    }
    return { at: now, leases, held, first, last }
  },

  judge(limit, state, cost) {
    const after = state.held + cost
    const untilOneLess = untilFree(state, Math.max(1, state.held - limit.limit + 1))
    if (cost === 0 || after <= limit.limit) {
      const untilEmpty = cost > 0 ? limit.lease : concurrency.idleAfter(limit, state)
      return allowed(
        state.at,
        Math.max(0, limit.limit - after),
        untilEmpty,
        state.held > 0 ? untilOneLess : untilEmpty,
      )
    }
    const wait = cost > limit.limit ? Number.POSITIVE_INFINITY : untilFree(state, after - limit.limit)
    const remaining = Math.max(0, limit.limit - state.held)
    return refused(state.at, remaining, concurrency.idleAfter(limit, state), untilOneLess, wait)
  },

  take(limit, state, cost, lease) {
    return hold(limit, state, lease, (state.leases.get(lease)?.slots ?? 0) + cost)
  },

  settle(limit, state, taken, cost) {
    return taken.lease === undefined ? state : hold(limit, state, taken.lease, cost)
  },

  // Slots are held and released, whereas units are spent, so neither can be converted to the other.
  usage() {
    return undefined
  },

  fromUsage(limit, now) {
    return concurrency.fresh(limit, now)
  },

  idleAfter(_limit, { at, leases, last }) {
    return leases.size === 0 ? 0 : Math.max(0, last - at)
  },
}

/** Sets the slots of a lease and renews it from now. A lease without slots is removed. */
function hold(
  limit: ConcurrencyLimit,
  state: ConcurrencyState,
  lease: string,
  slots: number,
): ConcurrencyState {
  const { at, leases } = state
  const before = leases.get(lease)
  leases.delete(lease)
  const held = state.held - (before?.slots ?? 0) + slots
  if (slots === 0) {
    const last = before?.until === state.last ? lastEnd(leases) : state.last
    return { at, leases, held, first: state.first, last }
  }
  const until = at + limit.lease
  leases.set(lease, { until, slots })
  const first = leases.size === 1 ? until : Math.min(state.first, until)
  if (until >= state.last) return { at, leases, held, first, last: until }
  return { at, leases: inOrder(leases), held, first, last: lastEnd(leases) }
}

function lastEnd(leases: ConcurrencyState['leases']): number {
  let last = Number.NEGATIVE_INFINITY
  for (const { until } of leases.values()) last = Math.max(last, until)
  return last
}

/**
 * Sorts leases by their ends. If the lease of the limit has been shortened, a newer lease may end
 * first.
 */
function inOrder(leases: ConcurrencyState['leases']): ConcurrencyState['leases'] {
  return new Map([...leases].sort(([, a], [, b]) => a.until - b.until))
}

/**
 * Returns the milliseconds until `slots` slots are free, if no lease is renewed or released until
 * then.
 */
function untilFree(state: ConcurrencyState, slots: number): number {
  let freed = 0
  for (const { until, slots: held } of state.leases.values()) {
    freed += held
    if (freed >= slots) return until - state.at
  }
  return 0
}
