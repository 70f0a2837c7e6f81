import { createHash } from 'node:crypto'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import type { ServerResponse } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it, onTestFinished } from 'vitest'
import type { UsageReport } from '../../../src/policy/usage/usage-report.js'
import { send, startTestGateway } from './running-gateway.js'

const digest = (key: string) => createHash('sha256').update(key).digest('hex')

/** Writes a keys file in which the key of each client is its ID and `-key`, and returns its settings. */
async function withKeys(clients: Readonly<Record<string, string | undefined>>): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'sluice-usage-'))
  onTestFinished(() => rm(folder, { recursive: true }))
  const keys = Object.entries(clients).map(
    ([client, tier]) =>
      `  - { client: ${JSON.stringify(client)}, sha256: ${digest(`${client}-key`)}${tier === undefined ? '' : `, tier: ${tier}`} }`,
  )
  await writeFile(join(folder, 'keys.yaml'), `keys:\n${keys.join('\n')}\n`)
  return `identity: { api_keys: ${join(folder, 'keys.yaml')} }\n`
}

const as = (client: string, more: object = {}) => ({ headers: { 'x-api-key': `${client}-key`, ...more } })

async function usageOf(url: string, options: { headers?: object } = {}, target = '/v1/usage') {
  const response = await send(url, target, { method: 'GET', ...options })
  expect(response.status, response.text).toBe(200)
  return JSON.parse(response.text) as UsageReport
}

describe('the usage of a client', () => {
  it('lists the rules of all routes with the numbers that enforcement uses, and takes nothing', async () => {
    const identity = await withKeys({ acme: 'pro', other: undefined })
    const { url } = await startTestGateway(`${identity}
usage: /v1/usage
tiers: { pro: 2 }
limits: [{ limit: 100/hour, algorithm: fixed-window, name: total }]
routes:
  - { match: POST /a, limits: [{ limit: 4/hour, algorithm: fixed-window, cost: 3 }] }
  - { match: POST /b, limits: [{ limit: 5/hour, tiers: { pro: unlimited } }] }`)
    expect((await send(url, '/a', as('acme'))).status).toBe(200)
    const read = await usageOf(url, as('acme'))
    expect(read).toMatchObject({ client: 'acme', tier: 'pro', pools: [], unknown: [] })
    expect(read.rules).toEqual([
      {
        rule: 'requests',
        resource: 'requests',
        routes: ['POST /a'],
        ...{ limit: '8/hour', capacity: 8, used: 3, left: 5 },
        ...{ reset: expect.any(Number), more: expect.any(Number) },
      },
      {
        rule: 'total',
        resource: 'requests',
        routes: ['POST /a', 'POST /b', 'default'],
        ...{ limit: '200/hour', capacity: 200, used: 1, left: 199 },
        ...{ reset: expect.any(Number), more: expect.any(Number) },
      },
    ])
    expect((await usageOf(url, as('acme'))).rules.map(({ left }) => left)).toEqual([5, 199])
    expect((await send(url, '/a', as('acme'))).status).toBe(200)
    expect((await usageOf(url, as('acme'))).rules.map(({ left }) => left)).toEqual([2, 198])
    // Three units are more than the two that are left.
    expect((await send(url, '/a', as('acme'))).status).toBe(429)
    // Another client has used nothing, and sees nothing of the first one.
    const other = await send(url, '/v1/usage', { method: 'GET', ...as('other') })
    expect((JSON.parse(other.text) as UsageReport).rules.map(({ used }) => used)).toEqual([0, 0, 0])
    expect(other.text).not.toContain('acme')
  })

  it('counts the slots and tokens that open requests reserve', async () => {
    const pending: ServerResponse[] = []
    const { url } = await startTestGateway(
      `usage: /v1/usage
routes:
  - match: POST /complete
    llm: openai-completions
    limits: [{ concurrent: 3 }, { limit: 1000/hour, of: tokens, algorithm: fixed-window }]`,
      (request, response) => {
        request.resume()
        pending.push(response)
      },
    )
    const body = JSON.stringify({ prompt: 'x'.repeat(40), max_tokens: 400 })
    const open = send(url, '/complete', { body })
    await expect.poll(() => pending.length).toBe(1)
    const [slots, tokens] = (await usageOf(url)).rules
    expect(slots).toMatchObject({ resource: 'concurrent', used: 1, left: 2 })
    expect(tokens?.used).toBeGreaterThanOrEqual(400)
    pending[0]?.setHeader('content-type', 'application/json')
    pending[0]?.end('{"choices":[],"usage":{"prompt_tokens":10,"completion_tokens":35}}')
    await open
    await expect.poll(async () => (await usageOf(url)).rules.map(({ used }) => used)).toEqual([0, 45])
  })

  it('lists rules by model for the models of the file, or for those that the client asks for', async () => {
    const { url } = await startTestGateway(`
usage: { path: /v1/usage, models: [small, large] }
routes:
  - match: POST /models/:model/predict
    limits:
      - { name: per model, limit: 3/hour, algorithm: fixed-window, by: [client, params.model] }
      - { name: tenant, limit: 3/hour, by: [client, params.model, body.tenant] }
  - match: POST /chat
    limits: [{ name: chat, limit: "body.model == 'large' ? '2/hour' : '9/hour'", algorithm: fixed-window }]`)
    expect((await send(url, '/models/large/predict', { body: '{"tenant":"x"}' })).status).toBe(200)
    const left = ({ rules }: UsageReport) => rules.map(({ rule, model, left }) => [rule, model, left])
    const read = await usageOf(url)
    expect(left(read)).toEqual([
      ['per model', 'small', 3],
      ['per model', 'large', 2],
      ['chat', 'small', 9],
      ['chat', 'large', 2],
    ])
    expect(read.unknown).toEqual([
      { rule: 'tenant', resource: 'requests', routes: ['POST /models/:model/predict'] },
    ])
    expect(left(await usageOf(url, {}, '/v1/usage?model=large'))).toEqual([
      ['per model', 'large', 2],
      ['chat', 'large', 2],
    ])
    const tooMany = `/v1/usage?${'model=m&'.repeat(21)}`
    expect((await send(url, tooMany, { method: 'GET' })).status).toBe(400)
  })

  it('shows of shared counts only whether they refuse, unless they are visible', async () => {
    const identity = await withKeys({ acme: undefined, other: undefined })
    const { url } = await startTestGateway(`${identity}
usage: /v1/usage
limits: [{ name: open pool, limit: 9/hour, algorithm: fixed-window, by: everyone, visible: true }]
routes:
  - match: POST /a
    limits:
      - { name: pool, limit: 1/hour, algorithm: fixed-window, by: everyone }
      - { name: address, limit: 7/hour, by: ip }
      - { name: tenant, limit: 7/hour, by: 'header:x-tenant' }
      - { name: shadow, limit: 1/hour, enforce: false }`)
    const before = await usageOf(url, as('acme'))
    expect(before.pools.map(({ rule, refusing }) => [rule, refusing])).toEqual([
      ['pool', false],
      ['address', false],
      ['tenant', false],
    ])
    await send(url, '/a', as('acme', { 'x-tenant': 'secret-tenant' }))
    const response = await send(url, '/v1/usage', {
      method: 'GET',
      ...as('other', { 'x-tenant': 'secret-tenant' }),
    })
    const { rules, pools } = JSON.parse(response.text) as UsageReport
    expect(rules.map(({ rule, used, left }) => [rule, used, left])).toEqual([['open pool', 1, 8]])
    expect(pools[0]).toEqual({
      rule: 'pool',
      resource: 'requests',
      routes: ['POST /a'],
      refusing: true,
      'retry-after': expect.any(Number),
    })
    expect(pools.slice(1)).toEqual([
      { rule: 'address', resource: 'requests', routes: ['POST /a'], refusing: false },
      { rule: 'tenant', resource: 'requests', routes: ['POST /a'], refusing: false },
    ])
    for (const secret of ['acme', 'secret-tenant', '127.0.0.1', '7/hour'])
      expect(response.text).not.toContain(secret)
  })

  it('is shown to anonymous clients only if rules count by address', async () => {
    const identity = await withKeys({ acme: undefined })
    const byClient = await startTestGateway(
      `${identity}usage: /v1/usage\nroutes: [{ match: POST /a, limits: [5/hour] }]`,
    )
    const anonymous = await send(byClient.url, '/v1/usage', { method: 'GET' })
    expect(anonymous.status).toBe(401)
    expect(anonymous.headers['www-authenticate']).toBe('Bearer')
    expect((await send(byClient.url, '/v1/usage', { method: 'GET', ...as('nobody') })).status).toBe(401)
    const byAddress = await startTestGateway(`${identity}usage: /v1/usage
routes: [{ match: POST /a, limits: [{ limit: 5/hour, by: ip }, { limit: 9/hour, by: everyone }] }]`)
    const read = await usageOf(byAddress.url)
    expect(read.rules.map(({ limit }) => limit)).toEqual(['5/hour'])
    expect(read.pools).toEqual([])
  })

  it('omits the routes that the client may not use, and those without limits for its address', async () => {
    const identity = await withKeys({ acme: 'free', other: 'premium' })
    const { url } = await startTestGateway(`${identity}
usage: /v1/usage
routes:
  - { match: POST /premium, require: client.tier == 'premium', limits: [5/hour] }
  - { match: POST /inside, allow: [127.0.0.0/8], limits: [5/hour] }
  - { match: POST /a, limits: [5/hour] }`)
    const routesOf = async (client: string) => (await usageOf(url, as(client))).rules.map((one) => one.routes)
    expect(await routesOf('acme')).toEqual([['POST /a']])
    expect(await routesOf('other')).toEqual([['POST /premium'], ['POST /a']])
  })

  it('is limited to 60 requests a minute for each client, is never cached, and is counted', async () => {
    const identity = await withKeys({ acme: undefined, other: undefined })
    const { url, adminUrl } = await startTestGateway(
      `${identity}usage: /v1/usage\nroutes: [{ match: POST /a, limits: [5/hour] }, { match: '/v1/*' }]`,
    )
    const ask = (client: string) => send(url, '/v1/usage', { method: 'GET', ...as(client) })
    const responses = await Promise.all(Array.from({ length: 61 }, () => ask('acme')))
    const refused = responses.filter(({ status }) => status === 429)
    expect(refused).toHaveLength(1)
    expect(refused[0]?.headers['retry-after']).toBe('1')
    expect(refused[0]?.headers.ratelimit).toContain('"usage";r=0')
    for (const { headers } of responses) expect(headers['cache-control']).toBe('no-store')
    expect((await ask('other')).status).toBe(200)
    expect((await send(url, '/v1/usage', as('other'))).status).toBe(405)
    const metrics = await (await fetch(`${adminUrl}/metrics`)).text()
    expect(metrics).toContain('sluice_requests_total{route="usage",outcome="allowed"} 61')
    expect(metrics).toContain('sluice_requests_total{route="usage",outcome="refused"} 1')
    expect(metrics).toContain('sluice_requests_total{route="usage",outcome="invalid"} 1')
  })

  it('follows an override from the dashboard and a reload', async () => {
    const { url, adminUrl, gateway, configOf } = await startTestGateway(
      'usage: /v1/usage\nroutes: [{ match: POST /a, limits: [5/hour] }]',
      undefined,
      `{ listen: 127.0.0.1:0, token_sha256: ${digest('operator')} }`,
    )
    await send(url, '/a')
    expect((await usageOf(url)).rules[0]).toMatchObject({ used: 1, left: 4 })
    const action = { act: 'limit', route: 'POST /a', rule: 'requests', limit: '7/hour', reason: 'a test' }
    const headers = { authorization: 'Bearer operator', 'content-type': 'application/json' }
    const acted = await send(adminUrl, '/api/actions', { headers, body: JSON.stringify(action) })
    expect(acted.status, acted.text).toBe(200)
    expect((await usageOf(url)).rules[0]).toMatchObject({ limit: '7/hour', used: 1, left: 6 })
    await gateway.apply(configOf('usage: /usage\nroutes: [{ match: POST /a, limits: [5/hour] }]'))
    expect((await usageOf(url, {}, '/usage')).rules[0]).toMatchObject({ used: 1, left: 6 })
    // The earlier path is forwarded.
    expect((await send(url, '/v1/usage', { method: 'GET' })).text).toContain('"method":"GET"')
  })
})

describe('the usage during an outage of the store', () => {
  it.each([
    ['closed', 503, undefined],
    ['open', 200, 'open'],
    ['local', 200, 'local'],
  ])('follows the failure policy %s and says so', async (policy, status, degraded) => {
    // Nothing listens on the port.
    const { url } = await startTestGateway(`
store: redis://127.0.0.1:1
on_store_failure: { policy: ${policy}${policy === 'local' ? ', peers: 2' : ''} }
usage: /v1/usage
routes: [{ match: POST /a, limits: [6/hour] }]`)
    const response = await send(url, '/v1/usage', { method: 'GET' })
    expect(response.status).toBe(status)
    if (degraded !== undefined) expect(JSON.parse(response.text)).toMatchObject({ degraded })
    else expect(response.headers['retry-after']).toBeDefined()
  })
})

describe('the page of the usage', () => {
  it('is sent to browsers, needs nothing else, and escapes every name', async () => {
    const name = `<img src=x onerror=alert(1)> & "it's"`
    const identity = await withKeys({ [name]: undefined })
    const { url } = await startTestGateway(`${identity}
usage: { path: /v1/usage, models: ['<script>alert(1)</script>'] }
routes:
  - { match: "POST /a<b>/:model", limits: [{ name: '<b>rule</b>', limit: 5/hour, by: [client, params.model] }] }
  - { match: POST /c, limits: [{ name: '<i>pool</i>', limit: 5/hour, by: everyone }] }`)
    const { status, headers, text } = await send(url, '/v1/usage', {
      method: 'GET',
      ...as(name, { accept: 'text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8' }),
    })
    expect(status).toBe(200)
    expect(headers).toMatchObject({
      'content-type': 'text/html; charset=utf-8',
      'cache-control': 'no-store',
      vary: 'accept',
    })
    const style = /<style>(.*)<\/style>/s.exec(text)?.[1] ?? ''
    const hash = createHash('sha256').update(style).digest('base64')
    expect(headers['content-security-policy']).toContain(`default-src 'none'; style-src 'sha256-${hash}'`)
    expect(text).toContain('&lt;img src=x onerror=alert(1)&gt; &amp; &quot;it&#39;s&quot;')
    expect(text).toContain('<code>POST /a&lt;b&gt;/:model</code>')
    expect(text).not.toMatch(/<(script|img|b|i|link|iframe)\b|\bsrc="|\bhref=|url\(/)
    // A program that accepts anything gets JSON.
    const json = await send(url, '/v1/usage', { method: 'GET', ...as(name, { accept: '*/*' }) })
    expect(json.headers['content-type']).toBe('application/json')
  })
})
