import { capacityOf, hasCompatibleState, type Limit } from '../../src/limits/limit.js'
import { ConcurrencyModel } from './concurrency.js'
import { FixedWindowModel } from './fixed-window.js'
import type { Model, Usage } from './model.js'
import { SlidingLogModel } from './sliding-log.js'
import { SlidingWindowModel } from './sliding-window.js'
import { TokenBucketModel } from './token-bucket.js'

/** The state of a key under one algorithm, and the limit of its last charge. */
interface Kept {
  readonly limit: Limit
  readonly model: Model<Limit>
}

/** The maximum number of algorithms with state per key. */
const MOST = 4

/** One key of one rule, with a changing limit and a clock that may be set back. */
export class KeyModel {
  #kept: Kept[] = []
  /** The model of the current limit, whose algorithm may be new to the key. */
  #seen: Model<Limit>
  /** The time of the last charge, refund or clock step. */
  #written: number

  constructor(
    private limit: Limit,
    private now: number,
  ) {
    this.#seen = modelOf(limit)
    this.#written = now
  }

  /** Sets the time, which may be earlier, and the limit, which may differ. Reading changes nothing. */
  moveTo(now: number, limit: Limit): void {
    if (now < this.#written) {
      for (const { model } of this.#kept) model.setBack(this.#written, now)
      this.#written = now
    }
    this.now = now
    this.limit = limit
    this.#seen = this.#own()?.model ?? this.#begun(limit)
  }

  /** The units that still count after a number of milliseconds without charges. */
  used(after = 0): number {
    return this.#seen.used(this.now + after, this.limit)
  }

  /** The remaining units; negative after a debt or a lowered limit. */
  left(after = 0): number {
    return capacityOf(this.limit) - this.used(after)
  }

  /** Charges the units in the state of every algorithm. */
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

  /** Drops expired state, and returns true if none is left. */
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

  /** Converts the state of another algorithm, with every charge at its latest possible time. */
  #begun(limit: Limit): Model<Limit> {
    const model = modelOf(limit)
    const [most] = this.#kept
      .map(({ model }) => model.usage(this.now))
      .filter((usage): usage is Usage => usage !== undefined)
      .sort((a, b) => b.units - a.units || b.last - a.last || a.first - b.first)
    if (most !== undefined) model.begin(this.now, most)
    return model
  }

  /** Returns true if the state of an algorithm still counts or outlives the current one. */
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
