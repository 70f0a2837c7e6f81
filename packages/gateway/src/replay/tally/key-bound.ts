import { capacityOf, type Limit } from 'sluice'
import { type Budget, TrailingLog } from './trailing-log.js'

/** What was let in, as a settlement names it. */
export interface Taken {
  /** The number of its entry; -1 where it has none. */
  readonly entry: number
  readonly cost: number
  /** When it would have drained out of a bucket. */
  readonly endsAt: number
}

/**
 * What a perfect limiter of the same bound knows of one key: exactly what was let in, and so whether one more request would still
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
export class KeyBound {
  readonly #log: TrailingLog
  /** Of a bucket: what is left, and when. */
  #level = Number.NaN
  #levelAt = 0
  #capacity = 0
  #inFlight = 0

  constructor(budget: Budget) {
    this.#log = new TrailingLog(budget)
  }

  /** Whether a request of this cost would have kept the bound. */
  hasRoom(limit: Limit, cost: number, now: number): boolean {
    switch (limit.algorithm) {
      case 'token-bucket':
        return fits(cost, this.#levelNow(limit, now))
      case 'concurrency':
        return this.#inFlight + cost <= limit.limit
      default:
        return isMeasured(limit) && this.#log.sumAt(now, limit.period) + cost <= limit.limit
    }
  }

  /**
   * Notes what was let in.
   *
   * @returns the number of its entry, which a settlement names
   */
  take(limit: Limit, cost: number, now: number): number {
    if (limit.algorithm === 'concurrency') {
      this.#inFlight += cost
      return -1
    }
    if (limit.algorithm === 'token-bucket') this.#level = this.#levelNow(limit, now) - cost
    if (!isMeasured(limit)) return -1
    this.#log.sumAt(now, limit.period)
    return this.#log.add(now, cost)
  }

  settle(limit: Limit, { entry, cost: taken, endsAt }: Taken, cost: number, now: number): void {
    if (limit.algorithm === 'token-bucket') {
      // What drains first is what came first, so that no more of it is left than what drains until its end.
      const left = (Math.max(0, endsAt - now) * limit.limit) / limit.period
      this.#level = Math.min(limit.burst, this.#levelNow(limit, now) + Math.min(taken - cost, left))
    }
    if (entry < 0 || limit.algorithm === 'concurrency') return
    this.#log.sumAt(now, limit.period)
    if (cost < taken) this.#log.lower(entry, cost)
    else if (cost > taken) this.#log.add(now, cost - taken)
  }

  release(cost: number): void {
    this.#inFlight -= cost
  }

  /** The most that is held now: in flight, or taken in the trailing period. */
  held(limit: Limit, now: number): number {
    return limit.algorithm === 'concurrency' ? this.#inFlight : this.#log.sumAt(now, limit.period)
  }

  /** A bucket whose limit changes keeps the part of it that is used. */
  #levelNow(limit: Limit & { readonly algorithm: 'token-bucket' }, now: number): number {
    const capacity = capacityOf(limit)
    if (Number.isNaN(this.#level)) this.#level = capacity
    else if (this.#capacity !== capacity)
      this.#level = capacity - ((this.#capacity - this.#level) / this.#capacity) * capacity
    const refilled = ((now - this.#levelAt) * limit.limit) / limit.period
    this.#level = Math.min(capacity, this.#level + refilled)
    this.#levelAt = now
    this.#capacity = capacity
    return this.#level
  }
}

/** A calendar's windows are its own bound. */
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
