import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { Limit } from '../../../src/limits/limit.js'
import { memoryStore } from '../../../src/stores/memory/memory-store.js'
import type { StoreVerdict } from '../../../src/stores/store.js'
import { manualClock } from '../../../src/time/clock.js'
import { ALL, bucket, charge, PERIOD } from '../conformance/harness.js'

const DAYS: Limit = { algorithm: 'fixed-window', limit: 4, period: 86_400_000, align: 'calendar' }

/** A limit that is already exhausted. */
const FULL = charge(bucket(1), 2, 'key', { scope: 'full' })

const WAYS: readonly (readonly [name: string, limitOf: (limit?: number, period?: number) => Limit])[] = [
  ...ALL,
  ['calendar', () => DAYS],
]

/** All pairs of limits with incompatible states. */
const PAIRS = WAYS.flatMap(([stored, storedOf]) =>
  WAYS.filter(([other]) => other !== stored).map(([other, otherOf]) => ({
    stored,
    storedOf,
    other,
    otherOf,
  })),
)

describe.each(PAIRS)('state of $stored that is read under $other', ({ storedOf, otherOf }) => {
  it('is not changed by requests under the other limit that take nothing', () => {
    // Any fraction of these periods is exact.
    const wait = fc.constantFrom(0, 0, 125, 500, 1000, PERIOD)
    const ask = fc.record({
      limit: fc.constantFrom(2, 4, 8),
      period: fc.constantFrom(PERIOD / 4, PERIOD, 2 * PERIOD),
      does: fc.constantFrom('peek', 'too much', 'with what is full', 'nothing'),
    })
    const step = fc.record({ wait, cost: fc.nat(2), reads: fc.array(ask, { maxLength: 3 }) })
    fc.assert(
      fc.property(
        fc.array(step, { minLength: 1, maxLength: 12 }),
        fc.constantFrom(1, 100),
        (steps, maxKeys) => {
          const clock = manualClock(1e6)
          const [read, left] = [memoryStore({ clock, maxKeys }), memoryStore({ clock, maxKeys })]
          if (maxKeys === 1)
            for (const store of [read, left]) store.take([charge(bucket(4, 100 * PERIOD), 1, 'other')])
          const limit = storedOf()
          for (const store of [read, left]) for (let unit = 0; unit < 4; unit++) store.take([charge(limit)])
          for (const { wait, cost, reads } of steps) {
            clock.advance(wait)
            for (const { does, limit, period } of reads) readWithoutTaking(read, otherOf(limit, period), does)
            const taken = (store: typeof read): StoreVerdict[] => store.take([charge(limit, cost)])
            expect(taken(read)).toEqual(taken(left))
          }
        },
      ),
      { seed: 20261126, numRuns: 60 },
    )
  })
})

function readWithoutTaking(store: ReturnType<typeof memoryStore>, limit: Limit, how: string): void {
  if (how === 'peek') store.peek([charge(limit)])
  else if (how === 'too much') expect(store.take([charge(limit, 9)])[0]?.allowed).toBe(false)
  else if (how === 'nothing') store.take([charge(limit, 0)])
  else expect(store.take([charge(limit), FULL])[1]?.allowed).toBe(false)
}
