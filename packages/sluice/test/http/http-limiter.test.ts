import fc from 'fast-check'
import { parseList } from 'structured-headers'
import { describe, expect, it } from 'vitest'
import { settle } from '../../src/http/admitted-requests.js'
import {
  createHttpLimiter,
  type HttpDecision,
  type HttpLimitOptions,
  type RequestAccess,
} from '../../src/http/http-limiter.js'
import type { Limit } from '../../src/limits/limit.js'
import { memoryStore } from '../../src/stores/memory/memory-store.js'
import { manualClock } from '../../src/time/clock.js'
import { anyLimit, ruleName } from './quotas.js'

interface TestRequest {
  readonly cost?: number
  readonly headers?: Readonly<Record<string, string>>
}

/** No cost in money is more than the largest limit. */
const isNotMoney = (limit: Limit) => !('currency' in limit)

const access: RequestAccess<TestRequest> = {
  peer: () => '203.0.113.7',
  header: ({ headers }, name) => headers?.[name],
  listHeader: () => undefined,
  route: () => 'POST /predict',
  onHangUp: () => () => {},
}

function limiterOf(options: HttpLimitOptions<TestRequest>) {
  const clock = manualClock(1_000_000)
  const limiter = createHttpLimiter({ store: memoryStore({ clock }), ...options }, access)
  /** Decides on a request, synchronously because the memory store is synchronous. */
  const decide = (request: TestRequest = {}) => limiter.decide({ ...request }) as HttpDecision
  return { clock, limiter, decide }
}

function headersOf(decision: HttpDecision): Record<string, string> {
  return Object.fromEntries(decision.allowed ? decision.fields : decision.answer.headers)
}

function problemOf(decision: HttpDecision) {
  if (decision.allowed) throw new Error('expected a refusal')
  return JSON.parse(decision.answer.body)
}

describe('a refused request', () => {
  it('is admitted after Retry-After, which is never shorter than the t of a violated rule', () => {
    const costs = fc.array(fc.integer({ min: 1, max: 12 }), { minLength: 1, maxLength: 30 })
    const limits = fc.array(
      fc.tuple(
        fc.constantFrom('token-bucket', 'fixed-window', 'sliding-window', 'sliding-log'),
        fc.integer({ min: 1, max: 20 }),
        fc.integer({ min: 1, max: 100_000 }),
      ),
      { minLength: 1, maxLength: 3 },
    )
    fc.assert(
      fc.property(limits, costs, fc.nat(30_000), (specs, costs, step) => {
        const rules = specs.map(([algorithm, limit, period]) => ({
          limit: `${limit}/${period}ms`,
          algorithm: algorithm as 'fixed-window',
          cost: ({ cost = 1 }: TestRequest) => cost,
        }))
        const { clock, decide } = limiterOf({ rules })
        for (const cost of costs) {
          const decision = decide({ cost })
          clock.advance(step)
          if (decision.allowed) continue
          const { 'retry-after': retryAfter, ratelimit = '' } = headersOf(decision)
          const ends = parseList(ratelimit).map(([, parameters]) => Number(parameters.get('t') ?? 0))
          if (retryAfter === undefined) {
            expect(problemOf(decision)).toMatchObject({ reason: 'oversized' })
            continue
          }
          expect(retryAfter).toMatch(/^[1-9]\d*$/)
          expect(Number(retryAfter)).toBeGreaterThanOrEqual(Math.max(...ends))
          expect(problemOf(decision)['retry-after']).toBe(Number(retryAfter))
          clock.advance(Number(retryAfter) * 1000 - step)
          expect(decide({ cost }).allowed).toBe(true)
        }
      }),
      { seed: 20261126, numRuns: 500 },
    )
  })

  it('gets a response that names the rules that refused it, but no shadow rules', () => {
    const { decide } = limiterOf({
      rules: [
        { name: 'a "quoted" one', limit: '1/minute' },
        { name: 'wide', limit: '100/minute' },
        { name: 'shadow', limit: '1/hour', enforce: false },
      ],
    })
    const first = headersOf(decide())
    expect(parseList(first['ratelimit-policy'] ?? '').map(([name]) => name)).toEqual([
      'a "quoted" one',
      'wide',
    ])
    expect(parseList(first.ratelimit ?? '')).toHaveLength(2)
    const decision = decide()
    const fields = headersOf(decision)
    expect(parseList(fields['ratelimit-policy'] ?? '')).toHaveLength(2)
    expect(parseList(fields.ratelimit ?? '').map(([name]) => name)).toEqual(['a "quoted" one'])
    expect(problemOf(decision)['violated-policies']).toEqual(['a "quoted" one'])
  })

  it('gets one policy in each header and in the problem document, for every valid rule name', () => {
    fc.assert(
      fc.property(ruleName, (name) => {
        const { decide } = limiterOf({ rules: [{ name, limit: '1/minute', cost: 2 }] })
        const decision = decide()
        const { 'ratelimit-policy': policy = '', ratelimit = '' } = headersOf(decision)
        expect([...parseList(policy), ...parseList(ratelimit)].map(([member]) => member)).toEqual([
          name,
          name,
        ])
        expect(problemOf(decision)).toMatchObject({ 'violated-policies': [name], reason: 'oversized' })
      }),
      { seed: 20261126, numRuns: 300 },
    )
  })

  it('gets a valid response for every limit', () => {
    fc.assert(
      fc.property(anyLimit.filter(isNotMoney), (limit) => {
        const rule =
          limit.algorithm === 'concurrency'
            ? { concurrent: limit.limit, lease: limit.lease }
            : { limit: limit as never }
        const { decide } = limiterOf({ rules: [{ ...rule, cost: Number.MAX_VALUE }] })
        const decision = decide()
        expect(problemOf(decision)).toMatchObject({ status: 429, reason: 'oversized' })
        expect(headersOf(decision)['retry-after']).toBeUndefined()
      }),
      { seed: 20261126, numRuns: 300 },
    )
  })

  it('gets a custom response with the rate limit headers added', () => {
    const responses = [
      { status: 420, headers: { 'Content-Type': 'text/html', 'X-Why': 'calm' }, body: '<p>calm</p>' },
      { body: 'slowly' },
      { body: { error: 'slowly' } },
    ]
    let next = 0
    const { decide } = limiterOf({
      rules: [{ limit: '1/minute' }],
      refuse: ({ rule, retryAfter }, request) => {
        expect([rule, retryAfter > 0, request]).toEqual(['requests', true, {}])
        return responses[next++] as { body: string }
      },
    })
    decide()
    const sent = responses.map(() => {
      const decision = decide()
      if (decision.allowed) throw new Error('expected a refusal')
      const { status, body } = decision.answer
      const { 'content-type': type, 'retry-after': retryAfter, 'x-why': why } = headersOf(decision)
      expect(retryAfter).toBe('60')
      return [status, type, why, body]
    })
    expect(sent).toEqual([
      [420, 'text/html', 'calm', '<p>calm</p>'],
      [429, 'text/plain; charset=utf-8', undefined, 'slowly'],
      [429, 'application/json', undefined, '{"error":"slowly"}'],
    ])
  })
})

describe('an allowed request', () => {
  it('gets a t parameter with the seconds until another unit becomes available', () => {
    const { clock, decide } = limiterOf({ rules: [{ limit: '10/minute' }] })
    for (let used = 1; used <= 3; used++) decide()
    expect(headersOf(decide({})).ratelimit).toBe('"requests";r=6;t=6')
    clock.advance(6000)
    expect(headersOf(decide({})).ratelimit).toBe('"requests";r=6;t=6')
  })

  it('gets X-RateLimit headers for the rule with the smallest remaining fraction', () => {
    const rules = [
      { name: 'wide', limit: '1000/hour' },
      { name: 'near', limit: '4/minute', algorithm: 'fixed-window' as const },
    ]
    const { decide } = limiterOf({ rules, xRateLimit: true })
    expect(headersOf(decide())).toMatchObject({
      'x-ratelimit-limit': '4',
      'x-ratelimit-remaining': '3',
      'x-ratelimit-reset': '60',
    })
  })

  it('gets no rate limit headers if no rule is enforced', () => {
    const { decide } = limiterOf({ rules: [{ limit: '1/minute', enforce: false }], xRateLimit: true })
    for (let request = 0; request < 3; request++) expect(headersOf(decide())).toEqual({})
  })

  it('is counted once if the same limit applies repeatedly', () => {
    const { limiter } = limiterOf({ rules: [{ limit: '1/minute' }] })
    const request = {}
    expect(limiter.decide(request)).toMatchObject({
      allowed: true,
      fields: expect.arrayContaining([['ratelimit', '"requests";r=0;t=60']]),
    })
    for (let again = 0; again < 3; again++)
      expect(limiter.decide(request)).toEqual({ allowed: true, fields: [], permit: undefined })
    expect(limiter.decide({})).toMatchObject({ allowed: false })
  })

  it.each<[string, TestRequest]>([
    ['a plain request', {}],
    ['a Node request', { rawHeaders: ['Host', 'localhost'] } as TestRequest],
  ])('stays admitted, but its copies are decided on separately (%s)', async (_kind, request) => {
    const { limiter } = limiterOf({
      rules: [{ limit: '2/hour' }, { limit: '100/hour', of: 'tokens', cost: 40 }],
    })
    const left = (decision: HttpDecision) => headersOf(decision).ratelimit
    const decide = (request: TestRequest) => limiter.decide(request) as HttpDecision
    const copy = { ...request }
    expect(left(decide(request))).toContain('r=1')
    expect(left(decide(copy))).toContain('r=0')
    for (const each of [request, copy]) expect(left(decide(each))).toBeUndefined()
    // The two are settled independently.
    await settle(copy, { tokens: 0 })
    expect(left(decide({ ...copy }))).toContain('"requests";r=0')
    await settle(request, { tokens: 0 })
    expect(decide({ ...request })).toMatchObject({ allowed: false })
  })

  it.each<[string, TestRequest]>([
    ['a plain request', {}],
    ['a Node request', { rawHeaders: ['Host', 'localhost'] } as TestRequest],
  ])('extends its admission to requests derived from it, but not to copies (%s)', async (_kind, request) => {
    const { limiter } = limiterOf({
      rules: [{ limit: '2/hour' }, { limit: '100/hour', of: 'tokens', cost: 40 }],
    })
    const left = (decision: HttpDecision) => headersOf(decision).ratelimit
    const decide = (request: TestRequest) => limiter.decide(request) as HttpDecision
    expect(left(decide(request))).toContain('"tokens";r=60')
    const derived: TestRequest = Object.create(request)
    expect(left(decide(derived))).toBeUndefined()
    await settle({ ...request }, { tokens: 0 })
    await settle(derived, { tokens: 20 })
    expect(left(decide({ ...request }))).toContain('"tokens";r=40')
  })

  it('is remembered, but a refused or undecided request is decided on again', () => {
    let fails = true
    const { limiter } = limiterOf({
      rules: [
        {
          limit: '1/minute',
          cost: () => {
            if (fails) throw new Error('on purpose')
            return 1
          },
        },
      ],
    })
    const [first, second] = [{}, {}]
    expect(() => limiter.decide(first)).toThrow('on purpose')
    expect(() => limiter.decide(first)).toThrow('on purpose')
    fails = false
    expect(limiter.decide(first)).toMatchObject({
      allowed: true,
      fields: expect.arrayContaining([expect.anything()]),
    })
    for (let again = 0; again < 3; again++) expect(limiter.decide(second)).toMatchObject({ allowed: false })
  })

  it('is settled in each limit that admitted it, and in no other', async () => {
    const tokens = () => limiterOf({ rules: [{ limit: '100/hour', of: 'tokens', cost: 90 }] })
    const [one, other] = [tokens(), tokens()]
    const request = {}
    await one.limiter.decide(request)
    await other.limiter.decide(request)
    await settle(request, { tokens: 10 })
    for (const { decide } of [one, other]) expect(headersOf(decide()).ratelimit).toMatch(/r=0/)
    await settle({}, { tokens: 10 })
    await expect(settle(request, { tokens: -1 })).resolves.toBeUndefined()
  })
})

describe('the options of an HTTP limiter', () => {
  it.each<[string, string | HttpLimitOptions<TestRequest>, string]>([
    ['a limit with an unknown unit', '10 per fortnight', "unknown unit 'fortnight'"],
    ['missing rules', {} as never, "'rules' must be a list"],
    ['an invalid proxy', { rules: [], trustedProxies: ['everyone'] }, '10.0.0.0/8 or ::1'],
    ['an invalid prefix length', { rules: [], ipv6Subnet: 0 }, "'ipv6Subnet'"],
    ['an unknown option', { rules: [], trustProxy: true } as never, "no option 'trustProxy'"],
    ['a misspelled option', { rules: [], trustedProxy: [] } as never, "did you mean 'trustedProxies'?"],
    [
      'an unknown option with the list of valid ones',
      { rules: [], size: 1 } as never,
      'refuse, throw, allow, trustedProxies, forwardedHeader, ipv6Subnet, fields, retryAfter, xRateLimit',
    ],
    ['an option that only createLimiter has', { rules: [], keys: {} } as never, "no option 'keys'"],
    [
      "a 'throw' that is not a boolean",
      { rules: [], throw: 'yes' } as never,
      "'throw' must be true or false",
    ],
    ['a list', ['10/minute'] as never, "takes a limit such as '10/minute'"],
    ['undefined', undefined as never, "takes a limit such as '10/minute'"],
    [
      "both 'client' and 'identify'",
      { rules: [], client: () => 'a', identify: () => undefined },
      "'identify' and 'client'",
    ],
  ])('are checked on creation, which rejects %s', (_what, options, message) => {
    expect(() => createHttpLimiter(options, access)).toThrow(message)
  })
})

describe('the queue for slots that clients share', () => {
  interface Addressed {
    readonly address: string
  }
  const queued = { rules: [{ concurrent: 1, by: 'everyone', wait: '10s', queue: 4 }] } as const
  const withPeer = (peer: (request: Addressed) => string | undefined) => {
    return createHttpLimiter<Addressed>(
      { ...queued, store: memoryStore() },
      {
        peer,
        header: () => undefined,
        listHeader: () => undefined,
        route: () => 'POST /predict',
        onHangUp: () => () => {},
      },
    )
  }
  /** Returns whether a request is allowed, or 'waits' while it is in the queue. */
  const outcomeOf = async (decision: HttpDecision | Promise<HttpDecision>) => {
    const waiting = new Promise<'waits'>((resolve) => setImmediate(() => resolve('waits')))
    const result = await Promise.race([decision, waiting])
    return result === 'waits' ? result : result.allowed
  }

  it('reserves half of its capacity for other addresses if requests are anonymous', async () => {
    const limiter = withPeer(({ address }) => address)
    const send = (address: string) => outcomeOf(limiter.decide({ address }))
    expect(await send('192.0.2.1')).toBe(true)
    for (const expected of ['waits', 'waits', false]) expect(await send('192.0.2.1')).toBe(expected)
    for (const expected of ['waits', 'waits', false]) expect(await send('192.0.2.2')).toBe(expected)
  })

  it('accepts requests whose address cannot be read', async () => {
    const limiter = withPeer(() => undefined)
    expect(await outcomeOf(limiter.decide({ address: '' }))).toBe(true)
    expect(await outcomeOf(limiter.decide({ address: '' }))).toBe('waits')
  })
})
