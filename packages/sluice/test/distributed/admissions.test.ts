import { afterAll, beforeAll, expect, it } from 'vitest'
import { type Backend, startBackend } from './backends.js'
import { ProcessPool } from './process-pool.js'
import {
  checkBucket,
  checkLog,
  type ProcessLoad,
  type RecordedLoad,
  recordLoad,
  unitsOf,
} from './recorded-load.js'

const PROCESSES = 4
const DURATION_MS = 30_000

/** Maximum rounding error of the sums, in units. */
const ROUNDING = 1e-6

/** Maximum difference between two readings of the machine's clocks, in milliseconds. */
const CLOCK_DIFFERENCE_MS = 1

let backend: Backend
let pool: ProcessPool<ProcessLoad>

beforeAll(async () => {
  backend = await startBackend('Redis')
  const options = { url: backend.url, prefix: 'load:' }
  pool = await ProcessPool.start(
    new URL('workers/steady-load.js', import.meta.url),
    Array.from({ length: PROCESSES }, () => options),
  )
})

afterAll(async () => {
  await pool?.stop()
  await backend?.stop()
})

/*
 * The log contains the times that the store reports. By the clock of the same machine, each must
 * lie between the call and its response. The times are therefore exact, and the bound is checked
 * without any allowance.
 */
it(`Redis keeps the bounds of a bucket and a log in every interval during ${DURATION_MS / 1000} s of load from ${PROCESSES} processes`, async () => {
  const [bucket, log] = await recordLoad(pool, DURATION_MS)
  for (const { log: admissions } of [bucket, log]) {
    for (const { at, before, after } of admissions) {
      expect(at).toBeGreaterThan(before - CLOCK_DIFFERENCE_MS)
      expect(at).toBeLessThan(after + CLOCK_DIFFERENCE_MS)
    }
    expect(admissions.length).toBeGreaterThan(1000)
  }
  const inBucket = checkBucket(bucket.log)
  const inLog = checkLog(log.log)
  expect(inBucket?.excess).toBeLessThan(ROUNDING)
  expect(inLog?.excess).toBeLessThan(ROUNDING)

  // The load reaches the bound: one more unit in the tightest interval exceeds it.
  const extraUnit = (at = 0) => ({ at, cost: 1 })
  expect(checkBucket([...bucket.log, extraUnit(inBucket?.to)])?.excess).toBeGreaterThan(ROUNDING)
  expect(checkLog([...log.log, extraUnit(inLog?.to)])?.excess).toBe(1)

  console.log(
    `Redis, ${PROCESSES} processes, ${DURATION_MS / 1000} s: ` +
      `token bucket ${describeLoad(bucket)}, at most ${(inBucket?.excess ?? 0).toExponential(1)} units over its bound; ` +
      `sliding log ${describeLoad(log)}, at most ${inLog?.admitted} of ${inLog?.bound} in a period`,
  )
})

function describeLoad({ calls, log }: RecordedLoad): string {
  const widest = Math.max(...log.map(({ before, after }) => after - before))
  return `${log.length} of ${calls} calls admitted (${unitsOf(log)} units, each timed to within ${widest.toFixed(0)} ms)`
}
