import { checkCost } from '../../../limits/check-limit.js'
import { sameLimit } from '../../../limits/limit.js'
import { andThen, type MaybePromise } from '../../../maybe-promise.js'
import type { Clock } from '../../../time/clock.js'
import { type Charge, checkLease, type Settlement, type Store, type StoreVerdict } from '../../store.js'
import { extrapolate } from './extrapolate.js'
import { RefusalCache, type Remembered } from './refusal-cache.js'

export interface RememberingOptions {
  /** How long a refusal is remembered at most, in milliseconds from when the store was asked. */
  readonly longest: number
  readonly clock: Pick<Clock, 'now'>
}

/** A store whose `take` answers at once what it still knows to be refused. */
export type Remembering<S extends Store> = {
  [Operation in keyof Store]: Operation extends 'take' ? Store['take'] : S[Operation]
}

/**
 * Puts a memory of refusals before a store: who is refused and comes again at once is refused again without asking.
 *
 * A request is refused from memory only where one of its enforced charges cannot fit by what the store said at most `longest`
 * milliseconds ago, for this cost and this limit, had nobody given anything back; and where every other charge can be
 * told too, so that the answer is as whole as the store's. It never admits, so no bound loosens. A charge that waits for
 * slots of a `concurrency` limit, a cost of 0 and a `peek` go to the store.
 *
 * From half of that time on one request goes to the store, while the others go on with what is remembered: else all that
 * are in flight would ask at once when it is over.
 *
 * What is settled or reset through this store is forgotten at once; what somebody else gives back is seen within `longest`.
 * Nobody is refused for longer than the store would, whatever the clocks: durations count from when it was asked.
 */
export function cacheRefusals<S extends Store>(store: S, options: RememberingOptions): Remembering<S> {
  return new RememberingStore(store, options) as Remembering<S>
}

/** Times are worked out to within much less, in milliseconds. */
const EPSILON = 1e-6

class RememberingStore<S extends Store> implements Store {
  readonly #memory: RefusalCache
  readonly #clock: Pick<Clock, 'now'>
  readonly #renewAfter: number

  constructor(
    private readonly store: S,
    { longest, clock }: RememberingOptions,
  ) {
    this.#memory = new RefusalCache(longest)
    this.#renewAfter = longest / 2
    this.#clock = clock
  }

  take(charges: readonly Charge[]): MaybePromise<StoreVerdict[]> {
    const askedAt = this.#clock.now()
    const told = this.#memory.isEmpty ? undefined : this.#tell(charges, askedAt)
    if (told !== undefined) return told
    const changes = this.#memory.changes
    return andThen(this.store.take(charges), (verdicts) => {
      this.#learn(charges, verdicts, askedAt, changes)
      return verdicts
    })
  }

  peek(charges: readonly Charge[]): ReturnType<S['peek']> {
    return this.store.peek(charges) as ReturnType<S['peek']>
  }

  settle(settlements: readonly Settlement[]): ReturnType<S['settle']> {
    const forget = () => {
      for (const { charge } of settlements) this.#forget(charge.scope, charge.key)
    }
    return changing(forget, () => this.store.settle(settlements) as ReturnType<S['settle']>)
  }

  reset(scope: string, key: string): ReturnType<S['reset']> {
    const forget = () => this.#forget(scope, key)
    return changing(forget, () => this.store.reset(scope, key) as ReturnType<S['reset']>)
  }

  close(): ReturnType<S['close']> {
    this.#memory.forgetAll()
    return this.store.close() as ReturnType<S['close']>
  }

  #forget(scope: string, key: string): void {
    this.#memory.forget(scope, key, this.#clock.now())
  }

  /** The verdicts on a request that is still refused; undefined where the store has to be asked. */
  #tell(charges: readonly Charge[], now: number): StoreVerdict[] | undefined {
    let isRefused = false
    let stale: Remembered | undefined
    const verdicts: StoreVerdict[] = []
    for (let index = 0; index < charges.length; index++) {
      const charge = charges[index] as Charge
      const remembered = this.#memory.find(charge.scope, charge.key, now)
      if (remembered === undefined) return undefined
      if (now - remembered.askedAt >= this.#renewAfter && !remembered.isRenewed) stale = remembered
      const verdict = later(remembered, charge, now)
      if (verdict === undefined || comesBefore(charges, index)) return undefined
      if (!verdict.allowed && charge.enforce !== false) isRefused = true
      verdicts.push(verdict)
    }
    if (!isRefused || !charges.every(isCountable)) return undefined
    if (stale === undefined) return verdicts
    stale.isRenewed = true
    return undefined
  }

  #learn(
    charges: readonly Charge[],
    verdicts: readonly StoreVerdict[],
    askedAt: number,
    changes: number,
  ): void {
    if (verdicts.every(({ allowed }, index) => allowed || charges[index]?.enforce === false)) {
      this.#forgetWhatIsTaken(charges, askedAt)
      return
    }
    const answeredAt = this.#clock.now()
    charges.forEach(({ scope, key, limit, cost }, index) => {
      const verdict = verdicts[index] as StoreVerdict
      this.#memory.remember(
        scope,
        key,
        { limit, cost, verdict, askedAt, answeredAt, isRenewed: false },
        changes,
      )
    })
  }

  /** What remains of a key is less now than what was remembered with a refusal. */
  #forgetWhatIsTaken(charges: readonly Charge[], now: number): void {
    if (this.#memory.isEmpty) return
    for (const { scope, key, cost } of charges)
      if (cost > 0 && this.#memory.find(scope, key, now) !== undefined) this.#forget(scope, key)
  }
}

/** What is remembered says of a charge now; undefined where it does not tell. */
function later(remembered: Remembered, { limit, cost }: Charge, now: number): StoreVerdict | undefined {
  if (!sameLimit(remembered.limit, limit)) return undefined
  const { verdict, askedAt, answeredAt } = remembered
  // What is told counts from the answer, so that nobody is told to come too early; the store may have decided as early as
  // it was asked, and nobody is to be refused too late.
  const told = extrapolate(limit, verdict, remembered.cost, now - answeredAt, cost)
  if (told === undefined || (!told.allowed && told.retryAfter <= answeredAt - askedAt + EPSILON))
    return undefined
  return {
    allowed: told.allowed,
    at: told.at,
    remaining: told.remaining,
    resetAfter: told.resetAfter,
    retryAfter: told.retryAfter,
    moreAfter: told.moreAfter,
    remembered: true,
  }
}

/** Makes a change before and after which nothing is known. */
function changing<T>(forget: () => void, change: () => T): T {
  forget()
  const changed = change()
  return (changed instanceof Promise ? changed.finally(forget) : changed) as T
}

/** Whether an earlier charge of the request is to the same key: the store weighs them together. */
function comesBefore(charges: readonly Charge[], index: number): boolean {
  const { scope, key } = charges[index] as Charge
  for (let earlier = 0; earlier < index; earlier++) {
    const other = charges[earlier] as Charge
    if (other.key === key && other.scope === scope) return true
  }
  return false
}

/** What cannot be counted is for the store to say. */
function isCountable(charge: Charge): boolean {
  try {
    checkCost(charge.limit, charge.cost)
    checkLease(charge)
    return true
  } catch {
    return false
  }
}
