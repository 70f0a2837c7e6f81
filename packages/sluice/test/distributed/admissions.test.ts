import { afterAll, beforeAll, expect, it } from 'vitest'
import { type Backend, startBackend } from './backends.js'
import { ProcessPool } from './process-pool.js'
import { checkBucket, checkLog, type Loaded, type Recorded, recordLoad, unitsOf } from './recorded-load.js'

const PROCESSES = 4
const DURATION = 30_000

/** Rounding error of doubles of this size, in units. */
const ROUNDING = 1e-6

/** Largest difference between two readings of the machine's clocks, in milliseconds. */
const CLOCK_DIFFERENCE_MS = 1

let backend: Backend
let pool: ProcessPool<Loaded>

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
 * The log contains the times that the store itself reports. Each of them is checked to lie between
 * the sending of the call and the arrival of its response, by the clock of the same machine. So
 * they are the true times of the decisions, and the bound is checked on them without any allowance.
 */
it(`keeps the bound in every interval of ${DURATION / 1000} s of load by ${PROCESSES} processes`, async () => {
  const [bucket, log] = await recordLoad(pool, DURATION)
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

  // The load is sufficient: one more unit in the fullest interval exceeds the bound.
  const planted = (at = 0) => ({ at, cost: 1 })
  expect(checkBucket([...bucket.log, planted(inBucket?.to)])?.excess).toBeGreaterThan(ROUNDING)
  expect(checkLog([...log.log, planted(inLog?.to)])?.excess).toBe(1)

  console.log(
    `Redis, ${PROCESSES} processes, ${DURATION / 1000} s: ` +
      `token bucket ${describeLoad(bucket)}, at the fullest ${(inBucket?.excess ?? 0).toExponential(1)} units over its bound; ` +
      `sliding log ${describeLoad(log)}, at most ${inLog?.admitted} of ${inLog?.bound} in a period`,
  )
})

function describeLoad({ calls, log }: Recorded): string {
  const widest = Math.max(...log.map(({ before, after }) => after - before))
  return `${log.length} of ${calls} calls admitted (${unitsOf(log)} units, each timed to within ${widest.toFixed(0)} ms)`
}
