import { capacityOf, hasCompatibleState, type Limit } from '../../src/limits/limit.js'
import { ConcurrencyModel } from './concurrency.js'
import { FixedWindowModel } from './fixed-window.js'
import type { Model, Usage } from './model.js'
import { SlidingLogModel } from './sliding-log.js'
import { SlidingWindowModel } from './sliding-window.js'
import { TokenBucketModel } from './token-bucket.js'

/** The state of a key under one algorithm, and the limit of its last charge. */
interface AlgorithmState {
  readonly limit: Limit
  readonly model: Model<Limit>
}

/** The maximum number of algorithms with state per key. */
const MAX_ALGORITHMS = 4

/** One key of one rule, with a changing limit and a clock that may be set back. */
export class KeyModel {
  #states: AlgorithmState[] = []
  /** The model of the current limit, whose algorithm may be new to the key. */
  #current: Model<Limit>
  /** The time of the last charge, refund or clock step. */
  #changedAt: number

  constructor(
    private limit: Limit,
    private now: number,
  ) {
    this.#current = modelOf(limit)
    this.#changedAt = now
  }

  /** Sets the current time and limit. Only a step back in time changes the state. */
  moveTo(now: number, limit: Limit): void {
    if (now < this.#changedAt) {
      for (const { model } of this.#states) model.setBack(this.#changedAt, now)
      this.#changedAt = now
    }
    this.now = now
    this.limit = limit
    this.#current = this.#currentState()?.model ?? this.#convert(limit)
  }

  /** Returns the units in use after the given number of milliseconds without charges. */
  used(after = 0): number {
    return this.#current.used(this.now + after, this.limit)
  }

  /** Returns the remaining units, which are negative after a debt or a lowered limit. */
  left(after = 0): number {
    return capacityOf(this.limit) - this.used(after)
  }

  /** Charges units to the state of every algorithm. */
  take(cost: number, lease: string): void {
    const { limit, now } = this
    const own = this.#currentState()
    const isOver = this.#states.every(({ model }) => model.expiresAt() <= now)
    const others = isOver ? [] : this.#states.filter((each) => each !== own && this.#isNeeded(each))
    for (const other of others) other.model.takeUnderOther(now, cost, other.limit)
    this.#current.take(now, cost, limit, lease)
    this.#states = [{ limit, model: this.#current }, ...others]
    if (this.#states.length > MAX_ALGORITHMS) this.#dropFirstToExpire()
    this.#changedAt = now
  }

  /** Drops expired state, and returns true if none is left. */
  dropExpired(): boolean {
    if (this.#states.some(({ model }) => model.expiresAt() > this.now)) return false
    this.#states = []
    this.#current = modelOf(this.limit)
    return true
  }

  release(lease: string): void {
    for (const { model } of this.#states) model.release?.(lease)
    this.#changedAt = this.now
  }

  #currentState(): AlgorithmState | undefined {
    return this.#states.find((each) => hasCompatibleState(each.limit, this.limit))
  }

  /** Converts the state of another algorithm, and dates every charge as late as possible. */
  #convert(limit: Limit): Model<Limit> {
    const model = modelOf(limit)
    const [largest] = this.#states
      .map(({ model }) => model.usage(this.now))
      .filter((usage): usage is Usage => usage !== undefined)
      .sort((a, b) => b.units - a.units || b.last - a.last || a.first - b.first)
    if (largest !== undefined) model.begin(this.now, largest)
    return model
  }

  /**
   * Returns true if a state has not expired, or if charges count longer under the current limit.
   */
  #isNeeded({ limit, model }: AlgorithmState): boolean {
    return model.expiresAt() > this.now || spanOf(limit) < spanOf(this.limit)
  }

  #dropFirstToExpire(): void {
    const [own, ...others] = this.#states as [AlgorithmState, ...AlgorithmState[]]
    const earliest = Math.min(...others.map(({ model }) => model.expiresAt()))
    const dropped = others.findIndex(({ model }) => model.expiresAt() === earliest)
    this.#states = [own, ...others.filter((_, index) => index !== dropped)]
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
