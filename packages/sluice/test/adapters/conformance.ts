import type { ClientRequest } from 'node:http'
import { PassThrough } from 'node:stream'
import { parseList } from 'structured-headers'
import { describe, expect, it, onTestFinished } from 'vitest'
import type { HttpLimitOptions } from '../../src/http/http-limiter.js'
import { keyDigest, keyTable } from '../../src/identity/api-keys.js'
import { identity } from '../../src/identity/identify.js'
import { newKey } from '../../src/identity/key-format.js'
import { UnauthorizedError } from '../../src/rules/client.js'
import { memoryStore } from '../../src/stores/memory/memory-store.js'
import { StoreUnavailableError } from '../../src/stores/resilience/store-unavailable.js'
import { describeConnections } from './connections.js'
import { describeFailures } from './failures.js'
import type { Framework, StartRoutes, ThrownRefusal } from './framework.js'
import { describeLimitMethods } from './limit-methods.js'
import { describeProxies } from './proxies.js'
import { openStream, sendRequest, startRequest, statuses } from './requests.js'
import { describeSkippedResponses } from './skipped-responses.js'
import { asynchronousStore } from './slow-store.js'

type Options = HttpLimitOptions<object>

/** Tests the behavior of an adapter in its framework through real sockets. */
export function describeAdapter(name: string, framework: Framework): void {
  const start: StartRoutes = async (...routes) => {
    const completeRoutes = routes.map(
      (route) => ({ method: 'POST', path: '/predict', handle: () => 'fine', ...route }) as const,
    )
    const app = await framework.start(completeRoutes)
    onTestFinished(() => app.close())
    return app.port
  }
  const fixed = (limit: string, more: object = {}): Options => ({
    rules: [{ limit, algorithm: 'fixed-window', ...more }],
  })

  const rejectsEve = (request: object) => {
    if (framework.headerOf(request, 'x-user') === 'eve') throw new UnauthorizedError('unknown user')
    return 'ada'
  }

  describe(name, () => {
    it('admits requests within the limit and reports the quota', async () => {
      const port = await start({ limits: [fixed('3/minute')] })
      const { status, text, headers } = await sendRequest(port, '/predict')
      expect([status, text]).toEqual([200, 'fine'])
      const [[policy, policyParameters]] = parseList(String(headers['ratelimit-policy'])) as [
        [string, Map<string, unknown>],
      ]
      expect(policy).toBe('requests')
      expect(Object.fromEntries(policyParameters)).toEqual({ q: 3, w: 60 })
      const [[rule, parameters]] = parseList(String(headers.ratelimit)) as [[string, Map<string, unknown>]]
      expect(rule).toBe('requests')
      expect(parameters.get('r')).toBe(2)
      expect(headers['x-ratelimit-limit']).toBeUndefined()
      expect(headers['retry-after']).toBeUndefined()
      expect(await statuses(port, '/predict', 3)).toEqual([200, 200, 429])
    })

    it('refuses with a problem document that says when to retry', async () => {
      const port = await start({ limits: [fixed('1/minute')] })
      await sendRequest(port, '/predict')
      const { status, text, headers } = await sendRequest(port, '/predict')
      expect(status).toBe(429)
      expect(headers['content-type']).toBe('application/problem+json')
      const problem = JSON.parse(text)
      expect(problem).toMatchObject({
        type: 'https://iana.org/assignments/http-problem-types#quota-exceeded',
        status: 429,
        'violated-policies': ['requests'],
      })
      expect(problem.detail).toMatch(/1 request per minute.*Try again in/)
      expect(Number(headers['retry-after'])).toBeGreaterThan(0)
      expect(Number(headers['retry-after'])).toBeLessThanOrEqual(60)
      expect(headers.ratelimit).toMatch(/^"requests";r=0/)
    })

    it('adds X-RateLimit headers if requested', async () => {
      const port = await start({ limits: [{ ...fixed('3/minute'), xRateLimit: true }] })
      const { headers } = await sendRequest(port, '/predict')
      expect([
        headers['x-ratelimit-limit'],
        headers['x-ratelimit-remaining'],
        headers['x-ratelimit-reset'],
      ]).toEqual(['3', '2', '60'])
    })

    it('adds the error format of an API and its retry headers to refusals and other errors', async () => {
      const options = { ...fixed('1/day'), errorShape: 'openai', client: rejectsEve } as const
      const port = await start({ limits: [options] })
      await sendRequest(port, '/predict')
      const { status, text, headers } = await sendRequest(port, '/predict')
      expect(status).toBe(429)
      const { detail, error } = JSON.parse(text)
      expect(error).toEqual({
        ...{ message: detail, type: 'insufficient_quota', param: null, code: 'insufficient_quota' },
      })
      expect(headers['x-should-retry']).toBe('false')
      expect(Math.ceil(Number(headers['retry-after-ms']) / 1000)).toBe(Number(headers['retry-after']))
      const rejected = await sendRequest(port, '/predict', { headers: { 'x-user': 'eve' } })
      expect(JSON.parse(rejected.text)).toMatchObject({ status: 401, error: { code: 'invalid_api_key' } })
    })

    it('sends a custom response instead of the problem document', async () => {
      const refuse = () => ({
        status: 420,
        headers: { 'X-Why': 'calm' },
        body: { error: 'Rate limit exceeded' },
      })
      const port = await start({ limits: [{ ...fixed('1/minute'), refuse }] })
      await sendRequest(port, '/predict')
      const { status, headers, text } = await sendRequest(port, '/predict')
      expect([status, headers['x-why'], JSON.parse(text)]).toEqual([
        420,
        'calm',
        { error: 'Rate limit exceeded' },
      ])
      expect(headers['content-type']).toContain('application/json')
      expect(headers['retry-after']).toBeDefined()
    })

    it.runIf(framework.respondsToErrors)(
      'throws refusals if requested, to which the framework responds with their status and headers',
      async () => {
        const port = await start({ limits: [{ ...fixed('1/minute'), throw: true }] })
        expect((await sendRequest(port, '/predict')).text).toBe('fine')
        const { status, headers } = await sendRequest(port, '/predict')
        expect(status).toBe(429)
        expect(Number(headers['retry-after'])).toBeGreaterThan(0)
        expect(headers.ratelimit).toMatch(/^"requests";r=0;t=\d+$/)
      },
    )

    it('throws refusals if requested, with the problem, status and headers for an error handler', async () => {
      const limits: Options[] = [
        { ...fixed('1/minute', { by: 'header:x-tenant' }), throw: true, trustedProxies: 1 },
      ]
      let headersOfError: Readonly<Record<string, unknown>> | undefined
      const onError = ({ status, message, problem, headers }: ThrownRefusal) => {
        headersOfError = headers
        return { own: true, status, message, problem }
      }
      const route = { method: 'POST', path: '/predict', limits, handle: () => 'fine' } as const
      const app = await framework.start([route], { onError })
      onTestFinished(() => app.close())
      expect((await sendRequest(app.port, '/predict', { headers: { 'x-tenant': 'a' } })).status).toBe(200)
      const refused = await sendRequest(app.port, '/predict', { headers: { 'x-tenant': 'a' } })
      expect(refused.status).toBe(429)
      expect(JSON.parse(refused.text)).toEqual({
        own: true,
        status: 429,
        message: expect.stringMatching(/1 request per minute.*Try again in/),
        problem: expect.objectContaining({ title: 'Too many requests', 'violated-policies': ['requests'] }),
      })
      expect(refused.headers['content-type']).toMatch(/^application\/json/)
      expect(Number(refused.headers['retry-after'])).toBeGreaterThan(0)
      expect(refused.headers.ratelimit).toMatch(/^"requests";r=0;t=\d+$/)
      if (headersOfError !== undefined)
        expect(headersOfError).toMatchObject({ 'retry-after': refused.headers['retry-after'] })
      const malformed = await sendRequest(app.port, '/predict', {
        headers: { 'x-forwarded-for': 'nonsense' },
      })
      expect([malformed.status, JSON.parse(malformed.text).problem.title]).toEqual([400, 'Bad Request'])
    })

    it.runIf(framework.allowsSeveralLimits && framework.respondsToErrors)(
      'throws refusals with the headers of earlier limits, which were admitted',
      async () => {
        const port = await start({
          limits: [fixed('9/minute', { name: 'a' }), { ...fixed('1/minute', { name: 'b' }), throw: true }],
        })
        await sendRequest(port, '/predict')
        const { status, headers } = await sendRequest(port, '/predict')
        const names = parseList(String(headers['ratelimit-policy'])).map(([name]) => name)
        expect([status, names.toSorted()]).toEqual([429, ['a', 'b']])
      },
    )

    it('counts a route by its template, never by the concrete path', async () => {
      const store = memoryStore()
      const byRoute: Options = { ...fixed('2/minute', { by: ['route', 'everyone'] }), store }
      const port = await start(
        { path: '/models/:model', limits: [{ ...byRoute, name: 'all' }] },
        { path: '/other/:model', limits: [{ ...byRoute, name: 'others' }] },
      )
      expect(await statuses(port, '/models/a', 1)).toEqual([200])
      expect(await statuses(port, '/models/b', 2)).toEqual([200, 429])
      expect(await statuses(port, '/other/a', 1)).toEqual([200])
    })

    it('counts HEAD as GET', async () => {
      const port = await start({ method: 'GET', limits: [fixed('2/minute', { by: ['route', 'everyone'] })] })
      expect((await sendRequest(port, '/predict', { method: 'HEAD' })).status).toBe(200)
      expect(await statuses(port, '/predict', 2, { method: 'GET' })).toEqual([200, 429])
    })

    it('neither counts nor refuses a CORS preflight, and counts other OPTIONS requests', async () => {
      const rule = { limit: '2/minute', algorithm: 'fixed-window', by: 'everyone' } as const
      const port = await start({
        method: 'OPTIONS',
        limits: [{ rules: [rule], require: (request) => framework.headerOf(request, 'x-ok') === '1' }],
        handle: ({ decision }) => String(decision()),
      })
      const origin = { origin: 'https://app.example' }
      const preflight = { ...origin, 'access-control-request-method': 'POST' }
      const send = (headers: object, body?: object) =>
        sendRequest(port, '/predict', { method: 'OPTIONS', headers: { ...headers }, body })
      for (let count = 0; count < 5; count++) {
        const { status, headers, text } = await send(preflight)
        expect([status, headers.ratelimit, text]).toEqual([200, undefined, 'undefined'])
      }
      expect((await send(origin)).status).toBe(403)
      expect((await send({ ...preflight, 'content-length': 2 }, {})).status).toBe(403)
      expect((await send({ ...preflight, 'transfer-encoding': 'chunked' }, {})).status).toBe(403)
      expect((await send({ ...origin, 'x-ok': '1' })).headers.ratelimit).toContain('r=1')
      const withoutOrigin = { 'access-control-request-method': 'POST', 'x-ok': '1' }
      expect((await send(withoutOrigin)).headers.ratelimit).toContain('r=0')
      expect((await send({ ...origin, 'x-ok': '1' })).status).toBe(429)
      expect((await send(preflight)).status).toBe(200)
    })

    it.runIf(framework.readsBody)(
      'charges the cost of the body, and rejects an invalid body with 400 without charging',
      async () => {
        const rows = (request: object) => (framework.bodyOf(request) as { rows: number }).rows
        const port = await start({ limits: [fixed('10/minute', { of: 'rows', cost: rows })] })
        expect((await sendRequest(port, '/predict', { body: { rows: 7 } })).headers.ratelimit).toContain(
          'r=3',
        )
        for (const wrong of [-1, 'many', null, 1.5]) {
          const { status, text } = await sendRequest(port, '/predict', { body: { rows: wrong } })
          expect([status, JSON.parse(text).detail]).toEqual([400, expect.stringContaining('cost')])
        }
        expect((await sendRequest(port, '/predict', { body: { rows: 4 } })).status).toBe(429)
        expect((await sendRequest(port, '/predict', { body: { rows: 3 } })).status).toBe(200)
      },
    )

    it('reports the decision to the handler', async () => {
      const rules = [
        { name: 'wide', limit: '100/hour', algorithm: 'fixed-window' as const },
        { name: 'near', limit: '3/minute', algorithm: 'fixed-window' as const },
        { name: 'shadow', limit: '1/minute', algorithm: 'fixed-window' as const, enforce: false },
      ]
      const port = await start(
        {
          limits: [{ rules }],
          handle: ({ decision }) => {
            const { rule, limit, remaining, resetAfter = 0, quotas } = decision() ?? {}
            const seconds = Math.round(resetAfter / 1000)
            return JSON.stringify([rule, limit?.limit, remaining, seconds, quotas?.map((each) => each.rule)])
          },
        },
        { path: '/free', limits: [], handle: ({ decision }) => String(decision()) },
      )
      const read = async () => JSON.parse((await sendRequest(port, '/predict')).text)
      expect(await read()).toEqual(['near', 3, 2, 60, ['wide', 'near', 'shadow']])
      expect((await read()).slice(0, 3)).toEqual(['near', 3, 1])
      expect((await sendRequest(port, '/free')).text).toBe('undefined')
    })

    it.runIf(framework.allowsSeveralLimits)('reports the rules of every limit to the handler', async () => {
      const port = await start({
        limits: [fixed('9/minute', { name: 'first' }), fixed('2/minute', { name: 'second' })],
        handle: ({ decision }) =>
          [decision()?.rule, ...(decision()?.quotas ?? []).map(({ rule }) => rule)].join(),
      })
      expect((await sendRequest(port, '/predict')).text).toBe('second,first,second')
    })

    it('counts with the default algorithm of its options', async () => {
      const port = await start({
        limits: [{ algorithm: 'sliding-log', rules: [{ limit: '3/minute' }] }],
        handle: ({ decision }) => String(decision()?.limit.algorithm),
      })
      expect((await sendRequest(port, '/predict')).text).toBe('sliding-log')
    })

    it('settles with the actual cost reported by a handler', async () => {
      const port = await start({
        limits: [fixed('100/hour', { of: 'tokens', cost: 80 })],
        handle: async ({ settle }) => {
          await settle({ tokens: 10 })
          return 'fine'
        },
      })
      expect(await statuses(port, '/predict', 4)).toEqual([200, 200, 200, 429])
    })

    it.each([
      ['a synchronous store', {}],
      ['an asynchronous store', { store: asynchronousStore() }],
    ])('rejects the settlement of a resource that no rule counts, with %s', async (_kind, store) => {
      const port = await start({
        limits: [{ ...fixed('100/hour', { of: 'tokens', cost: 80 }), ...store }],
        handle: async ({ settle }) => {
          const error = await settle({ tokens: 10, token: 10 }).catch((reason: Error) => reason)
          return String(error)
        },
      })
      const { text } = await sendRequest(port, '/predict')
      expect(text).toBe("TypeError: no rule counts 'token'; did you mean 'tokens'? The rules count tokens")
      // Nothing was settled.
      expect((await sendRequest(port, '/predict')).status).toBe(429)
    })

    it.runIf(framework.allowsSeveralLimits)(
      'settles each of several limits with the resources that its rules count',
      async () => {
        const rows = fixed('100/hour', { of: 'rows', cost: 80 })
        const port = await start({
          limits: [fixed('100/hour', { of: 'tokens', cost: 80 }), rows],
          handle: async ({ settle }) => {
            await settle({ tokens: 10, rows: 20 })
            return String(await settle({ row: 1 }).catch((reason: Error) => reason))
          },
        })
        const { text } = await sendRequest(port, '/predict')
        expect(text).toMatch(
          /no rule counts 'row'; did you mean 'rows'\? The rules count (rows, tokens|tokens, rows)$/,
        )
        const { headers } = await sendRequest(port, '/predict')
        expect(String(headers.ratelimit)).toMatch(/r=10\b/)
        expect(String(headers.ratelimit)).toMatch(/r=0\b/)
      },
    )

    it.runIf(framework.allowsSeveralLimits)('reports each of several limits in the headers', async () => {
      const both: Options = { rules: [{ name: 'b', limit: '9/minute' }] }
      const port = await start({ limits: [{ rules: [{ name: 'a', limit: '5/minute' }] }, both] })
      const { headers } = await sendRequest(port, '/predict')
      const policies = parseList(String(headers['ratelimit-policy'])).map(([policy]) => policy)
      expect(policies.toSorted()).toEqual(['a', 'b'])
      expect(parseList(String(headers.ratelimit))).toHaveLength(2)
    })

    it('ignores X-Forwarded-For without trusted proxies', async () => {
      const port = await start({ limits: [fixed('1/minute', { by: 'ip' })] })
      await sendRequest(port, '/predict')
      expect(
        (await sendRequest(port, '/predict', { headers: { 'x-forwarded-for': '203.0.113.9' } })).status,
      ).toBe(429)
    })

    it('skips trusted proxies from the right of X-Forwarded-For, across all header lines', async () => {
      const port = await start({
        limits: [{ ...fixed('1/minute', { by: 'ip' }), trustedProxies: ['127.0.0.1', '10.0.0.0/8'] }],
      })
      const from = async (...lines: string[]) =>
        (await sendRequest(port, '/predict', { headers: { 'x-forwarded-for': lines } })).status
      expect(await from('203.0.113.9')).toBe(200)
      expect(await from('198.51.100.1, 203.0.113.9, 10.1.2.3')).toBe(429)
      expect(await from('198.51.100.1', '203.0.113.9')).toBe(429)
      expect(await from('203.0.113.9', '198.51.100.1')).toBe(200)
      expect(await from('2001:db8::1')).toBe(200)
      expect(await from('2001:db8::2')).toBe(429)
      expect(await from('nonsense')).toBe(400)
      // Empty elements are ignored, and an empty header is treated as missing.
      expect(await from(', 203.0.113.9,, 10.1.2.3 ,', ' ')).toBe(429)
      expect(await from('')).toBe(200)
      expect(await from(',', ' , ')).toBe(429)
    })

    it('reads the header that the trusted proxy writes, and ignores the other one', async () => {
      const port = await start({
        limits: [{ ...fixed('1/minute', { by: 'ip' }), trustedProxies: 1, forwardedHeader: 'forwarded' }],
      })
      const from = async (forwarded: string | string[], xForwardedFor = '') => {
        const headers: Record<string, string | string[]> = {
          forwarded,
          'x-forwarded-for': xForwardedFor,
        }
        return (await sendRequest(port, '/predict', { headers })).status
      }
      expect(await from('for=203.0.113.9')).toBe(200)
      expect(await from('for=198.51.100.1, for="203.0.113.9:4711";proto=https', '203.0.113.8')).toBe(429)
      // A second line, and a quoted string that the client did not close.
      expect(await from(['for=198.51.100.1;host="', 'for=203.0.113.9'])).toBe(429)
      expect(await from('for="[2001:db8::1]"')).toBe(200)
      expect(await from('for=nonsense')).toBe(400)
    })

    it('does not limit clients of allowed networks, by the resolved address in any notation', async () => {
      const port = await start({
        limits: [
          {
            ...fixed('1/minute', { by: 'ip' }),
            allow: ['192.0.2.0/24', '2001:db8::/32', '198.51.100.7'],
            trustedProxies: ['127.0.0.1', '192.0.2.200'],
          },
        ],
        handle: async ({ settle, decision }) => {
          const counted = decision() !== undefined
          if (!counted) await settle({ tokens: 5 })
          return counted ? 'counted' : 'exempt'
        },
      })
      const send = (address: string) =>
        sendRequest(port, '/predict', { headers: { 'x-forwarded-for': address } })
      for (const exempt of ['192.0.2.7', '::ffff:192.0.2.7', '2001:db8:1::1', '198.51.100.7'])
        for (let times = 0; times < 3; times++) {
          const { status, text, headers } = await send(exempt)
          expect([exempt, status, text, headers.ratelimit]).toEqual([exempt, 200, 'exempt', undefined])
        }
      for (const limited of ['198.51.100.8', '2001:db9::1', '192.0.2.7, 203.0.113.7', 'unknown'])
        expect([limited, (await send(limited)).text]).toEqual([limited, 'counted'])
      // A proxy that hides its client does not lend the client its own address.
      expect((await send('unknown, 192.0.2.200')).status).toBe(200)
      expect((await send('unknown, 192.0.2.200')).status).toBe(429)
      expect((await send('nonsense')).status).toBe(400)
    })

    it('checks the requirement and the credentials of allowed clients', async () => {
      const port = await start({
        limits: [
          {
            rules: [{ limit: '1/minute' }],
            allow: ['127.0.0.1'],
            client: async (request) => framework.headerOf(request, 'x-key'),
            require: (_request, client) => client?.id === 'acme',
          },
        ],
      })
      expect(await statuses(port, '/predict', 3, { headers: { 'x-key': 'acme' } })).toEqual([200, 200, 200])
      expect(await statuses(port, '/predict', 1)).toEqual([403])
    })

    it('counts by a header and rejects a request that repeats it', async () => {
      const port = await start({ limits: [fixed('1/minute', { by: 'header:x-tenant' })] })
      const from = (...tenants: string[]) =>
        sendRequest(port, '/predict', { headers: { 'x-tenant': tenants } })
      expect((await from('a')).status).toBe(200)
      expect((await from('a')).status).toBe(429)
      expect((await from('b')).status).toBe(200)
      if (framework.distinguishesRepeatedHeaders) expect((await from('a', 'c')).status).toBe(400)
    })

    it('counts by a cookie and rejects a request with two values of it', async () => {
      const port = await start({ limits: [fixed('1/minute', { by: 'cookie:session' })] })
      const status = async (cookie: string) =>
        (await sendRequest(port, '/predict', { headers: { cookie } })).status
      expect(await status('theme=dark; session=a')).toBe(200)
      expect(await status('session="a"; theme=light')).toBe(429)
      expect(await status('session=b')).toBe(200)
      expect(await status('session=a; session=c')).toBe(400)
      expect(await status('theme=dark')).toBe(200)
      expect((await sendRequest(port, '/predict')).status).toBe(429)
    })

    it('accepts API keys after any white space and rejects them in unsupported headers and parameters', async () => {
      const key = newKey()
      const identify = identity({ apiKeys: keyTable([{ sha256: keyDigest(key), client: 'acme' }]) })
      const port = await start({ limits: [{ rules: [{ limit: '100/minute', by: 'client' }], identify }] })
      const status = async (headers: Record<string, string>, query = '') =>
        (await sendRequest(port, `/predict${query}`, { headers })).status
      expect(await status({ authorization: `Bearer\t${key}` })).toBe(200)
      expect(await status({ authorization: `bearer  ${key} ` })).toBe(200)
      expect(await status({ authorization: 'Bearer' })).toBe(401)
      expect(await status({ 'x-goog-api-key': key })).toBe(401)
      expect(await status({ authorization: `Basic ${Buffer.from(`:${key}`).toString('base64')}` })).toBe(401)
      expect(await status({}, `?key=${key}`)).toBe(401)
    })

    it('applies the tier of each client when clients share an address', async () => {
      const client = (request: object) => {
        const id = framework.headerOf(request, 'x-key')
        return id === undefined ? undefined : { id, tier: 'premium' }
      }
      const rule = { limit: '20/hour', algorithm: 'fixed-window', by: 'ip', tiers: { premium: 5 } } as const
      const port = await start({ limits: [{ rules: [rule], client }] })
      const admitted = async (tries: number, headers: Record<string, string> = {}) => {
        let count = 0
        for (let each = 0; each < tries; each++)
          if ((await sendRequest(port, '/predict', { headers })).status === 200) count++
        return count
      }
      expect(await admitted(22)).toBe(20)
      expect(await admitted(30, { 'x-key': 'acme' })).toBe(30)
      expect(await admitted(2)).toBe(0)
      expect(await admitted(52, { 'x-key': 'acme' })).toBe(50)
    })

    it('identifies the client with an asynchronous function and checks requirements', async () => {
      const client = async (request: object) => {
        const id = framework.headerOf(request, 'x-key')
        return id === undefined ? undefined : { id, tier: id === 'vip' ? 'premium' : 'free' }
      }
      const port = await start({
        limits: [
          {
            rules: [{ limit: '1/minute', tiers: { premium: 2 } }],
            client,
            require: (_request, client) => client !== undefined,
            refuseWith: { status: 403, detail: 'Premium access required' },
          },
        ],
      })
      const as = (key?: string) =>
        statuses(port, '/predict', 3, { headers: key === undefined ? {} : { 'x-key': key } })
      expect(await as('vip')).toEqual([200, 200, 429])
      expect(await as('someone')).toEqual([200, 429, 429])
      expect(await as()).toEqual([403, 403, 403])
      expect(JSON.parse((await sendRequest(port, '/predict')).text).detail).toBe('Premium access required')
    })

    describe.each<[string, <T>(value: T) => T]>([
      ['a promise', (value) => Promise.resolve(value) as typeof value],
      ['a thenable', (value) => thenable(value) as typeof value],
      ['a promise that resolves in a later turn', (value) => later(value) as typeof value],
    ])('functions of the options that return %s', (_what, wrap) => {
      it.each([
        ['a synchronous store', () => ({})],
        ['an asynchronous store', () => ({ store: asynchronousStore() })],
      ])("work as 'limit', 'by', 'cost' and 'refuse', with %s", async (_kind, store) => {
        const headerOf = (request: object, name: string) => framework.headerOf(request, name) ?? ''
        const limits: Options = {
          ...store(),
          algorithm: 'fixed-window',
          rules: [
            {
              name: 'units',
              limit: (request) => wrap(`${headerOf(request, 'x-limit')}/hour`),
              by: ['everyone', (request) => wrap(headerOf(request, 'x-user'))],
              cost: (request) => wrap(Number(headerOf(request, 'x-cost'))),
            },
            { limit: '100/hour' },
          ],
          refuse: ({ cost, remaining }, request) =>
            wrap({ status: 420, body: `${headerOf(request, 'x-user')} costs ${cost} of ${remaining}` }),
        }
        const port = await start({
          limits: [limits],
          handle: ({ decision }) => String(decision()?.remaining),
        })
        const send = async (user: string, limit: number, cost: number) => {
          const headers = { 'x-user': user, 'x-limit': limit, 'x-cost': cost }
          const response = await sendRequest(port, '/predict', { headers })
          expect(response.headers.ratelimit).toMatch(/^"units"/)
          return [response.status, response.text]
        }
        expect(await send('a', 10, 4)).toEqual([200, '6'])
        expect(await send('a', 10, 5)).toEqual([200, '1'])
        expect(await send('a', 10, 3)).toEqual([420, 'a costs 3 of 1'])
        expect(await send('a', 20, 3)).toEqual([200, '8'])
        expect(await send('b', 10, 3)).toEqual([200, '7'])
      })

      it("work as 'concurrent', 'client' and 'require'", async () => {
        let finish = () => {}
        const port = await start({
          limits: [
            {
              rules: [{ concurrent: () => wrap(1), by: 'client' }],
              client: (request) => wrap(framework.headerOf(request, 'x-user')),
              require: (_request, client) => wrap(client !== undefined),
            },
          ],
          handle: ({ request }) =>
            framework.headerOf(request, 'x-holds') === undefined
              ? 'fine'
              : new Promise<string>((resolve) => {
                  finish = () => resolve('fine')
                }),
        })
        const before = finish
        expect(await statuses(port, '/predict', 1)).toEqual([403])
        const held = sendRequest(port, '/predict', { headers: { 'x-user': 'a', 'x-holds': 'yes' } })
        await expect.poll(() => finish !== before).toBe(true)
        expect(await statuses(port, '/predict', 1, { headers: { 'x-user': 'a' } })).toEqual([429])
        expect(await statuses(port, '/predict', 1, { headers: { 'x-user': 'b' } })).toEqual([200])
        finish()
        expect((await held).status).toBe(200)
        const status = async () =>
          (await sendRequest(port, '/predict', { headers: { 'x-user': 'a' } })).status
        await expect.poll(status).toBe(200)
      })
    })

    it('responds with 503 and Retry-After when the store cannot decide', async () => {
      const take = () => Promise.reject(new StoreUnavailableError('limits', 1500, new Error('gone')))
      const port = await start({ limits: [{ ...fixed('1/minute'), store: { ...takeOnlyStore(), take } }] })
      const { status, headers } = await sendRequest(port, '/predict')
      expect([status, headers['retry-after']]).toEqual([503, '2'])
    })

    it.each(['rejects', 'throws'])(
      'passes the error to the framework if the store %s for another reason',
      async (how) => {
        const take = () => {
          const error = new Error('a fault')
          if (how === 'throws') throw error
          return Promise.reject(error)
        }
        const port = await start({ limits: [{ ...fixed('1/minute'), store: { ...takeOnlyStore(), take } }] })
        const { status, text } = await sendRequest(port, '/predict')
        expect(status).toBe(500)
        expect(text).not.toContain('fine')
      },
    )

    if (framework.limitsByConfig === undefined) describeLimitMethods(start, framework)
    describeProxies(framework)

    describeSkippedResponses(start, framework)

    describeFailures(start)

    describeConnections(start)

    describe('a slot of a request', () => {
      const slot = (more: object = {}): Options => ({ rules: [{ concurrent: 1, by: 'everyone', ...more }] })

      it('is released when the response has ended', async () => {
        const port = await start({ limits: [slot()] })
        for (let request = 0; request < 5; request++)
          await expect.poll(async () => (await sendRequest(port, '/predict')).status).toBe(200)
      })

      it('is released when a response to HEAD has ended', async () => {
        const port = await start({ method: 'GET', limits: [slot()] })
        for (let request = 0; request < 3; request++) {
          const status = async () => (await sendRequest(port, '/predict', { method: 'HEAD' })).status
          await expect.poll(status).toBe(200)
        }
      })

      it.each([
        ['an error', new Error('on purpose')],
        ['a string', 'on purpose'],
      ])('is released when the handler throws %s', async (_what, thrown) => {
        const port = await start({
          limits: [slot()],
          handle: () => {
            throw thrown
          },
        })
        const seen: number[] = []
        const request = async () => {
          const { status } = await sendRequest(port, '/predict')
          if (status !== 429) seen.push(status)
          return seen.length
        }
        await expect.poll(request, { timeout: 10_000 }).toBe(3)
        if (thrown instanceof Error) expect(seen).toEqual([500, 500, 500])
      })

      it('is held while the response streams and released when the client disconnects', async () => {
        const streams: PassThrough[] = []
        const port = await start({
          limits: [slot()],
          handle: () => {
            const stream = new PassThrough()
            stream.write('first')
            streams.push(stream)
            return stream
          },
        })
        for (let round = 0; round < 3; round++) {
          // The slot of the previous client becomes free soon, unless it has leaked.
          let held: ClientRequest | undefined
          const opened = async () => {
            const [status, request] = await openStream(port, '/predict')
            if (status === 200) held = request
            return status
          }
          await expect.poll(opened, { timeout: 10_000 }).toBe(200)
          expect((await sendRequest(port, '/predict')).status).toBe(429)
          held?.destroy()
        }
        await expect.poll(() => streams.every((stream) => stream.destroyed), { timeout: 10_000 }).toBe(true)
        expect(streams).toHaveLength(3)
      })

      it('is passed on to the next queued request whose client is still connected', async () => {
        const ends: (() => void)[] = []
        // The cost of the first request in the queue is computed on every attempt.
        const attempts = new Map<string | undefined, number>()
        const cost = (request: object) => {
          const client = framework.headerOf(request, 'x-client')
          attempts.set(client, (attempts.get(client) ?? 0) + 1)
          return 1
        }
        const isFirstInQueue = (client: string) => (attempts.get(client) ?? 0) > 4
        const as = (client: string) => ({ headers: { 'x-client': client } })
        const port = await start({
          limits: [slot({ wait: '20s', queue: 1, cost })],
          handle: () => new Promise<string>((resolve) => ends.push(() => resolve('fine'))),
        })
        const first = sendRequest(port, '/predict')
        await expect.poll(() => ends.length).toBe(1)
        const leaving = startRequest(port, '/predict', as('leaving'))
        leaving.on('error', () => {})
        await expect.poll(() => isFirstInQueue('leaving'), { timeout: 10_000 }).toBe(true)
        // The queue holds only one request, so it is full.
        expect((await sendRequest(port, '/predict')).status).toBe(503)
        leaving.destroy()
        let tries = 0
        const staying = (async () => {
          for (;;) {
            const { status } = await sendRequest(port, '/predict', as(`staying, try ${++tries}`))
            if (status !== 503) return status
          }
        })()
        await expect.poll(() => isFirstInQueue(`staying, try ${tries}`), { timeout: 10_000 }).toBe(true)
        ends[0]?.()
        expect((await first).status).toBe(200)
        await expect.poll(() => ends.length, { timeout: 10_000 }).toBe(2)
        ends[1]?.()
        expect(await staying).toBe(200)
        expect(ends).toHaveLength(2)
      })
    })
  })
}

/** Returns a promise of another library. */
function thenable<T>(value: T): PromiseLike<T> {
  // biome-ignore lint/suspicious/noThenProperty: this object imitates a promise.
  return { then: (resolve, reject) => Promise.resolve(value).then(resolve, reject) }
}

function later<T>(value: T): Promise<T> {
  return new Promise((resolve) => setImmediate(() => resolve(value)))
}

/** A store that supports only `take`. */
function takeOnlyStore() {
  return { peek: () => [], settle: () => {}, reset: () => {}, close: () => {} }
}
