import fc from 'fast-check'
import { expect, it } from 'vitest'
import { InFlightPeak } from '../../../../src/policy/llm/prediction/in-flight-peak.js'

const SEED = 20261203
const SLOT = 60_000
const SLOTS = 60

it('the peak is the most calls in flight in the 60 minutes before the current one', () => {
  const step = fc.record({
    after: fc.oneof(fc.integer({ min: 0, max: SLOT }), fc.integer({ min: 0, max: 80 * SLOT })),
    enters: fc.boolean(),
  })
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 10 * SLOT }), fc.array(step, { maxLength: 60 }), (start, steps) => {
      const peak = new InFlightPeak(start)
      let now = start
      let inFlight = 0
      const history: [at: number, inFlight: number][] = [[now, 0]]
      for (const { after, enters } of steps) {
        now += after
        if (!enters && inFlight === 0) continue
        if (enters) peak.enter(now)
        else peak.leave(now)
        inFlight += enters ? 1 : -1
        history.push([now, inFlight])
        expect(peak.inFlight).toBe(inFlight)
        const slot = Math.floor(now / SLOT)
        const [from, to] = [(slot - SLOTS) * SLOT, slot * SLOT]
        // What was in flight at the beginning, and every change before the end.
        const counted = history.filter(([at]) => at >= from && at < to).map(([, count]) => count)
        const before = history.filter(([at]) => at < from).at(-1)?.[1] ?? 0
        expect(peak.before(now)).toBe(Math.max(before, 0, ...counted))
      }
    }),
    { seed: SEED, numRuns: 300 },
  )
})
