import type { State } from '../../algorithms/algorithm.js'
import {
  type Count,
  countsAfterSettlement,
  countsAfterTake,
  countsIdleAfter,
  countsNow,
  stateUnder,
} from '../../algorithms/usage-counts.js'
import type { Taken } from '../../algorithms/verdict.js'
import { hasCompatibleState, type Limit, usesWallTime } from '../../limits/limit.js'
import type { Clock } from '../../time/clock.js'
import { leaseId } from '../lease-name.js'
import { HashIndex } from './hash-index.js'
import { KeyHash } from './key-hash.js'
import { BUCKET, CALENDAR, LimitEntries, type LimitEntry, NO_ID, SLOTS } from './limit-entries.js'
import { SlotArena } from './slot-arena.js'
import { TimingWheel } from './timing-wheel.js'
import { TypedStates } from './typed-states.js'

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
 * Stores the state of every key. A state under one limit is stored as numbers (see `TypedStates`).
 * It is stored as an object if the limit of the key changed its algorithm, a count exceeds 32 bits,
 * or another process named a lease.
 *
 * A key is identified by a 64-bit hash under a secret. Among a million keys, a collision has a
 * probability of one in 37 million, and clients cannot construct one. If the keys themselves were
 * stored, garbage collection pauses would grow with their number.
 */
export class StateTable {
  readonly slots = new SlotArena()
  readonly typed = new TypedStates(this.slots)
  readonly limits = new LimitEntries()
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

  /** The current time of calendar windows. */
  get wallTime(): number {
    return this.clock.wallTime()
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

  /** Returns the limit of a state that is stored as numbers; undefined for an object. */
  entryOf(slot: number): LimitEntry | undefined {
    const id = this.slots.tag(slot)
    return id === NO_ID ? undefined : this.limits.at(id)
  }

  read(ref: StateRef): KeyState {
    if (typeof ref !== 'number') return ref
    const entry = this.entryOf(ref)
    if (entry === undefined) return this.slots.object(ref) as KeyState
    const { limit } = entry
    return { counts: [{ limit, state: this.typed.read(ref, entry) }], expiresAt: this.#expiryOf(ref, entry) }
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
    const entry = typeof ref === 'number' ? this.entryOf(ref) : undefined
    if (typeof ref === 'number' && entry !== undefined) {
      if (entry.kind === SLOTS) this.typed.leases.expire(ref, this.now)
      if (!this.typed.isAhead(ref, entry, this.#timeOf(entry))) return
    }
    const { counts } = this.read(ref)
    const now = countsNow(counts, this.#timeFor)
    if (now !== counts) this.#update(ref, now)
  }

  /** Takes a cost from an existing state. */
  take(ref: StateRef, limit: Limit, cost: number, lease: string): void {
    this.#update(ref, countsAfterTake(limit, this.read(ref).counts, cost, lease, this.#timeFor))
  }

  settle(ref: StateRef, limit: Limit, taken: Taken, cost: number): void {
    if (typeof ref === 'number' && taken.lease !== undefined && this.#settleLease(ref, taken.lease, cost))
      return
    this.#update(ref, countsAfterSettlement(limit, this.read(ref).counts, taken, cost, this.#timeFor))
  }

  /** Settles a lease that is stored as numbers. */
  #settleLease(slot: number, name: string, cost: number): boolean {
    const entry = this.entryOf(slot)
    const id = leaseId(name)
    if (entry?.kind !== SLOTS || id === undefined) return false
    this.refresh(slot)
    if (this.entryOf(slot) !== entry) return false
    const lease = this.typed.leases.find(slot, id)
    // A lease that has ended has nothing to release.
    return lease === 0 ? cost === 0 : this.settleSlots(slot, entry, lease, cost)
  }

  /**
   * Renews a lease, or ends it if `cost` is 0. Returns false if the lease holds a different number
   * of slots.
   */
  settleSlots(slot: number, entry: LimitEntry, lease: number, cost: number): boolean {
    const { leases } = this.typed
    const endsLast = lease === leases.last(slot)
    if (cost === 0) leases.remove(slot, lease)
    else if (cost === leases.heldBy(lease)) leases.renew(slot, lease, this.now + entry.period)
    else return false
    if (leases.first(slot) === 0) this.delete(slot)
    else if (endsLast) this.schedule(slot, entry)
    return true
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
    scope.overflow = { counts, expiresAt: this.now + countsIdleAfter(counts, this.#timeFor) }
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
    else scope.overflow = { counts, expiresAt: this.now + countsIdleAfter(counts, this.#timeFor) }
  }

  /** Adds a key that has no state. */
  add(scope: Scope, key: string, counts: readonly Count[]): void {
    const slot = this.#allocate(scope, key)
    const expiresAt = this.now + countsIdleAfter(counts, this.#timeFor)
    this.#write(slot, counts, expiresAt)
    this.#wheel.schedule(slot, expiresAt)
  }

  /** Adds a key. The caller then writes its state as numbers and calls `schedule`. */
  create(scope: Scope, key: string, entry: LimitEntry): number {
    const slot = this.#allocate(scope, key)
    this.slots.setTag(slot, entry.id)
    entry.references++
    this.typed.open(slot, entry)
    return slot
  }

  /** Returns the limit of a state if its numbers are also valid under another limit. */
  convertible(slot: number, entry: LimitEntry): LimitEntry | undefined {
    const stored = this.entryOf(slot)
    if (stored === undefined || !hasCompatibleState(stored.limit, entry.limit)) return undefined
    return entry.kind === BUCKET || stored.period === entry.period ? stored : undefined
  }

  /** Changes the limit of a state whose numbers are valid under both limits. */
  retag(slot: number, stored: LimitEntry, entry: LimitEntry): void {
    stored.references--
    entry.references++
    this.slots.setTag(slot, entry.id)
    // A state under a faster limit expires earlier.
    this.schedule(slot, entry)
  }

  /** Schedules the expiry of a state that is stored as numbers. */
  schedule(slot: number, entry: LimitEntry): void {
    this.#wheel.schedule(slot, this.#expiryOf(slot, entry))
  }

  #allocate(scope: Scope, key: string): number {
    this.#hash.hash(key)
    const slot = this.slots.allocate()
    this.#index.add(slot, this.#hash.low ^ scope.low, this.#hash.high ^ scope.high)
    this.slots.setTag(slot, NO_ID)
    return slot
  }

  #update(ref: StateRef, counts: readonly Count[]): void {
    const expiresAt = this.now + countsIdleAfter(counts, this.#timeFor)
    if (typeof ref !== 'number') {
      Object.assign(ref, { counts, expiresAt })
      return
    }
    const entry = this.entryOf(ref)
    const { expiresAt: before } = entry
      ? { expiresAt: this.#expiryOf(ref, entry) }
      : (this.slots.object(ref) as KeyState)
    if (counts.length === 0) this.delete(ref)
    else {
      this.#write(ref, counts, expiresAt)
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
    this.#free(slot)
    this.slots.release(slot)
  }

  readonly #collectDue = (slot: number): void => {
    const expiresAt = this.#expiryNow(slot)
    if (expiresAt > this.now) this.#wheel.schedule(slot, expiresAt)
    else this.delete(slot)
  }

  /** Recomputes the expiry of a state, in case the clock was set back since it was stored. */
  #expiryNow(ref: StateRef): number {
    this.refresh(ref)
    const entry = typeof ref === 'number' ? this.entryOf(ref) : undefined
    return typeof ref === 'number' && entry !== undefined
      ? this.#expiryOf(ref, entry)
      : this.now + countsIdleAfter(this.read(ref).counts, this.#timeFor)
  }

  /** Returns when a state that is stored as numbers expires, in milliseconds of `Clock.now`. */
  #expiryOf(slot: number, entry: LimitEntry): number {
    return this.typed.expiresAt(slot, entry) + (this.now - this.#timeOf(entry))
  }

  #write(slot: number, counts: readonly Count[], expiresAt: number): void {
    const { limit, state } = counts[0] as Count
    this.#free(slot)
    const entry = counts.length === 1 ? this.limits.of(limit) : undefined
    if (entry !== undefined && this.typed.write(slot, entry, state)) {
      this.slots.setTag(slot, entry.id)
      this.slots.setObject(slot, undefined)
      entry.references++
    } else this.slots.setObject(slot, { counts, expiresAt } satisfies KeyState)
  }

  /** Frees the memory that a state uses outside of its slot. The slot then has no state. */
  #free(slot: number): void {
    const entry = this.entryOf(slot)
    if (entry === undefined) return
    this.typed.free(slot, entry)
    entry.references--
    this.slots.setTag(slot, NO_ID)
  }

  #timeOf({ kind }: LimitEntry): number {
    return kind === CALENDAR ? this.clock.wallTime() : this.now
  }

  readonly #timeFor = (limit: Limit): number => (usesWallTime(limit) ? this.clock.wallTime() : this.now)
}

const NO_COUNTS: readonly Count[] = []
