import { checkCost } from '../../limits/check-limit.js'
import {
  type Charge,
  checkLease,
  type MaybePromise,
  type Settlement,
  type Store,
  type StoreVerdict,
} from '../store.js'
import { type BreakerState, MAX_PROBE } from './breaker.js'
import { DeadlineError, withinDeadline } from './deadline.js'
import { checkOptions, type FailurePolicyOptions, type Settings } from './failure-options.js'
import { closedFallback, type Fallback, localFallback, type Outage, openFallback } from './fallback.js'
import { GuardedCalls } from './guarded-call.js'
import { LateResponses } from './late-responses.js'
import { SettlementSender } from './settlement-sender.js'
import { StoreUnavailableError } from './store-unavailable.js'

/** Counts since the start, and how things are. */
export interface FailureStats {
  readonly state: BreakerState
  /** Operations that the store failed. */
  readonly failures: number
  /** Operations that a store which works could not do: the policy decided on them, and the breaker stayed as it was. */
  readonly requestErrors: number
  /** Operations that it did not answer in time. */
  readonly timeouts: number
  /** Requests decided without the store, by `open` or `local`. */
  readonly degraded: number
  /** Keys whose state `local` keeps in memory; once the store is back they go as they refill. */
  readonly localKeys: number
  /** Requests that could not be decided on, by `closed`. */
  readonly unavailable: number
  /** Takes that were allowed too late, and given back. */
  readonly lateGivenBack: number
  /** Late takes that could not be given back: what they took comes back as time goes by. */
  readonly lateAbandoned: number
  /** Settlements that wait for the store. */
  readonly settlementsWaiting: number
  /** Settlements that were lost: their charges stay as they were taken, and their slots until the lease ends. */
  readonly settlementsLost: number
}

/** A store that answers whatever becomes of the one in it. */
export interface FailurePolicyStore extends Store {
  stats(): FailureStats
}

/**
 * Puts a deadline, a breaker and a failure policy around a store.
 *
 *     const store = withFailurePolicy(redisStore(client), { policy: 'local', peers: 4 })
 *
 * **Deadline.** No operation takes longer than `deadline`, the wait for a connection included. A take that is answered
 * later is given back. A store in the same process that answers at once still does.
 *
 * **Breaker.** One operation that hangs, or `failures` failed ones in a row, and the store is asked no more, but for
 * single probes: after 100 ms, then at growing intervals of at most half a second. A store that is back decides
 * again within half a second and a deadline, as soon as a request comes.
 *
 * **Policy**, for what the store does not answer:
 *
 * - `local`: this process decides in its own memory, with each limit divided by `peers`. In any interval of
 *   length t, a token bucket of rate r and burst B admits at most B + r·t by the store, and besides at most peers·b + r·d
 *   locally, where b = B/peers (but at least 1) and d ≤ t is the time from the first to the last local decision in it.
 *   So, with a burst of no less than `peers`: B + r·t with the store, the same without it, and another burst where one
 *   went over to the other. For the other algorithms it is the store's bound and the one that `shareOf` states, added.
 *   Local state outlives the return of the store, so that a store that comes and goes hands out no fresh bursts.
 * - `open`: everything is let in that a limit could ever hold. There is no bound.
 * - `closed`: `take` and `peek` throw a `StoreUnavailableError`; HTTP adapters answer 503. Nothing is admitted.
 *
 * **Settlements** go to where the charge was taken: what was taken locally is settled and released locally, also once
 * the store is back. Those for a store that is away wait for it in bounded memory and never fail a request; what
 * is lost is counted. `reset` throws a `StoreUnavailableError` under every policy.
 *
 * **Errors of a request.** A key that holds something else, a server without memory and the like are a `StoreRequestError`:
 * the policy decides that request, the breaker stays closed, and `requestErrors` counts it.
 *
 * A `TypeError` or `RangeError` without a cause is the caller's fault: it is passed on and counts as no failure.
 *
 * @throws TypeError, RangeError that name the option which is wrong.
 */
export function withFailurePolicy(store: Store, options: FailurePolicyOptions = {}): FailurePolicyStore {
  return new Guarded(store, checkOptions(options))
}

/** A connection may take this long to close in good order, in milliseconds. */
const CLOSING = 1000

class Guarded implements FailurePolicyStore {
  readonly #calls: GuardedCalls
  readonly #fallback: Fallback
  readonly #lateTakes: LateResponses
  readonly #sender: SettlementSender
  #degraded = 0
  #unavailable = 0

  constructor(
    private readonly store: Store,
    private readonly settings: Settings,
  ) {
    this.#calls = new GuardedCalls(settings, () => {
      this.#fallback.tidy()
      this.#sender.sendWaiting()
    })
    this.#fallback = fallbackOf(settings)
    this.#lateTakes = new LateResponses(store)
    this.#sender = new SettlementSender(settings, {
      isUp: () => this.#calls.state === 'closed',
      send: (settlements, unanswered) =>
        this.#calls.make<void>({ call: () => store.settle(settlements), instead: unanswered }),
    })
  }

  take(charges: readonly Charge[]): MaybePromise<StoreVerdict[]> {
    check(charges)
    const instead = (cause: unknown) => {
      if (this.settings.policy === 'closed') this.#unavailable++
      else this.#degraded++
      return this.#fallback.take(charges, outage(cause))
    }
    return this.#calls.make({
      call: () => this.store.take(charges),
      instead,
      late: () => this.#lateTakes.of(charges),
      isItsOwn: ([verdict]) => verdict?.remembered !== true,
    })
  }

  peek(charges: readonly Charge[]): MaybePromise<StoreVerdict[]> {
    check(charges)
    const instead = (cause: unknown) => this.#fallback.peek(charges, outage(cause))
    return this.#calls.make({ call: () => this.store.peek(charges), instead })
  }

  settle(settlements: readonly Settlement[]): MaybePromise<void> {
    for (const { charge, cost } of settlements) checkCost(charge.limit, cost)
    const here = settlements.filter(({ taken }) => taken.degraded !== undefined)
    const there = here.length === 0 ? settlements : settlements.filter((each) => !here.includes(each))
    if (here.length > 0) this.#fallback.settle(here)
    if (there.length > 0) return this.#sender.settle(there)
  }

  /** @throws StoreUnavailableError where it is not sure that the store has forgotten the key. */
  reset(scope: string, key: string): MaybePromise<void> {
    this.#fallback.reset(scope, key)
    const instead = (cause: unknown): never => {
      throw new StoreUnavailableError('the key cannot be reset', MAX_PROBE, cause)
    }
    return this.#calls.make<void>({ call: () => this.store.reset(scope, key), instead })
  }

  /** Closes the store, and waits for it for a second at most. Settlements that still wait are given up. */
  close(): MaybePromise<void> {
    this.#sender.close()
    const closed = this.store.close()
    if (!(closed instanceof Promise)) return
    return withinDeadline(closed, CLOSING, this.settings.timers).catch((error) => {
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
      lateGivenBack: this.#lateTakes.givenBack,
      lateAbandoned: this.#lateTakes.abandoned,
      settlementsWaiting: this.#sender.waiting,
      settlementsLost: this.#sender.lost,
    }
  }
}

function fallbackOf({ policy, peers, maxKeys, clock }: Settings): Fallback {
  if (policy === 'closed') return closedFallback
  return policy === 'open' ? openFallback(clock) : localFallback(peers, maxKeys, clock)
}

function outage(cause: unknown): Outage {
  return { cause, retryAfter: MAX_PROBE }
}

function check(charges: readonly Charge[]): void {
  for (const charge of charges) {
    checkCost(charge.limit, charge.cost)
    checkLease(charge)
  }
}
