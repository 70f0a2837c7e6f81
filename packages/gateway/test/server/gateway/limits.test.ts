import { describe, expect, it } from 'vitest'
import { send, startTestGateway } from './running-gateway.js'

const JSON_BODY = { 'content-type': 'application/json' }

describe('a limited route', () => {
  const predict =
    'routes: [{ match: POST /predict, limits: [{ limit: 3/minute, algorithm: fixed-window, by: ip }] }]'

  it('admits up to the limit, and refuses the rest with the rule and a retry time', async () => {
    const { url } = await startTestGateway(predict)
    const remaining: string[] = []
    for (let count = 0; count < 3; count++) {
      const { status, headers } = await send(url, '/predict', { body: '{}' })
      expect(status).toBe(200)
      remaining.push(String(headers.ratelimit))
    }
    expect(remaining.map((field) => /r=\d+/.exec(field)?.[0])).toEqual(['r=2', 'r=1', 'r=0'])

    const refused = await send(url, '/predict', { body: '{}' })
    expect(refused.status).toBe(429)
    expect(refused.headers['content-type']).toBe('application/problem+json')
    expect(Number(refused.headers['retry-after'])).toBeGreaterThan(0)
    expect(Number(refused.headers['retry-after'])).toBeLessThanOrEqual(60)
    expect(refused.headers['ratelimit-policy']).toBe('"requests";q=3;w=60')
    expect(refused.headers.ratelimit).toMatch(/^"requests";r=0;t=\d+$/)
    expect(JSON.parse(refused.text)).toMatchObject({
      status: 429,
      detail: expect.stringMatching(
        /^The limit is 3 requests per minute\. This request takes 1 request, but none are left\. Try again in (\d+ seconds?|1 minute)\.$/,
      ),
      'violated-policies': ['requests'],
      limit: '3/minute',
    })
  })

  it('is limited under every spelling of its target', async () => {
    const { url } = await startTestGateway(predict)
    for (let count = 0; count < 3; count++) await send(url, '/predict')
    const spellings = [
      ...['//predict', '/predict/', '/./predict', '/%70redict', '/x/../predict', '/predict?x=1', '/PREDICT'],
      ...[
        '/predict//',
        '///predict',
        '/predict/.',
        '/predict;x=1',
        '/%70%72edict?',
        `${url}/predict`,
        '/x/%2e%2e/predict',
      ],
    ]
    const statuses = await Promise.all(spellings.map(async (target) => (await send(url, target)).status))
    expect(Object.fromEntries(spellings.map((target, index) => [target, statuses[index]]))).toEqual(
      Object.fromEntries(spellings.map((target) => [target, 429])),
    )
    for (const target of ['/predict%2f', '/x\\..\\predict', '/..;/predict', '/predict%00', '/%zz/predict']) {
      expect([target, (await send(url, target)).status]).toEqual([target, 400])
    }
  })

  it('limits a client regardless of its forwarding headers', async () => {
    const { url } = await startTestGateway(predict)
    const headersOf = (count: number) => ({
      'x-forwarded-for': `203.0.113.${count}`,
      forwarded: `for=203.0.113.${count}`,
      'x-real-ip': `203.0.113.${count}`,
      'x-forwarded-host': `h${count}.example`,
    })
    const statuses: number[] = []
    for (let count = 0; count < 5; count++) {
      statuses.push((await send(url, '/predict', { headers: headersOf(count) })).status)
    }
    expect(statuses).toEqual([200, 200, 200, 429, 429])
  })

  it('counts each client of a trusted proxy separately, by the rightmost untrusted address', async () => {
    const { url } = await startTestGateway(`identity: { trusted_proxies: [127.0.0.1] }\n${predict}`)
    const from = async (list: string) =>
      (await send(url, '/predict', { headers: { 'x-forwarded-for': list } })).status
    const statuses: number[] = []
    for (let count = 0; count < 4; count++) statuses.push(await from(`10.1.1.${count}, 203.0.113.1`))
    expect(statuses).toEqual([200, 200, 200, 429])
    expect(await from('203.0.113.2')).toBe(200)
    expect(await from('nonsense')).toBe(400)
  })

  it('does not limit, but checks the requirement of, clients of allowed networks', async () => {
    const { url } = await startTestGateway(`identity: { trusted_proxies: [127.0.0.1, 192.0.2.200] }
limits: [{ limit: 2/minute, by: everyone }]
routes: [{ match: POST /predict, limits: [1/minute], allow: [192.0.2.0/24, "2001:db8::/32"], require: "headers['x-team'] == 'ml'" }]`)
    const from = async (address: string, team = 'ml') => {
      const { status, headers } = await send(url, '/predict', {
        headers: { 'x-forwarded-for': address, 'x-team': team },
      })
      return [status, headers.ratelimit !== undefined]
    }
    for (const exempt of ['192.0.2.7', '::ffff:192.0.2.7', '2001:db8:1::1', '192.0.2.7'])
      expect([exempt, await from(exempt)]).toEqual([exempt, [200, false]])
    expect(await from('192.0.2.7', 'ui')).toEqual([403, false])
    for (const limited of ['203.0.113.7', 'unknown, 192.0.2.200'])
      expect([limited, await from(limited)]).toEqual([limited, [200, true]])
    expect(await from('192.0.2.7, 203.0.113.7')).toEqual([429, true])
    expect((await from('nonsense'))[0]).toBe(400)
  })

  it('does not limit other routes or methods', async () => {
    const { url } = await startTestGateway(predict)
    for (let count = 0; count < 20; count++) {
      expect((await send(url, '/predict', { method: 'GET' })).status).toBe(200)
      expect((await send(url, '/model-info', { method: 'GET' })).headers).not.toHaveProperty('ratelimit')
    }
    expect((await send(url, '/predict')).headers.ratelimit).toContain('r=2')
  })

  it('forwards the matched spelling of the target, and no header that overrides it', async () => {
    const { url } = await startTestGateway(predict)
    const { text } = await send(url, '/x/..//%70redict?q=%70', {
      headers: { 'x-original-url': '/other', 'x-http-method-override': 'GET' },
    })
    const seen = JSON.parse(text)
    expect(seen).toMatchObject({ method: 'POST', url: '/predict?q=%70' })
    expect(seen.headers).not.toHaveProperty('x-original-url')
    expect(seen.headers).not.toHaveProperty('x-http-method-override')
  })
})

describe('the gateway', () => {
  it('charges the cost of a batch, and forwards the body unchanged', async () => {
    const { url } = await startTestGateway(
      'routes: [{ match: POST /batch, limits: [{ limit: 10/minute, of: rows, cost: size(body.data) }] }]',
    )
    const body = '{ "data": [[1,2,3],[4,5,6],[7,8,9],[1,1,1]] }'
    const first = await send(url, '/batch', { headers: JSON_BODY, body })
    expect(JSON.parse(first.text).body).toBe(body)
    expect((await send(url, '/batch', { headers: JSON_BODY, body })).status).toBe(200)
    const third = await send(url, '/batch', { headers: JSON_BODY, body })
    expect(third.status).toBe(429)
    expect(JSON.parse(third.text)).toMatchObject({ resource: 'rows', cost: 4 })
    expect((await send(url, '/batch', { headers: JSON_BODY, body: '{"data":[1,2]}' })).status).toBe(200)
    const oversized = await send(url, '/batch', {
      headers: JSON_BODY,
      body: '{"data":[1,2,3,4,5,6,7,8,9,0,1]}',
    })
    expect(oversized.headers).not.toHaveProperty('retry-after')
    expect(JSON.parse(oversized.text)).toMatchObject({ status: 429, reason: 'oversized' })
  })

  it('charges nothing if a body has no cost (400) or exceeds max_body (413)', async () => {
    const { url } = await startTestGateway(
      'max_body: 100\nroutes: [{ match: POST /batch, limits: [{ limit: 3/minute, of: rows, cost: size(body.data) }] }]',
    )
    const bodies = ['', '{', '[]', '{"data":5}', '{"rows":[]}', '{"data":null}', '\xff']
    for (const body of bodies) {
      const { status, headers, text } = await send(url, '/batch', { headers: JSON_BODY, body })
      expect([body, status, headers['content-type']]).toEqual([body, 400, 'application/problem+json'])
      expect(JSON.parse(text).detail).not.toBe('')
    }
    const padded = (length: number) => `{"data":[]${' '.repeat(length - 11)}}`
    expect((await send(url, '/batch', { body: padded(100) })).status).toBe(200)
    expect((await send(url, '/batch', { body: padded(101) })).status).toBe(413)
    const chunked = { 'transfer-encoding': 'chunked' }
    expect((await send(url, '/batch', { headers: chunked, body: padded(101) })).status).toBe(413)
    expect((await send(url, '/batch', { body: '{"data":[1,2,3]}' })).status).toBe(200)
  })

  it('counts by model, by header, by cookie, for everyone and by combinations', async () => {
    const { url } = await startTestGateway(`
routes:
  - match: POST /models/:model/predict
    limits:
      - { limit: 2/minute, by: [ip, params.model] }
  - match: POST /tenant
    limits: [{ limit: 1/minute, by: "header:x-tenant" }]
  - match: POST /session
    limits: [{ limit: 1/minute, by: ["cookie:session", ip] }]
  - match: POST /today
    limits: [{ limit: 1/minute, cost: "now.getFullYear('UTC') > 2025 && cidr('127.0.0.0/8').containsIP(ip) ? 1 : 0" }]
  - match: POST /charged
    limits: [{ limit: 5/minute, cost: "headers['x-cost'] == 'a' ? 2 : 1" }]
  - match: POST /all/*
    limits: [{ limit: 2/minute, by: everyone }]
`)
    const model = async (name: string) => (await send(url, `/models/${name}/predict`)).status
    expect([await model('a'), await model('a'), await model('a'), await model('b')]).toEqual([
      200, 200, 429, 200,
    ])

    const tenant = async (headers: object) => (await send(url, '/tenant', { headers })).status
    expect(await tenant({ 'x-tenant': 'a' })).toBe(200)
    expect(await tenant({ 'X-Tenant': 'a' })).toBe(429)
    // Some upstreams would ignore this header.
    expect(await tenant({ x_tenant: 'a' })).toBe(400)
    expect(await tenant({ 'x-tenant': 'b' })).toBe(200)
    // The upstream could use the second value, which was not counted.
    expect(await tenant({ 'x-tenant': ['c', 'a'] })).toBe(400)
    expect(await tenant({ 'x-tenant': 'd', x_tenant: 'a' })).toBe(400)
    expect(await tenant({ 'x-tenant': 'k'.repeat(10_000) })).toBe(200)

    expect([(await send(url, '/today')).status, (await send(url, '/today')).status]).toEqual([200, 429])

    // The same applies to a header that an expression reads.
    const charged = async (headers: object) => (await send(url, '/charged', { headers })).status
    expect([await charged({ 'x-cost': 'a' }), await charged({ 'x-cost': ['a', 'b'] })]).toEqual([200, 400])
    expect(await charged({ 'x-cost': 'a', x_cost: 'b' })).toBe(400)
    expect(await charged({})).toBe(400)

    const session = async (headers: object) => (await send(url, '/session', { headers })).status
    expect(await session({ cookie: 'theme=dark; session=a' })).toBe(200)
    expect(await session({ cookie: 'session="a"' })).toBe(429)
    expect(await session({ cookie: 'session=b' })).toBe(200)
    expect(await session({ cookie: 'session=c; session=a' })).toBe(400)
    expect([await session({}), await session({ cookie: 'theme=dark' })]).toEqual([200, 429])

    expect([(await send(url, '/all/a')).status, (await send(url, '/all/b')).status]).toEqual([200, 200])
    expect((await send(url, '/all/c')).status).toBe(429)
  })
})

describe('requests that match no route', () => {
  it('are limited by the default policy', async () => {
    const { url } = await startTestGateway('default: { limits: [2/minute] }')
    const statuses: number[] = []
    for (const target of ['/a', '/b', '/c']) statuses.push((await send(url, target)).status)
    expect(statuses).toEqual([200, 200, 429])
  })

  it('get a 404 if the default policy is deny', async () => {
    const { url } = await startTestGateway('routes: [{ match: GET /a }]\ndefault: deny')
    expect((await send(url, '/a', { method: 'GET' })).status).toBe(200)
    const denied = await send(url, '/b', { method: 'GET' })
    expect([denied.status, denied.headers['content-type']]).toEqual([404, 'application/problem+json'])
  })
})

describe('a failing upstream', () => {
  it('causes a 502 and does not leak the slot of the request', async () => {
    const { url, failures } = await startTestGateway(
      'routes: [{ match: POST /predict, limits: [{ concurrent: 1 }] }]',
      (request) => request.socket.destroy(),
    )
    for (let count = 0; count < 3; count++) {
      const { status, headers } = await send(url, '/predict')
      expect([status, headers['content-type']]).toEqual([502, 'application/problem+json'])
    }
    expect(failures).toHaveLength(3)
  })
})
