import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { capacityOf, type Limit } from '../../../src/limits/limit.js'
import { type Harness, PERIOD, peek, type Suite, take } from './harness.js'

/**
 * Upper bound on the admissions under several limits: a burst in units, and a rate in units per
 * millisecond.
 */
interface Envelope {
  readonly burst: number
  readonly rate: number
}

interface Step {
  readonly wait: number
  readonly limit: number
  readonly cost: number
}

interface Sequence {
  readonly limits: readonly Limit[]
  readonly steps: readonly Step[]
}

const capacity = fc.constantFrom(1, 2, 3, 4, 6, 20)
const period = fc.constantFrom(PERIOD / 8, PERIOD / 4, PERIOD, 2 * PERIOD, 10 * PERIOD)
const bucketLimit: fc.Arbitrary<Limit> = fc.record({
  algorithm: fc.constant('token-bucket' as const),
  limit: capacity,
  period,
  burst: capacity,
})
const windowLimit = <A extends 'fixed-window' | 'sliding-window' | 'sliding-log'>(algorithm: A) =>
  fc.record({ algorithm: fc.constant(algorithm), limit: capacity, period })

/** Token buckets scaled by a multiplier, as for tiers or a warm-up. */
const scaledBucket: fc.Arbitrary<Limit> = fc.constantFrom(0.2, 0.5, 1, 5).map((factor) => ({
  algorithm: 'token-bucket',
  limit: 10 * factor,
  period: PERIOD,
  burst: 10 * factor,
}))

const KINDS: Readonly<Record<string, fc.Arbitrary<Limit>>> = {
  'token buckets': bucketLimit,
  'scaled token buckets': scaledBucket,
  'fixed windows': windowLimit('fixed-window'),
  'sliding windows': windowLimit('sliding-window'),
  'sliding logs': windowLimit('sliding-log'),
  'all algorithms': fc.oneof(
    bucketLimit,
    windowLimit('fixed-window'),
    windowLimit('sliding-window'),
    windowLimit('sliding-log'),
  ),
}

const sequences = (limit: fc.Arbitrary<Limit>): fc.Arbitrary<Sequence> =>
  fc.record({
    limits: fc.array(limit, { minLength: 2, maxLength: 4 }),
    steps: fc.array(
      fc.record({
        wait: fc.constantFrom(0, 0, 0, 10, PERIOD / 8, PERIOD / 4, PERIOD / 2, PERIOD, 2 * PERIOD),
        limit: fc.nat(3),
        cost: fc.constantFrom(1, 1, 1, 2, 5),
      }),
      { minLength: 10, maxLength: 40 },
    ),
  })

/** Rounding error of sums of fractions, in units. */
const TOLERANCE = 1e-6

/**
 * Tests limits that change with each request: bounds hold, increases apply at once, and no key is
 * locked out.
 */
export function limitSequenceCases(suite: Suite): void {
  describe.each(Object.entries(KINDS))('random sequences of %s on one key', (_kind, limit) => {
    it('admit no more than the largest limit, apply increases at once, and refuse for no longer than a limit takes to refill', async () => {
      await fc.assert(
        fc.asyncProperty(sequences(limit), (sequence) =>
          suite.with((harness) => play(harness, sequence, suite.kind.slack)),
        ),
        { seed: 20_261_201, numRuns: suite.kind.jumps ? 25 : 5, endOnFailure: true },
      )
    })
  })
}

async function play({ store, advance }: Harness, { limits, steps }: Sequence, slack: number): Promise<void> {
  const limitOf = ({ limit }: Step) => limits[limit % limits.length] as Limit
  const envelope = envelopeOf(limits)
  const maxRefillTime = Math.max(...limits.map(refillTime))
  const admitted: { readonly at: number; readonly cost: number }[] = []
  let now = 0
  for (const step of steps) {
    const current = limitOf(step)
    if (step.wait > 0) await advance(step.wait)
    now += step.wait
    const left = (await peek(store, current)).remaining
    const raised = (await peek(store, raise(current, 7))).remaining
    if (left > 0) expect(raised).toBe(left + 7)
    else expect(raised).toBeLessThanOrEqual(7)
    const verdict = await take(store, current, step.cost)
    expect(verdict.allowed).toBe(step.cost <= left)
    if (verdict.allowed) {
      admitted.push({ at: now, cost: step.cost })
      expectWithin(envelope, admitted, slack)
    } else if (step.cost <= capacityOf(current)) {
      expect(verdict.retryAfter).toBeLessThanOrEqual(maxRefillTime + TOLERANCE + slack)
      if (current.algorithm !== 'token-bucket')
        expect(verdict.retryAfter).toBeLessThanOrEqual(refillTime(current) + TOLERANCE + slack)
    }
  }
  const current = limitOf(steps.at(-1) as Step)
  const verdict = await take(store, current, capacityOf(current))
  if (verdict.allowed) return
  await advance(verdict.retryAfter + 1)
  expect((await take(store, current, capacityOf(current))).allowed).toBe(true)
}

/** Checks the bound of the limits' envelope in every interval that ends now. */
function expectWithin(
  { burst, rate }: Envelope,
  admitted: readonly { at: number; cost: number }[],
  slack: number,
) {
  const now = admitted.at(-1)?.at ?? 0
  let sum = 0
  for (const { at, cost } of admitted.toReversed()) {
    sum += cost
    expect(sum).toBeLessThanOrEqual(burst + rate * (now - at + slack) + TOLERANCE)
  }
}

/**
 * Returns the envelope of limits. Windows admit up to twice their limit in an interval that
 * straddles two windows.
 */
function envelopeOf(limits: readonly Limit[]): Envelope {
  const isStraddled = limits.some(({ algorithm }) => algorithm.endsWith('window'))
  const largest = Math.max(...limits.map(capacityOf))
  const rate = Math.max(
    ...limits.map((limit) => (limit.algorithm === 'concurrency' ? 0 : limit.limit / limit.period)),
  )
  return { burst: largest * (isStraddled ? 2 : 1), rate: rate * (isStraddled ? 2 : 1) }
}

/** Returns the time that a limit takes to recover fully, in milliseconds. */
function refillTime(limit: Limit): number {
  if (limit.algorithm === 'concurrency') return limit.lease
  if (limit.algorithm === 'token-bucket') return (limit.burst * limit.period) / limit.limit
  return limit.algorithm === 'sliding-window' ? 2 * limit.period : limit.period
}

function raise(limit: Limit, more: number): Limit {
  return limit.algorithm === 'token-bucket'
    ? { ...limit, burst: limit.burst + more }
    : { ...limit, limit: limit.limit + more }
}
