import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { Decision } from '../../src/limiter/decision.js'
import { createLimiter } from '../../src/limiter/limiter.js'
import type { Rule } from '../../src/rules/rule.js'
import { memoryStore } from '../../src/stores/memory/memory-store.js'
import { manualClock } from '../../src/time/clock.js'

const RULES: readonly (readonly Rule<string>[])[] = [
  [{ limit: '4/second' }],
  [{ limit: '4/second burst 7', cost: 1.5 }],
  [{ limit: '4/second' }, { limit: '10/5s', cost: 2 }, { limit: '20/minute burst 3' }],
  ['9/second', '80/10s', '90/minute'].map((limit, index) => ({ name: `${index}`, limit })),
  // Rules with another algorithm or key, and shadow rules, take the general path.
  [{ limit: '4/second' }, { limit: '10/5s', algorithm: 'fixed-window' }],
  [{ limit: '4/second' }, { limit: '10/5s', by: 'everyone' }],
  [{ limit: '4/second' }, { limit: '2/second', enforce: false }],
]

type Step =
  | { readonly action: 'admit' | 'peek' | 'reset'; readonly key: string }
  | { readonly action: 'wait'; readonly milliseconds: number }
  | { readonly action: 'reset one'; readonly key: string; readonly which: number }
  | { readonly action: 'settle'; readonly which: number; readonly cost: number }

const key = fc.constantFrom('a', 'b', 'c')
const step: fc.Arbitrary<Step> = fc.oneof(
  { arbitrary: fc.record({ action: fc.constant('admit' as const), key }), weight: 6 },
  fc.record({ action: fc.constantFrom('peek' as const, 'reset' as const), key }),
  fc.record({ action: fc.constant('reset one' as const), key, which: fc.nat(2) }),
  fc.record({
    action: fc.constant('wait' as const),
    milliseconds: fc.oneof(fc.nat(400), fc.nat(9000), fc.integer({ min: -2000, max: -1 })),
  }),
  fc.record({ action: fc.constant('settle' as const), which: fc.nat(5), cost: fc.nat(6) }),
)

/** Reads every property of a decision. */
function snapshot(decision: Decision) {
  const { allowed, quotas, degraded } = decision
  return { allowed, quotas, degraded, refusal: allowed ? undefined : decision.refusal }
}

describe('prepared rules', () => {
  it('make the same decisions as the general path, whenever a decision is read', () => {
    const trace = fc.record({
      rules: fc.constantFrom(...RULES),
      maxKeys: fc.constantFrom(2, 7, 100),
      steps: fc.array(step, { minLength: 20, maxLength: 80 }),
      // Number of decisions that are made before an earlier one is read.
      later: fc.nat(4),
    })
    fc.assert(
      fc.property(trace, ({ rules, maxKeys, steps, later }) => {
        const clock = manualClock(1e9)
        const stores = [memoryStore({ clock, maxKeys }), memoryStore({ clock, maxKeys })]
        const [plain, other] = stores.map((store, index) =>
          createLimiter({ rules, store, ...(index === 1 && { listener: () => {} }) }),
        ) as [ReturnType<typeof createLimiter>, ReturnType<typeof createLimiter>]
        const decided: [Decision, ReturnType<typeof snapshot>][] = []
        const held: [Decision, Decision][] = []
        const compareOldest = () => {
          const [decision, expected] = decided.shift() as (typeof decided)[0]
          expect(snapshot(decision)).toEqual(expected)
        }
        for (const next of steps) {
          if (next.action === 'wait') clock.advance(next.milliseconds)
          else if (next.action === 'reset') for (const limiter of [plain, other]) limiter.reset(next.key)
          else if (next.action === 'reset one') {
            // The other rules of the key keep their state.
            const scope = plain.rules[next.which]?.scope
            if (scope !== undefined) for (const store of stores) store.reset(scope, next.key)
          } else if (next.action === 'peek') expect(plain.peek(next.key)).toEqual(other.peek(next.key))
          else if (next.action === 'settle') {
            for (const decision of held.splice(next.which, 1).flat())
              if (decision.allowed) decision.permit.settle({ requests: next.cost })
          } else {
            const [one, two] = [plain.admit(next.key) as Decision, other.admit(next.key) as Decision]
            expect(one.allowed).toBe(two.allowed)
            decided.push([one, snapshot(two)])
            held.push([one, two])
          }
          if (decided.length > later) compareOldest()
        }
        while (decided.length > 0) compareOldest()
      }),
      { seed: 20261126, numRuns: 400 },
    )
  })

  it('call the key function once per decision, and create one permit', () => {
    const requests: string[] = []
    const by = (request: string) => {
      requests.push(request)
      return request
    }
    const rules = ['4/second', '9/minute', '20/hour'].map((limit, index) => ({ name: `${index}`, limit, by }))
    const limiter = createLimiter({ rules, store: memoryStore({ clock: manualClock() }) })
    const decision = limiter.admit('a') as Extract<Decision, { readonly allowed: true }>
    expect(requests).toEqual(['a'])
    expect(decision.permit).toBe(decision.permit)
    expect(decision.quotas).toBe(decision.quotas)
    decision.permit.settle({ requests: 4 })
    decision.permit.settle({ requests: 0 })
    expect((limiter.admit('a') as Decision).allowed).toBe(false)
  })

  it('serialize a decision as JSON without the internals of the limiter', () => {
    for (const rules of [[{ limit: '4/second' }], [{ limit: '4/second' }, { concurrent: 2 }]] as const) {
      const limiter = createLimiter({ rules, store: memoryStore({ clock: manualClock() }) })
      const decision = limiter.admit('a') as Decision
      const { allowed, quotas } = decision
      expect(JSON.parse(JSON.stringify(decision))).toEqual({ allowed, quotas })
      expect(quotas).toHaveLength(rules.length)
    }
  })
})
