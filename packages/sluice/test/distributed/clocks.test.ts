import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Rule } from '../../src/rules/rule.js'
import { BACKENDS, type Backend, startBackend } from './backends.js'
import { type Called, HOUR, together } from './calls.js'
import { Crew } from './process-pool.js'
import { bucketDrains, checkBucket, checkLog, type Loaded, recordLoad } from './recorded-load.js'

const MINUTE = 60_000
const OFFSETS = [-HOUR, 0, HOUR, -HOUR, 0, HOUR]
const CALLS = 500
const LIMIT = 1000
const DURATION = 5000

/** An hour undoes each of these wholly, or gives back many units; the time of a test gives back none. */
const RULES: readonly (readonly [string, Rule<string>])[] = [
  ['token-bucket', { limit: { algorithm: 'token-bucket', limit: 60, period: HOUR, burst: LIMIT } }],
  ['fixed-window', { limit: { algorithm: 'fixed-window', limit: LIMIT, period: 30 * MINUTE } }],
  [
    'fixed-window of the calendar',
    {
      limit: {
        algorithm: 'fixed-window',
        limit: LIMIT,
        period: HOUR,
        align: 'calendar',
        timeZone: zoneAmidAnHour(),
      },
    },
  ],
  ['sliding-window', { limit: { algorithm: 'sliding-window', limit: LIMIT, period: 30 * MINUTE } }],
  ['sliding-log', { limit: { algorithm: 'sliding-log', limit: LIMIT, period: 30 * MINUTE } }],
  ['concurrency', { concurrent: LIMIT, lease: 30 * MINUTE }],
]

const IMPORTS = OFFSETS.map((by) => [`${new URL('workers/shifted-clock.js', import.meta.url)}?by=${by}`])

describe.each(BACKENDS)('%s: processes whose clocks are up to two hours apart', (name) => {
  let backend: Backend

  beforeAll(async () => {
    backend = await startBackend(name)
  })

  afterAll(() => backend?.stop())

  it('are together let in as often as the limit says', async () => {
    const crew = await startCrew<Called>(new URL('workers/caller.js', import.meta.url))
    try {
      for (const [algorithm, rule] of RULES) {
        const answers = await crew.ask({ name: algorithm, rule, calls: CALLS, atOnce: 50 })
        expectShifted(answers)
        const { took: _, ...counted } = together(answers)
        const refused = OFFSETS.length * CALLS - LIMIT
        expect(counted, algorithm).toEqual({ admitted: LIMIT, refused, failed: 0, failure: '' })
      }
      console.log(`${name}, clocks −1 h, right, +1 h: ${LIMIT} of ${LIMIT} by each of ${RULES.length} rules`)
    } finally {
      await crew.stop()
    }
  })

  it('keep the bounds of a bucket and a log in every interval', async () => {
    const crew = await startCrew<Loaded>(new URL('workers/steady-load.js', import.meta.url))
    try {
      const recorded = await recordLoad(crew, DURATION)
      const [bucket, log] = recorded
      expect(checkBucket(bucket.log)?.excess).toBeLessThan(1e-6)
      expect(checkLog(log.log)?.excess).toBeLessThan(1e-6)
      const all = recorded.flatMap((each) => each.log)
      expect(all.length).toBeGreaterThan(100)

      // By how much the store's time was ahead of this machine's: at least so much at some call, at most so much at another.
      const most = Math.max(...all.map(({ at, after }) => at - after))
      const least = Math.min(...all.map(({ at, before }) => at - before))
      if (backend.memcached === undefined) {
        expect(most).toBeLessThan(1)
        expect(least).toBeGreaterThan(-1)
        console.log(`${name}, clocks −1 h, right, +1 h: ${all.length} let in, each at the server's time`)
        return
      }
      // The processes set their clocks by whole seconds of the server's, so they may be a second and a round trip apart.
      const roundTrip = Math.max(...all.map(({ before, after }) => after - before))
      expect(most - least).toBeLessThan(1000 + roundTrip)
      const byMachine = checkBucket(bucket.log.map(({ cost, after }) => ({ cost, at: after })))
      expect(byMachine?.excess).toBeLessThan(bucketDrains(1000 + 2 * roundTrip))
      console.log(
        `${name}, clocks −1 h, right, +1 h: ${all.length} let in, by clocks that went apart by ` +
          `${Math.max(0, most - least).toFixed(0)} ms at most; bucket's excess in any interval of the machine's time ` +
          `${Math.max(0, byMachine?.excess ?? 0).toFixed(1)} units, of ${bucketDrains(1000).toFixed(0)} that a second brings`,
      )
    } finally {
      await crew.stop()
    }
  })

  function startCrew<Answer>(program: URL): Promise<Crew<Answer>> {
    const options = OFFSETS.map(() => ({ url: backend.url, prefix: 'clocks:' }))
    return Crew.start<Answer>(program, options, IMPORTS)
  }
})

/** The clocks of the processes are off indeed. */
function expectShifted(answers: readonly Called[]): void {
  answers.forEach(({ wallTime }, index) => {
    expect(Math.abs(wallTime - Date.now() - (OFFSETS[index] ?? 0))).toBeLessThan(MINUTE)
  })
}

/** A zone where no hour ends during the test: of two that are half an hour apart. */
function zoneAmidAnHour(): string {
  const minute = new Date().getUTCMinutes()
  return minute < 15 || minute >= 45 ? 'Asia/Kolkata' : 'UTC'
}
