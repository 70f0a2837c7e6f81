import type { State } from '../../algorithms/algorithm.js'
import type { ConcurrencyState } from '../../algorithms/concurrency.js'
import type { FixedWindowState } from '../../algorithms/fixed-window.js'
import type { SlidingLogState } from '../../algorithms/sliding-log.js'
import type { SlidingWindowState } from '../../algorithms/sliding-window.js'
import { levelNow, type TokenBucketState, timeToDrain } from '../../algorithms/token-bucket.js'
import type { TokenBucketLimit } from '../../limits/limit.js'
import { leaseId, leaseName } from '../lease-name.js'
import { LeaseArena } from './lease-arena.js'
import { BUCKET, CALENDAR, FIXED, type LimitEntry, LOG, SLIDING, SLOTS } from './limit-entries.js'
import { LogArena } from './log-arena.js'
import { OFFSET_MASK, type SlotArena } from './slot-arena.js'

export type AnyState =
  | TokenBucketState
  | FixedWindowState
  | SlidingWindowState
  | SlidingLogState
  | ConcurrencyState

/**
 * Stores the state of a key under one limit as numbers:
 *
 *     bucket      at, level
 *     window      start, at, count, previous count
 *     log         units in use, list of entries (see `LogArena`)
 *     slots       slots held, list of leases (see `LeaseArena`)
 *
 * The times of a calendar window are wall times.
 */
export class TypedStates {
  readonly logs: LogArena
  readonly leases: LeaseArena

  constructor(private readonly slots: SlotArena) {
    this.logs = new LogArena(slots)
    this.leases = new LeaseArena(slots)
  }

  /** Initializes the slot of a new key, before its first numbers are set. */
  open(slot: number, { kind }: LimitEntry): void {
    if (kind === LOG) this.logs.open(slot)
    else if (kind === SLOTS) this.leases.open(slot)
  }

  /** Frees the memory that a state uses outside of its slot. */
  free(slot: number, { kind }: LimitEntry): void {
    if (kind === LOG) this.logs.free(slot)
    else if (kind === SLOTS) this.leases.free(slot)
  }

  /**
   * Returns a copy of a state.
   *
   * @param enough the number of units after which the copy omits all entries of a log but the last
   *   one, and all further leases. The copy suffices to judge a charge that waits for at most this
   *   many units.
   */
  read(slot: number, entry: LimitEntry, enough = Number.POSITIVE_INFINITY): AnyState {
    const { kind, period } = entry
    const numbers = this.slots.numbersOf(slot)
    const offset = (slot & OFFSET_MASK) * 4
    const first = numbers[offset] as number
    const second = numbers[offset + 1] as number
    switch (kind) {
      case BUCKET:
        return { at: first, level: second }
      case FIXED:
        return windowState(second, first, first + period, this.slots.count(slot))
      case CALENDAR:
        return windowState(second, first, entry.windowEndOf(first), this.slots.count(slot))
      case SLIDING: {
        const [current, previous] = [this.slots.count(slot), this.slots.previousCount(slot)]
        return { at: second, start: first, previous, current }
      }
      case LOG:
        return this.#readLog(slot, period, enough)
      default:
        return this.#readLeases(slot, period, enough)
    }
  }

  #readLog(slot: number, period: number, enough: number): SlidingLogState {
    const { logs } = this
    const times: number[] = []
    const sums: number[] = []
    let sum = 0
    for (let entry = logs.first(slot); entry !== 0; entry = logs.next(entry)) {
      // If entries are omitted, the last one also counts their units.
      if (sum >= enough) entry = logs.last(slot)
      sum = sum >= enough ? logs.units(slot) : sum + logs.costOf(entry)
      times.push(logs.timeOf(entry))
      sums.push(sum)
    }
    const { length } = times
    // The actual time of the last operation may be later, which would not change any entry.
    return { at: times[length - 1] ?? 0, times, sums, head: 0, length, keptFor: period, keptUntil: 0 }
  }

  #readLeases(slot: number, period: number, enough: number): ConcurrencyState {
    const { leases } = this
    const named: ConcurrencyState['leases'] = new Map()
    let freed = 0
    for (let lease = leases.first(slot); lease !== 0 && freed < enough; lease = leases.next(lease)) {
      freed += leases.heldBy(lease)
      const held = { until: leases.endOf(lease), slots: leases.heldBy(lease) }
      named.set(leaseName(leases.idOf(lease)), held)
    }
    const last = leases.endOf(leases.last(slot))
    // The last lease was taken or renewed a period before its end.
    const at = last - period
    return { at, leases: named, held: leases.slotsOf(slot), first: leases.endOf(leases.first(slot)), last }
  }

  /** Stores a state in the slot of a key. Returns false if it does not fit into numbers. */
  write(slot: number, { kind, period }: LimitEntry, state: State): boolean {
    switch (kind) {
      case BUCKET: {
        const { at, level } = state as TokenBucketState
        this.slots.setNumbers(slot, at, level)
        return true
      }
      case FIXED:
      case CALENDAR: {
        const { at, start, end, count } = state as FixedWindowState
        if (!isCount(count) || (kind === FIXED && end !== start + period)) return false
        this.slots.setNumbers(slot, start, at)
        this.slots.setCount(slot, count)
        return true
      }
      case SLIDING: {
        const { at, start, previous, current } = state as SlidingWindowState
        if (!isCount(previous) || !isCount(current)) return false
        this.slots.setNumbers(slot, start, at)
        this.slots.setCount(slot, current)
        this.slots.setPreviousCount(slot, previous)
        return true
      }
      case LOG:
        return this.#writeLog(slot, period, state as SlidingLogState)
      default:
        return this.#writeLeases(slot, state as ConcurrencyState)
    }
  }

  #writeLog(slot: number, period: number, state: SlidingLogState): boolean {
    const { times, sums, head, length, keptFor, keptUntil } = state
    if (keptFor !== period || keptUntil !== 0) return false
    const costOf = (entry: number) =>
      (sums[entry] as number) - (entry === 0 ? 0 : (sums[entry - 1] as number))
    for (let entry = head; entry < length; entry++) if (!isCount(costOf(entry))) return false
    this.logs.open(slot)
    for (let entry = head; entry < length; entry++)
      if (costOf(entry) > 0) this.logs.append(slot, times[entry] as number, costOf(entry))
    return true
  }

  /** Stores leases. Returns false if another process named one of them. */
  #writeLeases(slot: number, { leases }: ConcurrencyState): boolean {
    const named = [...leases].map(([name, lease]) => ({ id: leaseId(name), ...lease }))
    if (named.some(({ id }) => id === undefined)) return false
    this.leases.open(slot)
    for (const { id, until, slots } of named) this.leases.add(slot, until, slots, id)
    return true
  }

  /** Returns the time, on the clock of its limit, at which a state equals a fresh one. */
  expiresAt(slot: number, entry: LimitEntry): number {
    const { kind, limit, period } = entry
    const numbers = this.slots.numbersOf(slot)
    const offset = (slot & OFFSET_MASK) * 4
    const start = numbers[offset] as number
    switch (kind) {
      case BUCKET:
        return start + timeToDrain(limit as TokenBucketLimit, numbers[offset + 1] as number)
      case FIXED:
        return start + period
      case CALENDAR:
        return entry.windowEndOf(start)
      case SLIDING:
        return start + (this.slots.count(slot) > 0 ? 2 : 1) * period
      case LOG: {
        const last = this.logs.last(slot)
        return last === 0 ? 0 : this.logs.timeOf(last) + period
      }
      default:
        return this.leases.endOf(this.leases.last(slot))
    }
  }

  /** Reports whether a clock was set back since a state was stored. */
  isAhead(slot: number, { kind, period }: LimitEntry, now: number): boolean {
    switch (kind) {
      case BUCKET:
        return now < this.slots.first(slot)
      case LOG: {
        const last = this.logs.last(slot)
        return last !== 0 && now < this.logs.timeOf(last)
      }
      case SLOTS:
        return now + period < this.leases.endOf(this.leases.last(slot))
      default:
        return now < this.slots.second(slot)
    }
  }

  /** Returns the level of a bucket at a time. */
  levelAt(slot: number, { limit }: LimitEntry, now: number): number {
    return levelNow(limit as TokenBucketLimit, this.slots.first(slot), this.slots.second(slot), now)
  }
}

function windowState(at: number, start: number, end: number, count: number): FixedWindowState {
  return { at, start, end, count }
}

/** Reports whether a count fits into 32 bits. */
function isCount(count: number): boolean {
  return count >>> 0 === count
}
