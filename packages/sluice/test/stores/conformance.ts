import { describe } from 'vitest'
import { allOrNoneCases } from './conformance/all-or-none.js'
import { changeCases } from './conformance/changes.js'
import { clockCases } from './conformance/clocks.js'
import { simultaneousCallCases } from './conformance/combined-limits.js'
import { costCases } from './conformance/costs.js'
import { expiryCases } from './conformance/expiry.js'
import type { MakeStore, StoreKind, Suite } from './conformance/harness.js'
import { initialUnitCases } from './conformance/initial-units.js'
import { keyCases } from './conformance/keys.js'
import { limitSequenceCases } from './conformance/limit-sequences.js'
import { penaltyCases } from './conformance/penalties.js'
import { permitCases } from './conformance/permits.js'
import { poolCases } from './conformance/pools.js'
import { rateCases } from './conformance/rates.js'
import { readOnlyCases } from './conformance/read-only-operations.js'
import { settlementCases } from './conformance/settlements.js'
import { usageChangeCases } from './conformance/usage-changes.js'

export type { MakeStore, StoreKind } from './conformance/harness.js'

/**
 * Defines the conformance suite that every store must pass:
 *
 *     describeStore('memory', () => {
 *       const clock = manualClock()
 *       const store = memoryStore({ clock })
 *       return {
 *         store,
 *         advance: clock.advance,
 *         setBack: (ms) => clock.advance(-ms),
 *         close: () => store.close(),
 *       }
 *     })
 *
 * Each test creates a new store and advances the time only through the harness.
 */
export function describeStore(name: string, make: MakeStore, kind: StoreKind = {}): void {
  const suite: Suite = {
    make,
    kind: { slack: 0, setsBack: true, jumps: true, ownClock: true, isAtomic: true, ...kind },
    async with(test, options) {
      const harness = await make(options)
      try {
        await test(harness)
      } finally {
        await harness.close()
      }
    },
  }
  describe(name, () => {
    for (const cases of ALL_CASES) cases(suite)
  })
}

const ALL_CASES = [
  costCases,
  allOrNoneCases,
  clockCases,
  rateCases,
  initialUnitCases,
  expiryCases,
  changeCases,
  limitSequenceCases,
  readOnlyCases,
  settlementCases,
  usageChangeCases,
  permitCases,
  penaltyCases,
  keyCases,
  poolCases,
  simultaneousCallCases,
]
