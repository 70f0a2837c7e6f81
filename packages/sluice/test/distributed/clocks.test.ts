import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Rule } from '../../src/rules/rule.js'
import { BACKENDS, type Backend, startBackend } from './backends.js'
import { type CallCounts, HOUR, sumCounts } from './calls.js'
import { ProcessPool } from './process-pool.js'
import { bucketRefill, checkBucket, checkLog, type ProcessLoad, recordLoad } from './recorded-load.js'

const MINUTE = 60_000
const OFFSETS = [-HOUR, 0, HOUR, -HOUR, 0, HOUR]
const CALLS = 500
const LIMIT = 1000
const DURATION_MS = 5000

/** Rules that recover many or all units in an hour, but none during the test. */
const RULES: readonly (readonly [string, Rule<string>])[] = [
  ['token-bucket', { limit: { algorithm: 'token-bucket', limit: 60, period: HOUR, burst: LIMIT } }],
  ['fixed-window', { limit: { algorithm: 'fixed-window', limit: LIMIT, period: 30 * MINUTE } }],
  [
    'calendar window',
    {
      limit: {
        algorithm: 'fixed-window',
        limit: LIMIT,
        period: HOUR,
        align: 'calendar',
        timeZone: zoneWithinHour(),
      },
    },
  ],
  ['sliding-window', { limit: { algorithm: 'sliding-window', limit: LIMIT, period: 30 * MINUTE } }],
  ['sliding-log', { limit: { algorithm: 'sliding-log', limit: LIMIT, period: 30 * MINUTE } }],
  ['concurrency', { concurrent: LIMIT, lease: 30 * MINUTE }],
]

const IMPORTS = OFFSETS.map((by) => [`${new URL('workers/shifted-clock.js', import.meta.url)}?by=${by}`])

describe.each(BACKENDS)('%s with processes whose clocks differ by up to two hours', (name) => {
  let backend: Backend

  beforeAll(async () => {
    backend = await startBackend(name)
  })

  afterAll(() => backend?.stop())

  it('admits exactly the limit across all processes', async () => {
    const pool = await startPool<CallCounts>(new URL('workers/concurrent-calls.js', import.meta.url))
    try {
      for (const [algorithm, rule] of RULES) {
        const results = await pool.run({ name: algorithm, rule, calls: CALLS, concurrency: 50 })
        expectShifted(results)
        const { took: _, ...counts } = sumCounts(results)
        const refused = OFFSETS.length * CALLS - LIMIT
        expect(counts, algorithm).toEqual({ admitted: LIMIT, refused, failed: 0, failure: '' })
      }
      console.log(
        `${name}, clocks −1 h, exact, +1 h: ${LIMIT} of ${LIMIT} admitted by each of ${RULES.length} rules`,
      )
    } finally {
      await pool.stop()
    }
  })

  it('keeps the bounds of a token bucket and a sliding log in every interval', async () => {
    const pool = await startPool<ProcessLoad>(new URL('workers/steady-load.js', import.meta.url))
    try {
      const recorded = await recordLoad(pool, DURATION_MS)
      const [bucket, log] = recorded
      expect(checkBucket(bucket.log)?.excess).toBeLessThan(1e-6)
      expect(checkLog(log.log)?.excess).toBeLessThan(1e-6)
      const all = recorded.flatMap((each) => each.log)
      expect(all.length).toBeGreaterThan(100)

      // Bounds of the time by which the store's clock is ahead of the machine's.
      const maxLead = Math.max(...all.map(({ at, after }) => at - after))
      const minLead = Math.min(...all.map(({ at, before }) => at - before))
      if (backend.memcached === undefined) {
        expect(maxLead).toBeLessThan(1)
        expect(minLead).toBeGreaterThan(-1)
        console.log(`${name}, clocks −1 h, exact, +1 h: ${all.length} admitted, each at the server's time`)
        return
      }
      // Processes synchronize with the server's whole seconds, so they may differ by a second and a
      // round trip.
      const roundTrip = Math.max(...all.map(({ before, after }) => after - before))
      expect(maxLead - minLead).toBeLessThan(1000 + roundTrip)
      const byMachine = checkBucket(bucket.log.map(({ cost, after }) => ({ cost, at: after })))
      expect(byMachine?.excess).toBeLessThan(bucketRefill(1000 + 2 * roundTrip))
      console.log(
        `${name}, clocks −1 h, exact, +1 h: ${all.length} admitted, by clocks that differ by ` +
          `at most ${Math.max(0, maxLead - minLead).toFixed(0)} ms; the bucket exceeds its bound in any interval of machine time by at most ` +
          `${Math.max(0, byMachine?.excess ?? 0).toFixed(1)} units; ${bucketRefill(1000).toFixed(0)} units refill in a second`,
      )
    } finally {
      await pool.stop()
    }
  })

  function startPool<Result>(program: URL): Promise<ProcessPool<Result>> {
    const options = OFFSETS.map(() => ({ url: backend.url, prefix: 'clocks:' }))
    return ProcessPool.start<Result>(program, options, IMPORTS)
  }
})

/** Checks that the clocks of the processes are shifted. */
function expectShifted(results: readonly CallCounts[]): void {
  results.forEach(({ wallTime }, index) => {
    expect(Math.abs(wallTime - Date.now() - (OFFSETS[index] ?? 0))).toBeLessThan(MINUTE)
  })
}

/**
 * Returns a time zone in which no hour ends during the test. It chooses between two time zones that
 * are half an hour apart.
 */
function zoneWithinHour(): string {
  const minute = new Date().getUTCMinutes()
  return minute < 15 || minute >= 45 ? 'Asia/Kolkata' : 'UTC'
}
