import { describe, expect, it } from 'vitest'
import { parseLimits } from '../../src/limits/grammar.js'
import type { Limit } from '../../src/limits/limit.js'

const MINUTE = 60_000
const DAY = 86_400_000

function bucket(limit: number, period: number, burst = limit, initial?: number): Limit {
  return { algorithm: 'token-bucket', limit, period, burst, ...(initial !== undefined && { initial }) }
}

describe('parseLimits', () => {
  it.each<[string, Limit]>([
    ['10/minute', bucket(10, MINUTE)],
    ['10 per minute', bucket(10, MINUTE)],
    ['20/60s', bucket(20, MINUTE)],
    ['5 per 300 seconds', bucket(5, 300_000)],
    ['100k/minute', bucket(100_000, MINUTE)],
    ['1M/day', bucket(1_000_000, DAY)],
    ['10/5m burst 20', bucket(10, 5 * MINUTE, 20)],
    ['10/5m burst 20 initial 5', bucket(10, 5 * MINUTE, 20, 5)],
    ['10/minute initial 0', bucket(10, MINUTE, 10, 0)],
    ['10/minute INITIAL 10', bucket(10, MINUTE)],
    ['1.5k/s', bucket(1500, 1000)],
    ['2G/year', bucket(2e9, 365 * DAY)],
    ['0.001M/h', bucket(1000, 3_600_000)],
    ['100K/minute', bucket(100_000, MINUTE)],
    ['1/1.5s', bucket(1, 1500)],
    ['1/1.1s', bucket(1, 1100)],
    ['1/2.3 seconds', bucket(1, 2300)],
    ['1/250ms', bucket(1, 250)],
    ['  10  /  5  m  burst  2k  ', bucket(10, 5 * MINUTE, 2000)],
    ['10 PER MINUTE BURST 3', bucket(10, MINUTE, 3)],
    ['10\tper\nminute', bucket(10, MINUTE)],
    ['9007199254740991/second', bucket(Number.MAX_SAFE_INTEGER, 1000)],
  ])('parses the limit string %j', (text, limit) => {
    expect(parseLimits(text)).toEqual([limit])
  })

  it.each<[number, string]>([
    [1, 'ms'],
    [1000, 's sec secs second seconds'],
    [60_000, 'm min mins minute minutes'],
    [3_600_000, 'h hr hrs hour hours'],
    [DAY, 'd day days'],
    [7 * DAY, 'w week weeks'],
    [30 * DAY, 'month months'],
    [365 * DAY, 'year years'],
  ])('parses every spelling of a unit of %d ms: %s', (period, units) => {
    for (const unit of units.split(' ')) {
      expect(parseLimits(`7/${unit}`)).toEqual([bucket(7, period)])
      expect(parseLimits(`7 per 2 ${unit}`)).toEqual([bucket(7, 2 * period)])
      expect(parseLimits(`7/2${unit}`)).toEqual([bucket(7, 2 * period)])
      if (unit !== 'm') expect(parseLimits(`7/${unit.toUpperCase()}`)).toEqual([bucket(7, period)])
    }
  })

  it.each([',', '|', ' , ', ' | '])('separates limits with %j as with a semicolon', (separator) => {
    const limits = ['10/s', '100 per minute burst 5', '1k/2 hrs']
    expect(parseLimits(limits.join(separator))).toEqual(parseLimits(limits.join(';')))
  })

  it('parses several limits joined with semicolons', () => {
    expect(parseLimits('10/s; 100 per minute burst 5;1k/h')).toEqual([
      bucket(10, 1000),
      bucket(100, MINUTE, 5),
      bucket(1000, 3_600_000),
    ])
    expect(parseLimits(Array(32).fill('1/s').join(';'))).toHaveLength(32)
  })

  it('freezes parsed limits', () => {
    for (const limit of parseLimits('1/s; 2/m')) expect(Object.isFrozen(limit)).toBe(true)
  })

  it('applies the algorithm in the options', () => {
    expect(parseLimits('10/day', { algorithm: 'fixed-window' })).toEqual([
      { algorithm: 'fixed-window', limit: 10, period: DAY },
    ])
    expect(
      parseLimits('10/day', { algorithm: 'fixed-window', align: 'calendar', timeZone: 'Asia/Tokyo' }),
    ).toEqual([
      { algorithm: 'fixed-window', limit: 10, period: DAY, align: 'calendar', timeZone: 'Asia/Tokyo' },
    ])
    for (const algorithm of ['sliding-window', 'sliding-log'] as const)
      expect(parseLimits('10/day', { algorithm })).toEqual([{ algorithm, limit: 10, period: DAY }])
  })

  it('rejects options that do not fit the algorithm', () => {
    expect(() => parseLimits('10/day', { timeZone: 'UTC' })).toThrow(TypeError)
    expect(() => parseLimits('10/day', { algorithm: 'sliding-log', align: 'calendar' })).toThrow(TypeError)
    expect(() => parseLimits('10/day', { algorithm: 'fixed-window', timeZone: 'UTC' })).toThrow(TypeError)
    const calendar = { algorithm: 'fixed-window', align: 'calendar' } as const
    expect(() => parseLimits('10/2 days', calendar)).toThrow(RangeError)
    expect(() => parseLimits('10/day', { ...calendar, timeZone: 'Mars/Olympus' })).toThrow("'Mars/Olympus'")
    expect(() => parseLimits('10/day', { algorithm: 'leaky' as never })).toThrow("unknown algorithm 'leaky'")
    expect(() => parseLimits(10 as never)).toThrow(TypeError)
  })
})
