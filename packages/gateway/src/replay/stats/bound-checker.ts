import { capacityOf, type Limit } from 'sluice'
import type { EntryPool } from '../columns/entry-pool.js'
import type { SlotOwner } from '../columns/key-index.js'
import { LOG_NUMBERS, SlidingLogs } from '../columns/sliding-logs.js'
import { SlotColumns } from '../columns/slot-columns.js'

/** The data that settling a charge requires. */
export interface TakenCharge {
  /** The entry of the charge in the log; -1 if it has none. */
  readonly entry: number
  /** When the entry was added. */
  readonly at: number
  readonly cost: number
  /** When a token bucket will have refilled the charge. */
  readonly endsAt: number
}

/**
 * Columns of a key other than those of its log: level and capacity of a bucket, cost in flight,
 * last update.
 */
const LEVEL = 0
const CAPACITY = 1
const IN_FLIGHT = 2
const AT = 3
/** Number of these columns. */
const NUMBERS = 4

/**
 * A perfect limiter for the bounds of a rule. It records exactly what was admitted for each key, so
 * it can tell whether one more request would stay within the bound. Refusing such a request is a
 * false refusal.
 *
 * The bounds, given everything admitted before:
 *
 * - `token-bucket`: at most burst + limit · t / period in every interval of every length t that
 *   ends now;
 * - `fixed-window` with a window from the first request, `sliding-window`, `sliding-log`: at most
 *   `limit` in the trailing period;
 * - `concurrency`: at most `limit` in flight;
 * - `fixed-window` aligned to the calendar: not measured, since the window itself is the bound.
 *
 * Settlements take effect as in the limiters: at the time of the settlement, a refunded cost
 * stops counting and an additional cost is charged.
 */
export class BoundChecker implements SlotOwner {
  readonly #bounds = new SlotColumns(NUMBERS + LOG_NUMBERS)
  readonly #logs: SlidingLogs
  /** Maximum time for which a charge counts, across the limits of all tiers. */
  #maxAgeMs = 0

  constructor(entries: EntryPool) {
    this.#logs = new SlidingLogs(entries, this.#bounds, NUMBERS)
  }

  begin(slot: number): void {
    this.#bounds.reach(slot)
    this.#logs.begin(slot)
    this.#bounds.set(slot, LEVEL, Number.NaN)
    this.#bounds.set(slot, CAPACITY, 0)
    this.#bounds.set(slot, IN_FLIGHT, 0)
    this.#bounds.set(slot, AT, 0)
  }

  isExpired(slot: number, now: number): boolean {
    return this.#bounds.get(slot, IN_FLIGHT) === 0 && now - this.#bounds.get(slot, AT) >= this.#maxAgeMs
  }

  end(slot: number): void {
    this.#logs.end(slot)
  }

  /** Reports whether a request of this cost would stay within the bound. */
  hasRoom(slot: number, limit: Limit, cost: number, now: number): boolean {
    switch (limit.algorithm) {
      case 'token-bucket':
        return fits(cost, this.#levelNow(slot, limit, now))
      case 'concurrency':
        return this.#bounds.get(slot, IN_FLIGHT) + cost <= limit.limit
      default:
        return isMeasured(limit) && this.#logs.sumAt(slot, now, limit.period) + cost <= limit.limit
    }
  }

  /** Records an admitted charge. Returns its entry in the log, or -1 if it has none. */
  take(slot: number, limit: Limit, cost: number, now: number): number {
    const ageMs = maxAgeMsOf(limit)
    if (ageMs > this.#maxAgeMs) this.#maxAgeMs = ageMs
    if (limit.algorithm === 'concurrency') {
      this.#bounds.add(slot, IN_FLIGHT, cost)
      return -1
    }
    if (limit.algorithm === 'token-bucket')
      this.#bounds.set(slot, LEVEL, this.#levelNow(slot, limit, now) - cost)
    if (!isMeasured(limit)) return -1
    return this.#add(slot, limit, cost, now)
  }

  settle(
    slot: number,
    limit: Limit,
    { entry, at, cost: taken, endsAt }: TakenCharge,
    cost: number,
    now: number,
  ): void {
    if (limit.algorithm === 'token-bucket') {
      // A bucket refills the oldest charge first, so at most this much of the charge still counts.
      const left = (Math.max(0, endsAt - now) * limit.limit) / limit.period
      const level = this.#levelNow(slot, limit, now) + Math.min(taken - cost, left)
      this.#bounds.set(slot, LEVEL, Math.min(limit.burst, level))
    }
    if (entry < 0 || limit.algorithm === 'concurrency') return
    if (cost > taken) this.#add(slot, limit, cost - taken, now)
    else if (cost < taken) {
      this.#logs.sumAt(slot, now, limit.period)
      this.#logs.lower(slot, entry, at, cost)
    }
  }

  release(slot: number, cost: number): void {
    this.#bounds.add(slot, IN_FLIGHT, -cost)
  }

  /** Returns the current usage: the cost in flight, or charged in the trailing period. */
  usage(slot: number, limit: Limit, now: number): number {
    return limit.algorithm === 'concurrency'
      ? this.#bounds.get(slot, IN_FLIGHT)
      : this.#logs.sumAt(slot, now, limit.period)
  }

  /** Returns the units that a token bucket owes, since more was settled than it held; 0 for other limits. */
  owed(slot: number, limit: Limit, now: number): number {
    return limit.algorithm === 'token-bucket' ? Math.max(0, -this.#levelNow(slot, limit, now)) : 0
  }

  /** Returns when a token bucket will be full if nothing more is taken; now for other limits. */
  fullAt(slot: number, limit: Limit, now: number): number {
    if (limit.algorithm !== 'token-bucket') return now
    return now + ((limit.burst - this.#levelNow(slot, limit, now)) * limit.period) / limit.limit
  }

  #add(
    slot: number,
    { period }: Exclude<Limit, { algorithm: 'concurrency' }>,
    cost: number,
    now: number,
  ): number {
    this.#bounds.set(slot, AT, now)
    this.#logs.sumAt(slot, now, period)
    return this.#logs.add(slot, now, cost)
  }

  /** Refills the bucket up to now. If the limit changes, the used fraction stays the same. */
  #levelNow(slot: number, limit: Limit & { readonly algorithm: 'token-bucket' }, now: number): number {
    const bounds = this.#bounds
    const capacity = capacityOf(limit)
    const before = bounds.get(slot, CAPACITY)
    let level = bounds.get(slot, LEVEL)
    if (Number.isNaN(level)) level = limit.initial ?? capacity
    else if (before !== capacity) level = capacity - ((before - level) / before) * capacity
    const refilled = ((now - bounds.get(slot, AT)) * limit.limit) / limit.period
    // A bucket that has been full for as long as an empty one takes to fill starts again.
    const isNew = limit.initial !== undefined && level + refilled >= 2 * capacity
    level = isNew ? (limit.initial ?? capacity) : Math.min(capacity, level + refilled)
    bounds.set(slot, LEVEL, level)
    bounds.set(slot, AT, now)
    bounds.set(slot, CAPACITY, capacity)
    return level
  }
}

/**
 * Returns how long a charge of the limit counts, in milliseconds. Cost in flight counts until
 * released.
 */
function maxAgeMsOf(limit: Limit): number {
  if (limit.algorithm === 'concurrency') return 0
  return limit.algorithm === 'token-bucket'
    ? Math.max(limit.period, (limit.burst * limit.period) / limit.limit)
    : limit.period
}

/**
 * Reports whether false refusals of the limit can be measured: calendar windows are their own
 * bound.
 */
export function isMeasured(limit: Limit): boolean {
  return !(limit.algorithm === 'fixed-window' && limit.align === 'calendar')
}

/**
 * Reports whether a cost fits into a bucket with a clear margin. Levels are fractions with rounding
 * errors, so a refusal within the margin does not count as false. All other counts are integers.
 */
function fits(cost: number, level: number): boolean {
  return cost <= level - Math.min(Math.abs(level) * 1e-9, 0.25)
}
