import type { TokenBucketLimit } from '../../src/limits/limit.js'
import { type Entry, type Model, singleEntry, sumOf, type Usage } from './model.js'

/**
 * Bounds the charges in every interval that ends now by the burst plus the refill over the
 * interval.
 *
 * The refill uses the current rate or that of the last charge, whichever is larger.
 */
export class TokenBucketModel implements Model<TokenBucketLimit> {
  #history: Entry[] = []
  #last = 0

  constructor(private limit: TokenBucketLimit) {}

  /** Returns the used part of the burst, which the interval closest to its bound determines. */
  used(now: number, limit: TokenBucketLimit): number {
    const rate = Math.max(rateOf(limit), rateOf(this.limit))
    const intervals = this.#history.map(
      ({ at }, first) => sumOf(this.#history.slice(first)) - (now - at) * rate,
    )
    return Math.max(0, ...intervals)
  }

  take(now: number, cost: number, limit: TokenBucketLimit): void {
    if (rateOf(limit) !== rateOf(this.limit)) this.#history = singleEntry(now, this.used(now, limit))
    this.limit = limit
    this.#history.push({ at: now, cost })
    this.#last = now
  }

  /** Charges at most up to a full bucket, which bounds the wait under this limit. */
  takeUnderOther(now: number, cost: number, limit: TokenBucketLimit): void {
    const room = Math.max(0, this.limit.burst - this.used(now, this.limit))
    this.take(now, Math.min(cost, room), limit)
  }

  /** Keeps the time at which the bucket is empty, but raises the level to at most the burst. */
  setBack(from: number, to: number): void {
    const used = this.used(from, this.limit)
    const until = used + (from - to) * rateOf(this.limit)
    this.#history = used === 0 ? [] : singleEntry(to, Math.max(used, Math.min(this.limit.burst, until)))
    this.#last = to
  }

  usage(now: number): Usage | undefined {
    const units = this.used(now, this.limit)
    return units > 0 ? { units, first: this.#last, last: this.#last } : undefined
  }

  begin(_now: number, { units, last }: Usage): void {
    this.#history = singleEntry(last, Math.min(units, this.limit.burst))
    this.#last = last
  }

  expiresAt(): number {
    return this.#last + this.used(this.#last, this.limit) / rateOf(this.limit)
  }
}

function rateOf({ limit, period }: TokenBucketLimit): number {
  return limit / period
}
