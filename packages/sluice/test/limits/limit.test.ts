import { describe, expect, it } from 'vitest'
import { checkCost, checkLimit } from '../../src/limits/check-limit.js'
import { capacityOf, type Limit, MAX_PERIOD, sameLimit } from '../../src/limits/limit.js'
import { fits, wholeUnitsLeft } from '../../src/limits/tolerance.js'
import { scaleLimit } from '../../src/rules/scale.js'
import { shareOf } from '../../src/stores/resilience/peer-share.js'

const bucket = { algorithm: 'token-bucket', limit: 10, period: 60_000, burst: 20 } as const
const calendar = { algorithm: 'fixed-window', limit: 10, period: 86_400_000, align: 'calendar' } as const
const LIMITS: readonly Limit[] = [
  bucket,
  { algorithm: 'fixed-window', limit: 10, period: 60_000 },
  { algorithm: 'sliding-window', limit: 10, period: 60_000 },
  { algorithm: 'sliding-log', limit: 10, period: 60_000 },
  { algorithm: 'concurrency', limit: 10, lease: 60_000 },
  { ...calendar, timeZone: 'Europe/Berlin' },
]

describe('the validation of limits', () => {
  it.each(LIMITS)('accepts the valid limit %j and returns a frozen copy', (limit) => {
    const checked = checkLimit(limit)
    expect(checked).toEqual(limit)
    expect(Object.isFrozen(checked)).toBe(true)
    expect(Object.isFrozen(limit)).toBe(false)
  })

  it.each(LIMITS)('rejects numbers out of range in %j with a RangeError', (limit) => {
    for (const bad of [0, -1, Number.NaN, Number.POSITIVE_INFINITY, Number.MAX_SAFE_INTEGER + 1])
      expect(() => checkLimit({ ...limit, limit: bad })).toThrow(RangeError)
    const length = limit.algorithm === 'concurrency' ? 'lease' : 'period'
    for (const bad of [0, -1, 0.9, Number.NaN, Number.POSITIVE_INFINITY, MAX_PERIOD + 1])
      expect(() => checkLimit({ ...limit, [length]: bad })).toThrow(RangeError)
    for (const bad of ['10', null, undefined, 10n])
      expect(() => checkLimit({ ...limit, limit: bad } as unknown as Limit)).toThrow(TypeError)
    expect(() => checkLimit({ ...limit, rate: 1 } as unknown as Limit)).toThrow("has no 'rate'")
  })

  it('accepts fractions for token buckets only', () => {
    expect(checkLimit({ ...bucket, limit: 0.5, burst: 1.5 })).toMatchObject({ limit: 0.5, burst: 1.5 })
    for (const limit of LIMITS.slice(1))
      expect(() => checkLimit({ ...limit, limit: 1.5 })).toThrow(RangeError)
  })

  it('accepts initial units of a token bucket from 0 to the burst, which is the default', () => {
    for (const initial of [0, 0.5, 19])
      expect(checkLimit({ ...bucket, initial })).toEqual({ ...bucket, initial })
    expect(checkLimit({ ...bucket, initial: 20 })).toEqual(bucket)
    for (const initial of [-1, 21, Number.NaN])
      expect(() => checkLimit({ ...bucket, initial })).toThrow("'initial' must be at least 0 and at most the")
    expect(() => checkLimit({ ...bucket, initial: '1' as never })).toThrow("'initial' must be a number")
    for (const limit of LIMITS.slice(1))
      expect(() => checkLimit({ ...limit, initial: 0 } as Limit)).toThrow("has no 'initial'")
  })

  it('scales and divides the initial units with the burst', () => {
    const limit = checkLimit({ ...bucket, initial: 4 })
    expect(scaleLimit(limit, 0.5)).toEqual({ ...bucket, limit: 5, burst: 10, initial: 2 })
    expect(scaleLimit(limit, 0.01)).toEqual({ ...bucket, limit: 0.1, burst: 1, initial: 0.04 })
    expect(shareOf(limit, 4)).toEqual({ ...bucket, limit: 2.5, burst: 5, initial: 1 })
  })

  it('rejects values that are not limits with a TypeError', () => {
    for (const wrong of [null, undefined, 10, '10/minute', {}, { algorithm: 'leaky' }])
      expect(() => checkLimit(wrong as unknown as Limit)).toThrow(TypeError)
    expect(() => checkLimit({ ...bucket, burst: undefined } as unknown as Limit)).toThrow(TypeError)
  })

  it('requires a calendar unit and a known time zone for calendar windows', () => {
    expect(() => checkLimit({ ...calendar, period: 2 * 86_400_000 })).toThrow(RangeError)
    expect(() => checkLimit({ ...calendar, timeZone: 'Nowhere' })).toThrow(RangeError)
    expect(() => checkLimit({ ...calendar, align: 'weekly' as never })).toThrow(TypeError)
    expect(() => checkLimit({ ...calendar, align: 'first-request', timeZone: 'UTC' })).toThrow(TypeError)
  })
})

describe('sameLimit', () => {
  it('compares limits by value', () => {
    for (const one of LIMITS) {
      expect(sameLimit(one, { ...one })).toBe(true)
      for (const other of LIMITS) expect(sameLimit(one, other)).toBe(one === other)
      expect(sameLimit(one, { ...one, limit: 11 })).toBe(false)
    }
    expect(sameLimit(bucket, { ...bucket, burst: 21 })).toBe(false)
    expect(sameLimit(bucket, { ...bucket, initial: 0 })).toBe(false)
    expect(sameLimit({ ...bucket, initial: 0 }, { ...bucket, initial: 0 })).toBe(true)
    expect(sameLimit(calendar, { ...calendar, timeZone: 'UTC' })).toBe(true)
    expect(sameLimit(calendar, { ...calendar, timeZone: 'Asia/Tokyo' })).toBe(false)
  })
})

describe('capacityOf', () => {
  it('returns the capacity of every kind of limit', () => {
    expect(LIMITS.map(capacityOf)).toEqual([20, 10, 10, 10, 10, 10])
  })
})

describe('the validation of costs', () => {
  it.each(LIMITS)('rejects costs that %j cannot count', (limit) => {
    for (const good of [0, 1, 1e15]) expect(() => checkCost(limit, good)).not.toThrow()
    for (const bad of [-1, Number.NaN, Number.POSITIVE_INFINITY])
      expect(() => checkCost(limit, bad)).toThrow(RangeError)
    for (const bad of ['1', null, undefined, 1n, {}])
      expect(() => checkCost(limit, bad as unknown as number)).toThrow(TypeError)
    if (limit.algorithm === 'token-bucket') expect(() => checkCost(limit, 0.5)).not.toThrow()
    else expect(() => checkCost(limit, 0.5)).toThrow('whole units')
  })
})

describe('the tolerance of rounding errors', () => {
  it('covers sums of fractions', () => {
    let sum = 0
    for (let count = 0; count < 1000; count++) sum += 0.1
    expect(sum).not.toBe(100)
    expect(fits(sum, 100)).toBe(true)
    expect(wholeUnitsLeft(0.1 + 0.2, 1.3)).toBe(1)
  })

  it.each([1, 10, 1e6, 1e12, 1e13, 2 ** 50, Number.MAX_SAFE_INTEGER - 1])(
    'never amounts to a whole unit at a capacity of %d',
    (capacity) => {
      expect(fits(capacity, capacity)).toBe(true)
      expect(fits(capacity + 1, capacity)).toBe(false)
      expect(wholeUnitsLeft(0, capacity)).toBe(capacity)
      expect(wholeUnitsLeft(1, capacity)).toBe(capacity - 1)
      expect(wholeUnitsLeft(capacity, capacity)).toBe(0)
      expect(wholeUnitsLeft(capacity + 5, capacity)).toBe(0)
    },
  )
})
