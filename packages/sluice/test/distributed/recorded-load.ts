import type { SlidingLogLimit, TokenBucketLimit } from '../../src/limits/limit.js'
import type { Charge } from '../../src/stores/store.js'
import { type Admission, tightestInterval, tightestPeriod } from './checker.js'
import type { ProcessPool } from './process-pool.js'

/**
 * The load of one process: for each charge its calls, and its admissions as `[at, cost, before,
 * after]`.
 */
export interface Loaded {
  readonly logs: readonly {
    readonly calls: number
    readonly log: readonly (readonly [at: number, cost: number, before: number, after: number])[]
  }[]
  readonly wallTime: number
}

/** An admission with bounds of its time by the machine's wall clock, in milliseconds. */
interface Bracketed extends Admission {
  readonly before: number
  readonly after: number
}

export interface Recorded {
  readonly calls: number
  readonly log: readonly Bracketed[]
}

const BUCKET: TokenBucketLimit = { algorithm: 'token-bucket', limit: 400, period: 1000, burst: 200 }
const LOG: SlidingLogLimit = { algorithm: 'sliding-log', limit: 300, period: 700 }
const CHARGES: readonly Charge[] = [BUCKET, LOG].map((limit) => ({
  scope: limit.algorithm,
  key: 'one key',
  limit,
  cost: 1,
}))

/** Loads a token bucket and a sliding log at the same time. `duration` is in milliseconds. */
export async function recordLoad(pool: ProcessPool<Loaded>, duration: number): Promise<[Recorded, Recorded]> {
  const offsets = [wallTimeOffset()]
  const results = await pool.run({ charges: CHARGES, duration, maxCost: 3 })
  offsets.push(wallTimeOffset())
  const [bucket, log] = CHARGES.map((_, index): Recorded => {
    const logs = results.map((result) => result.logs[index])
    return {
      calls: logs.reduce((sum, each) => sum + (each?.calls ?? 0), 0),
      log: logs.flatMap((each) =>
        (each?.log ?? []).map(([at, cost, before, after]) => ({
          at,
          cost,
          before: before + Math.min(...offsets),
          after: after + Math.max(...offsets),
        })),
      ),
    }
  })
  return [bucket as Recorded, log as Recorded]
}

/** Finds the tightest interval of a token bucket's admissions. */
export function checkBucket(log: readonly Admission[]) {
  return tightestInterval(log, BUCKET.burst, BUCKET.limit / BUCKET.period)
}

/** Finds the tightest period of a sliding log's admissions. */
export function checkLog(log: readonly Admission[]) {
  return tightestPeriod(log, LOG.limit, LOG.period)
}

/** Returns the units that a bucket drains in this many milliseconds. */
export function bucketDrains(time: number): number {
  return (time * BUCKET.limit) / BUCKET.period
}

export function unitsOf(log: readonly Admission[]): number {
  return log.reduce((sum, { cost }) => sum + cost, 0)
}

/**
 * Returns the lead of the wall clock over the monotonic clock, measured at a change of the
 * millisecond.
 */
function wallTimeOffset(): number {
  const before = Date.now()
  for (;;) {
    const wallTime = Date.now()
    if (wallTime !== before) return wallTime - Number(process.hrtime.bigint()) / 1e6
  }
}
