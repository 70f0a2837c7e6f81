import { algorithmOf } from '../../algorithms/registry.js'
import { capacityOf, type Limit, usesWallTime } from '../../limits/limit.js'
import { fits } from '../../limits/tolerance.js'
import type { Clock } from '../../time/clock.js'
import { memoryStore } from '../memory/memory-store.js'
import type { Charge, Settlement, StoreVerdict } from '../store.js'
import { shareOf } from './peer-share.js'
import { StoreUnavailableError } from './store-unavailable.js'

/** The reason why the store cannot decide. */
export interface Outage {
  readonly cause: unknown
  /** Milliseconds after which a retry is useful. */
  readonly retryAfter: number
}

/** Decides instead of an unavailable store. */
export interface Fallback {
  /** Number of keys with state. */
  readonly keys: number
  take(charges: readonly Charge[], outage: Outage): StoreVerdict[]
  peek(charges: readonly Charge[], outage: Outage): StoreVerdict[]
  /** Settles charges that this fallback has taken. */
  settle(settlements: readonly Settlement[]): void
  reset(scope: string, key: string): void
  /** Deletes some expired state, in bounded time. Called after each response from the store. */
  collect(): void
}

/** Decides nothing: every `take` and `peek` throws a `StoreUnavailableError`. */
export const closedFallback: Fallback = {
  keys: 0,
  take: unavailable,
  peek: unavailable,
  settle() {},
  reset() {},
  collect() {},
}

function unavailable(_charges: readonly Charge[], { cause, retryAfter }: Outage): never {
  throw new StoreUnavailableError('the request cannot be decided', retryAfter, cause)
}

/**
 * Admits every request as if its limits were unused. Only a cost that exceeds the capacity of its
 * limit is refused. Requests are not counted: admissions are unbounded, and settlements do nothing.
 */
export function openFallback(clock: Clock): Fallback {
  const judge = (charges: readonly Charge[]) =>
    charges.map(({ limit, cost }): StoreVerdict => {
      const algorithm = algorithmOf(limit)
      const now = usesWallTime(limit) ? clock.wallTime() : clock.now()
      return { ...algorithm.judge(limit, algorithm.fresh(limit, now), cost), degraded: 'open' }
    })
  return { keys: 0, take: judge, peek: judge, settle() {}, reset() {}, collect() {} }
}

/**
 * Decides in the memory of this process, with each limit divided by `peers`. See `shareOf` for the
 * bound.
 */
export function localFallback(peers: number, maxKeys: number | undefined, clock: Clock): Fallback {
  const memory = memoryStore({ clock, ...(maxKeys !== undefined && { maxKeys }) })
  const shares = new WeakMap<Limit, Limit>()

  const toShare = (charge: Charge): Charge => {
    let limit = shares.get(charge.limit)
    if (limit === undefined) {
      limit = shareOf(charge.limit, peers)
      shares.set(charge.limit, limit)
    }
    return { ...charge, limit }
  }

  const toDegraded = (charges: readonly Charge[], verdicts: readonly StoreVerdict[], outage: Outage) =>
    verdicts.map((verdict, index): StoreVerdict => {
      const { limit, cost } = charges[index] as Charge
      // The cost exceeds the share but not the limit, so the store can admit it once it has
      // recovered.
      const canRetry = verdict.retryAfter === Number.POSITIVE_INFINITY && fits(cost, capacityOf(limit))
      return { ...verdict, ...(canRetry && { retryAfter: outage.retryAfter }), degraded: 'local' }
    })

  return {
    get keys() {
      return memory.keys
    },
    take: (charges, outage) => toDegraded(charges, memory.take(charges.map(toShare)), outage),
    peek: (charges, outage) => toDegraded(charges, memory.peek(charges.map(toShare)), outage),
    settle(settlements) {
      memory.settle(settlements.map((settlement) => ({ ...settlement, charge: toShare(settlement.charge) })))
    },
    reset: (scope, key) => memory.reset(scope, key),
    collect() {
      // The memory store collects expired keys with every decision, even one without charges.
      if (memory.keys > 0) memory.peek([])
    },
  }
}
