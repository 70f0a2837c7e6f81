import fc from 'fast-check'
import { type Limit, parseLimits } from 'sluice'
import { describe, expect, it } from 'vitest'
import { costIn } from '../../../src/policy/llm/call-cost.js'
import {
  fitToCapacity,
  type Reservation,
  reserve,
  type TokenResource,
} from '../../../src/policy/llm/reservation.js'
import type { CallParameters } from '../../../src/policy/llm/shapes/shape.js'

const SEED = 20261125

const requestWith = (maxOutput: number | undefined): CallParameters => ({
  model: undefined,
  stream: false,
  wantsUsage: false,
  maxOutput,
  answers: 1,
})
const limit = (text: string): Limit => parseLimits(text)[0] as Limit
const costOf = (resource: TokenResource, reservation: Reservation, of: Limit) =>
  costIn(resource, { reservation }, of)

describe('a reservation of tokens', () => {
  it('reduces the default output to the capacity of the limit', () => {
    const open = reserve(requestWith(undefined), 30, 1024)
    expect(costOf('tokens', open, limit('100/minute'))).toBe(100)
    expect(costOf('output_tokens', open, limit('100/minute'))).toBe(100)
    expect(costOf('input_tokens', open, limit('100/minute'))).toBe(30)
    expect(costOf('tokens', open, limit('5000/minute'))).toBe(1054)
  })

  it('uses the burst of a token bucket as the capacity', () => {
    expect(costOf('tokens', reserve(requestWith(undefined), 30, 1024), limit('100/minute burst 60'))).toBe(60)
  })

  it('is not reduced if the request states a maximum', () => {
    const stated = reserve(requestWith(1000), 30, 16)
    expect(costOf('tokens', stated, limit('100/minute'))).toBe(1030)
    expect(costOf('output_tokens', stated, limit('100/minute'))).toBe(1000)
  })

  it('never reduces the input', () => {
    expect(costOf('tokens', reserve(requestWith(undefined), 300, 16), limit('100/minute'))).toBe(300)
  })

  it('fits every limit that the input fits, unless the request states a maximum', () => {
    const amount = fc.nat({ max: 5000 })
    const capacity = fc.record(
      { tokens: fc.double({ min: 0, max: 5000, noNaN: true }), output_tokens: amount },
      { requiredKeys: [] },
    )
    fc.assert(
      fc.property(
        fc.option(amount, { nil: undefined }),
        amount,
        amount,
        capacity,
        (max, input, defaultOutput, capacities) => {
          const whole = reserve(requestWith(max), input, defaultOutput)
          const reduced = fitToCapacity(whole, capacities)
          expect(reduced.total).toBe(reduced.input + reduced.output)
          expect(reduced.input).toBe(input)
          expect(
            Number.isInteger(reduced.output) && reduced.output >= 0 && reduced.output <= whole.output,
          ).toBe(true)
          if (max !== undefined) expect(reduced).toEqual(whole)
          else {
            expect(reduced.total).toBeLessThanOrEqual(
              Math.max(input, capacities.tokens ?? Number.POSITIVE_INFINITY),
            )
            expect(reduced.output).toBeLessThanOrEqual(capacities.output_tokens ?? Number.POSITIVE_INFINITY)
            // The reduction is minimal: one more token would exceed a limit or the default.
            const more = reduced.output + 1
            expect(
              more > whole.output ||
                input + more > (capacities.tokens ?? Number.POSITIVE_INFINITY) ||
                more > (capacities.output_tokens ?? Number.POSITIVE_INFINITY),
            ).toBe(true)
          }
        },
      ),
      { seed: SEED },
    )
  })
})
