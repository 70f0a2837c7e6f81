import { describe, expect, it } from 'vitest'
import {
  ALL,
  bucket,
  charge,
  fill,
  PERIOD,
  peek,
  type Suite,
  settlement,
  take,
  takeCharge,
} from './harness.js'

/** Tests that state expires neither too early nor too late. */
export function expiryCases(suite: Suite): void {
  describe.each(ALL)('%s: expiry', (_algorithm, limitOf) => {
    it('never expires state before the limit has fully recovered', () =>
      suite.with(async ({ store, advance }) => {
        const limit = limitOf()
        await fill(store, limit)
        const { resetAfter } = await peek(store, limit)
        expect(resetAfter).toBeGreaterThan(PERIOD - 1 - suite.kind.slack)
        await advance(Math.max(0, resetAfter - 1 - 2 * suite.kind.slack))
        const before = await peek(store, limit)
        expect(before.resetAfter).toBeGreaterThan(0)
      }))

    it('always expires state soon after the limit has recovered', () =>
      suite.with(async ({ store, advance, keys }) => {
        const limit = limitOf()
        for (let key = 0; key < 10; key++) await take(store, limit, 4, `key ${key}`)
        if (keys !== undefined) expect(await keys()).toBe(10)
        const { resetAfter } = await peek(store, limit, 'key 9')
        await advance(Math.ceil(resetAfter) + 100)
        for (let call = 0; call < 20; call++) await take(store, limit, 0, 'another key')
        if (keys !== undefined) expect(await keys()).toBe(0)
        expect(await peek(store, limit, 'key 3')).toMatchObject({ remaining: 4, resetAfter: 0 })
      }))

    it('does not expire a key in use, however often its expiry was extended', () =>
      suite.with(async ({ store, advance }) => {
        const limit = limitOf()
        for (let step = 0; step < 6; step++) {
          await take(store, limit, 1)
          await advance((await peek(store, limit)).resetAfter / 2)
          await take(store, limit, 1, 'another key')
          const { remaining, resetAfter } = await peek(store, limit)
          expect(remaining).toBeLessThan(4)
          expect(resetAfter).toBeGreaterThan(0)
        }
      }))

    it('deletes only the given key on reset', () =>
      suite.with(async ({ store }) => {
        const limit = limitOf()
        await fill(store, limit, 'a')
        await fill(store, limit, 'b')
        await store.reset('scope', 'a')
        await store.reset('scope', 'never seen')
        await store.reset('another scope', 'b')
        expect(await fill(store, limit, 'a')).toBe(4)
        expect(await fill(store, limit, 'b')).toBe(0)
      }))
  })

  it('neither restores nor leaks state when a charge is settled after its key has expired', () =>
    suite.with(async ({ store, advance, keys }) => {
      for (const [, limitOf] of ALL) {
        const limit = limitOf()
        const one = charge(limit, 2, `of ${limit.algorithm}`)
        const verdict = await takeCharge(store, one)
        await advance(3 * PERIOD)
        for (let call = 0; call < 5; call++) await take(store, bucket(), 0, 'another key')
        await store.settle([settlement(one, verdict, 0)])
        expect(await peek(store, limit, one.key)).toMatchObject({ remaining: 4, resetAfter: 0 })
      }
      for (let call = 0; call < 5; call++) await take(store, bucket(), 0, 'another key')
      if (keys !== undefined) expect(await keys()).toBe(0)
    }))

  it('does not expire a key before its debt has recovered', () =>
    suite.with(async ({ store, advance }) => {
      const limit = bucket()
      const one = charge(limit, 1)
      await store.settle([settlement(one, await takeCharge(store, one), 8)])
      await advance(PERIOD - 100)
      await take(store, limit, 1, 'another key')
      expect((await take(store, limit)).allowed).toBe(false)
      await advance(PERIOD / 4 + 200)
      expect((await take(store, limit)).allowed).toBe(true)
    }))
}
