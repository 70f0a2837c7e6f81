import { describe, expect, it } from 'vitest'
import { createLimiter } from '../../../src/limiter/limiter.js'
import { ALL, bucket, charge, fill, PERIOD, peek, type Suite, take } from './harness.js'

/** Tests requests with several charges. */
export function allOrNoneCases(suite: Suite): void {
  describe.each(ALL)('%s: all or none', (_algorithm, limitOf) => {
    const limit = limitOf()

    it('leaves the first two limits unchanged when the third refuses', () =>
      suite.with(async ({ store, keys }) => {
        await fill(store, limit, 'third')
        const before = await keys?.()
        for (let attempt = 0; attempt < 20; attempt++) {
          const verdicts = await store.take([
            charge(limit, 1, 'first'),
            charge(limit, 2, 'second'),
            charge(limit, 1, 'third'),
          ])
          expect(verdicts.map(({ allowed }) => allowed)).toEqual([true, true, false])
          expect(verdicts.map(({ remaining }) => remaining)).toEqual([4, 4, 0])
        }
        expect((await peek(store, limit, 'first')).resetAfter).toBe(0)
        expect((await peek(store, limit, 'second')).resetAfter).toBe(0)
        expect(await keys?.()).toBe(before)
      }))

    it('takes from every limit of an admitted request', () =>
      suite.with(async ({ store }) => {
        await store.take([charge(limit, 1, 'a'), charge(limit, 2, 'b'), charge(limit, 3, 'c')])
        for (const [key, remaining] of [
          ['a', 3],
          ['b', 2],
          ['c', 1],
        ] as const)
          expect((await peek(store, limit, key)).remaining).toBe(remaining)
      }))

    it('leaves the other limits unchanged when one charge is oversized', () =>
      suite.with(async ({ store }) => {
        const verdicts = await store.take([charge(limit, 1, 'a'), charge(limit, 9, 'b')])
        expect(verdicts[1]?.retryAfter).toBe(Number.POSITIVE_INFINITY)
        expect((await peek(store, limit, 'a')).remaining).toBe(4)
      }))

    it('counts two charges to one key together', () =>
      suite.with(async ({ store }) => {
        const twice = (cost: number) => [charge(limit, cost), charge(limit, cost)]
        const refused = await store.take(twice(3))
        expect(refused.some(({ allowed }) => !allowed)).toBe(true)
        expect((await peek(store, limit)).remaining).toBe(4)
        const allowed = await store.take(twice(2))
        expect(allowed.every((verdict) => verdict.allowed)).toBe(true)
        expect(allowed[1]?.remaining).toBe(0)
        expect((await take(store, limit)).allowed).toBe(false)
      }))

    it('counts a shadow charge, but never refuses a request because of it', () =>
      suite.with(async ({ store }) => {
        const both = () => [charge(limit, 1, 'real'), charge(limit, 2, 'shadow', { enforce: false })]
        const first = await store.take(both())
        expect(first.map(({ allowed }) => allowed)).toEqual([true, true])
        expect(first.map(({ remaining }) => remaining)).toEqual([3, 2])
        await store.take(both())
        const third = await store.take(both())
        expect(third.map(({ allowed }) => allowed)).toEqual([true, false])
        expect((await peek(store, limit, 'real')).remaining).toBe(1)
      }))

    it('does not take a shadow charge of a refused request', () =>
      suite.with(async ({ store }) => {
        await fill(store, limit, 'real')
        await store.take([charge(limit, 2, 'shadow', { enforce: false }), charge(limit, 1, 'real')])
        expect((await peek(store, limit, 'shadow')).remaining).toBe(4)
      }))

    it('gives an enforced charge precedence over an earlier shadow charge to the same key', () =>
      suite.with(async ({ store }) => {
        const verdicts = await store.take([charge(limit, 3, 'key', { enforce: false }), charge(limit, 3)])
        expect(verdicts.map(({ allowed }) => allowed)).toEqual([false, true])
        expect((await peek(store, limit)).remaining).toBe(1)
      }))
  })

  it('returns the verdicts in the order of the charges', () =>
    suite.with(async ({ store }) => {
      const costs = [1, 2, 3, 0, 4, 1]
      const verdicts = await store.take(
        costs.map((cost, index) => charge(bucket(10), cost, `key ${index}`, { enforce: index % 2 === 0 })),
      )
      expect(verdicts.map(({ remaining }) => remaining)).toEqual(costs.map((cost) => 10 - cost))
    }))

  it('returns no verdicts for no charges', () =>
    suite.with(async ({ store }) => {
      expect(await store.take([])).toEqual([])
      expect(await store.peek([])).toEqual([])
    }))

  it('throws a TypeError for a concurrency charge without a lease and takes nothing', () =>
    suite.with(async ({ store }) => {
      const limit = { algorithm: 'concurrency', limit: 4, lease: PERIOD } as const
      const charges = [charge(bucket(), 1, 'a'), { scope: 'scope', key: 'b', limit, cost: 1 }]
      await expect(async () => store.take(charges)).rejects.toThrow(TypeError)
      expect((await peek(store, bucket(), 'a')).remaining).toBe(4)
    }))

  it('reports the longest wait when several limits refuse', () =>
    suite.with(async ({ store }) => {
      const limiter = createLimiter({
        store,
        rules: [{ limit: '1/minute' }, { limit: '1/hour' }, { limit: '9/s' }],
      })
      expect((await limiter.admit('client')).allowed).toBe(true)
      const decision = await limiter.admit('client')
      if (decision.allowed) throw new Error('the second request was admitted')
      expect(decision.refusal.violated).toHaveLength(2)
      expect(decision.refusal.retryAfter).toBeGreaterThan(3_590_000)
      expect(decision.quotas[2]).toMatchObject({ allowed: true, remaining: 8 })
    }))
}
