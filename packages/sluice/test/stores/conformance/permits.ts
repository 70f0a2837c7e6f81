import { describe, expect, it } from 'vitest'
import { createLimiter, type Limiter } from '../../../src/limiter/limiter.js'
import type { Permit } from '../../../src/limiter/permit.js'
import type { Store } from '../../../src/stores/store.js'
import { ALL, inFlight, P, RATES, type Suite } from './harness.js'

/** What an allowed request holds, over the store. */
export function permitCases(suite: Suite): void {
  describe.each(RATES)('%s: permits', (_algorithm, limitOf) => {
    const tokens = (store: Store) =>
      createLimiter<number>({
        store,
        rules: [{ limit: limitOf(), of: 'tokens', by: 'everyone', cost: (units) => units }],
      })

    it('the same permit settled twice: once', () =>
      suite.with(async ({ store }) => {
        const limiter = tokens(store)
        const permit = await admitted(limiter, 3)
        await admitted(limiter, 1)
        for (let times = 0; times < 5; times++) await permit.settle({ tokens: 1 })
        await permit.settle({ tokens: 0 })
        await permit.settle({ tokens: 4 })
        expect(await units(limiter)).toBe(2)
      }))

    it('a permit settled after its charge is over gives nothing back', () =>
      suite.with(async ({ store, advance }) => {
        const limiter = tokens(store)
        const permit = await admitted(limiter, 4)
        await advance(2 * P)
        await admitted(limiter, 4)
        await permit.settle({ tokens: 0 })
        expect(await units(limiter)).toBe(0)
      }))

    it('a settlement that cannot be counted settles nothing, and can be made good', () =>
      suite.with(async ({ store }) => {
        const limiter = tokens(store)
        const permit = await admitted(limiter, 3)
        for (const cost of [-1, Number.NaN, Number.POSITIVE_INFINITY])
          await expect(async () => permit.settle({ tokens: cost })).rejects.toThrow(RangeError)
        await permit.settle({ tokens: 1 })
        expect(await units(limiter)).toBe(3)
      }))

    it('a permit cancelled twice gives its charge back once', () =>
      suite.with(async ({ store }) => {
        const limiter = tokens(store)
        const permit = await admitted(limiter, 3)
        await admitted(limiter, 1)
        for (let times = 0; times < 3; times++) await permit.cancel()
        await Promise.all([permit.cancel(), permit.settle({ tokens: 4 }), permit.release()])
        expect(await units(limiter)).toBe(3)
      }))

    it('a permit cancelled after its charge is over gives nothing back', () =>
      suite.with(async ({ store, advance }) => {
        const limiter = tokens(store)
        const permit = await admitted(limiter, 4)
        await advance(2 * P)
        await admitted(limiter, 4)
        await permit.cancel()
        expect(await units(limiter)).toBe(0)
      }))

    it('a resource that no rule counts is an error, and settles nothing', () =>
      suite.with(async ({ store }) => {
        const limiter = tokens(store)
        const permit = await admitted(limiter, 2)
        await expect(async () => permit.settle({ output_tokens: 0, tokens: 0 })).rejects.toThrow(
          "no rule counts 'output_tokens'; the rules count tokens",
        )
        await permit.release()
        expect(await units(limiter)).toBe(2)
      }))
  })

  describe('concurrency: permits', () => {
    const slots = (store: Store) =>
      createLimiter<number>({
        store,
        rules: [{ concurrent: 4, lease: P, by: 'everyone', cost: (units) => units }],
      })

    it('the same permit released twice: once', () =>
      suite.with(async ({ store }) => {
        const limiter = slots(store)
        const permit = await admitted(limiter, 2)
        await admitted(limiter, 2)
        for (let times = 0; times < 3; times++) await permit.release()
        expect(await units(limiter)).toBe(2)
        expect(permit.holdsSlots).toBe(false)
      }))

    it('a permit released after its expiry frees nobody else', () =>
      suite.with(async ({ store, advance }) => {
        const limiter = slots(store)
        const permit = await admitted(limiter, 4)
        await advance(P)
        await admitted(limiter, 4)
        await permit.release()
        expect(await units(limiter)).toBe(0)
      }))

    it('a permit that was released is not renewed back to life', () =>
      suite.with(async ({ store }) => {
        const limiter = slots(store)
        const permit = await admitted(limiter, 4)
        await permit.release()
        await permit.renew()
        expect(await units(limiter)).toBe(4)
      }))

    it('a block that ends releases, also when it throws', () =>
      suite.with(async ({ store }) => {
        const limiter = slots(store)
        const block = async () => {
          await using permit = await admitted(limiter, 4)
          throw new Error(permit.holdsSlots ? 'in the block' : 'no slots')
        }
        await expect(block).rejects.toThrow('in the block')
        expect(await units(limiter)).toBe(4)
      }))
  })

  it('slots and tokens of one request: settled and released each for itself', () =>
    suite.with(async ({ store }) => {
      const limiter = createLimiter<string>({
        store,
        rules: [
          { limit: '10/hour', of: 'tokens', cost: 6 },
          { concurrent: 2, lease: P },
        ],
      })
      const permit = await admitted(limiter, 'client')
      await permit.release()
      await permit.settle({ tokens: 2 })
      const quotas = (await limiter.peek('client')).quotas
      expect(quotas.map(({ remaining }) => remaining)).toEqual([2, 1])
      expect((await limiter.admit('client')).allowed).toBe(true)
    }))

  it('a cancelled permit gives back every charge and frees its slots, shadow rules included', () =>
    suite.with(async ({ store }) => {
      const cost = (units: number) => units
      const shared = { by: 'everyone', cost } as const
      const limiter = createLimiter<number>({
        store,
        rules: [
          ...RATES.map(([name, limitOf]) => ({ ...shared, name, limit: limitOf() as never })),
          { ...shared, name: 'shadow', limit: '4/hour', enforce: false },
          { ...shared, name: 'slots', concurrent: 4, lease: P },
        ],
      })
      const remaining = async () => (await limiter.peek(0)).quotas.map((quota) => quota.remaining)
      const permit = await admitted(limiter, 3)
      expect(await remaining()).toEqual([1, 1, 1, 1, 1, 1])
      await permit.cancel()
      expect(await remaining()).toEqual([4, 4, 4, 4, 4, 4])
      expect(permit.holdsSlots).toBe(false)
    }))

  it('a refused request holds nothing of what its first rules would have given', () =>
    suite.with(async ({ store }) => {
      const rules = ALL.map(([name, limitOf]) =>
        name === 'concurrency'
          ? { name, concurrent: inFlight().limit, lease: P }
          : { name, limit: limitOf() as never },
      )
      const limiter = createLimiter<string>({ store, rules: [...rules, { name: 'last', limit: '1/hour' }] })
      expect((await limiter.admit('client')).allowed).toBe(true)
      for (let times = 0; times < 5; times++) {
        const decision = await limiter.admit('client')
        expect(decision).toMatchObject({ allowed: false, refusal: { rule: 'last' } })
        expect(decision.quotas.map(({ remaining }) => remaining)).toEqual([3, 3, 3, 3, 3, 0])
      }
    }))
}

async function admitted<Request>(limiter: Limiter<Request>, request: Request): Promise<Permit> {
  const decision = await limiter.admit(request)
  if (!decision.allowed) throw new Error(`refused: ${decision.refusal.rule}`)
  return decision.permit
}

/** What is left of the one rule. */
async function units(limiter: Limiter<number>): Promise<number> {
  return (await limiter.peek(0)).quotas[0]?.remaining ?? Number.NaN
}
