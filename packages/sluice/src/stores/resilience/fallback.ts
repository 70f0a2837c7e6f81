import { algorithmOf } from '../../algorithms/registry.js'
import { capacityOf, type Limit, usesWallTime } from '../../limits/limit.js'
import { fits } from '../../limits/tolerance.js'
import type { Clock } from '../../time/clock.js'
import { memoryStore } from '../memory/memory-store.js'
import type { Charge, Settlement, StoreVerdict } from '../store.js'
import { shareOf } from './peer-share.js'
import { StoreUnavailableError } from './store-unavailable.js'

/** Why the store was not asked, or did not answer. */
export interface Outage {
  readonly cause: unknown
  /** Milliseconds until it is worth asking again. */
  readonly retryAfter: number
}

/** What decides in the place of a store that does not answer. */
export interface Fallback {
  /** Keys whose state it keeps. */
  readonly keys: number
  take(charges: readonly Charge[], outage: Outage): StoreVerdict[]
  peek(charges: readonly Charge[], outage: Outage): StoreVerdict[]
  /** Settles what `take` gave out here. */
  settle(settlements: readonly Settlement[]): void
  reset(scope: string, key: string): void
  /** Lets go of some of what is no longer needed, in a bounded time. Called while the store answers. */
  tidy(): void
}

/** Refuses to decide: every `take` and `peek` throws a `StoreUnavailableError`. */
export const closedFallback: Fallback = {
  keys: 0,
  take: unavailable,
  peek: unavailable,
  settle() {},
  reset() {},
  tidy() {},
}

function unavailable(_charges: readonly Charge[], { cause, retryAfter }: Outage): never {
  throw new StoreUnavailableError('this request cannot be decided on', retryAfter, cause)
}

/**
 * Lets everybody in, as if nobody had used anything. Only what a limit can never hold is refused. Nothing is counted,
 * so there is no bound, and nothing to settle.
 */
export function openFallback(clock: Clock): Fallback {
  const judge = (charges: readonly Charge[]) =>
    charges.map(({ limit, cost }): StoreVerdict => {
      const algorithm = algorithmOf(limit)
      const now = usesWallTime(limit) ? clock.wallTime() : clock.now()
      return { ...algorithm.judge(limit, algorithm.fresh(limit, now), cost), degraded: 'open' }
    })
  return { keys: 0, take: judge, peek: judge, settle() {}, reset() {}, tidy() {} }
}

/** Decides in the memory of this process, each limit divided by the number of peers. The bound is that of `shareOf`. */
export function localFallback(peers: number, maxKeys: number | undefined, clock: Clock): Fallback {
  const memory = memoryStore({ clock, ...(maxKeys !== undefined && { maxKeys }) })
  const shares = new WeakMap<Limit, Limit>()

  const shared = (charge: Charge): Charge => {
    let limit = shares.get(charge.limit)
    if (limit === undefined) {
      limit = shareOf(charge.limit, peers)
      shares.set(charge.limit, limit)
    }
    return { ...charge, limit }
  }

  const marked = (charges: readonly Charge[], verdicts: readonly StoreVerdict[], outage: Outage) =>
    verdicts.map((verdict, index): StoreVerdict => {
      const { limit, cost } = charges[index] as Charge
      // More than the share, but not more than the limit: it will be let in once the store is back.
      const waits = verdict.retryAfter === Number.POSITIVE_INFINITY && fits(cost, capacityOf(limit))
      return { ...verdict, ...(waits && { retryAfter: outage.retryAfter }), degraded: 'local' }
    })

  return {
    get keys() {
      return memory.keys
    },
    take: (charges, outage) => marked(charges, memory.take(charges.map(shared)), outage),
    peek: (charges, outage) => marked(charges, memory.peek(charges.map(shared)), outage),
    settle(settlements) {
      memory.settle(settlements.map((settlement) => ({ ...settlement, charge: shared(settlement.charge) })))
    },
    reset: (scope, key) => memory.reset(scope, key),
    tidy() {
      // A decision about nothing: the memory store looks for keys that have expired whenever it decides.
      if (memory.keys > 0) memory.peek([])
    },
  }
}
