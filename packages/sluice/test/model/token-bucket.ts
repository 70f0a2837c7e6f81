import type { TokenBucketLimit } from '../../src/limits/limit.js'
import { allAt, type Entry, type Model, sumOf, type Usage } from './model.js'

/** No interval that ends now holds more than the burst and what its length brings, at the larger of the rate of now and the last take's. */
export class TokenBucketModel implements Model<TokenBucketLimit> {
  #history: Entry[] = []
  #last = 0

  constructor(private limit: TokenBucketLimit) {}

  /** The interval that is nearest to its bound says how much of the burst is gone. */
  used(now: number, limit: TokenBucketLimit): number {
    const rate = Math.max(rateOf(limit), rateOf(this.limit))
    const intervals = this.#history.map(
      ({ at }, first) => sumOf(this.#history.slice(first)) - (now - at) * rate,
    )
    return Math.max(0, ...intervals)
  }

  take(now: number, cost: number, limit: TokenBucketLimit): void {
    if (rateOf(limit) !== rateOf(this.limit)) this.#history = allAt(now, this.used(now, limit))
    this.limit = limit
    this.#history.push({ at: now, cost })
    this.#last = now
  }

  /** More than a full bucket would refuse for longer than the limit ever does. */
  takeElsewhere(now: number, cost: number, limit: TokenBucketLimit): void {
    const room = Math.max(0, this.limit.burst - this.used(now, this.limit))
    this.take(now, Math.min(cost, room), limit)
  }

  /** What is used flows out at the moment when it would have, but nobody waits for longer than a full bucket takes. */
  setBack(from: number, to: number): void {
    const used = this.used(from, this.limit)
    const until = used + (from - to) * rateOf(this.limit)
    this.#history = used === 0 ? [] : allAt(to, Math.max(used, Math.min(this.limit.burst, until)))
    this.#last = to
  }

  usage(now: number): Usage | undefined {
    const units = this.used(now, this.limit)
    return units > 0 ? { units, first: this.#last, last: this.#last } : undefined
  }

  begin(_now: number, { units, last }: Usage): void {
    this.#history = allAt(last, Math.min(units, this.limit.burst))
    this.#last = last
  }

  overAt(): number {
    return this.#last + this.used(this.#last, this.limit) / rateOf(this.limit)
  }
}

function rateOf({ limit, period }: TokenBucketLimit): number {
  return limit / period
}
