import { capacityOf, type Limit } from 'sluice'
import type { EntryPool } from '../columns/entry-pool.js'
import type { Kept } from '../columns/key-index.js'
import { LOG_NUMBERS, SlidingLogs } from '../columns/sliding-logs.js'
import { SlotColumns } from '../columns/slot-columns.js'

/** What was let in, as a settlement names it. */
export interface Taken {
  /** Its entry and when that was made; -1 where it has none. */
  readonly entry: number
  readonly at: number
  readonly cost: number
  /** When it would have drained out of a bucket. */
  readonly endsAt: number
}

/** What is kept of a key beside its log: of a bucket what is left and what it holds, what is in flight, and when it was last looked at. */
const LEVEL = 0
const CAPACITY = 1
const IN_FLIGHT = 2
const AT = 3
const NUMBERS = 4

/**
 * What a perfect limiter of the same bound knows of each key: exactly what was let in, and so whether one more request would still
 * keep the bound. A request that was refused although it would is a false refusal.
 *
 * The bounds, given all that this limiter has let in before:
 *
 * - `token-bucket`: at most burst + limit · t / period in every interval of every length t that ends now;
 * - `fixed-window` with a window from the first request, `sliding-window`, `sliding-log`: at most `limit` in the trailing period;
 * - `concurrency`: at most `limit` in flight;
 * - `fixed-window` of the calendar: its bound is the window itself, and nothing is measured.
 *
 * What is settled counts as the limiters count it: what was taken too much counts no more from then on, and what was taken too little
 * is taken at that moment.
 */
export class BoundChecker implements Kept {
  readonly #bounds = new SlotColumns(NUMBERS + LOG_NUMBERS)
  readonly #logs: SlidingLogs
  /** How long anything may count after a request, in milliseconds: by the longest of the limits, since tiers have their own. */
  #age = 0

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

  isOver(slot: number, now: number): boolean {
    return this.#bounds.get(slot, IN_FLIGHT) === 0 && now - this.#bounds.get(slot, AT) >= this.#age
  }

  end(slot: number): void {
    this.#logs.end(slot)
  }

  /** Whether a request of this cost would have kept the bound. */
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

  /**
   * Notes what was let in.
   *
   * @returns its entry, which a settlement names
   */
  take(slot: number, limit: Limit, cost: number, now: number): number {
    const age = timeToForget(limit)
    if (age > this.#age) this.#age = age
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
    { entry, at, cost: taken, endsAt }: Taken,
    cost: number,
    now: number,
  ): void {
    if (limit.algorithm === 'token-bucket') {
      // What drains first is what came first, so that no more of it is left than what drains until its end.
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

  /** The most that is held now: in flight, or taken in the trailing period. */
  held(slot: number, limit: Limit, now: number): number {
    return limit.algorithm === 'concurrency'
      ? this.#bounds.get(slot, IN_FLIGHT)
      : this.#logs.sumAt(slot, now, limit.period)
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

  /** A bucket whose limit changes keeps the part of it that is used. */
  #levelNow(slot: number, limit: Limit & { readonly algorithm: 'token-bucket' }, now: number): number {
    const bounds = this.#bounds
    const capacity = capacityOf(limit)
    const before = bounds.get(slot, CAPACITY)
    let level = bounds.get(slot, LEVEL)
    if (Number.isNaN(level)) level = capacity
    else if (before !== capacity) level = capacity - ((before - level) / before) * capacity
    const refilled = ((now - bounds.get(slot, AT)) * limit.limit) / limit.period
    level = Math.min(capacity, level + refilled)
    bounds.set(slot, LEVEL, level)
    bounds.set(slot, AT, now)
    bounds.set(slot, CAPACITY, capacity)
    return level
  }
}

/** How long anything of a key may count after its last request, in milliseconds; but for what is in flight. */
function timeToForget(limit: Limit): number {
  if (limit.algorithm === 'concurrency') return 0
  return limit.algorithm === 'token-bucket'
    ? Math.max(limit.period, (limit.burst * limit.period) / limit.limit)
    : limit.period
}

/** A calendar's windows are their own bound. */
export function isMeasured(limit: Limit): boolean {
  return !(limit.algorithm === 'fixed-window' && limit.align === 'calendar')
}

/**
 * A level that flows may be a hair off, and what is refused for a hair is refused with reason: there is room only where there clearly
 * is. All other counts are whole numbers.
 */
function fits(cost: number, level: number): boolean {
  return cost <= level - Math.min(Math.abs(level) * 1e-9, 0.25)
}
