import { describe, expect, it } from 'vitest'
import { createLimiter, type Limiter } from '../../../src/limiter/limiter.js'
import type { Permit } from '../../../src/limiter/permit.js'
import type { Store } from '../../../src/stores/store.js'
import { ALL, inFlight, PERIOD, RATES, type Suite } from './harness.js'

/** Tests the permits of allowed requests. */
export function permitCases(suite: Suite): void {
  describe.each(RATES)('%s: permits', (_algorithm, limitOf) => {
    const tokens = (store: Store) =>
      createLimiter<number>({
        store,
        rules: [{ limit: limitOf(), of: 'tokens', by: 'everyone', cost: (units) => units }],
      })

    it('settles a permit only once', () =>
      suite.with(async ({ store }) => {
        const limiter = tokens(store)
        const permit = await admit(limiter, 3)
        await admit(limiter, 1)
        for (let call = 0; call < 5; call++) await permit.settle({ tokens: 1 })
        await permit.settle({ tokens: 0 })
        await permit.settle({ tokens: 4 })
        expect(await remainingUnits(limiter)).toBe(2)
      }))

    it('refunds nothing when a permit is settled after its charge has expired', () =>
      suite.with(async ({ store, advance }) => {
        const limiter = tokens(store)
        const permit = await admit(limiter, 4)
        await advance(2 * PERIOD)
        await admit(limiter, 4)
        await permit.settle({ tokens: 0 })
        expect(await remainingUnits(limiter)).toBe(0)
      }))

    it('settles nothing for an invalid cost and allows a valid settlement later', () =>
      suite.with(async ({ store }) => {
        const limiter = tokens(store)
        const permit = await admit(limiter, 3)
        for (const cost of [-1, Number.NaN, Number.POSITIVE_INFINITY])
          await expect(async () => permit.settle({ tokens: cost })).rejects.toThrow(RangeError)
        await permit.settle({ tokens: 1 })
        expect(await remainingUnits(limiter)).toBe(3)
      }))

    it('refunds a charge once when its permit is cancelled twice', () =>
      suite.with(async ({ store }) => {
        const limiter = tokens(store)
        const permit = await admit(limiter, 3)
        await admit(limiter, 1)
        for (let call = 0; call < 3; call++) await permit.cancel()
        await Promise.all([permit.cancel(), permit.settle({ tokens: 4 }), permit.release()])
        expect(await remainingUnits(limiter)).toBe(3)
      }))

    it('refunds nothing when a permit is cancelled after its charge has expired', () =>
      suite.with(async ({ store, advance }) => {
        const limiter = tokens(store)
        const permit = await admit(limiter, 4)
        await advance(2 * PERIOD)
        await admit(limiter, 4)
        await permit.cancel()
        expect(await remainingUnits(limiter)).toBe(0)
      }))

    it('takes an extension from the same key, and settles relative to the whole reservation', () =>
      suite.with(async ({ store }) => {
        const limiter = tokens(store)
        const permit = await admit(limiter, 1)
        expect(await permit.extend({ tokens: 1 })).toBe(true)
        expect(await permit.extend({ tokens: 1 })).toBe(true)
        expect(await remainingUnits(limiter)).toBe(1)
        await permit.settle({ tokens: 2 })
        expect(await remainingUnits(limiter)).toBe(2)
        expect(await permit.extend({ tokens: 1 })).toBe(false)
        expect(await remainingUnits(limiter)).toBe(2)
      }))

    it('takes nothing for an extension that does not fit, and charges the actual cost', () =>
      suite.with(async ({ store }) => {
        const limiter = tokens(store)
        const permit = await admit(limiter, 2)
        expect(await permit.extend({ tokens: 3 })).toBe(false)
        expect(await remainingUnits(limiter)).toBe(2)
        expect(await permit.extend({ tokens: 1 })).toBe(true)
        await permit.settle({ tokens: 4 })
        expect(await remainingUnits(limiter)).toBe(0)
      }))

    it('refunds an extension when its permit is cancelled', () =>
      suite.with(async ({ store }) => {
        const limiter = tokens(store)
        const permit = await admit(limiter, 1)
        await permit.extend({ tokens: 1 })
        await permit.extend({ tokens: 2 })
        await permit.cancel()
        await permit.cancel()
        expect(await remainingUnits(limiter)).toBe(4)
      }))

    it('refunds the part of an extension whose charge has not expired', () =>
      suite.with(async ({ store, advance }) => {
        const limiter = tokens(store)
        const permit = await admit(limiter, 2)
        await advance(2 * PERIOD)
        await permit.extend({ tokens: 3 })
        await permit.settle({ tokens: 3 })
        expect(await remainingUnits(limiter)).toBe(3)
      }))

    it('gives back an extension that is decided after the settlement', () =>
      suite.with(async ({ store }) => {
        const limiter = tokens(store)
        const permit = await admit(limiter, 1)
        const extended = permit.extend({ tokens: 2 })
        await Promise.all([permit.settle({ tokens: 1 }), extended])
        expect(await remainingUnits(limiter)).toBe(3)
      }))

    it('throws for a resource that no rule counts and settles nothing', () =>
      suite.with(async ({ store }) => {
        const limiter = tokens(store)
        const permit = await admit(limiter, 2)
        await expect(async () => permit.settle({ output_tokens: 0, tokens: 0 })).rejects.toThrow(
          "no rule counts 'output_tokens'; the rules count tokens",
        )
        await permit.release()
        expect(await remainingUnits(limiter)).toBe(2)
      }))
  })

  describe('concurrency: permits', () => {
    const slots = (store: Store) =>
      createLimiter<number>({
        store,
        rules: [{ concurrent: 4, lease: PERIOD, by: 'everyone', cost: (units) => units }],
      })

    it('releases a permit only once', () =>
      suite.with(async ({ store }) => {
        const limiter = slots(store)
        const permit = await admit(limiter, 2)
        await admit(limiter, 2)
        for (let call = 0; call < 3; call++) await permit.release()
        expect(await remainingUnits(limiter)).toBe(2)
        expect(permit.holdsSlots).toBe(false)
      }))

    it('frees no slot of another request when a permit is released after its lease has ended', () =>
      suite.with(async ({ store, advance }) => {
        const limiter = slots(store)
        const permit = await admit(limiter, 4)
        await advance(PERIOD)
        await admit(limiter, 4)
        await permit.release()
        expect(await remainingUnits(limiter)).toBe(0)
      }))

    it('does not renew a released permit', () =>
      suite.with(async ({ store }) => {
        const limiter = slots(store)
        const permit = await admit(limiter, 4)
        await permit.release()
        await permit.renew()
        expect(await remainingUnits(limiter)).toBe(4)
      }))

    it('releases a permit at the end of its block with `await using`, even if the block throws', () =>
      suite.with(async ({ store }) => {
        const limiter = slots(store)
        const block = async () => {
          await using permit = await admit(limiter, 4)
          throw new Error(permit.holdsSlots ? 'in the block' : 'no slots')
        }
        await expect(block).rejects.toThrow('in the block')
        expect(await remainingUnits(limiter)).toBe(4)
      }))
  })

  it('settles the tokens and releases the slots of one request independently', () =>
    suite.with(async ({ store }) => {
      const limiter = createLimiter<string>({
        store,
        rules: [
          { limit: '10/hour', of: 'tokens', cost: 6 },
          { concurrent: 2, lease: PERIOD },
        ],
      })
      const permit = await admit(limiter, 'client')
      await permit.release()
      await permit.settle({ tokens: 2 })
      const quotas = (await limiter.peek('client')).quotas
      expect(quotas.map(({ remaining }) => remaining)).toEqual([2, 1])
      expect((await limiter.admit('client')).allowed).toBe(true)
    }))

  it('refunds every charge and frees every slot of a cancelled permit, including those of shadow rules', () =>
    suite.with(async ({ store }) => {
      const cost = (units: number) => units
      const shared = { by: 'everyone', cost } as const
      const limiter = createLimiter<number>({
        store,
        rules: [
          ...RATES.map(([name, limitOf]) => ({ ...shared, name, limit: limitOf() as never })),
          { ...shared, name: 'shadow', limit: '4/hour', enforce: false },
          { ...shared, name: 'slots', concurrent: 4, lease: PERIOD },
        ],
      })
      const remaining = async () => (await limiter.peek(0)).quotas.map((quota) => quota.remaining)
      const permit = await admit(limiter, 3)
      expect(await remaining()).toEqual([1, 1, 1, 1, 1, 1])
      await permit.cancel()
      expect(await remaining()).toEqual([4, 4, 4, 4, 4, 4])
      expect(permit.holdsSlots).toBe(false)
    }))

  it('takes nothing from earlier rules when a later rule refuses the request', () =>
    suite.with(async ({ store }) => {
      const rules = ALL.map(([name, limitOf]) =>
        name === 'concurrency'
          ? { name, concurrent: inFlight().limit, lease: PERIOD }
          : { name, limit: limitOf() as never },
      )
      const limiter = createLimiter<string>({ store, rules: [...rules, { name: 'last', limit: '1/hour' }] })
      expect((await limiter.admit('client')).allowed).toBe(true)
      for (let request = 0; request < 5; request++) {
        const decision = await limiter.admit('client')
        expect(decision).toMatchObject({ allowed: false, refusal: { rule: 'last' } })
        expect(decision.quotas.map(({ remaining }) => remaining)).toEqual([3, 3, 3, 3, 3, 0])
      }
    }))
}

async function admit<Request>(limiter: Limiter<Request>, request: Request): Promise<Permit> {
  const decision = await limiter.admit(request)
  if (!decision.allowed) throw new Error(`refused: ${decision.refusal.rule}`)
  return decision.permit
}

/** Returns the remaining units of the only rule. */
async function remainingUnits(limiter: Limiter<number>): Promise<number> {
  return (await limiter.peek(0)).quotas[0]?.remaining ?? Number.NaN
}
