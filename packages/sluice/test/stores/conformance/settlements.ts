import { describe, expect, it } from 'vitest'
import type { Charge, Settlement, StoreVerdict } from '../../../src/stores/store.js'
import {
  ALL,
  bucket,
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

/** Tests settlements, which raise or lower earlier charges. */
export function settlementCases(suite: Suite): void {
  describe.each(ALL)('%s: settlements', (_algorithm, limitOf) => {
    const limit = limitOf()

    it('refunds the difference for a lower cost and charges it for a higher one', () =>
      suite.with(async ({ store }) => {
        const one = charge(limit, 3)
        const verdict = await takeCharge(store, one)
        await store.settle([settlement(one, verdict, 1)])
        expect((await peek(store, limit)).remaining).toBe(3)
        const other = charge(limit, 1)
        await store.settle([settlement(other, await takeCharge(store, other), 3)])
        expect((await peek(store, limit)).remaining).toBe(0)
      }))

    it.each([
      [1, 2],
      [2, 1],
    ])('refunds simultaneous charges of %d and %d exactly, in either order', (first, second) =>
      suite.with(async ({ store }) => {
        const charges = [charge(limit, first), charge(limit, second)]
        const [[one], [other]] = (await Promise.all(charges.map((each) => store.take([each])))) as [
          [StoreVerdict],
          [StoreVerdict],
        ]
        await store.settle([settlement(charges[0] as Charge, one, 0)])
        expect((await peek(store, limit)).remaining).toBe(4 - second)
        await store.settle([settlement(charges[1] as Charge, other, 0)])
        expect((await peek(store, limit)).remaining).toBe(4)
      }),
    )

    it('turns a cost above the limit into a debt that recovers over time', () =>
      suite.with(async ({ store, advance }) => {
        const one = charge(limit, 1)
        const verdict = await takeCharge(store, one)
        await store.settle([settlement(one, verdict, 8)])
        const refused = await take(store, limit)
        expect(refused).toMatchObject({ allowed: false, remaining: 0 })
        expect(refused.retryAfter).toBeGreaterThan(0)
        expect(Number.isFinite(refused.retryAfter)).toBe(true)
        await advance(Math.ceil(refused.retryAfter))
        expect((await take(store, limit)).allowed).toBe(true)
      }))

    it('refuses further requests under a debt of any size until the key is reset', () =>
      suite.with(async ({ store, advance }) => {
        for (const cost of [Number.MAX_SAFE_INTEGER, Number.MAX_VALUE, Number.MAX_VALUE]) {
          const one = charge(limit, 0)
          const [verdict] = await store.peek([one])
          if (verdict !== undefined) await store.settle([settlement(one, verdict, cost)])
        }
        const refused = await take(store, limit)
        expect(refused).toMatchObject({ allowed: false, remaining: 0 })
        expect(refused.resetAfter).toBeGreaterThan(0)
        await advance(1)
        expect((await take(store, limit)).allowed).toBe(false)
        await store.reset('scope', 'key')
        expect(await fill(store, limit)).toBe(4)
      }))

    it('restores the initial state of a fully refunded key', () =>
      suite.with(async ({ store }) => {
        const charges = [charge(limit, 1), charge(limit, 2)]
        const taken: Settlement[] = []
        for (const one of charges) taken.push(settlement(one, await takeCharge(store, one), 0))
        for (const each of taken) await store.settle([each])
        const { remaining, resetAfter, moreAfter } = await peek(store, limit)
        expect(remaining).toBe(4)
        // A bucket refunds in time units, and doubles of epoch milliseconds have rounding errors.
        const tolerance = limit.algorithm === 'token-bucket' ? 0.001 + suite.kind.slack : 0
        expect(Math.max(resetAfter, moreAfter)).toBeLessThanOrEqual(tolerance)
      }))

    it('leaves the usage unchanged for the same cost', () =>
      suite.with(async ({ store }) => {
        const one = charge(limit, 2)
        const verdict = await takeCharge(store, one)
        for (let call = 0; call < 5; call++) await store.settle([settlement(one, verdict, 2)])
        expect((await peek(store, limit)).remaining).toBe(2)
      }))

    it('never exceeds the capacity, even if more is refunded than was charged', () =>
      suite.with(async ({ store }) => {
        await take(store, limit, 2)
        const one = charge(limit, 1)
        const verdict = await takeCharge(store, one)
        for (let call = 0; call < 5; call++) await store.settle([settlement(one, verdict, 0)])
        expect((await peek(store, limit)).remaining).toBeLessThanOrEqual(4)
        const exaggerated = {
          ...settlement(one, verdict, 0),
          taken: { ...verdict, cost: 1000, lease: 'unused lease' },
        }
        await store.settle([exaggerated])
        const { remaining } = await peek(store, limit)
        expect(remaining).toBeLessThanOrEqual(4)
        expect(await fill(store, limit)).toBe(remaining)
      }))

    it('refunds only into the window in which the charge was made', () =>
      suite.with(async ({ store, advance }) => {
        const old = charge(limit, 4)
        const verdict = await takeCharge(store, old)
        await advance(2 * PERIOD)
        expect(await fill(store, limit)).toBe(4)
        await store.settle([settlement(old, verdict, 0)])
        expect(await fill(store, limit)).toBe(0)
      }))

    it('settles several keys in one call independently', () =>
      suite.with(async ({ store }) => {
        const charges = ['a', 'b', 'c'].map((key) => charge(limit, 3, key))
        const verdicts = await store.take(charges)
        await store.settle(
          charges.map((one, index) => settlement(one, verdicts[index] as (typeof verdicts)[0], index)),
        )
        for (const [key, remaining] of [
          ['a', 4],
          ['b', 3],
          ['c', 2],
        ] as const)
          expect((await peek(store, limit, key)).remaining).toBe(remaining)
      }))

    it('admits a request as soon as it fits after a refund', () =>
      suite.with(async ({ store }) => {
        const one = charge(limit, 4)
        const verdict = await takeCharge(store, one)
        expect((await take(store, limit, 2)).allowed).toBe(false)
        await store.settle([settlement(one, verdict, 2)])
        expect((await take(store, limit, 2)).allowed).toBe(true)
      }))
  })

  describe.each(RATES)('%s: settlements and time', (_algorithm, limitOf) => {
    it('refunds no more than was taken when a charge is settled after half a period', () =>
      suite.with(async ({ store, advance }) => {
        const limit = limitOf()
        const one = charge(limit, 2)
        const verdict = await takeCharge(store, one)
        await advance(PERIOD / 2)
        const before = (await peek(store, limit)).remaining
        await store.settle([settlement(one, verdict, 0)])
        const after = (await peek(store, limit)).remaining
        expect(after - before).toBeLessThanOrEqual(2)
        expect(after).toBeLessThanOrEqual(4)
      }))
  })

  it('token-bucket: does not refund units that have already drained', () =>
    suite.with(async ({ store, advance }) => {
      const limit = bucket()
      const first = charge(limit, 2)
      const verdict = await takeCharge(store, first)
      await advance(PERIOD / 2)
      await take(store, limit, 4)
      await store.settle([settlement(first, verdict, 0)])
      expect((await take(store, limit)).allowed).toBe(false)
    }))

  it('concurrency: extends a renewed lease by one period, and frees its slot at once on release', () =>
    suite.with(async ({ store, advance }) => {
      const limit = ALL[4][1]()
      const long = charge(limit, 1)
      const verdict = await takeCharge(store, long)
      for (let third = 0; third < 9; third++) {
        await advance(PERIOD / 3)
        await store.settle([settlement(long, verdict, 1)])
      }
      expect((await peek(store, limit)).remaining).toBe(3)
      await store.settle([settlement(long, verdict, 0)])
      expect((await peek(store, limit)).remaining).toBe(4)
    }))

  it('concurrency: frees no slot of another request when a lease is released after its end', () =>
    suite.with(async ({ store, advance }) => {
      const limit = ALL[4][1]()
      const expired = charge(limit, 2)
      const verdict = await takeCharge(store, expired)
      await advance(PERIOD)
      expect(await fill(store, limit)).toBe(4)
      for (let call = 0; call < 3; call++) await store.settle([settlement(expired, verdict, 0)])
      expect((await take(store, limit)).allowed).toBe(false)
    }))
}
