import { describe, expect, it } from 'vitest'
import type { Limit } from '../../../src/limits/limit.js'
import type { Charge, Store, StoreVerdict } from '../../../src/stores/store.js'
import { ALL, bucket, charge, PERIOD, type Suite, settlement } from './harness.js'

/**
 * Tolerance of times in milliseconds: two ticks of the coarsest clock, which has 1024 ticks per
 * millisecond.
 */
const TIME_TOLERANCE_MS = 2 / 1024

const DAY = 86_400_000

const LIMIT_FACTORIES: readonly (readonly [
  name: string,
  limitOf: (limit?: number, period?: number) => Limit,
])[] = [
  ...ALL,
  ['calendar', (limit = 4) => ({ algorithm: 'fixed-window', limit, period: DAY, align: 'calendar' })],
]

/** All pairs of algorithms. A pair of the same algorithm has different capacities and periods. */
const PAIRS = LIMIT_FACTORIES.flatMap(([stored, storedOf]) =>
  LIMIT_FACTORIES.map(([other, otherOf]) => ({ stored, storedOf, other, otherOf })),
)

/** Tests that requests that take nothing change nothing, even under another limit or algorithm. */
export function readOnlyCases(suite: Suite): void {
  describe.each(PAIRS)('state of $stored, read under $other', ({ storedOf, otherOf }) => {
    it('is not changed by peeks, refusals or costs of 0 under another limit', () =>
      suite.with(async ({ store, advance }) => {
        const limit = storedOf()
        const control = new Key('control', store, limit, suite.kind.slack)
        const read = new Key('read', store, limit, suite.kind.slack)
        const full = charge(bucket(1, 1000 * PERIOD), 1, 'full')
        await store.take([full])
        for (const cost of [1, 2, 1]) await read.expectSameAs(control, cost)
        for (const wait of [0, PERIOD / 8, PERIOD / 4, PERIOD / 8, PERIOD / 4, PERIOD / 2, PERIOD]) {
          await advance(wait)
          for (const other of [otherOf(), otherOf(8, PERIOD / 4), otherOf(2, 100 * PERIOD), otherOf(3, 10)])
            await readWithoutTaking(store, other, suite.kind.isAtomic ? full : undefined)
          await read.expectSameAs(control, 0)
          await read.expectSameAs(control, 1)
        }
        await read.refundBoth(control)
        for (let unit = 0; unit < 6; unit++) await read.expectSameAs(control, 1)
      }))
  })
}

/** A key under one limit, with its last charge. */
class Key {
  #last: readonly [Charge, StoreVerdict] | undefined

  constructor(
    private readonly key: string,
    private readonly store: Store,
    private readonly limit: Limit,
    private readonly slack: number,
  ) {}

  /** Takes from both keys and checks that the verdicts are equal. */
  async expectSameAs(other: Key, cost: number): Promise<void> {
    const [expected, actual] = [await other.#take(cost), await this.#take(cost)]
    expect([actual.allowed, actual.remaining]).toEqual([expected.allowed, expected.remaining])
    for (const time of ['resetAfter', 'retryAfter', 'moreAfter'] as const)
      if (actual[time] !== expected[time])
        expect(Math.abs(actual[time] - expected[time])).toBeLessThanOrEqual(TIME_TOLERANCE_MS + this.slack)
  }

  /** Refunds the last charge of both keys. */
  async refundBoth(other: Key): Promise<void> {
    for (const key of [other, this])
      if (key.#last !== undefined) await this.store.settle([settlement(...key.#last, 0)])
  }

  async #take(cost: number): Promise<StoreVerdict> {
    const one = charge(this.limit, cost, this.key)
    const [verdict] = (await this.store.take([one])) as [StoreVerdict]
    if (verdict.allowed && cost > 0) this.#last = [one, verdict]
    return verdict
  }
}

async function readWithoutTaking(store: Store, limit: Limit, full: Charge | undefined): Promise<void> {
  const of = (cost: number) => charge(limit, cost, 'read')
  await store.peek([of(1)])
  await store.take([of(0)])
  expect((await store.take([of(9)]))[0]?.allowed).toBe(false)
  if (full === undefined) return
  const verdicts = await store.take([of(1), { ...full, cost: 1 }])
  expect(verdicts[1]?.allowed).toBe(false)
}
