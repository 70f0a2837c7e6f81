import { allowed, refused } from '../../algorithms/algorithm.js'
import { fixedWindow } from '../../algorithms/fixed-window.js'
import { slidingWindow } from '../../algorithms/sliding-window.js'
import { type TokenBucketState, tokenBucket } from '../../algorithms/token-bucket.js'
import type { Verdict } from '../../algorithms/verdict.js'
import type { Limit } from '../../limits/limit.js'
import { fits, wholeUnitsLeft } from '../../limits/tolerance.js'

/** How many numbers say what was found, besides the cost. */
const NUMBERS: Record<Limit['algorithm'], number> = {
  'token-bucket': 1,
  'fixed-window': 4,
  'sliding-window': 4,
  'sliding-log': 4,
  concurrency: 4,
}

/**
 * What the script found when it decided on a charge: the cost that was asked for, with what earlier charges of the request
 * take from the same key, and the state; or of what stays on the server the facts: what is used, until nothing is, until
 * one less is, and until the cost fits. What that means is worked out here, by the algorithm itself.
 */
export class ScriptResult {
  constructor(
    private readonly limit: Limit,
    private readonly at: number,
    private readonly bytes: Buffer,
    private readonly from: number,
    /** Units a millisecond that a bucket drains which was last taken under a faster limit; else 0. */
    private readonly fasterRate: number,
  ) {}

  /** How many bytes say what is found of a limit. */
  static sizeOf({ algorithm }: Limit): number {
    return 8 + 8 * NUMBERS[algorithm]
  }

  /** The verdict on what was asked for. */
  verdict(): Verdict {
    return this.#judge(this.#number(0))
  }

  /** The verdict where nothing was taken: what would have fitted says how things are without it. */
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
    return this.#judgeByFacts(cost, first, second, third, fourth)
  }

  #bucket(level: number): TokenBucketState {
    const { at, fasterRate } = this
    return fasterRate > 0 ? { at, level, fasterRate } : { at, level }
  }

  /** As the sliding log and the leases judge, whose entries are not here. */
  #judgeByFacts(cost: number, used: number, untilNone: number, untilOneLess: number, wait: number): Verdict {
    const { limit, at } = this
    if (cost > 0 && !fits(used + cost, limit.limit))
      return refused(at, wholeUnitsLeft(used, limit.limit), untilNone, untilOneLess, wait)
    const untilAllBack = limit.algorithm === 'concurrency' ? limit.lease : limit.period
    const untilEmpty = cost > 0 ? untilAllBack : untilNone
    const left = wholeUnitsLeft(used + cost, limit.limit)
    return allowed(at, left, untilEmpty, used > 0 ? untilOneLess : untilEmpty)
  }

  #number(index: number): number {
    return this.bytes.readDoubleBE(this.from + 8 * index)
  }
}
