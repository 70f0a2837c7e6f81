import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { formatDuration, formatLimit, formatPeriod, formatWait } from '../../src/limits/format-limit.js'
import { millisecondsIn, parseDuration, UNIT_NAMES } from '../../src/time/duration.js'

describe('parseDuration', () => {
  it.each<[string | number, number]>([
    ['250ms', 250],
    ['30s', 30_000],
    ['1.5 minutes', 90_000],
    ['  2   hours ', 7_200_000],
    ['1d', 86_400_000],
    ['1 Week', 604_800_000],
    ['2.3s', 2300],
    ['1.1 s', 1100],
    ['0.5ms', 0.5],
    ['1H', 3_600_000],
    [1500, 1500],
    [0.25, 0.25],
  ])('parses %j as %d ms', (text, milliseconds) => {
    expect(parseDuration(text)).toBe(milliseconds)
  })

  it.each([
    '',
    's',
    '10',
    '-1s',
    '0s',
    '1 fortnight',
    '1M',
    '1s 2s',
    '1e3s',
    '.5s',
    '1.s',
    'Infinity',
    'constructor',
  ])('rejects %j', (text) => {
    expect(() => parseDuration(text)).toThrow(RangeError)
    expect(() => parseDuration(text)).toThrow('30s')
  })

  it.each([0, -1, Number.NaN, Number.POSITIVE_INFINITY])('rejects the number %d', (milliseconds) => {
    expect(() => parseDuration(milliseconds)).toThrow(RangeError)
  })

  it('parses any string into a duration or throws a RangeError', () => {
    fc.assert(
      fc.property(fc.string({ maxLength: 30 }), (text) => {
        try {
          expect(parseDuration(text)).toBeGreaterThan(0)
        } catch (error) {
          expect(error).toBeInstanceOf(RangeError)
        }
      }),
      { seed: 20261124, numRuns: 5000 },
    )
  })

  it('accepts every unit that its error message lists', () => {
    for (const name of UNIT_NAMES.split(', ')) {
      expect(millisecondsIn(name.replace('(s)', ''))).toBeGreaterThan(0)
      expect(millisecondsIn(name.replace('(s)', 's'))).toBeGreaterThan(0)
    }
  })

  it('does not accept names of inherited properties as units', () => {
    for (const name of ['constructor', '__proto__', 'toString']) expect(millisecondsIn(name)).toBeUndefined()
  })
})

describe('formatting', () => {
  it.each([
    [60_000, 'minute'],
    [300_000, '5 minutes'],
    [90_000, '90 seconds'],
    [1500, '1500 ms'],
    [1.5, '1.5 ms'],
    [604_800_000, 'week'],
    [1_209_600_000, '2 weeks'],
    [2_592_000_000, 'month'],
  ])('formatPeriod formats %d ms as %j', (milliseconds, text) => {
    expect(formatPeriod(milliseconds)).toBe(text)
  })

  it.each([
    [0, '1 second'],
    [1, '1 second'],
    [1001, '2 seconds'],
    [60_000.000_000_1, '1 minute'],
    [119_999, '2 minutes'],
    [120_001, '2 minutes 1 second'],
    [3_599_001, '1 hour'],
    [10_800_000, '3 hours'],
    [10_800_001, '3 hours 1 minute'],
    [86_399_000, '1 day'],
    [86_400_001, '1 day 1 hour'],
    [604_800_000, '7 days'],
    [2_592_000_000, '30 days'],
    [31_536_000_000, '365 days'],
  ])('formatWait formats %d ms as %j, never too short', (milliseconds, text) => {
    expect(formatWait(milliseconds)).toBe(text)
  })

  it.each([
    [0, '0 ms'],
    [0.5, '0.5 ms'],
    [200, '200 ms'],
    [1000, '1 second'],
    [1500, '1 second 500 ms'],
    [90_000, '1 minute 30 seconds'],
    [300_000, '5 minutes'],
    [2_592_000_000, '30 days'],
    [90_061_001, '1 day 1 hour 1 minute 1 second 1 ms'],
  ])('formatDuration formats %d ms as %j', (milliseconds, text) => {
    expect(formatDuration(milliseconds)).toBe(text)
  })

  /** Adds up the parts of a formatted duration. */
  const sumOfParts = (text: string) =>
    [...text.matchAll(/([\d.]+ [a-z]+)/g)].reduce(
      (sum, [part]) => sum + (part.startsWith('0 ') ? 0 : parseDuration(part)),
      0,
    )
  const MINUTE = 60_000
  const HOUR = 60 * MINUTE
  const DAY = 24 * HOUR
  const maxima = [2000, 2 * MINUTE, 2 * HOUR, 2 * DAY, 400 * DAY, 3650 * DAY]
  const length = fc.oneof(
    ...maxima.map((max) => fc.integer({ min: 0, max })),
    fc.integer({ min: 1, max: 5_000_000 }).map((thousandths) => thousandths / 1000),
    fc.constantFrom(1000, MINUTE, HOUR, DAY).chain((unit) => fc.integer({ min: unit - 3, max: unit + 3 })),
  )

  it('formatDuration returns parts that add up to the duration', () => {
    fc.assert(
      fc.property(length, (milliseconds) => {
        expect(sumOfParts(formatDuration(milliseconds))).toBeCloseTo(milliseconds, 6)
      }),
      { seed: 20261201, numRuns: 5000 },
    )
  })

  it('formatWait uses at most two units and exceeds the wait by less than the smaller unit', () => {
    fc.assert(
      fc.property(length, (milliseconds) => {
        const text = formatWait(milliseconds)
        expect(text).toMatch(/^[1-9]\d* (second|minute|hour|day)s?( [1-9]\d* (second|minute|hour)s?)?$/)
        const reported = sumOfParts(text)
        expect(reported).toBeGreaterThanOrEqual(milliseconds)
        const precision = milliseconds <= HOUR ? 1000 : milliseconds <= DAY ? MINUTE : HOUR
        expect(reported - Math.max(1, milliseconds)).toBeLessThan(precision)
      }),
      { seed: 20261201, numRuns: 5000 },
    )
  })

  it('formatLimit formats limits as strings', () => {
    const period = 60_000
    expect(formatLimit({ algorithm: 'token-bucket', limit: 10, period, burst: 10 })).toBe('10/minute')
    expect(formatLimit({ algorithm: 'token-bucket', limit: 10, period, burst: 20 })).toBe(
      '10/minute burst 20',
    )
    expect(formatLimit({ algorithm: 'fixed-window', limit: 10, period })).toBe('10/minute')
    expect(formatLimit({ algorithm: 'sliding-log', limit: 5, period: 5 * period })).toBe('5 per 5 minutes')
    expect(formatLimit({ algorithm: 'token-bucket', limit: 1, period: 250, burst: 2 })).toBe(
      '1 per 250 ms burst 2',
    )
    expect(formatLimit({ algorithm: 'concurrency', limit: 4, lease: 1000 })).toBe('4 concurrent')
  })
})
