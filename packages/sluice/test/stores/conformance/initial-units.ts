import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { TokenBucketLimit } from '../../../src/limits/limit.js'
import { bucket, charge, fixed, type Harness, PERIOD, peek, type Suite, take } from './harness.js'

/** A bucket of `burst` units that fills at one unit per second, and starts with `initial`. */
const filling = (initial: number, burst = 4): TokenBucketLimit => ({
  ...bucket(4, PERIOD, burst),
  initial,
})
const UNIT = PERIOD / 4

interface Step {
  readonly wait: number
  readonly cost: number
}

const steps: fc.Arbitrary<Step[]> = fc.array(
  fc.record({
    wait: fc.constantFrom(0, 0, 100, UNIT, 2 * UNIT, PERIOD, 2 * PERIOD, 2 * PERIOD + 1, 5 * PERIOD),
    cost: fc.constantFrom(0, 1, 1, 2, 3, 7),
  }),
  { minLength: 1, maxLength: 25 },
)

/** Tests token buckets that are not full for a new key. */
export function initialUnitCases(suite: Suite): void {
  describe('a bucket with initial units', () => {
    it('starts with them, and fills from the first request on, which may be refused', () =>
      suite.with(async ({ store, advance }) => {
        expect((await peek(store, filling(1))).remaining).toBe(1)
        expect((await take(store, filling(1), 3)).allowed).toBe(false)
        await advance(2 * UNIT)
        expect((await take(store, filling(1), 3)).allowed).toBe(true)
        expect((await take(store, filling(1), 1)).allowed).toBe(false)
        await advance(PERIOD)
        expect((await take(store, filling(1), 4)).allowed).toBe(true)
      }))

    it('admits nothing at first if it starts with none, and admits the refused cost when it said', () =>
      suite.with(async ({ store, advance }) => {
        const { allowed, retryAfter, remaining } = await take(store, filling(0), 2)
        expect([allowed, remaining]).toEqual([false, 0])
        expect(Math.abs(retryAfter - 2 * UNIT)).toBeLessThanOrEqual(suite.kind.slack + 1)
        await advance(retryAfter + 1)
        expect((await take(store, filling(0), 2)).allowed).toBe(true)
      }))

    it('fills from the first request on if another limit refuses it, or if it is a shadow', () =>
      suite.with(async ({ store, advance }) => {
        const full = fixed(1, 20 * PERIOD)
        await take(store, full, 1, 'other')
        await store.take([charge(filling(0), 1), charge(full, 1, 'other')])
        await store.take([charge(filling(0), 1, 'shadow', { enforce: false })])
        await advance(UNIT + 1)
        expect((await take(store, filling(0), 1)).allowed).toBe(true)
        expect((await take(store, filling(0), 1, 'shadow')).allowed).toBe(true)
      }))

    it('is not started by a peek, and starts again after a reset', () =>
      suite.with(async ({ store, advance }) => {
        await peek(store, filling(1))
        await store.peek([charge(filling(1), 3)])
        await advance(3 * UNIT)
        expect((await take(store, filling(1), 2)).allowed).toBe(false)
        await advance(3 * UNIT)
        expect((await take(store, filling(1), 2)).allowed).toBe(true)
        await store.reset('scope', 'key')
        expect((await peek(store, filling(1))).remaining).toBe(1)
      }))

    it('stays full while nothing is taken for as long as it takes to fill, and then starts again', () =>
      suite.with(async ({ store, advance }) => {
        // The bucket is full after three units of time.
        await take(store, filling(2), 1)
        await advance(3 * UNIT + PERIOD - 2 * suite.kind.slack - 10)
        expect((await peek(store, filling(2))).remaining).toBe(4)
        await advance(2 * suite.kind.slack + 20)
        expect((await peek(store, filling(2))).remaining).toBe(2)
      }))

    it('keeps its level when the limit gets or loses initial units', () =>
      suite.with(async ({ store }) => {
        const plain = bucket(4, 100 * PERIOD)
        await take(store, plain, 3)
        expect((await peek(store, { ...plain, initial: 0 })).remaining).toBe(1)
        await take(store, { ...plain, initial: 0 }, 1)
        expect((await peek(store, plain)).remaining).toBe(0)
      }))

    if (suite.kind.slack === 0 && suite.kind.jumps)
      it('returns the verdicts of a model that replays every request', async () => {
        const limits = fc.record({
          burst: fc.constantFrom(1, 4, 6),
          share: fc.constantFrom(0, 0.3, 0.5, 0.9),
        })
        await fc.assert(
          fc.asyncProperty(limits, steps, ({ burst, share }, played) =>
            suite.with((harness) => play(harness, filling(burst * share, burst), played)),
          ),
          { seed: 20_261_202, numRuns: 40, endOnFailure: true },
        )
      })
  })
}

async function play({ store, advance }: Harness, limit: TokenBucketLimit, played: readonly Step[]) {
  const taken: { readonly at: number; readonly cost: number }[] = []
  let now = 0
  for (const { wait, cost } of played) {
    if (wait > 0) await advance(wait)
    now += wait
    const units = unitsLeft(limit, taken, now)
    const verdict = await take(store, limit, cost)
    const allowed = cost === 0 || cost <= units + 1e-9
    const left = units - (allowed ? cost : 0)
    expect([verdict.allowed, verdict.remaining]).toEqual([allowed, Math.floor(left + 1e-9)])
    if (cost > 0 && (allowed || isNew(limit, taken, now))) taken.push({ at: now, cost: allowed ? cost : 0 })
  }
}

/** Returns the units in the bucket, computed from everything that was ever taken. */
function unitsLeft(limit: TokenBucketLimit, taken: readonly { at: number; cost: number }[], now: number) {
  const { burst, initial = burst } = limit
  const rate = limit.limit / limit.period
  let units = initial
  let last: number | undefined
  for (const { at, cost } of [...taken, { at: now, cost: 0 }]) {
    if (last !== undefined) {
      const fullAt = last + (burst - units) / rate
      units = at - fullAt >= burst / rate - 1e-9 ? initial : Math.min(burst, units + (at - last) * rate)
    }
    units -= cost
    last = at
  }
  return units
}

function isNew(limit: TokenBucketLimit, taken: readonly { at: number; cost: number }[], now: number) {
  const last = taken.at(-1)
  if (last === undefined) return true
  const rate = limit.limit / limit.period
  const fullAt = last.at + (limit.burst - unitsLeft(limit, taken, last.at)) / rate
  return now - fullAt >= limit.burst / rate - 1e-9
}
