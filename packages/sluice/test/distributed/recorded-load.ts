import type { SlidingLogLimit, TokenBucketLimit } from '../../src/limits/limit.js'
import type { Charge } from '../../src/stores/store.js'
import { type Admission, tightestInterval, tightestPeriod } from './checker.js'
import type { ProcessPool } from './process-pool.js'

/**
 * The load of one process: for each charge, the number of calls and the admissions.
 */
export interface ProcessLoad {
  readonly logs: readonly {
    readonly calls: number
    readonly log: readonly (readonly [at: number, cost: number, before: number, after: number])[]
  }[]
  readonly wallTime: number
}

/** An admission with bounds of its time by the machine's wall clock, in milliseconds. */
interface TimedAdmission extends Admission {
  readonly before: number
  readonly after: number
}

export interface RecordedLoad {
  readonly calls: number
  readonly log: readonly TimedAdmission[]
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
export async function recordLoad(
  pool: ProcessPool<ProcessLoad>,
  duration: number,
): Promise<[RecordedLoad, RecordedLoad]> {
  const offsets = [wallTimeOffset()]
  const results = await pool.run({ charges: CHARGES, duration, maxCost: 3 })
  offsets.push(wallTimeOffset())
  const [bucket, log] = CHARGES.map((_, index): RecordedLoad => {
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
  return [bucket as RecordedLoad, log as RecordedLoad]
}

/** Finds the tightest interval of a token bucket's admissions. */
export function checkBucket(log: readonly Admission[]) {
  return tightestInterval(log, BUCKET.burst, BUCKET.limit / BUCKET.period)
}

/** Finds the tightest period of a sliding log's admissions. */
export function checkLog(log: readonly Admission[]) {
  return tightestPeriod(log, LOG.limit, LOG.period)
}

/** Returns the units that a bucket refills in the given number of milliseconds. */
export function bucketRefill(time: number): number {
  return (time * BUCKET.limit) / BUCKET.period
}

export function unitsOf(log: readonly Admission[]): number {
  return log.reduce((sum, { cost }) => sum + cost, 0)
}

/**
 * Returns how far the wall clock is ahead of the monotonic clock, in milliseconds. Measures when
 * the millisecond changes, since the wall clock has no better resolution.
 */
function wallTimeOffset(): number {
  const before = Date.now()
  for (;;) {
    const wallTime = Date.now()
    if (wallTime !== before) return wallTime - Number(process.hrtime.bigint()) / 1e6
  }
}
