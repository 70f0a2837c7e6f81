import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { calendarWindow } from '../../src/time/calendar.js'

const HOUR = 3_600_000
const DAY = 24 * HOUR
const WEEK = 7 * DAY
const MONTH = 30 * DAY
const YEAR = 365 * DAY

/** Returns the window that contains an instant, as two ISO 8601 strings. */
function windowOf(instant: string, period: number, timeZone?: string): [string, string] {
  const { start, end } = calendarWindow(Date.parse(instant), period, timeZone)
  return [new Date(start).toISOString(), new Date(end).toISOString()]
}

function at(text: string): string {
  return new Date(text).toISOString()
}

describe('calendar windows', () => {
  it.each([
    ['2026-11-24T13:59:59.999Z', HOUR, '2026-11-24T13:00Z', '2026-11-24T14:00Z'],
    ['2026-11-24T14:00:00.000Z', HOUR, '2026-11-24T14:00Z', '2026-11-24T15:00Z'],
    ['2026-11-24T23:59:59.999Z', DAY, '2026-11-24T00:00Z', '2026-11-25T00:00Z'],
    ['2026-11-23T00:00:00.000Z', WEEK, '2026-11-23T00:00Z', '2026-11-30T00:00Z'],
    ['2026-11-29T23:59:59.999Z', WEEK, '2026-11-23T00:00Z', '2026-11-30T00:00Z'],
    ['2026-12-31T12:00:00.000Z', WEEK, '2026-12-28T00:00Z', '2027-01-04T00:00Z'],
    ['2026-02-28T23:59:59.999Z', MONTH, '2026-02-01T00:00Z', '2026-03-01T00:00Z'],
    ['2028-02-29T12:00:00.000Z', MONTH, '2028-02-01T00:00Z', '2028-03-01T00:00Z'],
    ['2026-12-31T23:59:59.999Z', MONTH, '2026-12-01T00:00Z', '2027-01-01T00:00Z'],
    ['2028-12-31T12:00:00.000Z', YEAR, '2028-01-01T00:00Z', '2029-01-01T00:00Z'],
    ['1969-12-31T12:00:00.000Z', YEAR, '1969-01-01T00:00Z', '1970-01-01T00:00Z'],
  ])('contain %s for a period of %d ms', (instant, period, start, end) => {
    expect(windowOf(instant, period)).toEqual([at(start), at(end)])
    expect(windowOf(instant, period, 'UTC')).toEqual([at(start), at(end)])
  })

  it.each([
    ['Asia/Tokyo', '2026-11-24T15:30Z', DAY, '2026-11-24T15:00Z', '2026-11-25T15:00Z'],
    ['America/New_York', '2026-11-24T04:59Z', DAY, '2026-11-23T05:00Z', '2026-11-24T05:00Z'],
    ['Asia/Kathmandu', '2026-11-24T12:20Z', HOUR, '2026-11-24T12:15Z', '2026-11-24T13:15Z'],
    ['Asia/Kathmandu', '2026-11-24T12:20Z', DAY, '2026-11-23T18:15Z', '2026-11-24T18:15Z'],
    ['Europe/Berlin', '2026-10-31T23:30Z', MONTH, '2026-10-31T23:00Z', '2026-11-30T23:00Z'],
    ['Pacific/Kiritimati', '2026-12-31T11:00Z', YEAR, '2026-12-31T10:00Z', '2027-12-31T10:00Z'],
    ['Pacific/Auckland', '2026-11-22T11:30Z', WEEK, '2026-11-22T11:00Z', '2026-11-29T11:00Z'],
  ])('follow the time zone %s at %s', (zone, instant, period, start, end) => {
    expect(windowOf(instant, period, zone)).toEqual([at(start), at(end)])
  })

  it.each([
    [
      '23 hours, as the clocks go forward',
      'Europe/Berlin',
      '2026-03-29T10:00Z',
      '2026-03-28T23:00Z',
      '2026-03-29T22:00Z',
    ],
    [
      '25 hours, as the clocks go back',
      'Europe/Berlin',
      '2026-10-25T10:00Z',
      '2026-10-24T22:00Z',
      '2026-10-25T23:00Z',
    ],
    [
      '25 hours in New York',
      'America/New_York',
      '2026-11-01T12:00Z',
      '2026-11-01T04:00Z',
      '2026-11-02T05:00Z',
    ],
    [
      'a change of half an hour in Lord Howe',
      'Australia/Lord_Howe',
      '2026-04-04T20:00Z',
      '2026-04-04T13:00Z',
      '2026-04-05T13:30Z',
    ],
    ['no midnight', 'America/Sao_Paulo', '2018-11-04T12:00Z', '2018-11-04T03:00Z', '2018-11-05T02:00Z'],
    [
      'no midnight at its end',
      'America/Sao_Paulo',
      '2018-11-03T12:00Z',
      '2018-11-03T03:00Z',
      '2018-11-04T03:00Z',
    ],
    [
      'a midnight that is set back to 23:00',
      'America/Sao_Paulo',
      '2018-02-18T02:30Z',
      '2018-02-17T02:00Z',
      '2018-02-18T03:00Z',
    ],
    [
      'two midnights, at the first',
      'America/Havana',
      '2026-11-01T04:30Z',
      '2026-11-01T04:00Z',
      '2026-11-02T05:00Z',
    ],
    [
      'two midnights, at the second',
      'America/Havana',
      '2026-11-01T05:30Z',
      '2026-11-01T04:00Z',
      '2026-11-02T05:00Z',
    ],
    ['a skipped day after it', 'Pacific/Apia', '2011-12-30T09:00Z', '2011-12-29T10:00Z', '2011-12-30T10:00Z'],
    [
      'a skipped day before it',
      'Pacific/Apia',
      '2011-12-30T11:00Z',
      '2011-12-30T10:00Z',
      '2011-12-31T10:00Z',
    ],
  ])('last from midnight to midnight on a day with %s (%s)', (_what, zone, instant, start, end) => {
    expect(windowOf(instant, DAY, zone)).toEqual([at(start), at(end)])
  })

  it.each([
    'UTC',
    'Europe/Berlin',
    'America/Havana',
    'America/Sao_Paulo',
    'Asia/Kathmandu',
    'Australia/Lord_Howe',
  ])('of %s are consecutive, and each contains its instants', (zone) => {
    for (const period of [DAY, WEEK, MONTH, YEAR]) {
      let before = calendarWindow(Date.UTC(2016, 11, 28), period, zone)
      while (before.end < Date.UTC(2019, 1, 1)) {
        const next = calendarWindow(before.end, period, zone)
        expect(next.start).toBe(before.end)
        expect(calendarWindow(before.end - 1, period, zone)).toEqual(before)
        expect(calendarWindow((next.start + next.end) / 2, period, zone)).toEqual(next)
        expect((next.end - next.start) / period).toBeGreaterThan(0.9)
        expect((next.end - next.start) / period).toBeLessThan(1.1)
        before = next
      }
    }
  })

  it.each([
    [
      'set back by half an hour, so that the hour lasts 90 minutes',
      '2026-04-04T15:15Z',
      '2026-04-04T14:00Z',
      '2026-04-04T15:30Z',
    ],
    [
      'set forward by half an hour, so that the rest joins the next hour',
      '2026-10-03T15:45Z',
      '2026-10-03T15:30Z',
      '2026-10-03T17:00Z',
    ],
    [
      'set forward by half an hour, seen from its end',
      '2026-10-03T16:45Z',
      '2026-10-03T15:30Z',
      '2026-10-03T17:00Z',
    ],
  ])('handle an hour in Lord Howe when the clocks are %s', (_what, instant, start, end) => {
    expect(windowOf(instant, HOUR, 'Australia/Lord_Howe')).toEqual([at(start), at(end)])
  })

  it('of an hour last at least an hour in any zone, even when its clocks change', () => {
    const zones = Intl.supportedValuesOf('timeZone')
    const odd = ['Australia/Lord_Howe', 'Antarctica/Troll', 'Antarctica/Casey', 'Pacific/Apia', 'Asia/Macau']
    fc.assert(
      fc.property(
        fc.oneof(fc.constantFrom(...zones), fc.constantFrom(...odd)),
        fc.integer({ min: 1900, max: 2035 }),
        (zone, year) => {
          for (const change of clockChanges(zone, year)) {
            let before = calendarWindow(change - 3 * HOUR, HOUR, zone)
            while (before.end < change + 3 * HOUR) {
              const next = calendarWindow(before.end, HOUR, zone)
              expect(next.start).toBe(before.end)
              expect(next.end - next.start).toBeGreaterThanOrEqual(HOUR)
              expect(next.end - next.start).toBeLessThan(2.5 * HOUR)
              for (const inside of [next.start, next.start + 0.25, (next.start + next.end) / 2, next.end - 1])
                expect(calendarWindow(inside, HOUR, zone)).toEqual(next)
              before = next
            }
          }
        },
      ),
      { seed: 20261201, numRuns: 120 },
    )
  })

  it('assign a fraction of a millisecond before midnight to the day that ends', () => {
    const midnight = Date.parse('2026-11-24T23:00Z')
    expect(calendarWindow(midnight - 0.25, DAY, 'Europe/Berlin').end).toBe(midnight)
    expect(calendarWindow(midnight, DAY, 'Europe/Berlin').start).toBe(midnight)
  })

  it('throw a RangeError for a period that is not a calendar unit', () => {
    expect(() => calendarWindow(0, 2 * DAY, 'UTC')).toThrow(RangeError)
  })
})

/** Returns the instants at which the clocks of a zone change in a year, to the second. */
function clockChanges(timeZone: string, year: number): number[] {
  const format = new Intl.DateTimeFormat('en-US', { timeZone, timeZoneName: 'longOffset' })
  const offsetAt = (instant: number) =>
    format.formatToParts(instant).find(({ type }) => type === 'timeZoneName')?.value
  const changes: number[] = []
  for (let from = Date.UTC(year, 0, 1); from < Date.UTC(year + 1, 0, 1); from += 10 * DAY) {
    let [early, late] = [from, from + 10 * DAY]
    if (offsetAt(early) === offsetAt(late)) continue
    while (late - early > 1000) {
      const middle = Math.floor((early + late) / 2000) * 1000
      if (offsetAt(middle) === offsetAt(late)) late = middle
      else early = middle
    }
    changes.push(late)
  }
  return changes
}
