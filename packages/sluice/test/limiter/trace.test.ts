import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { Decision, Quota } from '../../src/limiter/decision.js'
import { createLimiter, type Limiter } from '../../src/limiter/limiter.js'
import type { Permit } from '../../src/limiter/permit.js'
import type { Limit } from '../../src/limits/limit.js'
import type { Rule } from '../../src/rules/rule.js'
import { memoryStore } from '../../src/stores/memory/memory-store.js'
import { type ManualClock, manualClock } from '../../src/time/clock.js'
import { expectVerdict, expectWhole } from '../model/expectations.js'
import { KeyModel } from '../model/key-model.js'

const KEYS = ['a', 'b', 'c']
/** The index of the concurrency rule. */
const SLOTS = 2
const LEASE = 2000

interface TraceRequest {
  readonly key: string
  readonly cost: number
}

type Step =
  | { readonly action: 'request'; readonly request: TraceRequest }
  | { readonly action: 'wait'; readonly milliseconds: number }
  | { readonly action: 'change'; readonly rule: number; readonly limit: Limit }
  | { readonly action: 'change slots'; readonly slots: number }
  | { readonly action: 'release'; readonly which: number }

const few = (max: number) => fc.integer({ min: 1, max })
// The quotient of any two of these numbers is an exact double.
const period = fc.constantFrom(500, 1000, 2000, 4000)
const rateLimit: fc.Arbitrary<Limit> = fc.oneof(
  fc.record({ algorithm: fc.constant('token-bucket' as const), limit: few(8), period, burst: few(12) }),
  fc.record({ algorithm: fc.constant('fixed-window' as const), limit: few(8), period }),
  fc.record({ algorithm: fc.constant('sliding-window' as const), limit: few(8), period }),
  fc.record({ algorithm: fc.constant('sliding-log' as const), limit: few(8), period }),
)
const request: fc.Arbitrary<Step> = fc.record({
  action: fc.constant('request' as const),
  request: fc.record({ key: fc.constantFrom(...KEYS), cost: fc.oneof(fc.constant(1), fc.nat(9)) }),
})
const wait: fc.Arbitrary<Step> = fc.record({
  action: fc.constant('wait' as const),
  milliseconds: fc.oneof(period, fc.nat(300), fc.nat(5000), fc.integer({ min: -6000, max: -1 }), fc.nat(1e9)),
})
const change: fc.Arbitrary<Step> = fc.oneof(
  fc.record({ action: fc.constant('change' as const), rule: fc.nat(1), limit: rateLimit }),
  fc.record({ action: fc.constant('change slots' as const), slots: few(6) }),
)
const release: fc.Arbitrary<Step> = fc.record({ action: fc.constant('release' as const), which: fc.nat(5) })
const step = fc.oneof({ arbitrary: request, weight: 6 }, { arbitrary: wait, weight: 2 }, change, release)

/** A limiter with two rate rules and a concurrency rule, and the models of its keys. */
class Trace {
  readonly #clock: ManualClock = manualClock(1e6)
  readonly #store = memoryStore({ clock: this.#clock })
  readonly #limits: [Limit, Limit, Limit]
  readonly #limiter: Limiter<TraceRequest>
  readonly #models: ReadonlyMap<string, readonly KeyModel[]>
  readonly #held: { readonly permit: Permit; readonly key: string; readonly lease: string }[] = []
  #requests = 0

  constructor(one: Limit, other: Limit, slots: number) {
    this.#limits = [one, other, slotsOf(slots)]
    const rules: Rule<TraceRequest>[] = [
      { name: '0', limit: () => this.#limits[0] },
      { name: '1', limit: () => this.#limits[1] },
      { name: '2', concurrent: () => this.#limits[SLOTS].limit, lease: LEASE },
    ]
    this.#limiter = createLimiter({
      rules: rules.map((rule) => ({ ...rule, by: ({ key }) => key, cost: ({ cost }) => cost })),
      store: this.#store,
    })
    this.#models = new Map(
      KEYS.map((key) => [key, this.#limits.map((limit) => new KeyModel(limit, this.#clock.now()))]),
    )
  }

  async step(next: Step): Promise<void> {
    switch (next.action) {
      case 'request':
        return this.#admit(next.request)
      case 'wait':
        if (next.milliseconds < 0) this.#dropExpired()
        this.#clock.advance(next.milliseconds)
        // Every key is read after each step of the clock, which may go back.
        for (const key of KEYS) {
          this.#modelsNow(key)
          await this.#limiter.peek({ key, cost: 1 })
        }
        return
      case 'change':
        this.#limits[next.rule] = next.limit
        return
      case 'change slots':
        this.#limits[SLOTS] = slotsOf(next.slots)
        return
      case 'release':
        return this.#release(next.which)
    }
  }

  /**
   * Drops expired state from the models and the store. A store may keep it longer, which would have
   * an effect if the clock is set back.
   */
  #dropExpired(): void {
    for (const key of KEYS)
      this.#modelsNow(key).forEach((model, rule) => {
        if (model.dropExpired()) this.#store.reset(this.#limiter.rules[rule]?.scope ?? '', key)
      })
  }

  #modelsNow(key: string): readonly KeyModel[] {
    const models = this.#models.get(key) ?? []
    models.forEach((model, rule) => {
      model.moveTo(this.#clock.now(), this.#limits[rule] as Limit)
    })
    return models
  }

  async #admit({ key, cost }: TraceRequest): Promise<void> {
    const models = this.#modelsNow(key)
    const decision = await this.#limiter.admit({ key, cost })
    models.forEach((model, rule) => {
      expectVerdict(decision.quotas[rule] as Quota, { limit: this.#limits[rule] as Limit, cost }, model)
    })
    expect(decision.allowed).toBe(decision.quotas.every(({ allowed }) => allowed))
    if (!decision.allowed) expectRefusal(decision)
    else if (cost > 0) {
      const lease = String(this.#requests++)
      for (const model of models) model.take(cost, lease)
      this.#held.push({ permit: decision.permit, key, lease })
    }
    models.forEach((model, rule) => {
      expectWhole(decision.quotas[rule]?.remaining, Math.max(0, model.left()))
    })
  }

  async #release(which: number): Promise<void> {
    const [held] = this.#held.splice(which, 1)
    if (held === undefined) return
    // Only the slots are affected.
    this.#models.get(held.key)?.[SLOTS]?.release(held.lease)
    await held.permit.release()
  }
}

function slotsOf(slots: number): Limit {
  return { algorithm: 'concurrency', limit: slots, lease: LEASE }
}

/** Checks that a refusal names the rule with the longest wait, and every rule that refuses. */
function expectRefusal({ quotas, refusal }: Extract<Decision, { readonly allowed: false }>): void {
  const refusing = quotas.filter(({ allowed }) => !allowed)
  expect(refusal.violated).toEqual(refusing.map(({ rule }) => rule))
  expect(refusal.retryAfter).toBe(Math.max(...refusing.map(({ retryAfter }) => retryAfter)))
  expect(refusing.find(({ rule }) => rule === refusal.rule)?.retryAfter).toBe(refusal.retryAfter)
}

describe('a random trace of requests, clock steps, changes and releases', () => {
  it('matches the decisions of the reference models, including at the retry times of refusals', () =>
    fc.assert(
      fc.asyncProperty(
        rateLimit,
        rateLimit,
        few(6),
        fc.array(step, { minLength: 20, maxLength: 80 }),
        async (one, other, slots, steps) => {
          const trace = new Trace(one, other, slots)
          for (const next of steps) await trace.step(next)
        },
      ),
      { seed: 20261126, numRuns: 1000 },
    ))
})
