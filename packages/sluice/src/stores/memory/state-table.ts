import type { State } from '../../algorithms/algorithm.js'
import { levelNow, type TokenBucketState, timeToDrain } from '../../algorithms/token-bucket.js'
import {
  type Count,
  countsAfterSettlement,
  countsAfterTake,
  countsIdleAfter,
  countsNow,
  stateUnder,
} from '../../algorithms/usage-counts.js'
import type { Taken } from '../../algorithms/verdict.js'
import { type Limit, usesWallTime } from '../../limits/limit.js'
import type { Clock } from '../../time/clock.js'
import { HashIndex } from './hash-index.js'
import { KeyHash } from './key-hash.js'
import { LimitIds, NO_NUMBER } from './limit-ids.js'
import { SlotArena } from './slot-arena.js'
import { TimingWheel } from './timing-wheel.js'

/** What a key has used, as each kind of limit counts it. */
export interface Kept {
  counts: readonly Count[]
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
export class StateTable {
  readonly slots = new SlotArena()
  readonly limits = new LimitIds()
  /** The clock's time at the last `begin`, in milliseconds: an operation is done at one moment. */
  now: number
  readonly #scopes = new Map<string, Scope>()
  readonly #hash = new KeyHash()
  readonly #table = new HashIndex(this.slots)
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
    return { counts: [{ limit, state }], expiresAt: state.at + timeToDrain(limit, state.level) }
  }

  /**
   * What there is at a place, now and as this limit sees it; nothing is changed by that. A key without a place starts from what the unknown keys of its scope
   * have used together; where they have used nothing, so has it.
   */
  stateNow(place: Place | undefined, limit: Limit): State {
    return stateUnder(limit, place === undefined ? NO_COUNTS : this.read(place).counts, this.#timeFor)
  }

  /** Keeps what a clock that was set back does to a place, and drops leases that have ended, before it is judged by. */
  notice(place: Place): void {
    const { counts } = this.read(place)
    const now = countsNow(counts, this.#timeFor)
    if (now !== counts) this.#keep(place, now)
  }

  /** Takes from what there is at a place. */
  take(place: Place, limit: Limit, cost: number, lease: string): void {
    this.#keep(place, countsAfterTake(limit, this.read(place).counts, cost, lease, this.#timeFor))
  }

  settle(place: Place, limit: Limit, taken: Taken, cost: number): void {
    this.#keep(place, countsAfterSettlement(limit, this.read(place).counts, taken, cost, this.#timeFor))
  }

  /** The counts that a key of which nothing is kept begins with: those that the unknown keys of its scope share. */
  #inherited(shared: Kept | undefined): readonly Count[] {
    return shared === undefined ? NO_COUNTS : structuredClone(shared.counts)
  }

  /** Takes for a key of which nothing is kept. */
  takeFirst(
    scope: Scope,
    key: string,
    shared: Kept | undefined,
    limit: Limit,
    cost: number,
    lease: string,
  ): void {
    const counts = this.#inherited(shared)
    this.add(scope, key, countsAfterTake(limit, counts, cost, lease, this.#timeFor))
  }

  /** Takes for an unknown key, where what such keys share is not kept yet. */
  takeFirstShared(scope: Scope, limit: Limit, cost: number, lease: string): void {
    const counts = countsAfterTake(limit, NO_COUNTS, cost, lease, this.#timeFor)
    scope.overflow = { counts, expiresAt: this.#expiryOf(counts) }
  }

  /** Settles for a key of which nothing is kept: there is nothing to give back, but there may be something to charge. */
  settleFirst(
    scope: Scope,
    key: string,
    shared: Kept | undefined,
    limit: Limit,
    taken: Taken,
    cost: number,
  ): void {
    if (this.room <= 0 && shared !== undefined) {
      this.settle(shared, limit, taken, cost)
      return
    }
    const counts = countsAfterSettlement(limit, this.#inherited(shared), taken, cost, this.#timeFor)
    if (counts.length === 0) return
    if (this.room > 0) this.add(scope, key, counts)
    else scope.overflow = { counts, expiresAt: this.#expiryOf(counts) }
  }

  /** Begins to keep what a key has used of which nothing is kept. */
  add(scope: Scope, key: string, counts: readonly Count[]): void {
    this.#hash.of(key)
    const slot = this.slots.allocate()
    this.#table.add(slot, this.#hash.low ^ scope.low, this.#hash.high ^ scope.high)
    const expiresAt = this.#expiryOf(counts)
    this.#write(slot, counts, expiresAt)
    this.#wheel.schedule(slot, expiresAt)
  }

  #keep(place: Place, counts: readonly Count[]): void {
    const { expiresAt: before } = this.read(place)
    const expiresAt = this.#expiryOf(counts)
    if (typeof place !== 'number') Object.assign(place, { counts, expiresAt })
    else if (counts.length === 0) this.forget(place)
    else {
      const number = this.slots.tag(place)
      this.#write(place, counts, expiresAt)
      this.limits.release(number)
      if (expiresAt < before) this.#wheel.schedule(place, expiresAt)
    }
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

  /** When a state expires, now: where a clock was set back since it was kept, the time at which it seemed to expire was wrong. */
  #expiryNow(place: Place): number {
    const number = typeof place === 'number' ? this.slots.tag(place) : NO_NUMBER
    if (typeof place !== 'number' || number === NO_NUMBER) {
      this.notice(place)
      return this.#expiryOf(this.read(place).counts)
    }
    // In numbers: where many keys come and go, the objects in between were 2 of the 6 KB that a decision left to the garbage collector.
    const limit = this.limits.limitOf(number)
    const at = this.slots.at(place)
    const level = levelNow(limit, at, this.slots.level(place), this.now)
    if (this.now < at) this.slots.setNumbers(place, this.now, level)
    return this.now + timeToDrain(limit, level)
  }

  #write(slot: number, counts: readonly Count[], expiresAt: number): void {
    const { limit, state } = counts[0] as Count
    const isBucket = counts.length === 1 && limit.algorithm === 'token-bucket'
    const number = isBucket ? this.limits.claim(limit) : NO_NUMBER
    this.slots.setTag(slot, number)
    if (number === NO_NUMBER) this.slots.setObject(slot, { counts, expiresAt } satisfies Kept)
    else {
      const { at, level } = state as TokenBucketState
      this.slots.setObject(slot, undefined)
      this.slots.setNumbers(slot, at, level)
    }
  }

  #expiryOf(counts: readonly Count[]): number {
    return this.now + countsIdleAfter(counts, this.#timeFor)
  }

  readonly #timeFor = (limit: Limit): number => (usesWallTime(limit) ? this.clock.wallTime() : this.now)
}

const NO_COUNTS: readonly Count[] = []
