import type { ConcurrencyLimit } from '../limits/limit.js'
import { type Algorithm, allowed, refused, type State } from './algorithm.js'

/**
 * In flight: a set of leases, each with the slots that it holds and the time when it ends.
 *
 * **Bound**: at most `limit` slots are held at any moment. A lease that is neither renewed nor released ends after `lease`
 * milliseconds, so what a process held that died is free again within one lease.
 *
 * When the clock is set back, no lease ends later than one lease from now.
 */
export interface ConcurrencyState extends State {
  /** By the lease's name; those that end first come first. */
  readonly leases: Map<string, { readonly until: number; readonly slots: number }>
  readonly held: number
  /** No lease ends earlier. */
  readonly first: number
  /** When the last lease ends; says nothing where there is none. Looked for anew only when that one ends, or a decision would go through all that are in flight. */
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

  // Slots are held and released, and units are used up: neither says anything of the other.
  usage() {
    return undefined
  },

  withUsage(limit, now) {
    return concurrency.fresh(limit, now)
  },

  idleAfter(_limit, { at, leases, last }) {
    return leases.size === 0 ? 0 : Math.max(0, last - at)
  },
}

/** Sets what a lease holds, from now for one lease; no slots end it. */
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

/** The leases by their end: after the limit's lease was made shorter, a later one may end first. */
function inOrder(leases: ConcurrencyState['leases']): ConcurrencyState['leases'] {
  return new Map([...leases].sort(([, a], [, b]) => a.until - b.until))
}

/** Milliseconds until leases that hold `slots` together have ended, if none is renewed or released before. */
function untilFree(state: ConcurrencyState, slots: number): number {
  let freed = 0
  for (const { until, slots: held } of state.leases.values()) {
    freed += held
    if (freed >= slots) return until - state.at
  }
  return 0
}
