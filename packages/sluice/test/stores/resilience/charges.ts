import type { ConcurrencyLimit, SlidingLogLimit, TokenBucketLimit } from '../../../src/limits/limit.js'
import type { Charge } from '../../../src/stores/store.js'

/** A sliding log recovers nothing for an hour, so the remaining quota shows the units taken. */
export const tenAnHour: SlidingLogLimit = { algorithm: 'sliding-log', limit: 10, period: 3_600_000 }
const twoAtOnce: ConcurrencyLimit = { algorithm: 'concurrency', limit: 2, lease: 30_000 }
export const bucketOfTen: TokenBucketLimit = {
  algorithm: 'token-bucket',
  limit: 10,
  period: 60_000,
  burst: 10,
}

export const one: Charge = { scope: 'requests', key: 'ann', limit: tenAnHour, cost: 1 }

export function slot(lease: string): Charge {
  return { scope: 'concurrent', key: 'ann', limit: twoAtOnce, cost: 1, lease }
}
