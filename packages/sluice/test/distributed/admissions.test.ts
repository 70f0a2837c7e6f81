import { afterAll, beforeAll, expect, it } from 'vitest'
import { type Backend, startBackend } from './backends.js'
import { Crew } from './process-pool.js'
import { checkBucket, checkLog, type Loaded, type Recorded, recordLoad, unitsOf } from './recorded-load.js'

const PROCESSES = 4
const DURATION = 30_000

/** For what doubles of a few thousand units and epoch milliseconds leave over, in units. */
const ROUNDING = 1e-6

/** By how much two readings of the same machine's clocks may differ, in milliseconds. */
const CLOCKS = 1

let backend: Backend
let crew: Crew<Loaded>

beforeAll(async () => {
  backend = await startBackend('Redis')
  const options = { url: backend.url, prefix: 'load:' }
  crew = await Crew.start(
    new URL('workers/steady-load.js', import.meta.url),
    Array.from({ length: PROCESSES }, () => options),
  )
})

afterAll(async () => {
  await crew?.stop()
  await backend?.stop()
})

/*
 * Why this shows the bound, although the times are those that the store itself gives: each of them is shown to lie
 * between the moments at which its process sent the call and had the answer, by the clock of the same machine. So they are
 * the times at which the admissions were decided, and the bound is then checked on them without any allowance.
 */
it(`in ${DURATION / 1000} s with ${PROCESSES} processes no interval has more than its bound`, async () => {
  const [bucket, log] = await recordLoad(crew, DURATION)
  for (const { log: admissions } of [bucket, log]) {
    for (const { at, before, after } of admissions) {
      expect(at).toBeGreaterThan(before - CLOCKS)
      expect(at).toBeLessThan(after + CLOCKS)
    }
    expect(admissions.length).toBeGreaterThan(1000)
  }
  const inBucket = checkBucket(bucket.log)
  const inLog = checkLog(log.log)
  expect(inBucket?.excess).toBeLessThan(ROUNDING)
  expect(inLog?.excess).toBeLessThan(ROUNDING)

  // The load was enough to find a fault: one unit more at the fullest place is one too many.
  const planted = (at = 0) => ({ at, cost: 1 })
  expect(checkBucket([...bucket.log, planted(inBucket?.to)])?.excess).toBeGreaterThan(ROUNDING)
  expect(checkLog([...log.log, planted(inLog?.to)])?.excess).toBe(1)

  console.log(
    `Redis, ${PROCESSES} processes, ${DURATION / 1000} s: ` +
      `token bucket ${told(bucket)}, at the fullest ${(inBucket?.excess ?? 0).toExponential(1)} units over its bound; ` +
      `sliding log ${told(log)}, at most ${inLog?.admitted} of ${inLog?.bound} in a period`,
  )
})

function told({ calls, log }: Recorded): string {
  const widest = Math.max(...log.map(({ before, after }) => after - before))
  return `${log.length} of ${calls} calls let in (${unitsOf(log)} units, each timed to within ${widest.toFixed(0)} ms)`
}
