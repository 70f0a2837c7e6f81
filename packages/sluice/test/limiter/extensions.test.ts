import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { LimiterEvent } from '../../src/limiter/event.js'
import { createLimiter } from '../../src/limiter/limiter.js'
import type { Permit } from '../../src/limiter/permit.js'
import type { Rule } from '../../src/rules/rule.js'
import { memoryStore } from '../../src/stores/memory/memory-store.js'
import type { Store } from '../../src/stores/store.js'
import { manualClock } from '../../src/time/clock.js'

const SEED = 20261203

interface Costs {
  readonly tokens: number
  readonly rows: number
}

const PER_EVERYONE = { by: 'everyone' } as const
const RULES: Rule<Costs>[] = [
  { ...PER_EVERYONE, limit: '100/hour', of: 'tokens', cost: ({ tokens }) => tokens },
  { ...PER_EVERYONE, limit: '50/hour', of: 'rows', cost: ({ rows }) => rows },
  // The forecast of a request includes its own slot.
  { ...PER_EVERYONE, concurrent: 11 },
]

function limited(
  rules: readonly Rule<Costs>[] = RULES,
  store: Store = memoryStore({ clock: manualClock(0) }),
) {
  const events: LimiterEvent<Costs>[] = []
  const limiter = createLimiter<Costs>({ store, rules, listener: (event) => void events.push(event) })
  const admit = async (costs: Costs): Promise<Permit> => {
    const decision = await limiter.admit(costs)
    if (!decision.allowed) throw new Error(`refused: ${decision.refusal.rule}`)
    return decision.permit
  }
  const left = async () =>
    (await limiter.peek({ tokens: 0, rows: 0 })).quotas.map(({ remaining }) => remaining)
  const ofTypes = (...types: readonly string[]) =>
    events
      .filter(({ type }) => types.includes(type))
      .map((event) =>
        Object.fromEntries(Object.entries(event).filter(([name]) => name !== 'key' && name !== 'limit')),
      )
  return { limiter, admit, left, ofTypes }
}

describe('an extension of a permit', () => {
  it('is taken from all rules that count its resources, or from none', async () => {
    const { admit, left } = limited()
    const permit = await admit({ tokens: 20, rows: 10 })
    expect(await permit.extend({ tokens: 10, rows: 5 })).toBe(true)
    expect(await left()).toEqual([70, 35, 9])
    expect(await permit.extend({ tokens: 10, rows: 36 })).toBe(false)
    expect(await left()).toEqual([70, 35, 9])
    expect(await permit.extend({ tokens: 70 })).toBe(true)
    expect(await left()).toEqual([0, 35, 9])
  })

  it('is refused once one of its resources is settled', async () => {
    const { admit, left } = limited()
    const permit = await admit({ tokens: 20, rows: 10 })
    await permit.settle({ tokens: 5 })
    expect(await permit.extend({ tokens: 1, rows: 1 })).toBe(false)
    expect(await permit.extend({ rows: 1 })).toBe(true)
    expect(await left()).toEqual([95, 39, 9])
  })

  it('takes no slots, and needs no store if no rule applies', async () => {
    const { admit, left } = limited([...RULES, { limit: () => 'unlimited', of: 'pages' } as Rule<Costs>])
    const permit = await admit({ tokens: 20, rows: 10 })
    expect(await permit.extend({ concurrent: 5 })).toBe(true)
    expect(await permit.extend({ pages: 5 })).toBe(true)
    expect(await permit.extend({})).toBe(true)
    expect(await left()).toEqual([80, 40, 9])
  })

  it.each([-1, Number.NaN, Number.POSITIVE_INFINITY])(
    'of %s is rejected and takes nothing',
    async (wrong) => {
      const { admit, left } = limited()
      const permit = await admit({ tokens: 20, rows: 10 })
      await expect(async () => permit.extend({ rows: 5, tokens: wrong })).rejects.toThrow(/a cost must be/)
      await expect(async () => permit.extend({ token: 1 })).rejects.toThrow(
        "no rule counts 'token'; did you mean 'tokens'? The rules count tokens, rows, concurrent",
      )
      expect(await left()).toEqual([80, 40, 9])
    },
  )

  it('is not refused by a shadow rule, which takes it if it fits', async () => {
    const shadow = { ...PER_EVERYONE, limit: '25/hour', of: 'tokens', enforce: false } as const
    const { admit, left } = limited([...RULES, { ...shadow, name: 'shadow', cost: ({ tokens }) => tokens }])
    const permit = await admit({ tokens: 20, rows: 1 })
    expect(await permit.extend({ tokens: 5 })).toBe(true)
    expect(await permit.extend({ tokens: 5 })).toBe(true)
    expect(await left()).toEqual([70, 49, 9, 0])
    await permit.settle({ tokens: 22 })
    expect(await left()).toEqual([78, 49, 9, 3])
  })

  it('neither starts a penalty nor is refused by one', async () => {
    const rule = { ...PER_EVERYONE, limit: '100/hour', of: 'tokens', penalty: '1h' } as const
    const { limiter, admit } = limited([{ ...rule, cost: ({ tokens }) => tokens }])
    const permit = await admit({ tokens: 20, rows: 0 })
    expect(await permit.extend({ tokens: 90 })).toBe(false)
    const other = await admit({ tokens: 20, rows: 0 })
    expect((await limiter.admit({ tokens: 90, rows: 0 })).allowed).toBe(false)
    expect((await limiter.admit({ tokens: 1, rows: 0 })).allowed).toBe(false)
    expect(await other.extend({ tokens: 10 })).toBe(true)
  })

  it('counts as reserved until the permit is settled', async () => {
    const { limiter, admit } = limited([
      { ...PER_EVERYONE, limit: '10 USD/day', of: 'money', cost: ({ rows }) => rows },
    ])
    const use = async () => {
      const [rule] = (await limiter.usage({ tokens: 0, rows: 0 })).rules
      return [rule?.used, rule?.reserved]
    }
    const permit = await admit({ tokens: 0, rows: 1_000_000 })
    await permit.extend({ money: 2_000_000 })
    await permit.extend({ money: 3_000_000 })
    expect(await use()).toEqual([6_000_000, 6_000_000])
    await permit.settle({ money: 4_000_000 })
    expect(await use()).toEqual([4_000_000, 0])
  })

  it('is reported by events, so that taken and settled units add up', async () => {
    const { admit, ofTypes } = limited()
    const permit = await admit({ tokens: 20, rows: 10 })
    await permit.extend({ tokens: 8 })
    await permit.extend({ tokens: 500, rows: 1 })
    await permit.settle({ tokens: 21 })
    expect(ofTypes('extended', 'exhausted', 'settled')).toEqual([
      { type: 'extended', rule: 'tokens', resource: 'tokens', cost: 8 },
      { type: 'exhausted', rule: 'tokens', resource: 'tokens', cost: 500 },
      { type: 'settled', rule: 'tokens', resource: 'tokens', taken: 28, cost: 21 },
    ])
  })

  it('that is decided after the settlement is given back, and reports no event', async () => {
    const memory = memoryStore({ clock: manualClock(0) })
    let decide = () => {}
    let calls = 0
    const store: Store = {
      take: (charges) => {
        calls += 1
        if (calls === 1) return memory.take(charges)
        const verdicts = memory.take(charges)
        return new Promise((resolve) => {
          decide = () => resolve(verdicts)
        })
      },
      peek: (charges) => memory.peek(charges),
      settle: (settlements) => memory.settle(settlements),
      reset: (scope, key) => memory.reset(scope, key),
      close: () => {},
    }
    const { admit, left, ofTypes } = limited(RULES, store)
    const permit = await admit({ tokens: 20, rows: 10 })
    const extended = permit.extend({ tokens: 30 })
    await permit.settle({ tokens: 5 })
    expect((await left())[0]).toBe(65)
    decide()
    expect(await extended).toBe(false)
    expect((await left())[0]).toBe(95)
    expect(ofTypes('extended', 'exhausted')).toEqual([])
  })
})

type Step =
  | { readonly kind: 'admit' | 'extend'; readonly tokens: number; readonly of: number }
  | { readonly kind: 'settle'; readonly tokens: number; readonly of: number }
  | { readonly kind: 'cancel'; readonly of: number }

const step: fc.Arbitrary<Step> = fc.oneof(
  fc.record({
    kind: fc.constantFrom('admit' as const, 'extend' as const),
    tokens: fc.integer({ min: 0, max: 40 }),
    of: fc.nat(5),
  }),
  fc.record({
    kind: fc.constant('settle' as const),
    tokens: fc.integer({ min: 0, max: 120 }),
    of: fc.nat(5),
  }),
  fc.record({ kind: fc.constant('cancel' as const), of: fc.nat(5) }),
)

it.each(['token-bucket', 'fixed-window', 'sliding-window', 'sliding-log'] as const)(
  'the use of a %s is what open permits hold and settled ones cost, in any order of admissions, extensions, settlements and cancellations',
  async (algorithm) => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 30 }), async (steps) => {
        const rule = { ...PER_EVERYONE, limit: '100/hour', of: 'tokens', algorithm } as const
        const { limiter, left } = limited([{ ...rule, cost: ({ tokens }) => tokens } as Rule<Costs>])
        const open: { permit: Permit; held: number }[] = []
        /** The use by a limiter that only adds numbers. */
        let settled = 0
        const used = () => open.reduce((sum, { held }) => sum + held, settled)
        for (const each of steps) {
          const one = open[each.of % Math.max(1, open.length)]
          if (each.kind === 'admit') {
            const fits = used() + each.tokens <= 100 || each.tokens === 0
            const decision = await limiter.admit({ tokens: each.tokens, rows: 0 })
            expect(decision.allowed).toBe(fits)
            if (decision.allowed) open.push({ permit: decision.permit, held: each.tokens })
          } else if (one !== undefined && each.kind === 'extend') {
            const fits = used() + each.tokens <= 100 || each.tokens === 0
            expect(await one.permit.extend({ tokens: each.tokens })).toBe(fits)
            if (fits) one.held += each.tokens
          } else if (one !== undefined) {
            const tokens = each.kind === 'settle' ? each.tokens : 0
            if (each.kind === 'settle') await one.permit.settle({ tokens })
            else await one.permit.cancel()
            settled += tokens
            open.splice(open.indexOf(one), 1)
            expect(await one.permit.extend({ tokens: 1 })).toBe(false)
          }
          expect(await left()).toEqual([Math.max(0, 100 - used())])
        }
      }),
      { seed: SEED, numRuns: 100 },
    )
  },
)
