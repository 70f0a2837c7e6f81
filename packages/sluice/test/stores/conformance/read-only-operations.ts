import { describe, expect, it } from 'vitest'
import type { Limit } from '../../../src/limits/limit.js'
import type { Charge, Store, StoreVerdict } from '../../../src/stores/store.js'
import { ALL, bucket, charge, PERIOD, type Suite, settlement } from './harness.js'

/** Resolution of a store's time in milliseconds: the coarsest clock counts in 1/1024 ms. */
const MOMENT = 2 / 1024

const DAY = 86_400_000

const WAYS: readonly (readonly [name: string, limitOf: (limit?: number, period?: number) => Limit])[] = [
  ...ALL,
  ['calendar', (limit = 4) => ({ algorithm: 'fixed-window', limit, period: DAY, align: 'calendar' })],
]

/** All pairs of algorithms. A pair of the same algorithm has different capacities and periods. */
const PAIRS = WAYS.flatMap(([stored, storedOf]) =>
  WAYS.map(([other, otherOf]) => ({ stored, storedOf, other, otherOf })),
)

/** Requests that take nothing change nothing, even under a different limit or algorithm. */
export function readOnlyCases(suite: Suite): void {
  describe.each(PAIRS)('state of $stored, read under $other', ({ storedOf, otherOf }) => {
    it('is not changed by peeks and refusals under another limit', () =>
      suite.with(async ({ store, advance }) => {
        const limit = storedOf()
        const left = new Key('left alone', store, limit, suite.kind.slack)
        const read = new Key('read', store, limit, suite.kind.slack)
        const full = charge(bucket(1, 1000 * PERIOD), 1, 'full')
        await store.take([full])
        for (const cost of [1, 2, 1]) await read.sameAs(left, cost)
        for (const wait of [0, PERIOD / 8, PERIOD / 4, PERIOD / 8, PERIOD / 4, PERIOD / 2, PERIOD]) {
          await advance(wait)
          for (const other of [otherOf(), otherOf(8, PERIOD / 4), otherOf(2, 100 * PERIOD), otherOf(3, 10)])
            await readWithoutTaking(store, other, suite.kind.atOnce ? full : undefined)
          await read.sameAs(left, 0)
          await read.sameAs(left, 1)
        }
        await read.refundLike(left)
        for (let unit = 0; unit < 6; unit++) await read.sameAs(left, 1)
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
  async sameAs(other: Key, cost: number): Promise<void> {
    const [expected, actual] = [await other.#take(cost), await this.#take(cost)]
    expect([actual.allowed, actual.remaining]).toEqual([expected.allowed, expected.remaining])
    for (const time of ['resetAfter', 'retryAfter', 'moreAfter'] as const)
      if (actual[time] !== expected[time])
        expect(Math.abs(actual[time] - expected[time])).toBeLessThanOrEqual(MOMENT + this.slack)
  }

  async refundLike(other: Key): Promise<void> {
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
