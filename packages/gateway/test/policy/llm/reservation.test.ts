import fc from 'fast-check'
import { type Limit, parseLimits } from 'sluice'
import { describe, expect, it } from 'vitest'
import { costIn, fitting, reserve } from '../../../src/policy/llm/reservation.js'
import type { Asked } from '../../../src/policy/llm/shapes/shape.js'

const SEED = 20261125

const asked = (maxOutput: number | undefined): Asked => ({
  model: undefined,
  stream: false,
  wantsUsage: false,
  maxOutput,
  answers: 1,
})
const limit = (text: string): Limit => parseLimits(text)[0] as Limit

describe('a reservation', () => {
  it('has its default cut to what a limit of tokens can hold', () => {
    const open = reserve(asked(undefined), 30, 1024)
    expect(costIn('tokens', open, limit('100/minute'))).toBe(100)
    expect(costIn('output_tokens', open, limit('100/minute'))).toBe(100)
    expect(costIn('input_tokens', open, limit('100/minute'))).toBe(30)
    expect(costIn('tokens', open, limit('5000/minute'))).toBe(1054)
  })

  it('goes by the burst of a token bucket', () => {
    expect(costIn('tokens', reserve(asked(undefined), 30, 1024), limit('100/minute burst 60'))).toBe(60)
  })

  it('is never cut where the request states its maximum', () => {
    const stated = reserve(asked(1000), 30, 16)
    expect(costIn('tokens', stated, limit('100/minute'))).toBe(1030)
    expect(costIn('output_tokens', stated, limit('100/minute'))).toBe(1000)
  })

  it('never has its input cut', () => {
    expect(costIn('tokens', reserve(asked(undefined), 300, 16), limit('100/minute'))).toBe(300)
  })

  it('fits every limit that its input fits, unless it is stated', () => {
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
        (max, input, byDefault, most) => {
          const whole = reserve(asked(max), input, byDefault)
          const cut = fitting(whole, most)
          expect(cut.total).toBe(cut.input + cut.output)
          expect(cut.input).toBe(input)
          expect(Number.isInteger(cut.output) && cut.output >= 0 && cut.output <= whole.output).toBe(true)
          if (max !== undefined) expect(cut).toEqual(whole)
          else {
            expect(cut.total).toBeLessThanOrEqual(Math.max(input, most.tokens ?? Number.POSITIVE_INFINITY))
            expect(cut.output).toBeLessThanOrEqual(most.output_tokens ?? Number.POSITIVE_INFINITY)
            // No more than needed: one token more would be too much for a limit, or for the default.
            const more = cut.output + 1
            expect(
              more > whole.output ||
                input + more > (most.tokens ?? Number.POSITIVE_INFINITY) ||
                more > (most.output_tokens ?? Number.POSITIVE_INFINITY),
            ).toBe(true)
          }
        },
      ),
      { seed: SEED },
    )
  })
})
