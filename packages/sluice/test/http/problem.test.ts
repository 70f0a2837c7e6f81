import { describe, expect, it, onTestFinished, vi } from 'vitest'
import { problem, refusalProblem, requestProblem, unavailableProblem } from '../../src/http/problem.js'
import { retryAfterSeconds } from '../../src/http/retry-after.js'
import type { Refusal } from '../../src/limiter/decision.js'
import type { Limit } from '../../src/limits/limit.js'
import { UnauthorizedError } from '../../src/rules/client.js'
import { RequestError } from '../../src/rules/request-error.js'
import { ForbiddenError } from '../../src/rules/requirement.js'
import { minute, moneyQuota } from './quotas.js'

const refusal = (over: Partial<Refusal> = {}): Refusal => ({
  rule: 'requests',
  resource: 'requests',
  key: '203.0.113.7',
  limit: minute,
  cost: 1,
  remaining: 0,
  retryAfter: 5_200,
  reason: 'exceeded',
  violated: ['requests'],
  ...over,
})

const documentOf = (over: Partial<Refusal> = {}) => JSON.parse(refusalProblem(refusal(over)).body)

describe('the document of a refusal', () => {
  it('reports the exceeded limit and when to retry, but not the client', () => {
    const { status, headers, body } = refusalProblem(refusal())
    expect([status, headers]).toEqual([429, [['content-type', 'application/problem+json']]])
    expect(JSON.parse(body)).toEqual({
      type: 'https://iana.org/assignments/http-problem-types#quota-exceeded',
      title: 'Too many requests',
      status: 429,
      detail:
        'The limit is 10 requests per minute. This request takes 1 request, but none are left. Try again in 6 seconds.',
      'violated-policies': ['requests'],
      limit: '10/minute',
      resource: 'requests',
      cost: 1,
      reason: 'exceeded',
      'retry-after': 6,
    })
    expect(body).not.toContain('203.0.113.7')
  })

  it('states amounts of money in their currency', () => {
    const { limit, resource } = moneyQuota()
    const money = { limit, resource, rule: 'money', violated: ['money'], cost: 2_500_000 }
    expect(documentOf({ ...money, remaining: 1_000_000 })).toMatchObject({
      detail:
        'The limit is 20 USD per day. This request takes 0.0025 USD, but only 0.001 USD is left. Try again in 6 seconds.',
      limit: '20 USD/day',
      resource: 'money',
      cost: '0.0025 USD',
    })
    expect(documentOf({ ...money, remaining: 0 }).detail).toContain('takes 0.0025 USD, but nothing is left.')
    expect(documentOf({ ...money, cost: 21e9, reason: 'oversized' }).detail).toBe(
      'The limit is 20 USD per day. This request takes 21 USD, which is more than the limit can ever hold.',
    )
    const bucket = { ...limit, algorithm: 'token-bucket', burst: 0.5e9 } as Limit
    expect(documentOf({ ...money, limit: bucket }).detail).toContain('20 USD per day, 0.50 USD at once.')
  })

  const slots = { algorithm: 'concurrency', limit: 4, lease: 30_000 } as const
  const burst = { algorithm: 'token-bucket', limit: 100_000, period: 60_000, burst: 20_000 } as const

  it.each<[string, Partial<Refusal>, string]>([
    [
      'a cost that exceeds the remaining units',
      { resource: 'tokens', limit: burst, cost: 812, remaining: 400, retryAfter: 250 },
      'The limit is 100000 tokens per minute, 20000 at once. This request takes 812 tokens, but only 400 are left. Try again in 1 second.',
    ],
    [
      'a cost that exceeds the capacity',
      { resource: 'rows', cost: 11, reason: 'oversized', retryAfter: Number.POSITIVE_INFINITY },
      'The limit is 10 rows per minute. This request takes 11 rows, which is more than the limit can ever hold.',
    ],
    [
      'requests in flight',
      { resource: 'concurrent', limit: slots, cost: 2, remaining: 1, retryAfter: 30_000 },
      'The limit is 4 requests in flight at once. This request takes 2 slots, but only 1 is free. Try again in 30 seconds.',
    ],
    [
      'a timeout in the queue',
      { resource: 'concurrent', limit: slots, reason: 'busy', retryAfter: 1000 },
      'The limit is 4 requests in flight at once. All slots are in use, and none became free in time. Try again in 1 second.',
    ],
    [
      'a custom resource',
      { resource: 'gpu_seconds', cost: 1 },
      'The limit is 10 gpu seconds per minute. This request takes 1 gpu second, but none are left. Try again in 6 seconds.',
    ],
  ])('explains %s', (_what, over, detail) => {
    expect(documentOf(over).detail).toBe(detail)
  })

  it.each([
    ['UTC', undefined, '2026-12-02 12:02 UTC'],
    ['its own time zone', 'America/New_York', '2026-12-02 07:02 America/New_York (UTC-05:00)'],
    ['a time zone with half hours', 'Asia/Kolkata', '2026-12-02 17:32 Asia/Kolkata (UTC+05:30)'],
  ])('states the date of a long wait in %s', (_zone, timeZone, date) => {
    vi.useFakeTimers({ now: Date.UTC(2026, 11, 2, 9, 1, 30) })
    onTestFinished(() => void vi.useRealTimers())
    const limit = { algorithm: 'fixed-window', limit: 1, period: 86_400_000, align: 'calendar' } as const
    const zoned = { ...limit, ...(timeZone !== undefined && { timeZone }) }
    expect(documentOf({ limit: zoned, retryAfter: 3 * 3_600_000 }).detail).toBe(
      `The limit is 1 request per day. This request takes 1 request, but none are left. Try again in 3 hours, at ${date}.`,
    )
    expect(documentOf({ limit: zoned, retryAfter: 3_599_999 }).detail).toMatch(/in 1 hour\.$/)
  })

  it('states the whole wait even if it ends after the last date', () => {
    expect(documentOf({ retryAfter: 9e15 }).detail).toMatch(/Try again in 104166666 days 16 hours\.$/)
  })

  it('has no retry-after if the request never fits, and has status 503 after a timeout in the queue', () => {
    expect(documentOf({ retryAfter: Number.POSITIVE_INFINITY })).not.toHaveProperty('retry-after')
    expect(documentOf({ reason: 'busy' })).toMatchObject({
      status: 503,
      type: 'https://iana.org/assignments/http-problem-types#temporary-reduced-capacity',
    })
  })

  it('is valid JSON for every valid rule name', () => {
    const names = ['"}', '\\', '</script>', 'größe\u2028\ud800']
    for (const resource of names)
      expect(documentOf({ resource, violated: names })).toMatchObject({ resource: expect.any(String) })
    expect(documentOf({ violated: names })['violated-policies'].slice(0, 3)).toEqual(names.slice(0, 3))
  })
})

it('a refusal never tells a client to retry too early, in the detail or in retry-after', () => {
  const seconds = { second: 1, minute: 60, hour: 3600, day: 86_400 } as const
  for (const retryAfter of [1, 999.5, 1000.5, 59_001, 119_999, 3_600_001, 86_400_001, 2_592_000_000]) {
    const { detail, 'retry-after': header } = documentOf({ retryAfter })
    const durations = [...detail.matchAll(/(\d+) (second|minute|hour|day)s?(?= |[.,])/g)].filter(
      ({ index }) => index > detail.indexOf('Try again'),
    )
    const sum = durations.reduce(
      (all, [, count, unit]) => all + count * seconds[unit as keyof typeof seconds],
      0,
    )
    expect(sum * 1000).toBeGreaterThanOrEqual(retryAfter)
    expect(sum).toBeGreaterThanOrEqual(header)
  }
})

describe('Retry-After', () => {
  it.each([
    [1, 1],
    [999.9, 1],
    [1000, 1],
    [1001, 2],
    [1900, 2],
    // Rounding errors of the clock, and no wait at all.
    [60_000.000_000_1, 60],
    [0, 1],
    [31_536_000_000, 31_536_000],
    [Number.POSITIVE_INFINITY, undefined],
  ])('rounds %d ms to %s s', (retryAfter, seconds) => {
    expect(retryAfterSeconds(refusal({ retryAfter }))).toBe(seconds)
  })
})

describe('a problem document that is not a refusal', () => {
  it('reports an unavailable store with 503 and when to retry, but no details of the store', () => {
    const { status, headers, body } = unavailableProblem({ status: 503, retryAfter: 1500 })
    expect([status, headers.find(([name]) => name === 'retry-after')]).toEqual([503, ['retry-after', '2']])
    expect(JSON.parse(body)).toMatchObject({ status: 503, 'retry-after': 2, 'violated-policies': [] })
  })

  it('reports an error of the request with its status, and adds WWW-Authenticate for 401', () => {
    const errors = [new RequestError('no rows'), new ForbiddenError('premium'), new UnauthorizedError('who?')]
    expect(
      errors.map((error) => requestProblem(error)).map(({ status, headers }) => [status, headers.length]),
    ).toEqual([
      [400, 1],
      [403, 1],
      [401, 2],
    ])
    expect(requestProblem(new UnauthorizedError('who?')).headers).toContainEqual([
      'www-authenticate',
      'Bearer',
    ])
    expect(JSON.parse(requestProblem(new RequestError('no rows')).body)).toEqual({
      type: 'about:blank',
      title: 'Bad Request',
      status: 400,
      detail: 'no rows',
    })
  })

  it('accepts members in addition to the standard ones', () => {
    const { body } = problem(404, 'Not found', 'no such route', { type: 'urn:x', more: [1] })
    expect(JSON.parse(body)).toEqual({
      type: 'urn:x',
      title: 'Not found',
      status: 404,
      detail: 'no such route',
      more: [1],
    })
  })
})
