import { capacityOf, hasCompatibleState, type Limit } from '../../src/limits/limit.js'
import { ConcurrencyModel } from './concurrency.js'
import { FixedWindowModel } from './fixed-window.js'
import type { Model, Usage } from './model.js'
import { SlidingLogModel } from './sliding-log.js'
import { SlidingWindowModel } from './sliding-window.js'
import { TokenBucketModel } from './token-bucket.js'

/** One way of counting that a key is kept under, and the limit that was last taken under. */
interface Kept {
  readonly limit: Limit
  readonly model: Model<Limit>
}

/** So many ways of counting are kept. */
const MOST = 4

/** One key of one rule, while its limit changes and the clock goes as it likes. */
export class KeyModel {
  #kept: Kept[] = []
  /** What is seen now, by a limit that may count in a way of its own. */
  #seen: Model<Limit>
  /** When something was last taken, given back or set back. */
  #written: number

  constructor(
    private limit: Limit,
    private now: number,
  ) {
    this.#seen = modelOf(limit)
    this.#written = now
  }

  /** It is a moment later, or earlier, and the limit may be another one. Looking changes nothing. */
  moveTo(now: number, limit: Limit): void {
    if (now < this.#written) {
      for (const { model } of this.#kept) model.setBack(this.#written, now)
      this.#written = now
    }
    this.now = now
    this.limit = limit
    this.#seen = this.#own()?.model ?? this.#begun(limit)
  }

  /** What counts in so many milliseconds, if nothing else comes until then. */
  used(after = 0): number {
    return this.#seen.used(this.now + after, this.limit)
  }

  /** What is left; negative where there is debt, or where the limit was larger. */
  left(after = 0): number {
    return capacityOf(this.limit) - this.used(after)
  }

  /** What is taken under one limit is taken in every way of counting. */
  take(cost: number, lease: string): void {
    const { limit, now } = this
    const own = this.#own()
    const isOver = this.#kept.every(({ model }) => model.overAt() <= now)
    const others = isOver ? [] : this.#kept.filter((each) => each !== own && this.#goesOn(each))
    for (const other of others) other.model.takeElsewhere(now, cost, other.limit)
    this.#seen.take(now, cost, limit, lease)
    this.#kept = [{ limit, model: this.#seen }, ...others]
    if (this.#kept.length > MOST) this.#dropSoonest()
    this.#written = now
  }

  /** Forgets what no longer counts, and says whether nothing is left. */
  forgetWhatIsOver(): boolean {
    if (this.#kept.some(({ model }) => model.overAt() > this.now)) return false
    this.#kept = []
    this.#seen = modelOf(this.limit)
    return true
  }

  release(lease: string): void {
    for (const { model } of this.#kept) model.release?.(lease)
    this.#written = this.now
  }

  #own(): Kept | undefined {
    return this.#kept.find((each) => hasCompatibleState(each.limit, this.limit))
  }

  /** As if all that another way of counting knows had come as late as it can have. */
  #begun(limit: Limit): Model<Limit> {
    const model = modelOf(limit)
    const [most] = this.#kept
      .map(({ model }) => model.usage(this.now))
      .filter((usage): usage is Usage => usage !== undefined)
      .sort((a, b) => b.units - a.units || b.last - a.last || a.first - b.first)
    if (most !== undefined) model.begin(this.now, most)
    return model
  }

  /** Whether a way of counting is still needed: something counts in it, or what is asked about counts for longer. */
  #goesOn({ limit, model }: Kept): boolean {
    return model.overAt() > this.now || spanOf(limit) < spanOf(this.limit)
  }

  #dropSoonest(): void {
    const [own, ...others] = this.#kept as [Kept, ...Kept[]]
    const soonest = Math.min(...others.map(({ model }) => model.overAt()))
    const dropped = others.findIndex(({ model }) => model.overAt() === soonest)
    this.#kept = [own, ...others.filter((_, place) => place !== dropped)]
  }
}

function spanOf(limit: Limit): number {
  if (limit.algorithm === 'concurrency') return limit.lease
  return limit.algorithm === 'token-bucket' ? (limit.burst * limit.period) / limit.limit : limit.period
}

function modelOf(limit: Limit): Model<Limit> {
  return algorithmModel(limit) as unknown as Model<Limit>
}

function algorithmModel(limit: Limit) {
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
