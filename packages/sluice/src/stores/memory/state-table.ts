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
import { LimitIds, NO_ID } from './limit-ids.js'
import { SlotArena } from './slot-arena.js'
import { TimingWheel } from './timing-wheel.js'

/** Usage of a key under each kind of limit. */
export interface KeyState {
  counts: readonly Count[]
  /** Time at which no usage is left, in milliseconds of `Clock.now`. */
  expiresAt: number
}

/**
 * A reference to a state: the slot of a key, or the state shared by the unknown keys of a scope.
 */
export type StateRef = number | KeyState

export class Scope {
  /**
   * Combined with the hash of a key, so that equal keys in different scopes have different hashes.
   */
  readonly #salt = crypto.getRandomValues(new Int32Array(2))
  readonly low = this.#salt[0] as number
  readonly high = this.#salt[1] as number
  /** State shared by the keys for which there was no room. */
  overflow: KeyState | undefined

  constructor(readonly name: string) {}
}

/**
 * Maximum number of due keys that a decision processes per charge. A charge adds at most one key,
 * which becomes due at most once per level of the wheel and once for its deletion. So the queue
 * shrinks at any arrival rate.
 */
const MAX_COLLECTED_PER_CHARGE = 8

/**
 * Stores the state of every key. The state of a token bucket is two numbers in a slot; other states
 * are objects.
 *
 * A key is identified by a 64-bit hash under a secret. Among a million keys, a collision has a
 * probability of one in 37 million, and clients cannot construct one. If the keys themselves were
 * stored, garbage collection pauses would grow with their number.
 */
export class StateTable {
  readonly slots = new SlotArena()
  readonly limits = new LimitIds()
  /** Time of the current operation, in milliseconds, as read by `begin`. */
  now: number
  readonly #scopes = new Map<string, Scope>()
  readonly #hash = new KeyHash()
  readonly #index = new HashIndex(this.slots)
  readonly #wheel: TimingWheel

  constructor(
    private readonly maxKeys: number,
    private readonly clock: Clock,
  ) {
    this.now = clock.now()
    this.#wheel = new TimingWheel(this.slots, this.now)
  }

  get count(): number {
    return this.#index.count
  }

  /** Number of keys that can be added. */
  get room(): number {
    return this.maxKeys - this.#index.count
  }

  /** Begins an operation by reading the clock. */
  begin(): void {
    this.now = this.clock.now()
  }

  /** Deletes some expired keys, in bounded time. */
  collect(charges: number): void {
    if (!this.#wheel.isIdleAt(this.now)) this.#collect(charges)
  }

  #collect(charges: number): void {
    this.#wheel.advance(this.now)
    this.#wheel.collect(MAX_COLLECTED_PER_CHARGE * Math.max(1, charges), this.#collectDue)
  }

  scope(name: string): Scope {
    let scope = this.#scopes.get(name)
    if (scope === undefined) {
      scope = new Scope(name)
      this.#scopes.set(name, scope)
    }
    return scope
  }

  /** Returns the slot of a key, or 0. */
  find(scope: Scope, key: string): number {
    this.hash(key)
    return this.findHashed(scope)
  }

  /** Hashes a key for `findHashed` and `isHashed`. */
  hash(key: string): void {
    this.#hash.hash(key)
  }

  /** Returns the slot of the key that was hashed last, or 0. */
  findHashed(scope: Scope): number {
    return this.#index.find(this.#hash.low ^ scope.low, this.#hash.high ^ scope.high)
  }

  /**
   * Reports whether a slot belongs to the key that was hashed last. The page of the slot must
   * exist.
   */
  isHashed(slot: number, scope: Scope): boolean {
    return this.slots.hasHash(slot, this.#hash.low ^ scope.low, this.#hash.high ^ scope.high)
  }

  read(ref: StateRef): KeyState {
    if (typeof ref !== 'number') return ref
    const limitId = this.slots.tag(ref)
    if (limitId === NO_ID) return this.slots.object(ref) as KeyState
    const state: TokenBucketState = { at: this.slots.at(ref), level: this.slots.level(ref) }
    const limit = this.limits.limitOf(limitId)
    return { counts: [{ limit, state }], expiresAt: state.at + timeToDrain(limit, state.level) }
  }

  /**
   * Returns the current state under a limit, without storing it. `ref` is undefined for a key
   * without state.
   */
  currentState(ref: StateRef | undefined, limit: Limit): State {
    return stateUnder(limit, ref === undefined ? NO_COUNTS : this.read(ref).counts, this.#timeFor)
  }

  /**
   * Adjusts a state to a clock that was set back and drops ended leases. Must be called before
   * judging.
   */
  refresh(ref: StateRef): void {
    const { counts } = this.read(ref)
    const now = countsNow(counts, this.#timeFor)
    if (now !== counts) this.#update(ref, now)
  }

  /** Takes a cost from an existing state. */
  take(ref: StateRef, limit: Limit, cost: number, lease: string): void {
    this.#update(ref, countsAfterTake(limit, this.read(ref).counts, cost, lease, this.#timeFor))
  }

  settle(ref: StateRef, limit: Limit, taken: Taken, cost: number): void {
    this.#update(ref, countsAfterSettlement(limit, this.read(ref).counts, taken, cost, this.#timeFor))
  }

  /**
   * Returns the initial counts of a key: a copy of the counts that the unknown keys of its scope
   * share.
   */
  #inherited(shared: KeyState | undefined): readonly Count[] {
    return shared === undefined ? NO_COUNTS : structuredClone(shared.counts)
  }

  /** Creates the state of a key and takes a cost from it. */
  takeNew(
    scope: Scope,
    key: string,
    shared: KeyState | undefined,
    limit: Limit,
    cost: number,
    lease: string,
  ): void {
    const counts = this.#inherited(shared)
    this.add(scope, key, countsAfterTake(limit, counts, cost, lease, this.#timeFor))
  }

  /** Creates the shared state of a scope and takes a cost from it. */
  takeNewShared(scope: Scope, limit: Limit, cost: number, lease: string): void {
    const counts = countsAfterTake(limit, NO_COUNTS, cost, lease, this.#timeFor)
    scope.overflow = { counts, expiresAt: this.#expiryOf(counts) }
  }

  /**
   * Settles a charge to a key without state. Nothing can be refunded, but a higher cost is charged.
   */
  settleNew(
    scope: Scope,
    key: string,
    shared: KeyState | undefined,
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

  /** Adds a key that has no state. */
  add(scope: Scope, key: string, counts: readonly Count[]): void {
    this.#hash.hash(key)
    const slot = this.slots.allocate()
    this.#index.add(slot, this.#hash.low ^ scope.low, this.#hash.high ^ scope.high)
    const expiresAt = this.#expiryOf(counts)
    this.#write(slot, counts, expiresAt)
    this.#wheel.schedule(slot, expiresAt)
  }

  #update(ref: StateRef, counts: readonly Count[]): void {
    const { expiresAt: before } = this.read(ref)
    const expiresAt = this.#expiryOf(counts)
    if (typeof ref !== 'number') Object.assign(ref, { counts, expiresAt })
    else if (counts.length === 0) this.delete(ref)
    else {
      const limitId = this.slots.tag(ref)
      this.#write(ref, counts, expiresAt)
      this.limits.release(limitId)
      if (expiresAt < before) this.#wheel.schedule(ref, expiresAt)
    }
  }

  /** Returns the state shared by the unknown keys of a scope, unless it has expired. */
  shared(scope: Scope): KeyState | undefined {
    if (scope.overflow !== undefined && this.#expiryNow(scope.overflow) <= this.now)
      scope.overflow = undefined
    return scope.overflow
  }

  delete(slot: number): void {
    this.#wheel.remove(slot)
    this.#index.remove(slot)
    this.limits.release(this.slots.tag(slot))
    this.slots.release(slot)
  }

  readonly #collectDue = (slot: number): void => {
    const expiresAt = this.#expiryNow(slot)
    if (expiresAt > this.now) this.#wheel.schedule(slot, expiresAt)
    else this.delete(slot)
  }

  /** Recomputes the expiry of a state, in case the clock was set back since it was stored. */
  #expiryNow(ref: StateRef): number {
    const limitId = typeof ref === 'number' ? this.slots.tag(ref) : NO_ID
    if (typeof ref !== 'number' || limitId === NO_ID) {
      this.refresh(ref)
      return this.#expiryOf(this.read(ref).counts)
    }
    // Working on plain numbers avoids a third of the garbage per decision while many keys expire.
    const limit = this.limits.limitOf(limitId)
    const at = this.slots.at(ref)
    const level = levelNow(limit, at, this.slots.level(ref), this.now)
    if (this.now < at) this.slots.setNumbers(ref, this.now, level)
    return this.now + timeToDrain(limit, level)
  }

  #write(slot: number, counts: readonly Count[], expiresAt: number): void {
    const { limit, state } = counts[0] as Count
    const isBucket = counts.length === 1 && limit.algorithm === 'token-bucket'
    const limitId = isBucket ? this.limits.claim(limit) : NO_ID
    this.slots.setTag(slot, limitId)
    if (limitId === NO_ID) this.slots.setObject(slot, { counts, expiresAt } satisfies KeyState)
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
