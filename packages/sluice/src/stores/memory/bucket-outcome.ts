import { tokenBucket } from '../../algorithms/token-bucket.js'
import type { TokenBucketLimit } from '../../limits/limit.js'
import type { StoreVerdict } from '../store.js'
import type { StoreOutcome } from '../synchronous-store.js'

/** A charge to a token bucket. */
export interface BucketCharge {
  readonly limit: TokenBucketLimit
  readonly cost: number
}

/** The outcome of charges to token buckets, as numbers. Verdicts are computed on demand. */
export class BucketOutcome implements StoreOutcome {
  /** @param levels levels of the buckets before the take, at the time `at` */
  constructor(
    private readonly charges: readonly BucketCharge[],
    private readonly at: number,
    private readonly levels: readonly number[],
    readonly admitted: boolean,
  ) {}

  verdicts(): StoreVerdict[] {
    return this.charges.map(({ limit, cost }, index) => {
      const state = { at: this.at, level: this.levels[index] as number }
      const verdict = tokenBucket.judge(limit, state, cost)
      // In a refused request, a charge that fits is not taken, and its verdict reports the
      // unchanged state.
      return verdict.allowed && !this.admitted ? tokenBucket.judge(limit, state, 0) : verdict
    })
  }
}
