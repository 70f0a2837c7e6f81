import { capacityOf, type Limit, sameLimit } from '../../src/limits/limit.js'
import { ConcurrencyModel } from './concurrency.js'
import { FixedWindowModel } from './fixed-window.js'
import type { Model } from './model.js'
import { SlidingLogModel } from './sliding-log.js'
import { SlidingWindowModel } from './sliding-window.js'
import { TokenBucketModel } from './token-bucket.js'

/** One key of one rule, while its limit changes and the clock goes as it likes. */
export class KeyModel {
  #model: Model<never>

  constructor(
    private limit: Limit,
    private now: number,
  ) {
    this.#model = modelOf(limit)
  }

  /** It is a moment later, or earlier, and the limit may be another one. */
  moveTo(now: number, limit: Limit): void {
    if (now < this.now) this.#model.setBack(this.now, now)
    this.now = now
    if (sameLimit(this.limit, limit)) return
    if (limit.algorithm === this.limit.algorithm) this.#model.change(now, limit as never)
    else {
      const fraction = this.used() / capacityOf(this.limit)
      this.#model = modelOf(limit)
      if (fraction > 0) this.#model.take(now, fraction * capacityOf(limit), 'before')
    }
    this.limit = limit
  }

  /** What counts in so many milliseconds, if nothing else comes until then. */
  used(after = 0): number {
    return this.#model.used(this.now + after)
  }

  /** What is left; negative where there is debt. */
  left(after = 0): number {
    return capacityOf(this.limit) - this.used(after)
  }

  take(cost: number, lease: string): void {
    this.#model.take(this.now, cost, lease)
  }

  release(lease: string): void {
    this.#model.release?.(lease)
  }
}

function modelOf(limit: Limit): Model<never> {
  switch (limit.algorithm) {
    case 'token-bucket':
      return new TokenBucketModel(limit)
    case 'fixed-window':
      return new FixedWindowModel(limit)
    case 'sliding-window':
      return new SlidingWindowModel(limit)
    case 'sliding-log':
      return new SlidingLogModel(limit)
    case 'concurrency':
      return new ConcurrencyModel(limit)
  }
}
