import { checkCost } from '../../limits/check-limit.js'
import {
  type Charge,
  checkCharge,
  type MaybePromise,
  type Settlement,
  type Store,
  type StoreVerdict,
} from '../store.js'
import { type BreakerState, MAX_PROBE_DELAY_MS } from './breaker.js'
import { DeadlineError, withinDeadline } from './deadline.js'
import { checkOptions, type FailurePolicyOptions, type Settings } from './failure-options.js'
import { closedFallback, type Fallback, localFallback, type Outage, openFallback } from './fallback.js'
import { GuardedCalls } from './guarded-call.js'
import { LateResponses } from './late-responses.js'
import { SettlementSender } from './settlement-sender.js'
import { StoreUnavailableError } from './store-unavailable.js'

/** Counters since the store was created, and the current state. */
export interface FailureStats {
  readonly state: BreakerState
  /** Operations that failed, excluding timeouts and request errors. */
  readonly failures: number
  /**
   * Operations that failed with a `StoreRequestError`. The policy decided them, and the breaker is
   * unaffected.
   */
  readonly requestErrors: number
  /** Operations that timed out. */
  readonly timeouts: number
  /** Requests decided without the store, by `open` or `local`. */
  readonly degraded: number
  /**
   * Keys that `local` holds in memory. After the store has recovered, a key expires once its limit
   * has refilled.
   */
  readonly localKeys: number
  /** Requests that could not be decided under `closed`. */
  readonly unavailable: number
  /** Late takes that were admitted and refunded. */
  readonly lateGivenBack: number
  /** Late takes that could not be refunded. Their charges expire with time. */
  readonly lateAbandoned: number
  /** Settlements queued for the store. */
  readonly settlementsWaiting: number
  /**
   * Lost settlements. Their charges are not adjusted, and their slots are held until the lease
   * ends.
   */
  readonly settlementsLost: number
}

/** A store with a failure policy. */
export interface FailurePolicyStore extends Store {
  stats(): FailureStats
}

/**
 * Adds a deadline, a breaker and a failure policy to a store.
 *
 *     const store = withFailurePolicy(redisStore({ client }), { policy: 'local', peers: 4 })
 *
 * **Deadline.** No operation takes longer than `deadline`, including the wait for a connection. A
 * take whose response arrives later is refunded. A synchronous store stays synchronous.
 *
 * **Breaker.** One timeout, or `failures` consecutive errors, opens the breaker. The store then
 * receives only single probes: the first after 100 ms, later ones at growing intervals of at most
 * half a second. Once the store has recovered, it decides again within half a second plus one
 * deadline, provided that requests arrive.
 *
 * **Policy** for operations without a response:
 *
 * - `local`: the process decides in its own memory, with each limit divided by `peers`. In any
 *   interval of length t, a token bucket of rate r and burst B admits at most B + r·t through the
 *   store, plus at most peers·b + r·d locally. Here b = B/peers, but at least 1, and d ≤ t is the
 *   time from the first to the last local decision in the interval. So if B is at least `peers`,
 *   the processes admit at most B + r·t while the store decides, the same while it does not, and
 *   another B + r·d in an interval that contains both. For the other algorithms, the bound is the
 *   sum of the store's bound and the bound that `shareOf` states. Local state outlives the outage,
 *   so a flapping store does not grant new bursts.
 * - `open`: the process admits every request whose costs do not exceed the capacity of their
 *   limits. Admissions are not bounded.
 * - `closed`: `take` and `peek` throw a `StoreUnavailableError`, and HTTP adapters respond with
 *   503. Nothing is admitted.
 *
 * **Settlements** apply where the charge was taken. A charge that was taken locally is settled and
 * released locally, even after the store has recovered. Settlements for an unavailable store are
 * queued in bounded memory and never fail a request. Lost settlements are counted. `reset` throws a
 * `StoreUnavailableError` under every policy.
 *
 * **Request errors.** A failure that affects a single request, such as a key whose value
 * another program wrote, or a server out of memory, is a `StoreRequestError`. The policy
 * decides that request, the breaker stays closed, and `requestErrors` counts it.
 *
 * A `TypeError` or `RangeError` without a `cause` is treated as the caller's error. It is rethrown
 * and does not count as a failure.
 *
 * @throws TypeError, RangeError that name the invalid option.
 */
export function withFailurePolicy(store: Store, options: FailurePolicyOptions = {}): FailurePolicyStore {
  return new GuardedStore(store, checkOptions(options))
}

/** Time allowed for a graceful close, in milliseconds. */
const CLOSE_TIMEOUT_MS = 1000

class GuardedStore implements FailurePolicyStore {
  readonly #calls: GuardedCalls
  readonly #fallback: Fallback
  readonly #lateResponses: LateResponses
  readonly #sender: SettlementSender
  #degraded = 0
  #unavailable = 0

  constructor(
    private readonly store: Store,
    private readonly settings: Settings,
  ) {
    this.#calls = new GuardedCalls(settings, () => {
      this.#fallback.collect()
      this.#sender.flush()
    })
    this.#fallback = fallbackOf(settings)
    this.#lateResponses = new LateResponses(store)
    this.#sender = new SettlementSender(settings, {
      isUp: () => this.#calls.state === 'closed',
      send: (settlements, onUnconfirmed) =>
        this.#calls.make<void>({ call: () => store.settle(settlements), fallback: onUnconfirmed }),
    })
  }

  take(charges: readonly Charge[]): MaybePromise<StoreVerdict[]> {
    charges.forEach(checkCharge)
    const fallback = (cause: unknown) => {
      if (this.settings.policy === 'closed') this.#unavailable++
      else this.#degraded++
      return this.#fallback.take(charges, outage(cause))
    }
    return this.#calls.make({
      call: () => this.store.take(charges),
      fallback,
      lateHandler: () => this.#lateResponses.handlerFor(charges),
      isFromStore: ([verdict]) => verdict?.remembered !== true,
    })
  }

  peek(charges: readonly Charge[]): MaybePromise<StoreVerdict[]> {
    charges.forEach(checkCharge)
    const fallback = (cause: unknown) => this.#fallback.peek(charges, outage(cause))
    return this.#calls.make({ call: () => this.store.peek(charges), fallback })
  }

  settle(settlements: readonly Settlement[]): MaybePromise<void> {
    for (const { charge, cost } of settlements) checkCost(charge.limit, cost)
    const local = settlements.filter(({ taken }) => taken.degraded !== undefined)
    const remote = local.length === 0 ? settlements : settlements.filter((each) => !local.includes(each))
    if (local.length > 0) this.#fallback.settle(local)
    if (remote.length > 0) return this.#sender.settle(remote)
  }

  /** @throws StoreUnavailableError if the store does not confirm the reset. */
  reset(scope: string, key: string): MaybePromise<void> {
    this.#fallback.reset(scope, key)
    const fallback = (cause: unknown): never => {
      throw new StoreUnavailableError('the key cannot be reset', MAX_PROBE_DELAY_MS, cause)
    }
    return this.#calls.make<void>({ call: () => this.store.reset(scope, key), fallback })
  }

  /** Closes the store and waits for at most one second. Queued settlements are dropped. */
  close(): MaybePromise<void> {
    this.#sender.close()
    const closed = this.store.close()
    if (!(closed instanceof Promise)) return
    return withinDeadline(closed, CLOSE_TIMEOUT_MS, this.settings.timers).catch((error) => {
      if (!(error instanceof DeadlineError)) throw error
    })
  }

  stats(): FailureStats {
    return {
      state: this.#calls.state,
      failures: this.#calls.failures,
      timeouts: this.#calls.timeouts,
      requestErrors: this.#calls.requestErrors,
      degraded: this.#degraded,
      localKeys: this.#fallback.keys,
      unavailable: this.#unavailable,
      lateGivenBack: this.#lateResponses.refunded,
      lateAbandoned: this.#lateResponses.abandoned,
      settlementsWaiting: this.#sender.queued,
      settlementsLost: this.#sender.lost,
    }
  }
}

function fallbackOf({ policy, peers, maxKeys, clock }: Settings): Fallback {
  if (policy === 'closed') return closedFallback
  return policy === 'open' ? openFallback(clock) : localFallback(peers, maxKeys, clock)
}

function outage(cause: unknown): Outage {
  return { cause, retryAfter: MAX_PROBE_DELAY_MS }
}
