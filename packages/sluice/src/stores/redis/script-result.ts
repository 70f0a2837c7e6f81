import { allowed, refused } from '../../algorithms/algorithm.js'
import { fixedWindow } from '../../algorithms/fixed-window.js'
import { slidingWindow } from '../../algorithms/sliding-window.js'
import { type TokenBucketState, tokenBucket } from '../../algorithms/token-bucket.js'
import type { Verdict } from '../../algorithms/verdict.js'
import type { Limit } from '../../limits/limit.js'
import { fits, wholeUnitsLeft } from '../../limits/tolerance.js'

/** Number of values per result, without the cost. */
const VALUE_COUNTS: Record<Limit['algorithm'], number> = {
  'token-bucket': 1,
  'fixed-window': 4,
  'sliding-window': 4,
  'sliding-log': 4,
  concurrency: 4,
}

/**
 * The script's result for one charge: the cost, including that of earlier charges of the request to
 * the same key, and the state. For algorithms whose entries stay on the server, the result has
 * the used units and the times until none is used, until one fewer is, and until the cost fits. The
 * verdict is computed here, by the algorithm itself.
 */
export class ScriptResult {
  constructor(
    private readonly limit: Limit,
    private readonly at: number,
    private readonly bytes: Buffer,
    private readonly offset: number,
    /** Drain rate in units per millisecond of a bucket last taken under a faster limit, else 0. */
    private readonly fasterRate: number,
  ) {}

  /** Returns the size of a result in bytes. */
  static sizeOf({ algorithm }: Limit): number {
    return 8 + 8 * VALUE_COUNTS[algorithm]
  }

  /** Returns the verdict on the requested cost. */
  verdict(): Verdict {
    return this.#judge(this.#number(0))
  }

  /** Returns the verdict for a refused request: a charge that fits reports the state without it. */
  untakenVerdict(): Verdict {
    const verdict = this.verdict()
    return verdict.allowed ? this.#judge(0) : verdict
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
   * Judges a sliding log or leases by their usage, as the algorithms judge them by their entries.
   */
  #judgeByUsage(cost: number, used: number, untilNone: number, untilOneLess: number, wait: number): Verdict {
    const { limit, at } = this
    if (cost > 0 && !fits(used + cost, limit.limit))
      return refused(at, wholeUnitsLeft(used, limit.limit), untilNone, untilOneLess, wait)
    const untilAllBack = limit.algorithm === 'concurrency' ? limit.lease : limit.period
    const untilEmpty = cost > 0 ? untilAllBack : untilNone
    const left = wholeUnitsLeft(used + cost, limit.limit)
    return allowed(at, left, untilEmpty, used > 0 ? untilOneLess : untilEmpty)
  }

  #number(index: number): number {
    return this.bytes.readDoubleBE(this.offset + 8 * index)
  }
}
