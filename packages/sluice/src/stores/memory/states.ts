import type { Clock } from '../../clock.js'
import type { State } from '../../limits/algorithm.js'
import { adapt, algorithmOf } from '../../limits/algorithms.js'
import { countAlike, type Limit, usesWallTime } from '../../limits/limit.js'
import { levelNow, type TokenBucketState, timeToDrain } from '../../limits/token-bucket.js'
import { KeyHash } from './key-hash.js'
import { KeyTable } from './key-table.js'
import { LimitNumbers, NO_NUMBER } from './limit-numbers.js'
import { Slots } from './slots.js'
import { TimingWheel } from './timing-wheel.js'

/** What somebody has used, and of which limit. */
export interface Kept {
  limit: Limit
  state: State
  /** When it says no more than nothing, by the clock's `now`. */
  expiresAt: number
}

/** Where a state is: in the slot of its key, or in what the unknown keys of a scope share. */
export type Place = number | Kept

export class Scope {
  /** Tells the keys of scopes apart: what their hashes are combined with. */
  readonly #salt = crypto.getRandomValues(new Int32Array(2))
  readonly low = this.#salt[0] as number
  readonly high = this.#salt[1] as number
  /** Shared by the keys for which there was no room. */
  overflow: Kept | undefined

  constructor(readonly name: string) {}
}

/**
 * How many due keys a decision looks at, for each of its charges. A charge brings at most one key, and that is looked
 * at once a level of the wheel and once to be forgotten; more than that, and the queue shrinks however fast keys come.
 */
const COLLECTED_A_CHARGE = 8

/**
 * The states of all keys. A token bucket is two numbers in a slot; what is more than that is an object beside it.
 *
 * Keys are known by 64 bits of a hash under a secret: that any two of a million meet has a chance of one in 37 million, and nobody can
 * bring it about. Kept as they are, they would be the garbage collector's to go through, with pauses that grow with their number.
 */
export class States {
  readonly slots = new Slots()
  readonly limits = new LimitNumbers()
  /** The clock's time at the last `begin`, in milliseconds: an operation is done at one moment. */
  now: number
  readonly #scopes = new Map<string, Scope>()
  readonly #hash = new KeyHash()
  readonly #table = new KeyTable(this.slots)
  readonly #wheel: TimingWheel

  constructor(
    private readonly maxKeys: number,
    private readonly clock: Clock,
  ) {
    this.now = clock.now()
    this.#wheel = new TimingWheel(this.slots, this.now)
  }

  get count(): number {
    return this.#table.count
  }

  /** For how many more keys there is room. */
  get room(): number {
    return this.maxKeys - this.#table.count
  }

  /** Begins an operation: reads the clock. */
  begin(): void {
    this.now = this.clock.now()
  }

  /** Forgets some of what is over. */
  collect(charges: number): void {
    if (!this.#wheel.isIdleAt(this.now)) this.#collect(charges)
  }

  #collect(charges: number): void {
    this.#wheel.advance(this.now)
    this.#wheel.collect(COLLECTED_A_CHARGE * Math.max(1, charges), this.#look)
  }

  scope(name: string): Scope {
    let scope = this.#scopes.get(name)
    if (scope === undefined) {
      scope = new Scope(name)
      this.#scopes.set(name, scope)
    }
    return scope
  }

  /** The slot of a key; 0 where nothing is kept of it. */
  find(scope: Scope, key: string): number {
    this.hash(key)
    return this.findHashed(scope)
  }

  /** Makes a key the one that `findHashed` looks for. */
  hash(key: string): void {
    this.#hash.of(key)
  }

  /** As `find`, for the key that was hashed last. */
  findHashed(scope: Scope): number {
    return this.#table.find(this.#hash.low ^ scope.low, this.#hash.high ^ scope.high)
  }

  /** Whether a slot, of a page that is there, is that of the key that was hashed last. */
  isHashed(slot: number, scope: Scope): boolean {
    return this.slots.isOf(slot, this.#hash.low ^ scope.low, this.#hash.high ^ scope.high)
  }

  read(place: Place): Kept {
    if (typeof place !== 'number') return place
    const number = this.slots.tag(place)
    if (number === NO_NUMBER) return this.slots.object(place) as Kept
    const state: TokenBucketState = { at: this.slots.at(place), level: this.slots.level(place) }
    const limit = this.limits.limitOf(number)
    return { limit, state, expiresAt: state.at + timeToDrain(limit, state.level) }
  }

  /**
   * What there is at a place, now and under this limit. A key without a place starts from what the unknown keys of its scope have used together;
   * where they have used nothing, so has it.
   */
  stateNow(place: Place | undefined, limit: Limit, copy = false): State {
    const now = this.#time(limit)
    if (place === undefined) return algorithmOf(limit).fresh(limit, now)
    const kept = this.read(place)
    const held = copy ? structuredClone(kept.state) : kept.state
    const advanced = algorithmOf(kept.limit).advance(kept.limit, held, this.#time(kept.limit))
    return adapt(advanced, kept.limit, limit, now)
  }

  /**
   * What is kept at a place, now and under this limit, to be judged by. It is kept so, but under a limit that counts another way: that sees no more than a
   * part of what is known, and converts it only when it takes.
   */
  look(place: Place, limit: Limit): State {
    const { limit: own } = this.read(place)
    const kept = countAlike(own, limit) ? limit : own
    const state = this.stateNow(place, kept)
    this.keep(place, kept, state)
    return kept === limit ? state : this.stateNow(place, limit)
  }

  /** @param state brought to now */
  keep(place: Place, limit: Limit, state: State): void {
    const { expiresAt: before } = this.read(place)
    const expiresAt = this.#expiryOf(limit, state)
    if (typeof place !== 'number') Object.assign(place, { limit, state, expiresAt })
    else {
      const number = this.slots.tag(place)
      this.#write(place, limit, state, expiresAt)
      this.limits.release(number)
      if (expiresAt < before) this.#wheel.schedule(place, expiresAt)
    }
  }

  /** Begins to keep the state of a key of which nothing is kept. */
  add(scope: Scope, key: string, limit: Limit, state: State): void {
    this.#hash.of(key)
    const slot = this.slots.allocate()
    this.#table.add(slot, this.#hash.low ^ scope.low, this.#hash.high ^ scope.high)
    const expiresAt = this.#expiryOf(limit, state)
    this.#write(slot, limit, state, expiresAt)
    this.#wheel.schedule(slot, expiresAt)
  }

  /** Begins to keep what the unknown keys of a scope share. */
  addShared(scope: Scope, limit: Limit, state: State): void {
    scope.overflow = { limit, state, expiresAt: this.#expiryOf(limit, state) }
  }

  /** What the unknown keys of a scope have used together, as long as any of it counts. */
  shared(scope: Scope): Kept | undefined {
    if (scope.overflow !== undefined && this.#expiryNow(scope.overflow) <= this.now)
      scope.overflow = undefined
    return scope.overflow
  }

  forget(slot: number): void {
    this.#wheel.remove(slot)
    this.#table.remove(slot)
    this.limits.release(this.slots.tag(slot))
    this.slots.release(slot)
  }

  readonly #look = (slot: number): void => {
    const expiresAt = this.#expiryNow(slot)
    if (expiresAt > this.now) this.#wheel.schedule(slot, expiresAt)
    else this.forget(slot)
  }

  /** When a state expires. It is brought to now for that: where a clock was set since, the time at which it seemed to expire was wrong. */
  #expiryNow(place: Place): number {
    const number = typeof place === 'number' ? this.slots.tag(place) : NO_NUMBER
    if (typeof place !== 'number' || number === NO_NUMBER) {
      const { limit } = this.read(place)
      this.keep(place, limit, this.stateNow(place, limit))
      return this.read(place).expiresAt
    }
    // In numbers: where many keys come and go, the objects in between were 2 of the 6 KB that a decision left to the garbage collector.
    const limit = this.limits.limitOf(number)
    const level = levelNow(limit, this.slots.at(place), this.slots.level(place), this.now)
    this.slots.setNumbers(place, this.now, level)
    return this.now + timeToDrain(limit, level)
  }

  #write(slot: number, limit: Limit, state: State, expiresAt: number): void {
    const number = limit.algorithm === 'token-bucket' ? this.limits.claim(limit) : NO_NUMBER
    this.slots.setTag(slot, number)
    if (number === NO_NUMBER) this.slots.setObject(slot, { limit, state, expiresAt } satisfies Kept)
    else {
      this.slots.setObject(slot, undefined)
      this.slots.setNumbers(slot, state.at, (state as TokenBucketState).level)
    }
  }

  #expiryOf(limit: Limit, state: State): number {
    return this.now + algorithmOf(limit).idleAfter(limit, state)
  }

  #time(limit: Limit): number {
    return usesWallTime(limit) ? this.clock.wallTime() : this.now
  }
}
