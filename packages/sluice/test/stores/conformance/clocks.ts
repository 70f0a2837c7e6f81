import { describe, expect, it, vi } from 'vitest'
import { createLimiter } from '../../../src/limiter/limiter.js'
import {
  ALL,
  charge,
  fill,
  PERIOD,
  peek,
  RATES,
  type Suite,
  settlement,
  take,
  takeCharge,
} from './harness.js'

const YEAR = 365 * 86_400_000

/** Tests wrong clocks and suspended processes. */
export function clockCases(suite: Suite): void {
  if (suite.kind.setsBack)
    describe.each(RATES)('%s: a clock that is set back', (algorithm, limitOf) => {
      const limit = limitOf()
      // The estimate of a sliding window needs two periods to recover.
      const recoveryTime = algorithm === 'sliding-window' ? 2 * PERIOD : PERIOD

      it.each([1, PERIOD / 3, PERIOD, 10 * PERIOD, 10_000 * PERIOD])(
        'refills nothing and locks no key out when the clock is set back by %d ms',
        (step) =>
          suite.with(async ({ store, advance, setBack }) => {
            await advance(20_000 * PERIOD)
            expect(await fill(store, limit)).toBe(4)
            await setBack?.(step)
            const refused = await take(store, limit)
            expect(refused.allowed).toBe(false)
            expect(refused.resetAfter).toBeLessThanOrEqual(recoveryTime + 1e-6)
            await advance(Math.ceil(refused.retryAfter))
            expect((await take(store, limit)).allowed).toBe(true)
            await advance(recoveryTime)
            expect(await fill(store, limit)).toBeLessThanOrEqual(4)
          }),
      )

      it('keeps the bound, and recovers within a period, after a clock that was far ahead is set back', () =>
        suite.with(async ({ store, advance, setBack }) => {
          await fill(store, limit)
          await advance(5000 * PERIOD)
          await take(store, limit, 2)
          await setBack?.(5000 * PERIOD)
          // Only the units that recovered at the wrong time are available.
          expect(await fill(store, limit)).toBeLessThanOrEqual(2)
          await advance(recoveryTime)
          expect(await fill(store, limit)).toBe(4)
        }))

      it('expires keys that were used while the clock was far ahead', () =>
        suite.with(async ({ store, advance, setBack, keys }) => {
          await advance(YEAR)
          for (let key = 0; key < 20; key++) await take(store, limit, 1, `ahead ${key}`)
          await setBack?.(YEAR)
          for (let key = 0; key < 20; key++) await take(store, limit, 0)
          await advance(3 * PERIOD)
          for (let key = 0; key < 20; key++) await take(store, limit, 0)
          if (keys !== undefined) expect(await keys()).toBe(0)
          expect(await fill(store, limit, 'ahead 0')).toBe(4)
        }))
    })

  if (suite.kind.setsBack)
    it('concurrency: ends every lease within one lease time after the clock was set back', () =>
      suite.with(async ({ store, advance, setBack }) => {
        const limit = ALL[4][1]()
        await advance(YEAR)
        await fill(store, limit)
        await setBack?.(YEAR)
        const refused = await take(store, limit)
        expect(refused.allowed).toBe(false)
        expect(refused.retryAfter).toBeLessThanOrEqual(PERIOD)
        await advance(PERIOD)
        expect(await fill(store, limit)).toBe(4)
      }))

  describe.each(ALL)('%s: a suspended process', (_algorithm, limitOf) => {
    it('keeps the bound when it resumes', () =>
      suite.with(async ({ store, advance }) => {
        const limit = limitOf()
        await fill(store, limit)
        await advance(suite.kind.jumps ? 1000 * PERIOD : 2 * PERIOD)
        expect(await fill(store, limit)).toBe(4)
        expect((await peek(store, limit)).remaining).toBe(0)
      }))

    it('settles a charge late without refunding units that others have taken since', () =>
      suite.with(async ({ store, advance }) => {
        const limit = limitOf()
        const old = charge(limit, 4)
        const verdict = await takeCharge(store, old)
        await advance(2 * PERIOD)
        await fill(store, limit)
        await store.settle([settlement(old, verdict, 0)])
        expect((await take(store, limit)).allowed).toBe(false)
      }))
  })

  if (suite.kind.ownClock)
    describe.each(RATES)('%s: two application servers whose clocks differ', (_algorithm, limitOf) => {
      it('admit no more than the limit in total, even if the difference is a period', () =>
        suite.with(async ({ store }) => {
          const limiter = () =>
            createLimiter({ store, name: 'shared', rules: [{ limit: limitOf(10, 60_000) }] })
          const [one, other] = [limiter(), limiter()]
          let admitted = 0
          for (let count = 0; count < 20; count++) {
            if ((await one.admit('client')).allowed) admitted++
            if ((await withClockAhead(60_000, () => other.admit('client'))).allowed) admitted++
          }
          expect(admitted).toBe(10)
        }))
    })
}

/** Runs a function as if the clocks of this machine were ahead. */
async function withClockAhead<T>(milliseconds: number, run: () => T | Promise<T>): Promise<T> {
  const [date, monotonic] = [Date.now.bind(Date), performance.now.bind(performance)]
  const spies = [
    vi.spyOn(Date, 'now').mockImplementation(() => date() + milliseconds),
    vi.spyOn(performance, 'now').mockImplementation(() => monotonic() + milliseconds),
  ]
  try {
    return await run()
  } finally {
    for (const spy of spies) spy.mockRestore()
  }
}
