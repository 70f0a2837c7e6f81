import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Browser } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest'
import { launchChromium } from '../../../../../scripts/chromium.js'
import { UpstreamGrants } from '../../../src/server/http/cross-origin.js'
import { echo, send, startTestGateway, startUpstream } from './running-gateway.js'

const ORIGIN = 'https://app.example'
const LIMITED = 'routes: [{ match: POST /predict, limits: [1/hour] }, { match: /free }]'
const LIMIT_HEADERS = ['ratelimit-policy', 'ratelimit', 'retry-after']

/** Returns the CORS headers of a response, without the prefix, and its `Vary`. */
function corsOf({ headers }: { headers: IncomingMessage['headers'] }): Record<string, unknown> {
  const names = Object.entries(headers).filter(
    ([name]) => name.startsWith('access-control-') || name === 'vary',
  )
  return Object.fromEntries(names.map(([name, value]) => [name.replace('access-control-', ''), value]))
}

/** An upstream that allows one origin. */
function corsUpstream(own: Readonly<Record<string, string>>) {
  return (request: IncomingMessage, response: ServerResponse) => {
    if (request.headers.origin === ORIGIN) {
      response.setHeader('access-control-allow-origin', ORIGIN)
      for (const [name, value] of Object.entries(own)) response.setHeader(name, value)
    }
    return echo(request, response)
  }
}

const from = (origin: string, more: object = {}) => ({ headers: { origin, ...more } })
const preflightFrom = (origin: string, more: object = {}) => ({
  method: 'OPTIONS',
  ...from(origin, { 'access-control-request-method': 'POST', ...more }),
})

describe('without `cors`', () => {
  it('a refusal has the CORS headers that the upstream last sent to this origin on this route', async () => {
    const { url } = await startTestGateway(
      LIMITED,
      corsUpstream({ 'access-control-allow-credentials': 'true' }),
    )
    expect((await send(url, '/predict')).status).toBe(200)
    expect(corsOf(await send(url, '/predict', from(ORIGIN)))).toEqual({})
    await send(url, '/free', preflightFrom(ORIGIN))
    expect(corsOf(await send(url, '/predict', from(ORIGIN)))).toEqual({})
    await send(url, '/predict', preflightFrom(ORIGIN))
    await send(url, '/predict', preflightFrom('https://evil.example'))
    const refused = await send(url, '/predict', from(ORIGIN))
    expect(refused.status).toBe(429)
    expect(corsOf(refused)).toEqual({
      'allow-origin': ORIGIN,
      'allow-credentials': 'true',
      'expose-headers': [...LIMIT_HEADERS, 'x-request-id'].join(', '),
      vary: 'Origin',
    })
    expect(corsOf(await send(url, '/predict', from('https://evil.example')))).toEqual({})
    expect(corsOf(await send(url, '/predict'))).toEqual({})
  })

  it('the responses to a forbidden request and to an upstream failure have them too', async () => {
    let isDown = false
    const { url } = await startTestGateway(
      `routes: [{ match: POST /predict, require: "'x-ok' in headers" }]`,
      (request, response) => {
        if (isDown) request.socket.destroy()
        else corsUpstream({})(request, response)
      },
    )
    await send(url, '/predict', preflightFrom(ORIGIN))
    const forbidden = await send(url, '/predict', from(ORIGIN))
    const readable = { 'allow-origin': ORIGIN, 'expose-headers': 'x-request-id', vary: 'Origin' }
    expect([forbidden.status, corsOf(forbidden)]).toEqual([403, readable])
    isDown = true
    const failed = await send(url, '/predict', from(ORIGIN, { 'x-ok': '1' }))
    expect([failed.status, corsOf(failed)]).toEqual([502, readable])
  })

  it.each([
    ['', 'ratelimit-policy, ratelimit, x-request-id'],
    ['X-Model, RateLimit', 'X-Model, RateLimit, ratelimit-policy, x-request-id'],
    ['*', '*'],
  ])(
    'the rate limit headers and the request ID are added to the exposed headers %j of the upstream',
    async (own, expected) => {
      const upstream = corsUpstream(own === '' ? {} : { 'access-control-expose-headers': own })
      const { url } = await startTestGateway('default: { limits: [2/hour] }', upstream)
      expect(corsOf(await send(url, '/', from(ORIGIN)))).toEqual({
        'allow-origin': ORIGIN,
        'expose-headers': expected,
      })
      expect(corsOf(await send(url, '/', from('https://evil.example')))).toEqual({})
      const refused = corsOf(await send(url, '/', from(ORIGIN)))
      expect(refused['expose-headers']).toEqual(
        own === '*' ? '*' : expect.stringMatching(/, retry-after, x-request-id$/),
      )
    },
  )

  it("an exposed '*' is the name of a header in responses with credentials", async () => {
    const upstream = corsUpstream({
      'access-control-expose-headers': '*',
      'access-control-allow-credentials': 'true',
    })
    const { url } = await startTestGateway('default: { limits: [2/hour] }', upstream)
    expect(corsOf(await send(url, '/', from(ORIGIN)))['expose-headers']).toBe(
      '*, ratelimit-policy, ratelimit, x-request-id',
    )
  })

  it('an origin that the upstream no longer allows is forgotten', async () => {
    let isAllowed = true
    const { url } = await startTestGateway('default: { limits: [2/hour] }', (request, response) =>
      isAllowed ? corsUpstream({})(request, response) : echo(request, response),
    )
    await send(url, '/', from(ORIGIN))
    isAllowed = false
    await send(url, '/', from(ORIGIN))
    const refused = await send(url, '/', from(ORIGIN))
    expect([refused.status, corsOf(refused)]).toEqual([429, {}])
  })
})

describe('the grants of the upstream', () => {
  const grant = { allowOrigin: '*', credentials: false, exposed: '' }

  it('expire a day after the last confirmation', () => {
    let now = 0
    const grants = new UpstreamGrants(() => now)
    grants.set('a', ORIGIN, grant)
    now = 86_399_999
    expect(grants.of('a', ORIGIN)).toEqual(grant)
    grants.set('b', ORIGIN, grant)
    now = 86_400_000
    expect(grants.of('a', ORIGIN)).toBeUndefined()
    expect(grants.of('b', ORIGIN)).toEqual(grant)
  })

  it('are at most 1000, and the one that was confirmed longest ago makes room', () => {
    const grants = new UpstreamGrants()
    for (let index = 0; index < 1000; index++) grants.set('a', `https://${index}.example`, grant)
    grants.set('a', 'https://0.example', grant)
    grants.set('a', ORIGIN, grant)
    expect(grants.of('a', 'https://0.example')).toEqual(grant)
    expect(grants.of('a', 'https://1.example')).toBeUndefined()
    expect(grants.of('a', 'https://2.example')).toEqual(grant)
    grants.set('a', `https://${'a'.repeat(1024)}`, grant)
    expect(grants.of('a', `https://${'a'.repeat(1024)}`)).toBeUndefined()
  })
})

describe('with `cors`', () => {
  const listed = `cors: { origins: ["${ORIGIN}"], credentials: true, max_age: 1h }\n`

  it('the gateway answers preflights itself, and replaces the CORS headers of the upstream', async () => {
    const { url } = await startTestGateway(`${listed}default: { limits: [2/hour] }`, (request, response) => {
      if (request.method === 'OPTIONS') throw new Error('a preflight reached the upstream')
      response.setHeader('access-control-allow-origin', '*')
      response.setHeader('access-control-expose-headers', 'X-Model')
      response.setHeader('vary', 'Accept')
      return echo(request, response)
    })
    const preflight = await send(
      url,
      '/',
      preflightFrom(ORIGIN, { 'access-control-request-headers': 'authorization,x-a' }),
    )
    expect([preflight.status, preflight.text, preflight.headers['content-length']]).toEqual([
      204,
      '',
      undefined,
    ])
    expect(corsOf(preflight)).toEqual({
      'allow-origin': ORIGIN,
      'allow-credentials': 'true',
      'allow-methods': 'GET, HEAD, POST, PUT, PATCH, DELETE',
      'allow-headers': 'authorization, x-a',
      'expose-headers': 'x-request-id',
      'max-age': '3600',
      vary: 'Access-Control-Request-Method, Access-Control-Request-Headers, Origin',
    })
    expect(corsOf(await send(url, '/', from(ORIGIN)))).toEqual({
      'allow-origin': ORIGIN,
      'allow-credentials': 'true',
      'expose-headers': 'X-Model, ratelimit-policy, ratelimit, x-request-id',
      vary: 'Accept, Origin',
    })
    // A cache must not serve this response to a page.
    expect(corsOf(await send(url, '/'))).toEqual({ vary: 'Accept, Origin' })
    const refused = await send(url, '/', from(ORIGIN))
    expect([refused.status, corsOf(refused)['allow-origin']]).toEqual([429, ORIGIN])
  })

  it('an origin that is not listed gets no permission', async () => {
    const { url } = await startTestGateway(`${listed}default: { limits: [1/hour] }`, (request, response) => {
      response.setHeader('access-control-allow-origin', '*')
      return echo(request, response)
    })
    for (const origin of ['https://evil.example', `${ORIGIN}:8443`, 'http://app.example', 'null']) {
      expect(corsOf(await send(url, '/', preflightFrom(origin)))['allow-origin']).toBeUndefined()
      expect(corsOf(await send(url, '/', from(origin)))).toEqual({ vary: 'Origin' })
    }
  })

  it("'*' allows every origin without credentials, and lists restrict methods and headers", async () => {
    const open = 'cors: { origins: "*", methods: [POST], headers: [Authorization], max_age: 0 }'
    const { url } = await startTestGateway(open)
    const preflight = preflightFrom('null', { 'access-control-request-headers': 'x-a' })
    expect(corsOf(await send(url, '/', preflight))).toEqual({
      'allow-origin': '*',
      'allow-methods': 'POST',
      'allow-headers': 'Authorization',
      'expose-headers': 'x-request-id',
      'max-age': '0',
      vary: 'Access-Control-Request-Method, Access-Control-Request-Headers',
    })
    expect(corsOf(await send(url, '/'))).toEqual({})
  })

  it('the settings of a route replace those of the file, and pages can read a 404 and a 400', async () => {
    const routes =
      'routes: [{ match: /own, cors: { origins: https://own.example } }, { match: /off, cors: off }]'
    const { url } = await startTestGateway(`${listed}${routes}\ndefault: deny`)
    const allowed = async (path: string, origin: string) => {
      const response = await send(url, path, from(origin))
      return [response.status, corsOf(response)['allow-origin']]
    }
    expect(await allowed('/own', ORIGIN)).toEqual([200, undefined])
    expect(await allowed('/own', 'https://own.example')).toEqual([200, 'https://own.example'])
    expect(await allowed('/off', ORIGIN)).toEqual([200, undefined])
    expect((await send(url, '/off', preflightFrom(ORIGIN))).status).toBe(200)
    expect((await send(url, '/other', preflightFrom(ORIGIN))).status).toBe(204)
    expect(await allowed('/other', ORIGIN)).toEqual([404, ORIGIN])
    expect(await allowed('/%zz', ORIGIN)).toEqual([400, ORIGIN])
  })
})

describe('a page of another origin in Chromium', () => {
  let browser: Browser
  beforeAll(async () => {
    browser = await launchChromium()
  })
  afterAll(() => browser?.close())

  it.each(['the gateway', 'the upstream'])(
    'reads the status, headers and body of a 429, and 1000 preflights count as 0, if %s answers preflights',
    async (owner) => {
      const pageUrl = await startUpstream((_request, response) => {
        response.setHeader('content-type', 'text/html').end('<title>page</title>')
      })
      let preflights = 0
      const cors = owner === 'the gateway' ? `cors: { origins: "${pageUrl}", max_age: 0 }\n` : ''
      const { url } = await startTestGateway(
        `${cors}default: { limits: [{ limit: 2/hour, algorithm: fixed-window }] }`,
        (request, response) => {
          if (owner === 'the upstream') {
            response.setHeader('access-control-allow-origin', request.headers.origin ?? '')
            response.setHeader('access-control-allow-headers', 'content-type')
            response.setHeader('access-control-max-age', '0')
          }
          if (request.method === 'OPTIONS') preflights++
          return echo(request, response)
        },
      )
      for (let count = 0; count < 1000; count++) await send(url, '/predict', preflightFrom(pageUrl))
      const page = await browser.newPage()
      onTestFinished(() => page.close())
      await page.goto(pageUrl)
      const call = () =>
        page.evaluate(async (target) => {
          const response = await fetch(target, {
            method: 'POST',
            headers: { 'content-type': 'application/json' },
            body: '{}',
          })
          const header = (name: string) => response.headers.get(name)
          return {
            status: response.status,
            remaining: /r=(\d+)/.exec(header('ratelimit') ?? '')?.[1],
            policy: header('ratelimit-policy'),
            retryAfter: Number(header('retry-after') ?? Number.NaN),
            body: await response.text(),
          }
        }, `${url}/predict`)
      expect(await call()).toMatchObject({ status: 200, remaining: '1', retryAfter: Number.NaN })
      expect(await call()).toMatchObject({ status: 200, remaining: '0' })
      const refused = await call()
      expect(refused).toMatchObject({ status: 429, remaining: '0' })
      expect(refused.policy).toContain('q=2')
      expect(refused.retryAfter).toBeGreaterThan(0)
      expect(JSON.parse(refused.body)).toMatchObject({ status: 429, 'retry-after': refused.retryAfter })
      expect(preflights).toBe(owner === 'the upstream' ? 1003 : 0)
    },
  )
})
