import { describe, expect, it } from 'vitest'
import { remainingOf, retryAfterOf } from '../../../src/server/upstreams/provider-headers.js'
import { MAX_PAUSE_MS, ProviderPause } from '../../../src/server/upstreams/provider-pause.js'

/** Returns the pause that a response causes, in milliseconds. */
function pauseAfter(status: number, headers: Readonly<Record<string, string>>): number {
  const pause = new ProviderPause(() => {})
  pause.onResponse(status, Object.entries(headers).flat(), 1000)
  return pause.remainingMs(1000)
}

describe('a pause', () => {
  it('is never longer than ten minutes', () => {
    expect(pauseAfter(429, { 'retry-after': '86400' })).toBe(MAX_PAUSE_MS)
    expect(pauseAfter(200, { 'x-ratelimit-remaining-tokens': '0', 'x-ratelimit-reset-tokens': '1d' })).toBe(
      MAX_PAUSE_MS,
    )
  })

  it('is extended but never shortened, and is reported once', () => {
    const reported: number[] = []
    const pause = new ProviderPause((milliseconds) => reported.push(milliseconds))
    pause.onResponse(429, ['retry-after', '10'], 0)
    pause.onResponse(429, ['retry-after', '5'], 0)
    expect(pause.remainingMs(0)).toBe(10_000)
    pause.onResponse(429, ['retry-after', '20'], 0)
    expect(pause.remainingMs(0)).toBe(20_000)
    expect(reported).toEqual([10_000])
    expect(pause.count).toBe(1)
  })

  it.each([
    [200, {}],
    [200, { 'retry-after': '5' }],
    [503, {}],
    [500, { 'retry-after': '5' }],
    [
      200,
      {
        'x-ratelimit-limit-requests': '100',
        'x-ratelimit-remaining-requests': '2',
        'x-ratelimit-reset-requests': '1s',
      },
    ],
    [200, { 'x-ratelimit-remaining-requests': '0' }],
    [200, { 'x-ratelimit-remaining-requests': '0', 'x-ratelimit-reset-requests': 'soon' }],
    [200, { 'x-ratelimit-remaining-requests': '-1', 'x-ratelimit-reset-requests': '1s' }],
  ])('does not follow from %s with %o', (status, headers) => {
    expect(pauseAfter(status, headers)).toBe(0)
  })

  it('lasts a second after a 429 that states no time', () => {
    expect(pauseAfter(429, {})).toBe(1000)
    expect(pauseAfter(429, { 'retry-after': 'later' })).toBe(1000)
  })
})

it.each([
  ['1s', 1000],
  ['6m0s', 360_000],
  ['20ms', 20],
  ['1h2m3.5s', 3_723_500],
  ['2.5', 2500],
  ['2020-01-01T00:00:00Z', 0],
])('the reset of a limit is read from %s', (value, expected) => {
  const headers = ['X-RateLimit-Remaining-Tokens', '3', 'X-RateLimit-Reset-Tokens', value]
  expect(remainingOf(headers)).toEqual([{ remaining: 3, limit: undefined, resetMs: expected }])
})

it.each([
  [['retry-after', '2'], 2000],
  [['retry-after-ms', '250', 'retry-after', '2'], 250],
  [['retry-after', 'Wed, 21 Oct 2015 07:28:00 GMT'], 0],
  [['retry-after', '1', 'retry-after', '2'], undefined],
  [['retry-after', '-1'], undefined],
  [[], undefined],
])('the time to retry is read from %o', (headers, expected) => {
  expect(retryAfterOf(headers)).toBe(expected)
})
