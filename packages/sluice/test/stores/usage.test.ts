import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { createLimiter } from '../../src/limiter/limiter.js'
import type { Permit } from '../../src/limiter/permit.js'
import type { Rule } from '../../src/rules/rule.js'
import { manualClock } from '../../src/time/clock.js'
import { clockedStores, STORE_KINDS } from './clocked-stores.js'

/** A request that takes a cost of its own under each rule. */
interface Call {
  readonly client: string
  readonly tier?: string
  /** By rule. */
  readonly costs: readonly number[]
}

const upTo = (max: number) => fc.integer({ min: 1, max })
const period = fc.constantFrom(500, 1000, 2000, 4000)
const algorithm = fc.constantFrom('token-bucket', 'fixed-window', 'sliding-window', 'sliding-log')
const tiers = fc.record({ pro: fc.constantFrom(0.5, 1.5, 2, 3) })
const RULE = fc.oneof(
  fc.record({
    kind: fc.constant('rate' as const),
    limit: upTo(12),
    period,
    algorithm,
    tiers: fc.option(tiers, { nil: undefined }),
    penalty: fc.option(fc.constantFrom(1000, 60_000), { nil: undefined, freq: 4 }),
    by: fc.constantFrom('client' as const, 'everyone' as const),
  }),
  fc.record({ kind: fc.constant('slots' as const), limit: upTo(6), by: fc.constant('client' as const) }),
)
const MAX_RULES = 4
const COST = fc.nat(4)
const STEP = fc.oneof(
  {
    arbitrary: fc.record({
      does: fc.constant('admit' as const),
      client: fc.constantFrom('a', 'b'),
      costs: fc.array(COST, { minLength: MAX_RULES, maxLength: MAX_RULES }),
    }),
    weight: 6,
  },
  fc.record({ does: fc.constant('settle' as const), which: fc.nat(5), cost: fc.nat(6) }),
  fc.record({ does: fc.constant('wait' as const), milliseconds: fc.oneof(period, fc.nat(3000)) }),
)
const PLAN = fc.record({
  rules: fc.array(RULE, { minLength: 1, maxLength: MAX_RULES }),
  tier: fc.constantFrom(undefined, 'pro'),
  steps: fc.array(STEP, { maxLength: 20 }),
})
type Plan = typeof PLAN extends fc.Arbitrary<infer T> ? T : never

const storeOf = clockedStores()

describe.each(STORE_KINDS)('usage on the %s store', (kind) => {
  it('reports exactly what is admitted, and one more unit is refused', async () => {
    await fc.assert(
      fc.asyncProperty(PLAN, (plan) => play(plan, kind)),
      { seed: 20_261_202, numRuns: 60 },
    )
  })
})

async function play({ rules, tier, steps }: Plan, kind: (typeof STORE_KINDS)[number]): Promise<void> {
  const clock = manualClock(1_000_000)
  const store = storeOf(kind, clock)
  const limiter = createLimiter<Call>({
    rules: rules.map(ruleOf),
    store,
    client: ({ client: id, tier }) => ({ id, ...(tier !== undefined && { tier }) }),
    tiers: { pro: 1.5 },
    ...(rules[0]?.kind === 'rate' && { overrides: { 'rule-0': { limit: '7/second' } } }),
  })
  const call = (id: string, costs: readonly number[]): Call => ({
    client: id,
    costs,
    ...(tier !== undefined && { tier }),
  })
  const leftOf = async (id: string) => (await limiter.usage(call(id, []))).rules.map(({ left }) => left)
  /** Admitted requests that are not settled yet. */
  const open: Permit[] = []
  try {
    for (const step of steps) {
      if (step.does === 'wait') clock.advance(step.milliseconds)
      else if (step.does === 'settle') await settle(open.splice(step.which, 1)[0], step.cost)
      else {
        const decision = await limiter.admit(call(step.client, step.costs))
        if (decision.allowed) open.push(decision.permit)
      }
    }

    const left = await leftOf('a')
    expect(left).toHaveLength(rules.length)
    // Reading it takes nothing.
    expect(await leftOf('a')).toEqual(left)
    expect((await limiter.admit(call('a', left))).allowed).toBe(true)
    expect(await leftOf('a')).toEqual(left.map(() => 0))
    for (const index of rules.keys()) {
      const oneMore = await limiter.admit(
        call(
          'a',
          left.map((_, other) => Number(other === index)),
        ),
      )
      if (oneMore.allowed) throw new Error(`rule ${index} admits more than ${left[index]}`)
      expect(oneMore.refusal.violated).toEqual([`rule-${index}`])
    }
    // Also when the refusals have started penalties.
    const { rules: after } = await limiter.usage(call('a', []))
    expect(after.map((usage) => usage.left)).toEqual(left.map(() => 0))
    for (const { used, limit, moreAfter } of after) {
      expect(used).toBe(Math.ceil('burst' in limit ? limit.burst : limit.limit))
      expect(moreAfter).toBeGreaterThan(0)
    }
  } finally {
    await store.close()
  }

  async function settle(permit: Permit | undefined, cost: number): Promise<void> {
    if (rules.some(({ kind }) => kind === 'rate')) await permit?.settle({ requests: cost })
    await permit?.release()
  }
}

function ruleOf(plan: Plan['rules'][number], index: number): Rule<Call> {
  const common = { name: `rule-${index}`, by: plan.by, cost: ({ costs }: Call) => costs[index] ?? 0 }
  if (plan.kind === 'slots') return { ...common, concurrent: plan.limit, lease: '1h' }
  const { limit, period, algorithm, penalty, tiers: own } = plan
  return {
    ...common,
    limit: `${limit} per ${period} ms`,
    algorithm: algorithm as 'token-bucket',
    ...(penalty !== undefined && { penalty }),
    ...(own !== undefined && { tiers: own }),
  }
}
