import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { Penalty } from '../../../src/algorithms/penalty.js'
import { createLimiter } from '../../../src/limiter/limiter.js'
import { capacityOf, type Limit } from '../../../src/limits/limit.js'
import type { Charge, StoreVerdict } from '../../../src/stores/store.js'
import { KeyModel } from '../../model/key-model.js'
import { PenaltyModel } from '../../model/penalty.js'
import {
  bucket,
  charge,
  type Harness,
  log,
  peek,
  RATES,
  type Suite,
  settlement,
  sliding,
  takeCharge,
} from './harness.js'

/** A penalty that is longer than the limits of most tests take to recover. */
const PENALTY: Penalty = { durationMs: 10_000, growth: 1, maxMs: 10_000 }
const GROWING: Penalty = { durationMs: 10_000, growth: 2, maxMs: 60_000 }

/** Rounding error of times, in milliseconds. Memcached counts in ticks of about a microsecond. */
const TOLERANCE = 0.01

/** Tests penalties: a refusal by a limit is followed by refusals for a fixed time. */
export function penaltyCases(suite: Suite): void {
  describe.each(RATES)('%s: a penalty', (_algorithm, limitOf) => {
    const limit = limitOf(2, 1000)
    const one = (penalty = PENALTY, more: Partial<Charge> = {}) =>
      charge(limit, 1, 'key', { penalty, ...more })
    const exceed = async (store: Harness['store'], each = one()): Promise<StoreVerdict> => {
      for (;;) {
        const verdict = await takeCharge(store, each)
        if (!verdict.allowed) return verdict
      }
    }

    it('starts with the first refusal, and is neither extended nor renewed by further ones', () =>
      suite.with(async ({ store, advance }) => {
        expect(await exceed(store)).toMatchObject({ allowed: false, remaining: 0 })
        await advance(4000)
        const refused = await takeCharge(store, one())
        expect(refused).toMatchObject({ allowed: false, remaining: 0 })
        expect(refused.retryAfter).toBeCloseTo(6000, 2)
        await advance(5999)
        expect((await takeCharge(store, one())).allowed).toBe(false)
        await advance(2)
        expect((await takeCharge(store, one())).allowed).toBe(true)
      }))

    it('lasts until a limit that recovers later admits the request', () =>
      suite.with(async ({ store, advance }) => {
        const slow = charge(limitOf(1, 60_000), 1, 'key', { penalty: PENALTY })
        const { retryAfter } = await exceed(store, slow)
        expect(retryAfter).toBeGreaterThan(10_000)
        await advance(retryAfter + 1)
        expect((await takeCharge(store, slow)).allowed).toBe(true)
      }))

    it('grows up to its maximum, and starts over after the maximum without a penalty', () =>
      suite.with(async ({ store, advance }) => {
        const lengths: number[] = []
        const next = async (pause: number) => {
          const { retryAfter } = await exceed(store, one(GROWING))
          lengths.push(Math.round(retryAfter))
          await advance(retryAfter + pause)
        }
        for (const pause of [1, 50_000, 1, 1, 59_000, 61_000, 1]) await next(pause)
        expect(lengths).toEqual([10_000, 20_000, 40_000, 60_000, 60_000, 60_000, 10_000])
      }))

    it('is not started by a peek, by a cost of 0, or by a cost above the capacity', () =>
      suite.with(async ({ store, advance }) => {
        await store.take([one()])
        await store.take([one()])
        await store.peek([one()])
        await store.take([charge(limit, 0, 'key', { penalty: PENALTY })])
        const oversized = await takeCharge(store, charge(limit, 3, 'key', { penalty: PENALTY }))
        expect(oversized).toMatchObject({ allowed: false, retryAfter: Number.POSITIVE_INFINITY })
        await advance(2000)
        expect((await takeCharge(store, one())).allowed).toBe(true)
      }))

    it('starts if its own limit refuses, but not if only another limit does', () =>
      suite.with(async ({ store, advance }) => {
        const first = charge(limitOf(1, 1000), 1, 'key', { scope: 'first', penalty: PENALTY })
        const second = charge(limitOf(5, 1000), 1, 'key', { scope: 'second', penalty: PENALTY })
        await store.take([first, second])
        const [refused, fitting] = await store.take([first, second])
        expect(refused?.retryAfter).toBeCloseTo(10_000, 2)
        expect(fitting).toMatchObject({ allowed: true, remaining: 4 })
        await advance(2000)
        expect((await takeCharge(store, first)).allowed).toBe(false)
        expect((await takeCharge(store, second)).allowed).toBe(true)
      }))

    it('of a shadow charge is simulated, and refuses no request', () =>
      suite.with(async ({ store, advance }) => {
        const shadow = one(PENALTY, { enforce: false, scope: 'shadow' })
        const enforced = charge(limitOf(50, 1000), 1)
        for (let taken = 0; taken < 3; taken++) await store.take([shadow, enforced])
        await advance(2000)
        const [simulated, verdict] = await store.take([shadow, enforced])
        expect(simulated).toMatchObject({ allowed: false })
        expect(simulated?.retryAfter).toBeCloseTo(8000, 2)
        expect(verdict?.allowed).toBe(true)
      }))

    it('reports the end of the penalty to a peek and to a cost of 0', () =>
      suite.with(async ({ store, advance }) => {
        await exceed(store)
        await advance(4000)
        const free = charge(limit, 0, 'key', { penalty: PENALTY })
        for (const verdicts of [await store.peek([free]), await store.take([free])]) {
          expect(verdicts).toMatchObject([{ allowed: true, remaining: 0, retryAfter: 0 }])
          expect(verdicts[0]?.moreAfter).toBeCloseTo(6000, 2)
        }
        const [forecast] = await store.peek([one()])
        expect(forecast?.allowed).toBe(false)
        expect(forecast?.retryAfter).toBeCloseTo(6000, 2)
      }))

    it('ends with a reset, and its growth starts over', () =>
      suite.with(async ({ store, advance }) => {
        await advance((await exceed(store, one(GROWING))).retryAfter)
        expect((await exceed(store, one(GROWING))).retryAfter).toBeCloseTo(20_000, 2)
        await store.reset('scope', 'key')
        expect((await takeCharge(store, one(GROWING))).allowed).toBe(true)
        expect((await exceed(store, one(GROWING))).retryAfter).toBeCloseTo(10_000, 2)
      }))

    it('survives settlements, and is independent of other keys', () =>
      suite.with(async ({ store, advance }) => {
        const first = one()
        const taken = await takeCharge(store, first)
        await exceed(store)
        await store.settle([settlement(first, taken, 0)])
        expect((await takeCharge(store, one())).allowed).toBe(false)
        expect((await takeCharge(store, charge(limit, 1, 'other', { penalty: PENALTY }))).allowed).toBe(true)
        await advance(10_001)
        expect((await takeCharge(store, one())).allowed).toBe(true)
      }))

    it('ends as planned after its options change', () =>
      suite.with(async ({ store, advance }) => {
        await exceed(store)
        await advance(4000)
        const changed: Penalty = { durationMs: 500, growth: 3, maxMs: 900_000 }
        expect((await takeCharge(store, one(changed))).retryAfter).toBeCloseTo(6000, 2)
        await advance(6001)
        expect((await exceed(store, one(changed))).retryAfter).toBeGreaterThan(499)
        await advance(501)
        const { retryAfter } = await exceed(store, one(PENALTY))
        expect(retryAfter).toBeCloseTo(10_000, 2)
        await advance(retryAfter + 1)
        expect((await takeCharge(store, one())).allowed).toBe(true)
      }))

    if (suite.kind.setsBack)
      it('lasts no longer than its length after the clock was set back', () =>
        suite.with(async ({ store, advance, setBack }) => {
          await advance(100_000)
          await exceed(store)
          await setBack?.(5000)
          expect((await takeCharge(store, one())).retryAfter).toBeCloseTo(10_000, 2)
          await advance(10_001)
          expect((await takeCharge(store, one())).allowed).toBe(true)
        }))

    it('starts once among simultaneous requests, which are admitted exactly up to the limit', () =>
      suite.with(async ({ store, advance }) => {
        const exact = charge(limitOf(100, 5000), 1, 'key', { penalty: PENALTY })
        const verdicts = await Promise.all(Array.from({ length: 2000 }, () => store.take([exact])))
        const refused = verdicts.flat().filter(({ allowed }) => !allowed)
        expect(refused).toHaveLength(1900)
        for (const { retryAfter } of refused) expect(retryAfter).toBeLessThanOrEqual(10_000 + TOLERANCE)
        await advance(9990)
        expect((await takeCharge(store, exact)).allowed).toBe(false)
        await advance(11)
        expect((await takeCharge(store, exact)).allowed).toBe(true)
      }))
  })

  it('counts a key that is charged twice in one request, and starts one penalty', () =>
    suite.with(async ({ store, advance }) => {
      const one = charge(bucket(4, 1000), 2, 'key', { penalty: GROWING })
      await store.take([charge(bucket(4, 1000), 1, 'key', { penalty: GROWING })])
      const verdicts = await store.take([one, one])
      expect(verdicts.map(({ allowed }) => allowed)).toEqual([true, false])
      expect((await takeCharge(store, one)).retryAfter).toBeCloseTo(10_000, 2)
      await advance(10_001)
      expect((await takeCharge(store, one)).allowed).toBe(true)
    }))

  it('starts a penalty for an empty key', () =>
    suite.with(async ({ store }) => {
      const one = charge(sliding(1, 1000), 1, '', { penalty: PENALTY })
      await store.take([one])
      expect((await takeCharge(store, one)).retryAfter).toBeCloseTo(10_000, 2)
      await store.reset('scope', '')
      expect((await takeCharge(store, one)).allowed).toBe(true)
    }))

  it('leaves the usage of the limit unchanged', () =>
    suite.with(async ({ store, advance }) => {
      const limit = log(2, 60_000)
      const one = charge(limit, 1, 'key', { penalty: PENALTY })
      for (let request = 0; request < 5; request++) await store.take([one])
      await advance(5000)
      expect(await peek(store, limit)).toMatchObject({ remaining: 0 })
      await advance(55_001)
      expect(await peek(store, limit)).toMatchObject({ remaining: 2 })
    }))

  it('is started by a limiter, and ends when the limiter resets the client', () =>
    suite.with(async ({ store, advance }) => {
      const limiter = createLimiter({ store, rules: [{ limit: '2/second', penalty: '1m' }] })
      const admit = async () => limiter.admit('client')
      expect([await admit(), await admit()].map(({ allowed }) => allowed)).toEqual([true, true])
      expect(await admit()).toMatchObject({ refusal: { reason: 'exceeded', remaining: 0 } })
      await advance(59_000)
      expect(await limiter.peek('client')).toMatchObject({ allowed: false })
      expect(await admit()).toMatchObject({ allowed: false })
      await limiter.reset('client')
      expect(await admit()).toMatchObject({ allowed: true })
    }))

  describe('random traces of penalties', () => {
    it('agree with a model, with several rules, shadow rules, costs, peeks, resets and clock steps', async () => {
      let started = 0
      await fc.assert(
        fc.asyncProperty(traces, (trace) =>
          suite.with(async (harness) => {
            started += await play(harness, trace, suite.kind.setsBack)
          }),
        ),
        { seed: 20_261_202, numRuns: suite.kind.jumps ? 80 : 15, endOnFailure: true },
      )
      expect(started).toBeGreaterThan(suite.kind.jumps ? 60 : 10)
    })
  })
}

interface TraceRule {
  readonly limit: Limit
  readonly penalty: Penalty | undefined
  readonly enforce: boolean
}

interface TraceStep {
  readonly wait: number
  readonly isSetBack: boolean
  readonly operation: 'take' | 'peek' | 'reset'
  readonly key: string
  /** The cost under each rule. */
  readonly costs: readonly number[]
  /** Rotates the order of the charges. */
  readonly first: number
}

interface Trace {
  readonly rules: readonly TraceRule[]
  readonly steps: readonly TraceStep[]
}

const RULES = 3
/** Longer than any trace, so that every state is from the future after a step back. */
const STEP_BACK_MS = 10_000_000

const penalties = fc.oneof(
  fc.constant(undefined),
  fc.record({ durationMs: fc.integer({ min: 100, max: 5000 }) }).map(({ durationMs }) => ({
    durationMs,
    growth: 1,
    maxMs: durationMs,
  })),
  fc
    .record({
      durationMs: fc.integer({ min: 100, max: 5000 }),
      growth: fc.constantFrom(1.5, 2, 3),
      factor: fc.integer({ min: 1, max: 8 }),
    })
    .map(({ durationMs, growth, factor }) => ({ durationMs, growth, maxMs: durationMs * factor })),
)

const traces: fc.Arbitrary<Trace> = fc.record({
  rules: fc.array(
    fc
      .record({
        limitOf: fc.constantFrom(...RATES.map(([, limitOf]) => limitOf)),
        units: fc.integer({ min: 1, max: 4 }),
        period: fc.constantFrom(500, 2000, 8000),
        penalty: penalties,
        enforce: fc.constantFrom(true, true, true, false),
      })
      .map(({ limitOf, units, period, ...rule }) => ({ ...rule, limit: limitOf(units, period) })),
    { minLength: RULES, maxLength: RULES },
  ),
  steps: fc.array(
    fc.record({
      wait: fc.constantFrom(0, 0, 0, 1, 50, 250, 1000, 1000, 4000, 20_000),
      isSetBack: fc.integer({ min: 0, max: 9 }).map((number) => number === 0),
      operation: fc.constantFrom('take', 'take', 'take', 'take', 'take', 'peek', 'reset'),
      key: fc.constantFrom('a', 'a', 'b', ''),
      costs: fc.array(fc.constantFrom(0, 1, 1, 1, 1, 2, 2, 5), { minLength: RULES, maxLength: RULES }),
      first: fc.nat(RULES - 1),
    }),
    { minLength: 10, maxLength: 40 },
  ),
})

/** The models of one key of one rule. */
class RuleModel {
  readonly usage: KeyModel
  readonly penalty: PenaltyModel | undefined

  constructor(
    private readonly rule: TraceRule,
    now: number,
  ) {
    this.usage = new KeyModel(rule.limit, now)
    this.penalty = rule.penalty && new PenaltyModel(rule.penalty)
  }

  moveTo(now: number): void {
    this.usage.moveTo(now, this.rule.limit)
    this.penalty?.setBack(now)
  }

  /** Reports whether a step back leads to the same state on every store. */
  canBeSetBack(now: number): 'yes' | 'no' | 'after reset' {
    const isUnused = this.usage.dropExpired()
    const { penalty } = this
    if (penalty === undefined || penalty.isNew) return isUnused ? 'after reset' : 'yes'
    if (penalty.isForgotten(now)) return isUnused ? 'after reset' : 'no'
    return isUnused ? 'no' : 'yes'
  }
}

/** Plays a trace on a store and on the models. Returns the number of penalties that started. */
async function play(harness: Harness, { rules, steps }: Trace, setsBack: boolean): Promise<number> {
  const { store, advance, setBack } = harness
  let now = 1e9
  let started = 0
  const models = new Map<string, { scope: string; key: string; model: RuleModel; rule: TraceRule }>()
  const modelOf = (index: number, key: string) => {
    const scope = `rule ${index}`
    const id = `${scope} ${key}`
    const known = models.get(id)
    if (known !== undefined) return known.model
    const rule = rules[index] as TraceRule
    const model = new RuleModel(rule, now)
    models.set(id, { scope, key, model, rule })
    return model
  }
  const chargeTo = (index: number, key: string, cost: number) => {
    const { limit, penalty, enforce } = rules[index] as TraceRule
    return charge(limit, cost, key, { scope: `rule ${index}`, enforce, ...(penalty && { penalty }) })
  }
  const moveBack = async () => {
    const known = [...models.entries()]
    for (const [, { model }] of known) model.moveTo(now)
    if (known.some(([, { model }]) => model.canBeSetBack(now) === 'no')) return
    for (const [id, { scope, key, model }] of known)
      if (model.canBeSetBack(now) === 'after reset') {
        await store.reset(scope, key)
        models.delete(id)
      }
    now -= STEP_BACK_MS
    await setBack?.(STEP_BACK_MS)
    for (const { scope, key, model, rule } of models.values()) {
      model.moveTo(now)
      // Stores the state as of the new time.
      await store.peek([
        { ...charge(rule.limit, 1, key), scope, ...(rule.penalty && { penalty: rule.penalty }) },
      ])
    }
  }

  for (const step of steps) {
    const { wait, operation, costs, first } = step
    now += wait
    if (wait > 0) await advance(wait)
    if (step.isSetBack && setsBack && setBack !== undefined) await moveBack()
    const indexes = rules.map((_, index) => (index + first) % RULES)
    // The last rule counts another key, so a cluster may decide in several slots.
    const keyOf = (index: number) => (index === RULES - 1 ? `all ${step.key.length}` : step.key)
    if (operation === 'reset') {
      const index = first
      await store.reset(`rule ${index}`, keyOf(index))
      models.delete(`rule ${index} ${keyOf(index)}`)
      continue
    }
    const charges = indexes.map((index) => chargeTo(index, keyOf(index), costs[index] as number))
    const verdicts = await store[operation](charges)
    const judged = indexes.map((index, position) => {
      const model = modelOf(index, keyOf(index))
      model.moveTo(now)
      const { cost, limit, enforce } = charges[position] as Charge
      const verdict = verdicts[position] as StoreVerdict
      const left = model.penalty?.left(now) ?? 0
      const spare = model.usage.left() - cost
      // The result for a cost that fits exactly depends on the order in which fractions are added.
      const isExact = spare !== 0 && Math.abs(spare) < 1e-6
      const fits = cost === 0 || (isExact && left === 0 ? verdict.allowed : spare >= 0)
      return { model, cost, limit, enforce, verdict, left, fits }
    })
    const admitted = judged.every(
      ({ cost, left, fits, enforce }) => !enforce || cost === 0 || (fits && left === 0),
    )
    for (const each of judged) {
      const { model, cost, limit, enforce, verdict, left, fits } = each
      const isPenalized = left > 0
      const isAllowed = cost === 0 || (fits && !isPenalized)
      expect(verdict.allowed, JSON.stringify({ cost, limit, left, enforce, operation })).toBe(isAllowed)
      const starts =
        operation === 'take' &&
        !isPenalized &&
        !fits &&
        cost <= capacityOf(limit) &&
        model.penalty !== undefined
      if (starts) {
        model.penalty?.start(now)
        started++
      }
      const lasts = model.penalty?.left(now) ?? 0
      if (isAllowed && !isPenalized) {
        expect(verdict.retryAfter).toBe(0)
        if (operation === 'take' && admitted && cost > 0) model.usage.take(cost, '')
      } else if (isAllowed) {
        expect(verdict).toMatchObject({ remaining: 0, retryAfter: 0 })
        expect(verdict.moreAfter).toBeGreaterThanOrEqual(lasts - TOLERANCE)
        expect(verdict.resetAfter).toBeGreaterThanOrEqual(lasts - TOLERANCE)
      } else if (cost > capacityOf(limit)) expect(verdict.retryAfter).toBe(Number.POSITIVE_INFINITY)
      else {
        if (lasts > 0) expect(verdict.remaining).toBe(0)
        expect(verdict.retryAfter).toBeGreaterThanOrEqual(lasts - TOLERANCE)
        expect(model.usage.left(verdict.retryAfter + TOLERANCE) - cost).toBeGreaterThanOrEqual(-1e-4)
        if (verdict.retryAfter > lasts + 1)
          expect(model.usage.left(verdict.retryAfter - 1) - cost).toBeLessThan(0)
      }
    }
  }
  return started
}
