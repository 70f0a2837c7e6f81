import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { retryAfterMs, retryAfterSeconds } from '../../src/http/retry-after.js'
import type { Refusal } from '../../src/limiter/decision.js'
import type { FixedWindowLimit } from '../../src/limits/limit.js'
import { calendarWindow } from '../../src/time/calendar.js'
import { minute } from './quotas.js'

const HOUR = 3_600_000
const daily: FixedWindowLimit = {
  ...{ algorithm: 'fixed-window', limit: 10, period: 24 * HOUR },
  align: 'calendar',
}

const refusal = (over: Partial<Refusal> = {}): Refusal => ({
  ...{ rule: 'requests', resource: 'requests', key: 'ada', limit: daily, cost: 1, remaining: 0 },
  ...{ retryAfter: 1000, reason: 'exceeded', violated: ['requests'] },
  ...over,
})

/** The delay that is added to a wait until the reset of the window. */
function jitterAt(now: number, over: Partial<Refusal> = {}): number {
  const limit = (over.limit ?? daily) as FixedWindowLimit
  const wait = calendarWindow(now, limit.period, limit.timeZone).end - now
  return (retryAfterMs(refusal({ ...over, retryAfter: wait }), now) ?? Number.NaN) - wait
}

const anyTime = fc.integer({ min: Date.UTC(2020), max: Date.UTC(2035) })
const anyCalendar = fc.record({
  algorithm: fc.constant('fixed-window' as const),
  limit: fc.integer({ min: 1, max: 1000 }),
  period: fc.constantFrom(HOUR, 24 * HOUR, 7 * 24 * HOUR, 30 * 24 * HOUR, 365 * 24 * HOUR),
  align: fc.constant('calendar' as const),
  timeZone: fc.constantFrom('UTC', 'Europe/Berlin', 'America/New_York', 'Asia/Kolkata'),
})

describe('the jitter at the reset of a calendar window', () => {
  it('is never negative, at most a minute, and the same for a client throughout a window', () => {
    fc.assert(
      fc.property(
        anyTime,
        anyCalendar,
        fc.string(),
        fc.double({ min: 0, max: 1, noNaN: true }),
        (now, limit, key, part) => {
          const { start, end } = calendarWindow(now, limit.period, limit.timeZone)
          const jitter = jitterAt(now, { limit, key })
          expect(jitter).toBeGreaterThanOrEqual(0)
          expect(jitter).toBeLessThanOrEqual(60_000)
          const earlier = Math.floor(start + part * (end - 1 - start))
          expect(jitterAt(earlier, { limit, key })).toBe(jitter)
        },
      ),
      { seed: 1, numRuns: 300 },
    )
  })

  it('spreads clients evenly over the minute', () => {
    const now = Date.UTC(2026, 11, 2)
    const counts = [0, 0, 0, 0, 0, 0]
    for (let client = 0; client < 6000; client++) {
      const sixth = Math.floor(jitterAt(now, { key: `client ${client}` }) / 10_000)
      counts[sixth] = (counts[sixth] ?? 0) + 1
    }
    for (const count of counts) expect(Math.abs(count - 1000)).toBeLessThan(150)
  })

  it('differs between windows and between rules', () => {
    const now = Date.UTC(2026, 11, 2)
    const jitters = [jitterAt(now), jitterAt(now + 24 * HOUR), jitterAt(now, { rule: 'tokens' })]
    expect(new Set(jitters).size).toBe(3)
  })

  it('is not added to other waits', () => {
    const unaligned: FixedWindowLimit = { algorithm: 'fixed-window', limit: 10, period: 24 * HOUR }
    expect(retryAfterSeconds(refusal({ limit: minute }))).toBe(1)
    expect(retryAfterSeconds(refusal({ limit: unaligned }))).toBe(1)
    expect(retryAfterSeconds(refusal({ reason: 'busy' }))).toBe(1)
    expect(retryAfterSeconds(refusal({ reason: 'oversized', retryAfter: Number.POSITIVE_INFINITY }))).toBe(
      undefined,
    )
  })
})
