import { levelNow, type TokenBucketState, tokenBucket } from '../../algorithms/token-bucket.js'
import { sameLimit, type TokenBucketLimit } from '../../limits/limit.js'
import { withTolerance } from '../../limits/tolerance.js'
import type { StoreVerdict } from '../store.js'
import type { PreparedCharge, PreparedTaker, Snapshot, StoreOutcome } from '../synchronous-store.js'
import { BucketOutcome } from './bucket-outcome.js'
import { NO_ID } from './limit-ids.js'
import { isSamePage, OFFSET_MASK, TAG_MASK } from './slot-arena.js'
import type { Scope, StateTable } from './state-table.js'

/** A prepared charge, with the working memory of the current take. */
interface PreparedBucket {
  readonly scope: Scope
  readonly limit: TokenBucketLimit
  readonly cost: number
  /** Maximum level after a take. */
  readonly maxLevel: number
  /** Slot of the key; 0 if the key has no state. */
  slot: number
  /** Slot number in the last take, minus that of the previous bucket. */
  stride: number
}

/**
 * Takes charges to token buckets that differ between requests only in their key. It decides exactly
 * as `BucketFastPath` does, but checks the charges once instead of for every request.
 */
export class PreparedBuckets implements PreparedTaker {
  at = 0
  readonly #states: StateTable
  readonly #buckets: readonly PreparedBucket[]
  /** Levels before the last take, in the order of the buckets. */
  readonly #levels: number[]

  private constructor(states: StateTable, buckets: readonly PreparedBucket[]) {
    this.#states = states
    this.#buckets = buckets
    // A fraction makes V8 create an array of doubles.
    this.#levels = buckets.map(() => 0.5)
  }

  /** Returns undefined unless all charges are to token buckets in distinct scopes. */
  static of(states: StateTable, charges: readonly PreparedCharge[]): PreparedBuckets | undefined {
    const buckets = charges.flatMap(({ scope, limit, cost }): PreparedBucket[] =>
      limit.algorithm === 'token-bucket' && cost > 0 && cost < Number.POSITIVE_INFINITY
        ? [
            {
              scope: states.scope(scope),
              limit,
              cost,
              maxLevel: withTolerance(limit.burst),
              slot: 0,
              stride: 1,
            },
          ]
        : [],
    )
    const isSupported =
      buckets.length === charges.length && new Set(buckets.map(({ scope }) => scope)).size === buckets.length
    return isSupported && buckets.length > 0 ? new PreparedBuckets(states, buckets) : undefined
  }

  // One long method that accesses the arena's arrays directly. V8 inlines at most 920 bytes of
  // bytecode into a hot function, so with helper methods a decision takes 50 ns longer.
  take(key: string): 'taken' | 'refused' | 'fallback' {
    const states = this.#states
    const buckets = this.#buckets
    const levels = this.#levels
    states.hash(key)
    states.begin()
    states.collect(buckets.length)
    const { now, slots, limits } = states
    this.at = now
    let fits = true
    let last = 0
    for (let index = 0; index < buckets.length; index++) {
      const bucket = buckets[index] as PreparedBucket
      const { limit, cost } = bucket
      const predicted = last + bucket.stride
      // A key that is new to all of these rules gets adjacent slots. So the distance between two
      // slots of the previous request is tried before the index. Five rules then take 2.6 times as
      // long as one instead of 3.5 times. The check compares 56 bits of the hash.
      const slot =
        last !== 0 && isSamePage(predicted, last) && states.isHashed(predicted, bucket.scope)
          ? predicted
          : states.findHashed(bucket.scope)
      bucket.slot = slot
      bucket.stride = slot - last
      last = slot
      let level = 0
      if (slot === 0) {
        if (bucket.scope.overflow !== undefined || states.room <= index) return 'fallback'
      } else {
        const limitId = (slots.wordsOf(slot)[(slot & OFFSET_MASK) * 8 + 5] as number) & TAG_MASK
        if (limitId === NO_ID) return 'fallback'
        const stored = limits.limitOf(limitId)
        if (stored !== limit && !sameLimit(stored, limit)) return 'fallback'
        const numbers = slots.numbersOf(slot)
        const offset = (slot & OFFSET_MASK) * 4
        const at = numbers[offset] as number
        const before = numbers[offset + 1] as number
        const drained = ((now - at) * limit.limit) / limit.period
        // `levelNow` inlined for a clock that has not been set back.
        level = drained >= 0 ? Math.max(0, before - drained) : levelNow(limit, at, before, now)
      }
      levels[index] = level
      if (level + cost > bucket.maxLevel) fits = false
    }
    for (let index = 0; index < buckets.length; index++) {
      const { slot, cost } = buckets[index] as PreparedBucket
      const before = levels[index] as number
      const level = fits ? before + cost : before
      if (slot !== 0) {
        const numbers = slots.numbersOf(slot)
        const offset = (slot & OFFSET_MASK) * 4
        // A refusal writes only if the clock was set back.
        if (fits || now < (numbers[offset] as number)) {
          numbers[offset] = now
          numbers[offset + 1] = level
        }
      } else if (fits) this.#add(buckets[index] as PreparedBucket, key, level)
    }
    return fits ? 'taken' : 'refused'
  }

  snapshot(): Snapshot {
    return this.#levels.length === 1 ? (this.#levels[0] as number) : this.#levels.slice()
  }

  verdict(index: number, at: number, snapshot: Snapshot): StoreVerdict {
    const { limit, cost } = this.#buckets[index] as PreparedBucket
    const level = typeof snapshot === 'number' ? snapshot : (snapshot[index] as number)
    return tokenBucket.judge(limit, { at, level }, cost)
  }

  outcome(admitted: boolean, at: number, snapshot: Snapshot): StoreOutcome {
    return new BucketOutcome(
      this.#buckets,
      at,
      typeof snapshot === 'number' ? [snapshot] : snapshot,
      admitted,
    )
  }

  #add({ scope, limit }: PreparedBucket, key: string, level: number): void {
    const state: TokenBucketState = { at: this.at, level }
    this.#states.add(scope, key, [{ limit, state }])
  }
}
