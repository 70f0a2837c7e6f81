import express, { type RequestHandler } from 'express'
import { rateLimit as peerLimit } from 'express-rate-limit'
import { parseDictionary, parseList } from 'structured-headers'
import { describe, expect, it, onTestFinished } from 'vitest'
import { limit } from '../../src/adapters/express.js'
import { type FieldOptions, limitFields } from '../../src/http/limit-headers.js'
import type { Decision } from '../../src/limiter/decision.js'
import { createLimiter, type LimiterOptions } from '../../src/limiter/limiter.js'
import { memoryStore } from '../../src/stores/memory/memory-store.js'
import { manualClock } from '../../src/time/clock.js'
import { startServer } from '../adapters/frameworks/listening.js'
import { sendRequest } from '../adapters/requests.js'

const RULES = [{ name: '3-in-1min', limit: '3/minute', algorithm: 'fixed-window' as const }]

function fieldsOf(rules: LimiterOptions<string>['rules'], options: FieldOptions, requests = 1) {
  const store = memoryStore({ clock: manualClock(1_000_000) })
  const limiter = createLimiter<string>({ rules, store })
  let decision = limiter.admit('a') as Decision
  for (let made = 1; made < requests; made++) decision = limiter.admit('a') as Decision
  return Object.fromEntries(limitFields(decision, options))
}

describe('the headers of each draft', () => {
  const start = async (handler: RequestHandler) => {
    const app = express()
    app.post('/predict', handler, (_request, response) => {
      response.end('fine')
    })
    const server = await startServer(app)
    onTestFinished(() => server.close())
    return server.port
  }
  const ours = (options: FieldOptions) => start(limit({ rules: RULES, ...options }))
  const peers = (standardHeaders: 'draft-6' | 'draft-7' | 'draft-8') =>
    start(peerLimit({ windowMs: 60_000, limit: 3, standardHeaders, legacyHeaders: false }))

  /** Reads the headers without partition keys, which only the peer sends by default. */
  const rateLimitHeaders = (headers: Readonly<Record<string, unknown>>) =>
    Object.fromEntries(
      Object.entries(headers)
        .filter(([name]) => name.startsWith('ratelimit') || name === 'retry-after')
        .map(([name, value]) => [
          name,
          String(value)
            .replace(/; /g, ';')
            .replace(/;pk=:[^:]*:/, ''),
        ]),
    )

  it.each(['draft-6', 'draft-7', 'draft-8'] as const)(
    'are those of express-rate-limit with %s, for admitted and for refused requests',
    async (draft) => {
      const [own, peer] = [await ours({ fields: draft }), await peers(draft)]
      for (const status of [200, 200, 200, 429]) {
        const [mine, theirs] = [await sendRequest(own, '/predict'), await sendRequest(peer, '/predict')]
        expect([mine.status, theirs.status]).toEqual([status, status])
        const expected = rateLimitHeaders(theirs.headers)
        expect(Object.keys(expected).length).toBeGreaterThan(1)
        // A second may pass between two requests.
        const withoutTimes = (headers: Record<string, string>) =>
          Object.fromEntries(
            Object.entries(headers).map(([name, value]) => [
              name,
              /reset$|^retry/.test(name) ? 's' : value.replace(/(reset|t)=\d+$/, '$1=s'),
            ]),
          )
        expect(withoutTimes(rateLimitHeaders(mine.headers))).toEqual(withoutTimes(expected))
      }
    },
  )

  it('describe the rule closest to its limit in draft-7 and draft-6', () => {
    const rules = [
      { name: 'wide', limit: '1000/hour', algorithm: 'fixed-window' as const },
      { name: 'near', limit: '4/minute', algorithm: 'fixed-window' as const },
    ]
    expect(fieldsOf(rules, { fields: 'draft-7' })).toEqual({
      'ratelimit-policy': '1000;w=3600, 4;w=60',
      ratelimit: 'limit=4, remaining=3, reset=60',
    })
    expect(fieldsOf(rules, { fields: 'draft-6' })).toEqual({
      'ratelimit-policy': '1000;w=3600, 4;w=60',
      'ratelimit-limit': '4',
      'ratelimit-remaining': '3',
      'ratelimit-reset': '60',
    })
  })

  it('are valid structured fields', () => {
    const { ratelimit, 'ratelimit-policy': policy } = fieldsOf(RULES, { fields: 'draft-7' })
    expect(Object.fromEntries(parseDictionary(String(ratelimit)))).toHaveProperty('limit')
    expect(parseList(String(policy))).toHaveLength(1)
  })

  it('never promise an earlier retry than Retry-After', () => {
    for (const algorithm of ['token-bucket', 'fixed-window', 'sliding-window', 'sliding-log'] as const) {
      const headers = fieldsOf([{ limit: '3/minute', algorithm }], { fields: 'draft-6' }, 4)
      expect(Number(headers['retry-after'])).toBeGreaterThanOrEqual(Number(headers['ratelimit-reset']))
    }
  })

  it('list no concurrent rules in draft-7 and draft-6, which require a window', () => {
    const rules = [{ limit: '4/minute', algorithm: 'fixed-window' as const }, { concurrent: 1 }]
    expect(fieldsOf(rules, { fields: 'draft-7' })['ratelimit-policy']).toBe('4;w=60')
    expect(fieldsOf([{ concurrent: 1 }], { fields: 'draft-6' })).toEqual({})
    const refused = fieldsOf(rules, { fields: 'draft-7' }, 2)
    expect(refused).toEqual({ 'ratelimit-policy': '4;w=60', 'retry-after': expect.any(String) })
  })

  it('have no quota unit in draft-8', () => {
    const rules = [{ limit: '9/minute', of: 'tokens', algorithm: 'fixed-window' as const }]
    expect(fieldsOf(rules, { fields: 'draft-8' })).toEqual({
      'ratelimit-policy': '"tokens";q=9;w=60',
      ratelimit: '"tokens";r=8;t=60',
    })
    expect(fieldsOf(rules, {})['ratelimit-policy']).toBe('"tokens";q=9;qu="tokens";w=60')
  })

  it('have the parameters of both versions in draft-12, and what the request consumed', () => {
    const rules = [
      { limit: '9/minute', of: 'tokens', algorithm: 'fixed-window' as const, cost: 4 },
      { concurrent: 5 },
    ]
    const options = { fields: 'draft-12' } as const
    const policy = '"tokens";q=9;qu="tokens";w=60, "concurrent";q=5;qu="concurrent-requests"'
    const admitted = fieldsOf(rules, options)
    expect(admitted).toEqual({
      'ratelimit-policy': policy,
      ratelimit: '"tokens";r=5;t=60;a=5;w=60;c=4, "concurrent";r=4;a=4;c=1',
    })
    expect(fieldsOf(rules, options, 3)).toMatchObject({
      'ratelimit-policy': policy,
      ratelimit: '"tokens";r=1;t=60;a=1;w=60;c=0',
    })
    const items = parseList(String(admitted.ratelimit)) as [string, Map<string, unknown>][]
    expect(items.map(([rule, parameters]) => [rule, parameters.get('a')])).toEqual([
      ['tokens', 5],
      ['concurrent', 4],
    ])
    const keyed = fieldsOf(RULES, { ...options, partitionKeySecret: 's' })
    expect(keyed.ratelimit).toMatch(/^"3-in-1min";r=2;t=60;a=2;w=60;c=1;pk=:[\w+/]{16}:$/)
  })

  it('can be omitted, each by itself', () => {
    expect(fieldsOf(RULES, { fields: false })).toEqual({})
    expect(Object.keys(fieldsOf(RULES, { fields: false }, 4))).toEqual(['retry-after'])
    expect(fieldsOf(RULES, { fields: false, retryAfter: false }, 4)).toEqual({})
    expect(fieldsOf(RULES, { retryAfter: false }, 4)).not.toHaveProperty('retry-after')
  })

  it('have X-RateLimit-Reset as a time of the system clock, or in seconds from now', () => {
    const reset = (over: FieldOptions['xRateLimit']) =>
      Number(fieldsOf(RULES, { xRateLimit: over as never })['x-ratelimit-reset'])
    expect([reset(true), reset({ reset: 'seconds' })]).toEqual([60, 60])
    const before = Date.now() / 1000 + 60
    const epoch = reset({ reset: 'epoch' })
    expect(epoch).toBeGreaterThanOrEqual(before)
    expect(epoch).toBeLessThanOrEqual(Math.ceil(Date.now() / 1000 + 60))
  })

  it.each<[object, string]>([
    [
      { fields: 'draft-5' },
      "'fields' must be 'draft-12', 'draft-11', 'draft-8', 'draft-7', 'draft-6' or false, not 'draft-5'",
    ],
    [{ fields: true }, "'fields' must be"],
    [{ retryAfter: 'no' }, "'retryAfter' must be true or false"],
    [{ xRateLimit: { reset: 'ms' } }, "'reset' of 'xRateLimit' must be 'epoch' or 'seconds', not 'ms'"],
    [{ xRateLimit: { rest: 'epoch' } }, "no option 'rest'"],
    [{ xRateLimit: 'epoch' }, "'xRateLimit' must be true, false or { reset: 'epoch' }"],
    [{ fields: 'draft-7', partitionKeySecret: 's' }, "'partitionKeySecret' requires 'fields'"],
  ])('reject the options %j', (options, message) => {
    expect(() => limit({ rules: RULES, ...options } as never)).toThrow(message)
  })
})
