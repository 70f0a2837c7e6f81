import { tokenBucket } from '../../algorithms/token-bucket.js'
import type { TokenBucketLimit } from '../../limits/limit.js'
import type { StoreVerdict } from '../store.js'
import type { Outcome } from '../synchronous-store.js'

/** What is charged to a token bucket. */
export interface BucketCharge {
  readonly limit: TokenBucketLimit
  readonly cost: number
}

/** What came of charges to token buckets, in numbers: the verdicts are made when somebody asks for them. */
export class BucketOutcome implements Outcome {
  /** @param levels before the charges, at `at` */
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
      // One that fits but was not taken, because another did not: what is left is what there was.
      return verdict.allowed && !this.admitted ? tokenBucket.judge(limit, state, 0) : verdict
    })
  }
}
