import { describe, expect, it } from 'vitest'
import { createLimiter } from '../../../src/limiter/limiter.js'
import type { Limit } from '../../../src/limits/limit.js'
import { ALL, bucket, charge, fill, PERIOD, peek, RATES, type Suite, settlement, take } from './harness.js'

/** Tests the costs of charges and their effects on a key. */
export function costCases(suite: Suite): void {
  describe.each(ALL)('%s: costs', (algorithm, limitOf) => {
    const limit: Limit = limitOf()

    it('refuses a cost above the capacity permanently and leaves the state unchanged', () =>
      suite.with(async ({ store }) => {
        await take(store, limit, 3)
        const refused = await take(store, limit, 5)
        expect(refused).toMatchObject({ allowed: false, retryAfter: Number.POSITIVE_INFINITY })
        expect((await peek(store, limit)).remaining).toBe(1)
        expect((await take(store, limit, 1)).allowed).toBe(true)
        const huge = await take(store, limit, Number.MAX_SAFE_INTEGER)
        expect(huge).toMatchObject({ allowed: false, retryAfter: Number.POSITIVE_INFINITY })
      }))

    it('always allows a cost of 0 and writes nothing', () =>
      suite.with(async ({ store, keys }) => {
        expect(await take(store, limit, 0)).toMatchObject({ allowed: true, remaining: 4, resetAfter: 0 })
        if (keys !== undefined) expect(await keys()).toBe(0)
        await fill(store, limit)
        expect(await take(store, limit, 0)).toMatchObject({ allowed: true, remaining: 0, retryAfter: 0 })
      }))

    it('does not extend the expiry for a cost of 0', () =>
      suite.with(async ({ store, advance }) => {
        await take(store, limit, 4)
        const { resetAfter } = await peek(store, limit)
        await advance(resetAfter / 2)
        const later = await take(store, limit, 0)
        expect(later.resetAfter).toBeLessThanOrEqual(resetAfter / 2 + 1e-6)
        await advance(Math.ceil(later.resetAfter))
        expect(await take(store, limit, 0)).toMatchObject({ remaining: 4, resetAfter: 0 })
      }))

    it.each([-1, -0.5, Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY])(
      'throws a RangeError for a cost of %s and takes nothing',
      (cost) =>
        suite.with(async ({ store }) => {
          const charges = [charge(limit, 1, 'good'), charge(limit, cost, 'bad')]
          await expect(async () => store.take(charges)).rejects.toThrow(RangeError)
          await expect(async () => store.peek(charges)).rejects.toThrow(RangeError)
          expect((await peek(store, limit, 'good')).remaining).toBe(4)
        }),
    )

    it('throws a TypeError for a cost that is not a number', () =>
      suite.with(async ({ store }) => {
        const bad = charge(limit, '1' as unknown as number)
        await expect(async () => store.take([bad])).rejects.toThrow(TypeError)
      }))

    it('throws a RangeError for a settlement with an invalid cost and settles nothing', () =>
      suite.with(async ({ store }) => {
        const good = charge(limit, 2)
        const [verdict] = await store.take([good])
        if (verdict === undefined) throw new Error('no verdict')
        for (const cost of [-1, Number.NaN, Number.POSITIVE_INFINITY]) {
          const settlements = [settlement(good, verdict, 0), settlement(good, verdict, cost)]
          await expect(async () => store.settle(settlements)).rejects.toThrow(RangeError)
        }
        expect((await peek(store, limit)).remaining).toBe(2)
      }))

    it('allows a fractional cost if the algorithm can count it', () =>
      suite.with(async ({ store }) => {
        if (algorithm === 'token-bucket') {
          for (let count = 0; count < 16; count++) expect((await take(store, limit, 0.25)).allowed).toBe(true)
          expect((await take(store, limit, 0.75)).allowed).toBe(false)
        } else {
          await expect(async () => take(store, limit, 0.5)).rejects.toThrow(RangeError)
          expect((await peek(store, limit)).remaining).toBe(4)
        }
      }))

    it('allows a cost equal to the limit and refuses one more unit', () =>
      suite.with(async ({ store }) => {
        expect(await take(store, limit, 4)).toMatchObject({ allowed: true, remaining: 0 })
        expect(await take(store, limit, 1)).toMatchObject({ allowed: false, remaining: 0 })
        expect(await fill(store, limit, 'one by one')).toBe(4)
      }))

    it('consumes nothing and does not extend the wait when a refused request is repeated', () =>
      suite.with(async ({ store, advance }) => {
        await take(store, limit, 4)
        const first = await take(store, limit, 2)
        expect(first.allowed).toBe(false)
        for (let step = 0; step < 10; step++) {
          await advance(first.retryAfter / 20)
          expect((await take(store, limit, 2)).allowed).toBe(false)
        }
        await advance(Math.ceil(first.retryAfter / 2))
        expect((await take(store, limit, 2)).allowed).toBe(true)
      }))

    it('admits a small cost that fits after a larger one was refused', () =>
      suite.with(async ({ store }) => {
        await take(store, limit, 1)
        expect((await take(store, limit, 4)).allowed).toBe(false)
        expect((await take(store, limit, 3)).allowed).toBe(true)
      }))
  })

  describe.each(RATES)('%s: limits', (algorithm, limitOf) => {
    it.each([0, -1, Number.NaN, Number.POSITIVE_INFINITY])(
      'rejects a limit of %s when the limiter is created',
      (bad) =>
        suite.with(async ({ store }) => {
          const make = (limit: Limit) => () => createLimiter({ store, name: 'bad', rules: [{ limit }] })
          expect(make(limitOf(bad, PERIOD))).toThrow(RangeError)
          expect(make(limitOf(4, bad))).toThrow(RangeError)
          if (algorithm === 'token-bucket') expect(make(bucket(4, PERIOD, bad))).toThrow(RangeError)
          else expect(make(limitOf(1.5, PERIOD))).toThrow(RangeError)
        }),
    )

    it("reports a cost above the limit with the reason 'oversized'", () =>
      suite.with(async ({ store }) => {
        const limiter = createLimiter<number>({
          store,
          rules: [{ limit: limitOf(), by: 'everyone', cost: (units) => units }],
        })
        const decision = await limiter.admit(5)
        expect(decision).toMatchObject({ allowed: false, refusal: { reason: 'oversized' } })
        expect(await limiter.admit(4)).toMatchObject({ allowed: true })
        expect(await limiter.admit(1)).toMatchObject({ allowed: false, refusal: { reason: 'exceeded' } })
        await expect(async () => limiter.admit(-1)).rejects.toThrow('cost')
      }))
  })
}
