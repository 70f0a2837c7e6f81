import { describe, expect, it } from 'vitest'
import { createLimiter } from '../../../src/limiter/limiter.js'
import { ALL, bucket, charge, peek, type Suite, settlement } from './harness.js'

/** Tests simultaneous calls. */
export function simultaneousCallCases(suite: Suite): void {
  describe.each(ALL)('%s: simultaneous calls', (_algorithm, limitOf) => {
    it('admits exactly the limit when thousands of calls charge one key at once', () =>
      suite.with(async ({ store }) => {
        const limit = limitOf(100, 3_600_000)
        const verdicts = await Promise.all(Array.from({ length: 3000 }, () => store.take([charge(limit)])))
        expect(verdicts.filter(([verdict]) => verdict?.allowed)).toHaveLength(100)
        expect((await peek(store, limit)).remaining).toBe(0)
      }))

    it('checks and charges atomically, so that five simultaneous calls of 40 units take at most 100', () =>
      suite.with(async ({ store }) => {
        const limit = limitOf(100, 3_600_000)
        const verdicts = await Promise.all(Array.from({ length: 5 }, () => store.take([charge(limit, 40)])))
        expect(verdicts.filter(([verdict]) => verdict?.allowed)).toHaveLength(2)
        expect((await peek(store, limit)).remaining).toBe(20)
      }))

    it('takes from both keys or from neither when calls list the keys in different orders', () =>
      suite.with(async ({ store }) => {
        const limit = limitOf(50, 3_600_000)
        const calls = Array.from({ length: 500 }, (_, index) => {
          const keys = index % 2 === 0 ? ['a', 'b'] : ['b', 'a']
          return store.take(keys.map((key) => charge(limit, 1, key)))
        })
        const admitted = (await Promise.all(calls)).filter((verdicts) =>
          verdicts.every(({ allowed }) => allowed),
        )
        expect(admitted).toHaveLength(50)
        expect((await peek(store, limit, 'a')).remaining).toBe(0)
        expect((await peek(store, limit, 'b')).remaining).toBe(0)
      }))
  })

  it('shares a limit between several limiters on one store', () =>
    suite.with(async ({ store }) => {
      const limiters = Array.from({ length: 4 }, () =>
        createLimiter({ store, name: 'fleet', rules: [{ limit: '100/hour' }] }),
      )
      const calls = Array.from({ length: 1000 }, (_, index) => limiters[index % 4]?.admit('client'))
      const decisions = await Promise.all(calls)
      expect(decisions.filter((decision) => decision?.allowed)).toHaveLength(100)
    }))

  it('refunds the exact amount when many charges are settled at once', () =>
    suite.with(async ({ store }) => {
      const limit = bucket(100, 3_600_000)
      const charges = Array.from({ length: 50 }, () => charge(limit, 2))
      const verdicts = await Promise.all(charges.map((one) => store.take([one])))
      await Promise.all(
        charges.map((one, index) => {
          const [verdict] = verdicts[index] ?? []
          return verdict && store.settle([settlement(one, verdict, 1)])
        }),
      )
      expect((await peek(store, limit)).remaining).toBe(50)
    }))
}
