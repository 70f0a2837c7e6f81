import type { SlidingLogLimit, TokenBucketLimit } from '../../src/limits/limit.js'
import type { Charge } from '../../src/stores/store.js'
import { type Admission, tightestInterval, tightestPeriod } from './checker.js'
import type { Crew } from './process-pool.js'

/** What one process says of a load: for each charge its calls, and of what was let in `[at, cost, before, after]`. */
export interface Loaded {
  readonly logs: readonly {
    readonly calls: number
    readonly log: readonly (readonly [at: number, cost: number, before: number, after: number])[]
  }[]
  readonly wallTime: number
}

/** An admission, and between which moments of this machine's wall time it was decided, in milliseconds. */
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

/** Puts a steady load on a token bucket and a sliding log at once; `duration` in milliseconds. */
export async function recordLoad(crew: Crew<Loaded>, duration: number): Promise<[Recorded, Recorded]> {
  const offsets = [wallTimeOffset()]
  const answers = await crew.ask({ charges: CHARGES, duration, maxCost: 3 })
  offsets.push(wallTimeOffset())
  const [bucket, log] = CHARGES.map((_, index): Recorded => {
    const logs = answers.map((answer) => answer.logs[index])
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

/** Where what a token bucket let in comes nearest to its bound, or is beyond it. */
export function checkBucket(log: readonly Admission[]) {
  return tightestInterval(log, BUCKET.burst, BUCKET.limit / BUCKET.period)
}

/** The same of a sliding log. */
export function checkLog(log: readonly Admission[]) {
  return tightestPeriod(log, LOG.limit, LOG.period)
}

/** What a bucket drains in this many milliseconds. */
export function bucketDrains(time: number): number {
  return (time * BUCKET.limit) / BUCKET.period
}

export function unitsOf(log: readonly Admission[]): number {
  return log.reduce((sum, { cost }) => sum + cost, 0)
}

/** What the wall time is ahead of the clock that nobody can set: read as the wall time turns to its next millisecond. */
function wallTimeOffset(): number {
  const before = Date.now()
  for (;;) {
    const wallTime = Date.now()
    if (wallTime !== before) return wallTime - Number(process.hrtime.bigint()) / 1e6
  }
}
