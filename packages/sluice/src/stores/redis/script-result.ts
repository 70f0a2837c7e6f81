import { allowed, refused } from '../../algorithms/algorithm.js'
import { fixedWindow } from '../../algorithms/fixed-window.js'
import { penalizedVerdict } from '../../algorithms/penalty.js'
import { slidingWindow } from '../../algorithms/sliding-window.js'
import { type TokenBucketState, tokenBucket } from '../../algorithms/token-bucket.js'
import type { Verdict } from '../../algorithms/verdict.js'
import type { Limit } from '../../limits/limit.js'
import { fits, wholeUnitsLeft } from '../../limits/tolerance.js'

/** Number of values per result, excluding the cost. */
const VALUE_COUNTS: Record<Limit['algorithm'], number> = {
  'token-bucket': 1,
  'fixed-window': 4,
  'sliding-window': 4,
  'sliding-log': 4,
  concurrency: 4,
}

/**
 * The script's result for one charge: the cost, including that of earlier charges of the request to
 * the same key, and the state. For algorithms whose entries remain on the server, the state is
 * replaced by the units in use and the times until none is in use, until one fewer is in use, and
 * until the cost fits. The verdict is computed here, from these values.
 */
export class ScriptResult {
  constructor(
    private readonly limit: Limit,
    private readonly at: number,
    private readonly bytes: Buffer,
    private readonly offset: number,
    /**
     * Drain rate, in units per millisecond, of a bucket whose last take was under a faster limit,
     * else 0.
     */
    private readonly fasterRate: number,
    /** Milliseconds until the penalty of the key ends; 0 if none runs. */
    private readonly penaltyLeft: number,
  ) {}

  /** Returns the size of a result in bytes. */
  static sizeOf({ algorithm }: Limit): number {
    return 8 + 8 * VALUE_COUNTS[algorithm]
  }

  /** Returns the verdict on the requested cost. */
  verdict(): Verdict {
    const cost = this.#number(0)
    const verdict = this.#judge(cost)
    if (this.penaltyLeft === 0) return verdict
    return penalizedVerdict(verdict.allowed ? this.#judge(0) : verdict, this.penaltyLeft, cost)
  }

  /** Returns the verdict in a refused request, where a charge that fits is not taken. */
  untakenVerdict(): Verdict {
    const verdict = this.verdict()
    return verdict.allowed && this.penaltyLeft === 0 ? this.#judge(0) : verdict
  }

  #judge(cost: number): Verdict {
    const { limit } = this
    const first = this.#number(1)
    if (limit.algorithm === 'token-bucket') return tokenBucket.judge(limit, this.#bucket(first), cost)
    const [second, third, fourth] = [this.#number(2), this.#number(3), this.#number(4)]
    if (limit.algorithm === 'fixed-window')
      return fixedWindow.judge(limit, { at: first, start: second, end: third, count: fourth }, cost)
    if (limit.algorithm === 'sliding-window')
      return slidingWindow.judge(limit, { at: first, start: second, previous: third, current: fourth }, cost)
    return this.#judgeByUsage(cost, first, second, third, fourth)
  }

  #bucket(level: number): TokenBucketState {
    const { at, fasterRate } = this
    return fasterRate > 0 ? { at, level, fasterRate } : { at, level }
  }

  /**
   * Judges a sliding log or leases by their usage. The verdict equals that of the algorithm, which
   * judges by the entries.
   */
  #judgeByUsage(cost: number, used: number, untilNone: number, untilOneLess: number, wait: number): Verdict {
    const { limit, at } = this
    if (cost > 0 && !fits(used + cost, limit.limit))
      return refused(at, wholeUnitsLeft(used, limit.limit), untilNone, untilOneLess, wait)
    const fullPeriod = limit.algorithm === 'concurrency' ? limit.lease : limit.period
    const untilEmpty = cost > 0 ? fullPeriod : untilNone
    const left = wholeUnitsLeft(used + cost, limit.limit)
    return allowed(at, left, untilEmpty, used > 0 ? untilOneLess : untilEmpty)
  }

  #number(index: number): number {
    return this.bytes.readDoubleBE(this.offset + 8 * index)
  }
}
