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

const LIMIT_FACTORIES: readonly (readonly [
  name: string,
  limitOf: (limit?: number, period?: number) => Limit,
])[] = [...ALL, ['calendar', () => DAYS]]

/** All pairs of limits with incompatible states. */
const PAIRS = LIMIT_FACTORIES.flatMap(([stored, storedOf]) =>
  LIMIT_FACTORIES.filter(([other]) => other !== stored).map(([other, otherOf]) => ({
    stored,
    storedOf,
    other,
    otherOf,
  })),
)

describe.each(PAIRS)('state of $stored that is read under $other', ({ storedOf, otherOf }) => {
  it('is not changed by requests that take nothing under the other limit', () => {
    // Any fraction of these periods is exact.
    const wait = fc.constantFrom(0, 0, 125, 500, 1000, PERIOD)
    const readStep = fc.record({
      limit: fc.constantFrom(2, 4, 8),
      period: fc.constantFrom(PERIOD / 4, PERIOD, 2 * PERIOD),
      does: fc.constantFrom('peek', 'exceed', 'with a full limit', 'take nothing'),
    })
    const step = fc.record({ wait, cost: fc.nat(2), reads: fc.array(readStep, { maxLength: 3 }) })
    fc.assert(
      fc.property(
        fc.array(step, { minLength: 1, maxLength: 12 }),
        fc.constantFrom(1, 100),
        (steps, maxKeys) => {
          const clock = manualClock(1e6)
          const [read, control] = [memoryStore({ clock, maxKeys }), memoryStore({ clock, maxKeys })]
          if (maxKeys === 1)
            for (const store of [read, control]) store.take([charge(bucket(4, 100 * PERIOD), 1, 'other')])
          const limit = storedOf()
          for (const store of [read, control])
            for (let unit = 0; unit < 4; unit++) store.take([charge(limit)])
          for (const { wait, cost, reads } of steps) {
            clock.advance(wait)
            for (const { does, limit, period } of reads) readWithoutTaking(read, otherOf(limit, period), does)
            const taken = (store: typeof read): StoreVerdict[] => store.take([charge(limit, cost)])
            expect(taken(read)).toEqual(taken(control))
          }
        },
      ),
      { seed: 20261126, numRuns: 60 },
    )
  })
})

function readWithoutTaking(store: ReturnType<typeof memoryStore>, limit: Limit, how: string): void {
  if (how === 'peek') store.peek([charge(limit)])
  else if (how === 'exceed') expect(store.take([charge(limit, 9)])[0]?.allowed).toBe(false)
  else if (how === 'take nothing') store.take([charge(limit, 0)])
  else expect(store.take([charge(limit), FULL])[1]?.allowed).toBe(false)
}
