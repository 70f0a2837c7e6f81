import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { createLimiter, type Limiter } from '../../../src/limiter/limiter.js'
import type { Limit } from '../../../src/limits/limit.js'
import type { Store } from '../../../src/stores/store.js'
import { log, PERIOD, RATES, type Suite, sliding } from './harness.js'

const CAPACITY = 4

type Step =
  | { readonly does: 'admit' | 'charge' | 'refund'; readonly cost: number }
  | { readonly does: 'wait'; readonly eighths: number }

const cost = fc.integer({ min: 1, max: 6 })
const step: fc.Arbitrary<Step> = fc.oneof(
  { arbitrary: fc.record({ does: fc.constantFrom('admit', 'charge', 'refund'), cost }), weight: 3 },
  { arbitrary: fc.record({ does: fc.constant('wait' as const), eighths: fc.nat(9) }), weight: 2 },
)
const steps = fc.array(step, { minLength: 5, maxLength: 40 })

/** Tests charges, refunds and resets by key, which change usage without a decision. */
export function usageChangeCases(suite: Suite): void {
  describe.each(RATES)('%s: changes of usage by key', (algorithm, limitOf) => {
    it('charges beyond the limit, and recovers from the debt', () =>
      suite.with(async ({ store, advance }) => {
        const limiter = limiterOf(store, limitOf())
        await limiter.charge('user', 6)
        const refused = await limiter.peek('user')
        expect(refused).toMatchObject({ allowed: false, refusal: { remaining: 0 } })
        await advance(2 * PERIOD)
        expect(await remaining(limiter)).toBe(CAPACITY)
      }))

    it('refunds usage down to zero, never beyond the capacity', () =>
      suite.with(async ({ store }) => {
        const limiter = limiterOf(store, limitOf())
        await limiter.refund('user', 3)
        expect(await remaining(limiter)).toBe(CAPACITY)
        for (let unit = 0; unit < CAPACITY; unit++) await limiter.admit('user')
        await limiter.refund('user', 3)
        expect(await remaining(limiter)).toBe(3)
        await limiter.refund('user', 100)
        expect(await remaining(limiter)).toBe(CAPACITY)
        for (let unit = 0; unit < CAPACITY; unit++) expect((await limiter.admit('user')).allowed).toBe(true)
        expect((await limiter.admit('user')).allowed).toBe(false)
      }))

    it('changes only the key that it names', () =>
      suite.with(async ({ store }) => {
        const limiter = limiterOf(store, limitOf())
        for (const user of ['user', 'other']) await limiter.charge(user, 2)
        await limiter.charge('user', 1)
        await limiter.refund('other', 1)
        expect([await remaining(limiter), await remaining(limiter, 'other')]).toEqual([1, 3])
        await limiter.reset('user')
        expect([await remaining(limiter), await remaining(limiter, 'other')]).toEqual([4, 3])
      }))

    // Times must be exact, so only stores whose clock the test sets run this.
    it.runIf(suite.kind.slack === 0 && suite.kind.jumps)(
      'follows the reference model in a random sequence of decisions, charges and refunds',
      () =>
        fc.assert(
          fc.asyncProperty(steps, (sequence) =>
            suite.with(async ({ store, advance }) => {
              const limiter = limiterOf(store, limitOf())
              const model = new MODELS[algorithm]()
              for (const each of sequence) {
                if (each.does === 'wait') {
                  model.now += each.eighths / 8
                  await advance((each.eighths * PERIOD) / 8)
                } else if (each.does === 'admit') {
                  const { allowed } = await limiter.admit(`user ${each.cost}`)
                  expect(allowed).toBe(model.used() + each.cost <= CAPACITY)
                  if (allowed) model.charge(each.cost)
                } else {
                  await limiter[each.does]('user', each.cost)
                  model[each.does](each.cost)
                }
                expect(await remaining(limiter)).toBe(Math.max(0, Math.floor(CAPACITY - model.used())))
              }
            }),
          ),
          { seed: 20_261_202, numRuns: 40, endOnFailure: true },
        ),
    )
  })

  it('sliding-log: refunds the newest units first', () =>
    suite.with(async ({ store, advance }) => {
      const limiter = limiterOf(store, log())
      await limiter.charge('user', 2)
      await advance(PERIOD / 2)
      await limiter.charge('user', 2)
      await limiter.refund('user', 3)
      expect(await remaining(limiter)).toBe(3)
      // The unit that is left is one of the first two.
      await advance(PERIOD / 2)
      expect(await remaining(limiter)).toBe(4)
    }))

  it('sliding-window: refunds units of the previous window after those of the current one', () =>
    suite.with(async ({ store, advance }) => {
      const limiter = limiterOf(store, sliding())
      await limiter.charge('user', 4)
      await advance(PERIOD)
      await limiter.charge('user', 1)
      await limiter.refund('user', 5)
      expect(await remaining(limiter)).toBe(CAPACITY)
    }))
}

/** Creates a limiter whose requests are a key and, after a space, a cost. */
function limiterOf(store: Store, limit: Limit): Limiter<string> {
  const by = (request: string) => request.split(' ')[0] as string
  const cost = (request: string) => Number(request.split(' ')[1] ?? 1)
  return createLimiter({ store, rules: [{ limit, by, cost }] })
}

async function remaining(limiter: Limiter<string>, user = 'user'): Promise<number | undefined> {
  return (await limiter.peek(`${user} 0`)).quotas[0]?.remaining
}

/** A slow model of one key with a constant limit of four units per period. Times are in periods. */
interface UsageModel {
  now: number
  used(): number
  charge(cost: number): void
  refund(cost: number): void
}

/** Drains the level from charge to charge. */
class BucketModel implements UsageModel {
  now = 0
  #at = 0
  #level = 0

  used(): number {
    return Math.max(0, this.#level - (this.now - this.#at) * CAPACITY)
  }

  charge(cost: number): void {
    this.#level = Math.max(0, this.used() + cost)
    this.#at = this.now
  }

  refund(cost: number): void {
    this.charge(-cost)
  }
}

/** Keeps the time of every unit, in ascending order. */
class LogModel implements UsageModel {
  now = 0
  units: number[] = []

  used(): number {
    this.units = this.units.filter((at) => this.now - at < 1)
    return this.units.length
  }

  charge(cost: number): void {
    this.used()
    for (let unit = 0; unit < cost; unit++) this.units.push(this.now)
  }

  refund(cost: number): void {
    this.used()
    this.units.splice(-cost, cost)
  }
}

/** Counts the units of the window that the first of them opened. */
class FixedModel extends LogModel {
  override used(): number {
    if (this.now - this.start >= 1) this.units = []
    return this.units.length
  }

  get start(): number {
    return this.units[0] ?? this.now
  }

  override charge(cost: number): void {
    this.used()
    const { start } = this
    for (let unit = 0; unit < cost; unit++) this.units.push(start)
  }
}

/** Counts the units of two windows. */
class SlidingModel implements UsageModel {
  now = 0
  #start = 0
  #previous = 0
  #current = 0

  used(): number {
    while (this.#previous + this.#current > 0 && this.now - this.#start >= 1) {
      this.#previous = this.#current
      this.#current = 0
      this.#start += 1
    }
    if (this.#previous + this.#current === 0) this.#start = this.now
    return this.#previous * (1 - (this.now - this.#start)) + this.#current
  }

  charge(cost: number): void {
    this.used()
    this.#current += cost
  }

  refund(cost: number): void {
    this.used()
    const fromCurrent = Math.min(cost, this.#current)
    this.#current -= fromCurrent
    this.#previous = Math.max(0, this.#previous - (cost - fromCurrent))
  }
}

const MODELS = {
  'token-bucket': BucketModel,
  'fixed-window': FixedModel,
  'sliding-window': SlidingModel,
  'sliding-log': LogModel,
} as const
