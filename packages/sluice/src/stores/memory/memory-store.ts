import { type Clock, systemClock } from '../../clock.js'
import type { State } from '../../limits/algorithm.js'
import { adapt, algorithmOf } from '../../limits/algorithms.js'
import { capacityOf, checkCost, type Limit, usesWallTime } from '../../limits/limit.js'
import { type Charge, checkLease, type Settlement, type Store, type StoreVerdict } from '../store.js'
import { Expiring, TimingWheel } from './timing-wheel.js'

export interface MemoryStoreOptions {
  /** Most keys whose state is kept; default 1,000,000. Plan for about 300 bytes a key beside the key itself. */
  readonly maxKeys?: number
  /** Default: the machine's monotonic clock. */
  readonly clock?: Clock
}

/** The store that answers in the same process, at once. */
export interface MemoryStore extends Store {
  take(charges: readonly Charge[]): StoreVerdict[]
  peek(charges: readonly Charge[]): StoreVerdict[]
  settle(settlements: readonly Settlement[]): void
  reset(scope: string, key: string): void
  close(): void
  /** Keys whose state is kept, those that have expired and are not yet collected included. */
  readonly keys: number
  /** Charges since the start that were counted in a bucket shared by unknown keys, because the store was full. */
  readonly overflowed: number
}

const DEFAULT_MAX_KEYS = 1_000_000

/**
 * How many due keys a decision looks at, for each of its charges. A charge brings at most one key, and that is looked
 * at once a level of the wheel and once to be forgotten; more than that, and the queue shrinks however fast keys come.
 */
const COLLECTED_A_CHARGE = 8

/**
 * Keeps state in the memory of this process.
 *
 * A decision is O(1), whatever the number of keys; so is expiry, which needs no sweep. When `maxKeys` are kept,
 * nobody's state is thrown away for a newcomer's: unknown keys share one state a scope until there is room. A key that
 * gets a state of its own while the shared one is in use starts from a copy of it, so that no key ever gets more than
 * its limit by having been counted in two places.
 *
 * @throws RangeError where `maxKeys` is not a whole number of at least 1.
 */
export function memoryStore(options: MemoryStoreOptions = {}): MemoryStore {
  return new InMemory(options.maxKeys ?? DEFAULT_MAX_KEYS, options.clock ?? systemClock)
}

/** What one key of one scope has used, and of which limit. */
class Entry extends Expiring {
  constructor(
    readonly scope: Scope,
    readonly key: string,
    public limit: Limit,
    public state: State,
  ) {
    super()
  }
}

interface Scope {
  readonly entries: Map<string, Entry>
  /** Shared by the keys for which there was no room. */
  overflow: Entry | undefined
}

/** A charge on its way through a decision. */
interface Pending {
  /** Its place in the request. */
  readonly index: number
  readonly charge: Charge
  readonly scope: Scope
  /** None for a key that was never seen, or whose state has expired. */
  readonly entry: Entry | undefined
  readonly overflow: boolean
  /** Advanced to now, under the charge's limit. */
  readonly state: State
  readonly verdict: StoreVerdict
}

class InMemory implements MemoryStore {
  readonly #scopes = new Map<string, Scope>()
  readonly #wheel: TimingWheel<Entry>
  #keys = 0
  #overflowed = 0

  constructor(
    private readonly maxKeys: number,
    private readonly clock: Clock,
  ) {
    if (!Number.isInteger(maxKeys) || maxKeys < 1)
      throw new RangeError(`'maxKeys' is a whole number from 1, not ${maxKeys}`)
    this.#wheel = new TimingWheel(clock.now())
  }

  get keys(): number {
    return this.#keys
  }

  get overflowed(): number {
    return this.#overflowed
  }

  take(charges: readonly Charge[]): StoreVerdict[] {
    const pending = this.#decide(charges)
    const admitted = isAdmitted(pending)
    for (const each of pending) {
      if (each.overflow) this.#overflowed++
      if (admitted && each.verdict.allowed && each.charge.cost > 0) this.#commit(each)
    }
    return verdictsOf(pending, admitted)
  }

  peek(charges: readonly Charge[]): StoreVerdict[] {
    const pending = this.#decide(charges)
    return verdictsOf(pending, isAdmitted(pending))
  }

  settle(settlements: readonly Settlement[]): void {
    for (const { charge, cost } of settlements) checkCost(charge.limit, cost)
    for (const { charge, taken, cost } of settlements) {
      const scope = this.#scope(charge.scope)
      const own = scope.entries.get(charge.key)
      const shared = taken.overflow ? this.#shared(scope) : undefined
      // What was counted in the shared state is also in the copy of it that the key may have got since.
      if (own !== undefined) this.#settle(own, charge, taken, cost)
      if (shared !== undefined) this.#settle(shared, charge, taken, cost)
      if (own === undefined && shared === undefined) this.#settleForgotten(scope, charge, taken, cost)
    }
  }

  #settle(entry: Entry, { limit }: Charge, taken: Settlement['taken'], cost: number): void {
    if (countAlike(entry.limit, limit)) {
      this.#keep(entry, limit, algorithmOf(limit).settle(limit, this.#stateNow(entry, limit), taken, cost))
      return
    }
    // The limit counts another way since. What was taken is no longer to be found; what is owed is owed.
    const to = entry.limit
    const owed = ((cost - taken.cost) / capacityOf(limit)) * capacityOf(to)
    if (owed <= 0 || limit.algorithm === 'concurrency' || to.algorithm === 'concurrency') return
    const state = this.#stateNow(entry, to)
    this.#keep(entry, to, algorithmOf(to).settle(to, state, { ...taken, cost: 0 }, owed))
  }

  /** Settles where the state is gone: there is nothing to give back, but there may be something to charge. */
  #settleForgotten(scope: Scope, charge: Charge, taken: Settlement['taken'], cost: number): void {
    const { limit } = charge
    if (cost <= taken.cost && limit.algorithm !== 'concurrency') return
    const shared = this.#shared(scope)
    if (shared !== undefined && this.#isFull()) {
      this.#settle(shared, charge, taken, cost)
      return
    }
    const state = algorithmOf(limit).settle(limit, this.#stateNow(shared, limit, true), taken, cost)
    if (algorithmOf(limit).idleAfter(limit, state) > 0) this.#add(scope, charge, state, this.#isFull())
  }

  reset(scopeName: string, key: string): void {
    const entry = this.#scopes.get(scopeName)?.entries.get(key)
    if (entry !== undefined) this.#forget(entry)
  }

  close(): void {
    // Nothing to let go of: there is no timer, and the state is the garbage collector's.
  }

  #decide(charges: readonly Charge[]): Pending[] {
    for (const charge of charges) {
      checkCost(charge.limit, charge.cost)
      checkLease(charge)
    }
    this.#collect(charges.length)
    const pending: Pending[] = []
    let room = this.maxKeys - this.#keys
    for (const index of judgingOrder(charges)) {
      const charge = charges[index] as Charge
      const scope = this.#scope(charge.scope)
      const own = scope.entries.get(charge.key)
      const earlier = own === undefined ? sameKey(pending, charge) : undefined
      const overflow = own === undefined && (earlier?.overflow ?? room <= 0)
      if (own === undefined && earlier === undefined && charge.cost > 0) room--
      const shared = own === undefined ? this.#shared(scope) : undefined
      const entry = overflow ? shared : own
      const state = this.#stateNow(entry ?? shared, charge.limit, entry === undefined)
      if (entry !== undefined) this.#keep(entry, charge.limit, state)
      const cost = charge.cost + (charge.cost > 0 ? takenBefore(pending, charge, overflow) : 0)
      const verdict = algorithmOf(charge.limit).judge(charge.limit, state, cost)
      pending.push({
        index,
        charge,
        scope,
        entry,
        overflow,
        state,
        verdict: overflow ? { ...verdict, overflow } : verdict,
      })
    }
    return pending
  }

  #commit({ charge, scope, entry, overflow, state }: Pending): void {
    const { limit, cost, lease = '' } = charge
    // An earlier charge of the same request may have made the entry, or moved its state on.
    const current = entry ?? (overflow ? scope.overflow : scope.entries.get(charge.key))
    const before = current === undefined || current.state === state ? state : this.#stateNow(current, limit)
    const next = algorithmOf(limit).take(limit, before, cost, lease)
    if (current === undefined) this.#add(scope, charge, next, overflow)
    else this.#keep(current, limit, next)
  }

  /**
   * What an entry holds, now and under this limit. A key without an entry starts from what the unknown keys of its
   * scope have used together; where they have used nothing, so has it.
   */
  #stateNow(entry: Entry | undefined, limit: Limit, copy = false): State {
    const now = this.#time(limit)
    if (entry === undefined) return algorithmOf(limit).fresh(limit, now)
    const held = copy ? structuredClone(entry.state) : entry.state
    const advanced = algorithmOf(entry.limit).advance(entry.limit, held, this.#time(entry.limit))
    return adapt(advanced, entry.limit, limit, now)
  }

  #keep(entry: Entry, limit: Limit, state: State): void {
    const expiresAt = this.clock.now() + algorithmOf(limit).idleAfter(limit, state)
    const sooner = expiresAt < entry.expiresAt
    entry.limit = limit
    entry.state = state
    entry.expiresAt = expiresAt
    if (sooner && entry !== entry.scope.overflow) this.#wheel.schedule(entry)
  }

  #add(scope: Scope, { key, limit }: Charge, state: State, overflow: boolean): void {
    const entry = new Entry(scope, key, limit, state)
    entry.expiresAt = this.clock.now() + algorithmOf(limit).idleAfter(limit, state)
    if (overflow) {
      scope.overflow = entry
      return
    }
    scope.entries.set(key, entry)
    this.#wheel.schedule(entry)
    this.#keys++
  }

  /** What the unknown keys of a scope have used together, as long as any of it counts. */
  #shared(scope: Scope): Entry | undefined {
    if (scope.overflow !== undefined && !this.#isInUse(scope.overflow)) scope.overflow = undefined
    return scope.overflow
  }

  #collect(charges: number): void {
    this.#wheel.advance(this.clock.now())
    this.#wheel.collect(COLLECTED_A_CHARGE * Math.max(1, charges), this.#look)
  }

  readonly #look = (entry: Entry): void => {
    if (this.#isInUse(entry)) this.#wheel.schedule(entry)
    else this.#forget(entry)
  }

  /**
   * Whether the state of an entry says anything yet. It is brought to now for that: where a clock was set since, the
   * time at which it seemed to expire was wrong.
   */
  #isInUse(entry: Entry): boolean {
    const { limit } = entry
    this.#keep(entry, limit, this.#stateNow(entry, limit))
    return entry.expiresAt > this.clock.now()
  }

  #forget(entry: Entry): void {
    this.#wheel.remove(entry)
    entry.scope.entries.delete(entry.key)
    this.#keys--
  }

  #isFull(): boolean {
    return this.#keys >= this.maxKeys
  }

  #scope(name: string): Scope {
    let scope = this.#scopes.get(name)
    if (scope === undefined) {
      scope = { entries: new Map(), overflow: undefined }
      this.#scopes.set(name, scope)
    }
    return scope
  }

  #time(limit: Limit): number {
    return usesWallTime(limit) ? this.clock.wallTime() : this.clock.now()
  }
}

/** The places of the charges in the order of judging: a shadow charge takes only what the enforced ones leave. */
function judgingOrder(charges: readonly Charge[]): Iterable<number> {
  if (!charges.some(({ enforce }) => enforce === false)) return charges.keys()
  const order = [...charges.keys()]
  const isShadow = (index: number) => Number(charges[index]?.enforce === false)
  return order.sort((a, b) => isShadow(a) - isShadow(b))
}

/** An earlier charge of the same request for the same key. */
function sameKey(pending: readonly Pending[], { scope, key }: Charge): Pending | undefined {
  return pending.find(({ charge }) => charge.cost > 0 && charge.key === key && charge.scope === scope)
}

/** Whether a state under one limit can be settled as one under the other, without losing what it knows. */
function countAlike(a: Limit, b: Limit): boolean {
  return a.algorithm === b.algorithm && usesWallTime(a) === usesWallTime(b)
}

function isAdmitted(pending: readonly Pending[]): boolean {
  return pending.every(({ charge, verdict }) => verdict.allowed || charge.enforce === false)
}

function verdictsOf(pending: readonly Pending[], admitted: boolean): StoreVerdict[] {
  const verdicts = new Array<StoreVerdict>(pending.length)
  for (const { index, charge, state, verdict } of pending) {
    // One that fits but was not taken, because another did not: what is left is what there was.
    const untaken = !admitted && verdict.allowed
    verdicts[index] = untaken
      ? { ...verdict, ...algorithmOf(charge.limit).judge(charge.limit, state, 0) }
      : verdict
  }
  return verdicts
}

/** What earlier charges of the same request take from the same state. */
function takenBefore(pending: readonly Pending[], charge: Charge, overflow: boolean): number {
  let cost = 0
  for (const earlier of pending) {
    if (!earlier.verdict.allowed || earlier.charge.scope !== charge.scope || earlier.overflow !== overflow)
      continue
    if (overflow || earlier.charge.key === charge.key) cost += earlier.charge.cost
  }
  return cost
}
