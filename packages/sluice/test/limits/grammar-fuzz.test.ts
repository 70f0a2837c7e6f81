import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { checkLimit } from '../../src/limits/check-limit.js'
import { formatLimit } from '../../src/limits/format-limit.js'
import { parseLimits } from '../../src/limits/grammar.js'
import { MAX_PERIOD } from '../../src/limits/limit.js'
import { LimitSyntaxError } from '../../src/limits/scanner.js'

const PIECES = [
  '10',
  '1.5',
  '0',
  'k',
  'M',
  '/',
  ' per ',
  ' ',
  'minute',
  's',
  'ms',
  'burst',
  'initial',
  ';',
  '5 m',
  '9'.repeat(20),
]

describe('parseLimits', () => {
  it('parses any string into limits or throws a LimitSyntaxError with an index in the string', () => {
    const text = fc.oneof(
      fc.string({ unit: 'binary', maxLength: 40 }),
      fc.string({ maxLength: 40 }),
      fc.array(fc.constantFrom(...PIECES), { maxLength: 12 }).map((pieces) => pieces.join('')),
      fc.string({ minLength: 990, maxLength: 1010 }),
    )
    fc.assert(
      fc.property(text, (input) => {
        try {
          for (const limit of parseLimits(input)) checkLimit(limit)
        } catch (error) {
          if (!(error instanceof LimitSyntaxError)) throw error
          expect(Number.isInteger(error.at)).toBe(true)
          expect(error.at).toBeGreaterThanOrEqual(0)
          expect(error.at).toBeLessThanOrEqual(input.length)
          expect(error.problem).not.toBe('')
        }
      }),
      { seed: 20261124, numRuns: 8000 },
    )
  })

  it('rejects long invalid strings in linear time', () => {
    const slow = [`${'1'.repeat(500)}/`, `1/${' '.repeat(900)}`, `${'1/s;'.repeat(31)}${'x'.repeat(800)}`]
    for (const input of slow) expect(() => parseLimits(input)).toThrow(LimitSyntaxError)
  })
})

describe('formatLimit', () => {
  const whole = fc.oneof(
    fc.integer({ min: 1, max: 1000 }),
    fc.integer({ min: 1, max: Number.MAX_SAFE_INTEGER }),
  )
  const period = fc.oneof(
    fc.constantFrom(1000, 60_000, 3_600_000, 86_400_000, 604_800_000, 2_592_000_000, 31_536_000_000),
    fc.integer({ min: 1, max: MAX_PERIOD }),
    fc.integer({ min: 1000, max: 10_000_000 }).map((thousandths) => thousandths / 1000),
  )

  it('returns a string that parses to the same limit', () => {
    fc.assert(
      fc.property(
        whole,
        period,
        whole,
        fc.option(fc.double({ min: 0, max: 1, noNaN: true })),
        (limit, length, burst, share) => {
          const initial = share === null ? {} : { initial: Math.floor(burst * share) }
          const bucket = checkLimit({ algorithm: 'token-bucket', limit, period: length, burst, ...initial })
          expect(parseLimits(formatLimit(bucket))).toEqual([bucket])
          const log = { algorithm: 'sliding-log' as const, limit, period: length }
          expect(parseLimits(formatLimit(log), { algorithm: 'sliding-log' })).toEqual([log])
        },
      ),
      { seed: 20261124, numRuns: 5000 },
    )
  })

  it('returns a string that parses to the same limit for fractional periods', () => {
    const unit = fc.constantFrom('ms', 's', 'min', 'hours', 'd', 'week')
    const tenths = fc.integer({ min: 10, max: 5000 }).map((count) => (count / 10).toFixed(1))
    fc.assert(
      fc.property(whole, tenths, unit, (limit, amount, name) => {
        const [parsed] = parseLimits(`${limit} per ${amount} ${name}`)
        if (parsed === undefined) throw new Error('no limit')
        expect(parseLimits(formatLimit(parsed))).toEqual([parsed])
      }),
      { seed: 20261124, numRuns: 2000 },
    )
  })
})
