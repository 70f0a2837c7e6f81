import { describe, expect, it } from 'vitest'
import type { Limit } from '../../../src/limits/limit.js'
import {
  ALL,
  bucket,
  charge,
  fill,
  fixed,
  inFlight,
  log,
  PERIOD,
  peek,
  RATES,
  type Suite,
  settlement,
  take,
  takeCharge,
} from './harness.js'

/** Tests that changes of a limit, burst or algorithm neither refill a key nor lock it out. */
export function changeCases(suite: Suite): void {
  describe.each(RATES)('%s: a live change', (_algorithm, limitOf) => {
    it('keeps the used units when the limit changes, and applies an increase at once', () =>
      suite.with(async ({ store }) => {
        await take(store, limitOf(4), 2)
        expect((await peek(store, limitOf(8))).remaining).toBe(6)
        expect((await peek(store, limitOf(2))).remaining).toBe(0)
        expect((await peek(store, limitOf(400))).remaining).toBe(398)
        expect((await take(store, limitOf(4), 3)).allowed).toBe(false)
        expect((await take(store, limitOf(400), 8)).allowed).toBe(true)
        expect((await take(store, limitOf(8))).allowed).toBe(false)
        expect((await peek(store, limitOf(400))).remaining).toBe(390)
      }))

    it.each([1, 2, 3, 5, 7, 100])(
      'grants no additional units when the limit repeatedly changes to %d and back',
      (changed) =>
        suite.with(async ({ store }) => {
          let admitted = await fill(store, limitOf(4))
          for (let round = 0; round < 5; round++) {
            admitted += await fill(store, limitOf(changed), 'key', 200)
            admitted += await fill(store, limitOf(4))
          }
          expect(admitted).toBe(Math.max(4, changed))
        }),
    )

    it('refuses under a lowered limit for no longer than the larger limit takes to recover', () =>
      suite.with(async ({ store, advance }) => {
        await take(store, limitOf(400), 400)
        const { allowed, retryAfter } = await take(store, limitOf(4))
        expect(allowed).toBe(false)
        expect(retryAfter).toBeLessThanOrEqual(2 * PERIOD + 1e-6)
        await advance(retryAfter + 1)
        expect((await take(store, limitOf(4))).allowed).toBe(true)
      }))

    it.each([PERIOD / 4, PERIOD / 2, 2 * PERIOD, 100 * PERIOD])(
      'neither refills a key nor locks it out when the period changes to %d ms',
      (period) =>
        suite.with(async ({ store, advance }) => {
          await fill(store, limitOf(4))
          const refused = await take(store, limitOf(4, period))
          expect(refused.allowed).toBe(false)
          expect(refused.resetAfter).toBeLessThanOrEqual(2 * period + 1e-6)
          if (!suite.kind.jumps && period > PERIOD) return
          await advance(2 * period + 1)
          expect(await fill(store, limitOf(4, period))).toBe(4)
        }),
    )

    it.each(RATES)(
      'refills nothing when the algorithm changes to %s, and recovers within two periods',
      (_other, changedOf) =>
        suite.with(async ({ store, advance }) => {
          await take(store, limitOf(4), 2)
          expect((await peek(store, changedOf(8))).remaining).toBe(6)
          expect((await take(store, changedOf(8), 7)).allowed).toBe(false)
          expect((await take(store, changedOf(8), 6)).allowed).toBe(true)
          expect((await take(store, limitOf(4), 1)).allowed).toBe(false)
          await advance(2 * PERIOD)
          expect(await fill(store, limitOf(4))).toBe(4)
        }),
    )

    it('does not count earlier requests as leases after a change to concurrency', () =>
      suite.with(async ({ store }) => {
        await fill(store, limitOf(4))
        expect((await take(store, inFlight())).allowed).toBe(true)
        expect((await peek(store, inFlight())).remaining).toBe(3)
      }))

    it('ends no lease when an earlier charge is settled after a change to concurrency', () =>
      suite.with(async ({ store }) => {
        const old = charge(limitOf(4), 2)
        const verdict = await takeCharge(store, old)
        await take(store, inFlight(), 3)
        for (const cost of [0, 4]) await store.settle([settlement(old, verdict, cost)])
        expect((await peek(store, inFlight())).remaining).toBe(1)
      }))

    it('refills nothing when a lease is released after a change from concurrency', () =>
      suite.with(async ({ store }) => {
        const old = charge(inFlight(), 2)
        const verdict = await takeCharge(store, old)
        await fill(store, limitOf(4))
        for (const cost of [2, 0]) await store.settle([settlement(old, verdict, cost)])
        expect((await take(store, limitOf(4))).allowed).toBe(false)
      }))
  })

  it('counts admissions under a much larger limit in a sliding log, each for at most 1/64 of a period too long', () =>
    suite.with(async ({ store, advance }) => {
      if (!suite.kind.jumps) return
      await take(store, log(2))
      for (let round = 0; round < 300; round++) {
        await advance(PERIOD / 200)
        expect((await take(store, bucket(1000))).allowed).toBe(true)
      }
      const { remaining } = await peek(store, log(1000))
      expect(remaining).toBeLessThanOrEqual(800)
      expect(remaining).toBeGreaterThanOrEqual(800 - 200 / 32)
      await advance(PERIOD - 1)
      expect((await take(store, log(1))).allowed).toBe(false)
      await advance(2)
      expect((await take(store, log(1))).allowed).toBe(true)
    }))

  describe('two limits of one request', () => {
    it.each(ALL)('are both enforced when they share a key (%s and token-bucket)', (_algorithm, limitOf) =>
      suite.with(async ({ store }) => {
        const both = () => [charge(limitOf(4), 1), charge(bucket(4), 1)]
        let admitted = 0
        for (let call = 0; call < 20; call++) {
          const verdicts = await store.take(both())
          if (verdicts.every(({ allowed }) => allowed)) admitted++
        }
        if (limitOf(4).algorithm !== 'concurrency') expect(admitted).toBeLessThanOrEqual(4)
        expect(admitted).toBeGreaterThan(0)
      }),
    )
  })

  it('keeps the used units when the burst changes', () =>
    suite.with(async ({ store }) => {
      await take(store, bucket(4, PERIOD, 4), 2)
      expect((await peek(store, bucket(4, PERIOD, 20))).remaining).toBe(18)
      expect((await peek(store, bucket(4, PERIOD, 1))).remaining).toBe(0)
      expect((await peek(store, bucket(4, PERIOD, 4))).remaining).toBe(2)
    }))

  it('counts the requests in flight under a changed concurrency limit', () =>
    suite.with(async ({ store }) => {
      const held = charge(inFlight(4), 3)
      const verdict = await takeCharge(store, held)
      expect((await take(store, inFlight(2))).allowed).toBe(false)
      expect((await peek(store, inFlight(6))).remaining).toBe(3)
      await store.settle([settlement(held, verdict, 0)])
      expect((await take(store, inFlight(2), 2)).allowed).toBe(true)
    }))

  it('keeps a lease for its original duration when the lease time of the limit is shortened', () =>
    suite.with(async ({ store, advance }) => {
      await take(store, inFlight(4, 4 * PERIOD), 1)
      await take(store, inFlight(4, PERIOD / 2), 3)
      expect((await take(store, inFlight(4, PERIOD / 2))).allowed).toBe(false)
      await advance(PERIOD / 2)
      expect((await peek(store, inFlight(4, PERIOD / 2))).remaining).toBe(3)
    }))

  it('grants at most the largest limit in total to tiers that share a key', () =>
    suite.with(async ({ store }) => {
      const tiers: Limit[] = [bucket(4), bucket(40), fixed(4), fixed(40)]
      await fill(store, bucket(4))
      let admitted = 4
      for (let round = 0; round < 5; round++) for (const tier of tiers) admitted += await fill(store, tier)
      expect(admitted).toBe(40)
    }))

  describe.each([
    ['fixed-window', fixed],
    ['sliding-log', log],
  ] as const)('%s: alternating limits with a short and a long period', (_algorithm, limitOf) => {
    const [SHORT, LONG] = [PERIOD / 4, 10 * PERIOD]

    it('refuse under the short period for at most one such period, and never refill the long one', () =>
      suite.with(async ({ store, advance }) => {
        expect(await fill(store, limitOf(30, LONG))).toBe(30)
        for (let round = 0; round < 5; round++) {
          expect((await take(store, limitOf(30, LONG))).allowed).toBe(false)
          const refused = await take(store, limitOf(4, SHORT))
          expect(refused.allowed).toBe(false)
          expect(refused.retryAfter).toBeLessThanOrEqual(SHORT)
          await advance(SHORT + 1)
          expect(await fill(store, limitOf(4, SHORT))).toBe(4)
        }
      }))

    it('count usage under the short period in the long one', () =>
      suite.with(async ({ store }) => {
        await fill(store, limitOf(4, SHORT))
        expect((await peek(store, limitOf(30, LONG))).remaining).toBe(26)
        expect((await take(store, limitOf(30, LONG), 26)).allowed).toBe(true)
        expect((await take(store, limitOf(30, LONG))).allowed).toBe(false)
      }))
  })
}
