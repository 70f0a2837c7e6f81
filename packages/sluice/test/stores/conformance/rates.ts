import { describe, expect, it } from 'vitest'
import type { Limit } from '../../../src/limits/limit.js'
import type { Store } from '../../../src/stores/store.js'
import { bucket, fill, fixed, type Harness, log, peek, RATES, type Suite, sliding, take } from './harness.js'

const DAY = 86_400_000
const YEAR = 365 * DAY

/** Tests extreme rates and periods. */
export function rateCases(suite: Suite): void {
  if (suite.kind.jumps)
    describe('very high rates and very long periods', () => {
      it.each([
        [
          '1,000,000 per second',
          bucket(1_000_000, 1000, 10_000),
          { steps: 1000, every: 1, cost: 100, max: 15 },
        ],
        ['700,000 per second', bucket(700_000, 1000, 7000), { steps: 1000, every: 1.1, cost: 11, max: 80 }],
        [
          '1,000,000 per year',
          bucket(1_000_000, YEAR, 2000),
          { steps: 730, every: DAY / 2, cost: 10, max: 200 },
        ],
      ] as const)('token-bucket: admits exactly a rate of %s', (_rate, limit, flow) =>
        suite.with(async (harness) => {
          const start = (await peek(harness.store, limit)).at
          const admitted = await takePerStep(harness, limit, flow)
          const elapsed = (await peek(harness.store, limit)).at - start
          const bound = limit.burst + (limit.limit * elapsed) / limit.period
          expect(admitted).toBeLessThanOrEqual(bound + 1e-6)
          expect(admitted).toBeGreaterThanOrEqual(bound * 0.9999)
        }),
      )

      it('token-bucket: loses nothing to rounding when a yearly bucket is charged every second', () =>
        suite.with(async (harness) => {
          const limit = bucket(1_000_000, YEAR)
          await take(harness.store, limit, 1_000_000)
          let admitted = 0
          for (let second = 0; second < 2000; second++) {
            await harness.advance(1000)
            if ((await take(harness.store, limit, 0.01)).allowed) admitted += 0.01
            for (let more = 0; more < 4; more++)
              if ((await take(harness.store, limit, 0.01)).allowed) admitted += 0.01
          }
          const filled = (1_000_000 * 2_000_000) / YEAR
          expect(admitted).toBeGreaterThan(filled - 0.02)
          expect(admitted).toBeLessThanOrEqual(filled + 1e-6)
        }))

      it.each([
        ['fixed-window', fixed],
        ['sliding-window', sliding],
        ['sliding-log', log],
      ] as const)('%s: admits exactly 1,000,000 per second and 1,000,000 per year', (_algorithm, limitOf) =>
        suite.with(async ({ store, advance }) => {
          for (const period of [1000, YEAR]) {
            const limit = limitOf(1_000_000, period)
            const key = `period ${period}`
            expect(await takeAll(store, limit, 9999, key)).toBe(100 * 9999)
            expect((await take(store, limit, 101, key)).allowed).toBe(false)
            expect((await take(store, limit, 100, key)).allowed).toBe(true)
            await advance(period - 1)
            expect((await take(store, limit, 2, key)).allowed).toBe(false)
            await advance(period + 1)
            expect(await takeAll(store, limit, 10_000, key)).toBe(1_000_000)
          }
        }),
      )
    })

  describe.each(RATES)('%s: periods with fractions of a second', (_algorithm, limitOf) => {
    const periods = suite.kind.slack === 0 ? [1, 1.5, 10, 250, 999, 1900, 1900.5] : [1900, 1900.5]
    it.each(periods)('counts exactly in a period of %d ms and recovers when it ends', (period) =>
      suite.with(async ({ store, advance }) => {
        const limit = limitOf(2, period)
        expect(await fill(store, limit)).toBe(2)
        const refused = await take(store, limit, 2)
        expect(refused.retryAfter).toBeGreaterThan(period - 1 - suite.kind.slack)
        if (suite.kind.slack === 0) {
          await advance(refused.retryAfter - 0.01)
          expect((await take(store, limit, 2)).allowed).toBe(false)
        }
        await advance(refused.retryAfter + 0.02)
        expect((await take(store, limit, 2)).allowed).toBe(true)
        await advance(2 * period + 0.01)
        expect(await fill(store, limit)).toBe(2)
      }),
    )
  })
}

/**
 * Takes `cost` up to `max` times per step, and returns the units admitted in `steps` steps of
 * `every` ms.
 */
async function takePerStep(
  { store, advance }: Harness,
  limit: Limit,
  { steps, every, cost, max }: { steps: number; every: number; cost: number; max: number },
): Promise<number> {
  let admitted = await takeAll(store, limit, cost)
  for (let step = 0; step < steps; step++) {
    await advance(every)
    admitted += await takeAll(store, limit, cost, 'key', max)
  }
  return admitted
}

async function takeAll(store: Store, limit: Limit, cost: number, key = 'key', max = 1000): Promise<number> {
  for (let count = 0; count < max; count++)
    if (!(await take(store, limit, cost, key)).allowed) return count * cost
  return max * cost
}
