import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { formatLimit } from '../../src/limits/format-limit.js'
import { type Counting, parseLimits } from '../../src/limits/grammar.js'
import { type Limit, sameLimit } from '../../src/limits/limit.js'
import { formatMoney, MAX_MONEY, unitsOf } from '../../src/limits/money.js'

const DAY = 86_400_000
const MONTH = 30 * DAY

function window(limit: number, period: number, more: Partial<Limit> = {}): Limit {
  return { algorithm: 'fixed-window', limit, period, currency: 'USD', ...more } as Limit
}

describe('parseLimits', () => {
  it.each<[string, Limit, string]>([
    ['20 USD/day', window(20e9, DAY), '20 USD/day'],
    ['20USD/day', window(20e9, DAY), '20 USD/day'],
    ['0.50 USD/day', window(0.5e9, DAY), '0.50 USD/day'],
    ['0.5 EUR per 2 days', window(0.5e9, 2 * DAY, { currency: 'EUR' }), '0.50 EUR per 2 days'],
    ['2k USD/month', window(2000e9, MONTH), '2000 USD/month'],
    ['2000 USD PER month', window(2000e9, MONTH), '2000 USD/month'],
    ['0.000000001 USD/day', window(1, DAY), '0.000000001 USD/day'],
    ['9007199.254740991 USD/day', window(MAX_MONEY, DAY), '9007199.254740991 USD/day'],
    [
      '20 USD/day burst 30 USD',
      { algorithm: 'token-bucket', limit: 20e9, period: DAY, burst: 30e9, currency: 'USD' },
      '20 USD/day burst 30 USD',
    ],
    [
      '20 USD/day burst 30 initial 0.1',
      { algorithm: 'token-bucket', limit: 20e9, period: DAY, burst: 30e9, initial: 1e8, currency: 'USD' },
      '20 USD/day burst 30 USD initial 0.10 USD',
    ],
  ])('reads %j as an amount of money', (text, limit, formatted) => {
    expect(parseLimits(text)).toEqual([limit])
    expect(formatLimit(parseLimits(text)[0] as Limit)).toBe(formatted)
    expect(parseLimits(formatted)).toEqual([limit])
  })

  it.each([
    ['9007199.254740992 USD/day', 'is too much to be counted; the largest amount is 9007199.254740991 USD'],
    ['99999999999999999999999999999999G USD/day', 'is too much to be counted'],
    ['0.0000000001 USD/day', '0.0000000001 USD has more than nine digits after the point; round it'],
    ['0 USD/day', 'a limit of zero would refuse every request; write an amount above 0'],
    ['20 USD/day burst 30 EUR', 'the burst must be in USD, like the limit, not in EUR'],
    ['20/day burst 30 EUR', 'the burst cannot be an amount of money, because the limit is not one'],
    ['20 USD/day burst 5 initial 6', 'the initial tokens must not exceed the burst of 5 USD'],
    ['20 usd/day', "expected '/' or 'per' after the number"],
    ['20 USDT/day', "expected '/' or 'per' after the number"],
    ['0.1234567891/day', 'is not a whole number below 2^53'],
  ])('rejects %j with a reason', (text, message) => {
    expect(() => parseLimits(text)).toThrow(message)
  })

  it('counts money in a fixed window and any aligned limit too, unless an algorithm is given', () => {
    const algorithmOf = (text: string, counting: Counting = {}) => parseLimits(text, counting)[0]?.algorithm
    expect(algorithmOf('20 USD/day')).toBe('fixed-window')
    expect(algorithmOf('20 USD/day', { algorithm: 'token-bucket' })).toBe('token-bucket')
    expect(algorithmOf('20 USD/day', { align: 'calendar' })).toBe('fixed-window')
    expect(algorithmOf('20/day', { align: 'calendar' })).toBe('fixed-window')
    expect(algorithmOf('20/day', { align: 'first-request' })).toBe('fixed-window')
    expect(algorithmOf('20/day')).toBe('token-bucket')
    expect(() => algorithmOf('20/day burst 30', { align: 'calendar' })).toThrow(
      "'burst' requires the algorithm token-bucket, not fixed-window",
    )
    expect(() => algorithmOf('20 USD/day burst 30', { algorithm: 'sliding-log' })).toThrow(
      "'burst' requires the algorithm token-bucket, not sliding-log",
    )
  })

  it('reads every formatted limit on money back as an equal limit', () => {
    const units = fc.oneof(fc.integer({ min: 1, max: MAX_MONEY }), fc.integer({ min: 1, max: 5000 }))
    const currency = fc.stringMatching(/^[A-Z]{3}$/).filter((code) => code !== 'PER')
    fc.assert(
      fc.property(units, units, fc.constantFrom(DAY, MONTH, 7001), currency, (one, other, period, code) => {
        const limits: Limit[] = [
          { algorithm: 'token-bucket', limit: one, period, burst: other, currency: code },
          { algorithm: 'fixed-window', limit: one, period, currency: code },
          { algorithm: 'sliding-window', limit: one, period, currency: code },
        ]
        for (const limit of limits) {
          const { algorithm } = limit as { algorithm: Exclude<Limit['algorithm'], 'concurrency'> }
          expect(parseLimits(formatLimit(limit), { algorithm })).toEqual([limit])
        }
      }),
      { seed: 20261202 },
    )
  })

  it('distinguishes limits by their currency', () => {
    const [usd, eur] = parseLimits('20 USD/day; 20 EUR/day') as [Limit, Limit]
    expect(sameLimit(usd, eur)).toBe(false)
    expect(sameLimit(usd, { ...usd })).toBe(true)
  })
})

describe('unitsOf', () => {
  it.each<[number | string, bigint | undefined]>([
    [2.5, 2_500_000_000n],
    [0.1, 100_000_000n],
    [1e-9, 1n],
    [1e-10, undefined],
    [1.5e-7, 150n],
    [1e21, 10n ** 30n],
    ['0.10', 100_000_000n],
    ['0.1000000000', 100_000_000n],
    ['1e3', 1_000_000_000_000n],
    ['-1', undefined],
    ['', undefined],
    ['1,5', undefined],
    ['Infinity', undefined],
  ])('converts %s exactly', (decimal, units) => {
    expect(unitsOf(String(decimal))).toBe(units)
  })
})

describe('formatMoney', () => {
  it.each([
    [0, '0 USD'],
    [1, '0.000000001 USD'],
    [12.34e9, '12.34 USD'],
    [12.3e9, '12.30 USD'],
    [20e9, '20 USD'],
    [125_000, '0.000125 USD'],
    [1.5, '0.000000001 USD'],
    [-5, '0 USD'],
    [MAX_MONEY, '9007199.254740991 USD'],
  ])('formats %d units without losing digits', (units, formatted) => {
    expect(formatMoney(units, 'USD')).toBe(formatted)
  })
})
