import { createHash } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import type { ActionChange } from '../../../src/server/admin/api/admin-actions.js'
import type { ClientState } from '../../../src/server/admin/api/client-status.js'
import { echo, send, startTestGateway, type TestGateway } from './running-gateway.js'

const TOKEN = 'a-token-of-some-length'
const HASH = createHash('sha256').update(TOKEN).digest('hex')
const ADMIN = `{ listen: 127.0.0.1:0, token_sha256: ${HASH} }`

const IDENTITY = 'identity: { trusted_proxies: [127.0.0.0/8], proxy_headers: { client: X-Client-Id } }\n'
const RULES = `usage: /v1/usage
routes:
  - match: POST /predict
    limits: [{ name: few, limit: 3/hour, algorithm: fixed-window }, { name: slots, concurrent: 2 }]
  - { match: POST /chat, llm: openai-chat }
  - { match: POST /messages, llm: anthropic-messages, limits: [100/hour] }
  - match: /free
`

const gatewayWith = (text: string) => startTestGateway(`${IDENTITY}${text}${RULES}`, echo, ADMIN)

interface Sender {
  readonly client?: string
  readonly address?: string
  readonly path?: string
  readonly method?: string
  readonly headers?: object
}

function request(
  { url }: Pick<TestGateway, 'url'>,
  { client, address = '198.51.100.1', path = '/predict', method = 'POST', headers }: Sender = {},
) {
  const sent = {
    'x-forwarded-for': address,
    ...(client !== undefined && { 'x-client-id': client }),
    ...headers,
  }
  return send(url, path, { method, headers: sent })
}

const statusOf = async (gateway: TestGateway, sender?: Sender) => (await request(gateway, sender)).status

async function act({ adminUrl }: TestGateway, action: ActionChange & { readonly reason?: string }) {
  const headers = { authorization: `Bearer ${TOKEN}`, 'content-type': 'application/json' }
  const body = JSON.stringify({ reason: 'a test', ...action })
  const { status, text } = await send(adminUrl, '/api/actions', { headers, body })
  return { status, ...(JSON.parse(text) as { done?: string; error?: string }) }
}

describe('a block', () => {
  it('refuses all requests of a client, and takes nothing from its limits', async () => {
    const gateway = await gatewayWith('')
    expect(await statusOf(gateway, { client: 'acme' })).toBe(200)
    expect(await act(gateway, { act: 'block', client: 'acme' })).toEqual({
      status: 200,
      ok: true,
      done: 'client acme is blocked',
    })
    for (const path of ['/predict', '/predict', '/predict', '/free', '/v1/usage', '/elsewhere'])
      expect(
        await statusOf(gateway, { client: 'acme', path, method: path === '/v1/usage' ? 'GET' : 'POST' }),
        path,
      ).toBe(403)
    expect(await statusOf(gateway, { client: 'umbrella' })).toBe(200)
    await act(gateway, { act: 'unblock', client: 'acme' })
    for (const status of [200, 200, 429]) expect(await statusOf(gateway, { client: 'acme' })).toBe(status)
  })

  it('answers with a problem document that does not reveal the reason', async () => {
    const gateway = await gatewayWith('')
    await act(gateway, { act: 'block', client: 'acme' })
    const { status, headers, text } = await request(gateway, { client: 'acme' })
    expect(status).toBe(403)
    expect(headers).toMatchObject({ 'content-type': 'application/problem+json' })
    expect(headers['retry-after']).toBeUndefined()
    expect(JSON.parse(text)).toMatchObject({
      title: 'Forbidden',
      status: 403,
      detail: 'Requests from this client are blocked.',
    })
    expect(text).not.toMatch(/a test|admin/)
  })

  it("answers in the error format of the route's API", async () => {
    const gateway = await gatewayWith('')
    await act(gateway, { act: 'block', client: 'acme' })
    const openai = await request(gateway, { client: 'acme', path: '/chat' })
    expect(JSON.parse(openai.text).error.message).toContain('are blocked')
    await act(gateway, { act: 'block', address: '192.0.2.7' })
    const anthropic = await request(gateway, { address: '192.0.2.7', path: '/messages' })
    expect(JSON.parse(anthropic.text)).toMatchObject({ error: { type: 'permission_error' } })
  })

  it('ends at its time, which the answer names', async () => {
    const gateway = await gatewayWith('')
    await act(gateway, { act: 'block', client: 'acme', for: '1h' })
    const { headers, text } = await request(gateway, { client: 'acme' })
    const seconds = Number(headers['retry-after'])
    expect(seconds).toBeGreaterThan(3590)
    expect(seconds).toBeLessThanOrEqual(3600)
    expect(JSON.parse(text).detail).toMatch(/^Requests from this client are blocked until 20\d\d-.*\dZ\.$/)
    await act(gateway, { act: 'block', client: 'acme', for: '1ms' })
    await expect.poll(() => statusOf(gateway, { client: 'acme' })).toBe(200)
    await expect
      .poll(
        async () =>
          JSON.parse((await send(gateway.adminUrl, '/api/acts/current', { method: 'GET' })).text).acts,
      )
      .toEqual([])
  })

  it('applies to an address or a network, in every notation, on every path', async () => {
    const gateway = await gatewayWith('')
    await act(gateway, { act: 'block', address: '::ffff:192.0.2.7' })
    await act(gateway, { act: 'block', address: '2001:db8::1/32' })
    const blocked = ['192.0.2.7', '::ffff:192.0.2.7', '::FFFF:C000:207', '2001:db8:1::5']
    for (const address of blocked)
      for (const path of ['/predict', '/free', '/v1/usage', '/elsewhere', '/chat'])
        expect(await statusOf(gateway, { address, path }), `${address} ${path}`).toBe(403)
    for (const address of ['192.0.2.8', '2001:db9::1']) expect(await statusOf(gateway, { address })).toBe(200)
    await act(gateway, { act: 'unblock', address: '192.0.2.7' })
    expect(await statusOf(gateway, { address: '192.0.2.7' })).toBe(200)
  })

  it('ignores addresses that an untrusted client claims', async () => {
    const gateway = await startTestGateway(`deny: [192.0.2.7]\n${RULES}`, echo, ADMIN)
    expect(await statusOf(gateway, { address: '192.0.2.7' })).toBe(200)
    await act(gateway, { act: 'block', address: '127.0.0.1' })
    expect(await statusOf(gateway, { address: '198.51.100.1' })).toBe(403)
  })

  it('refuses preflights that would be forwarded', async () => {
    const gateway = await gatewayWith('deny: [192.0.2.7]\n')
    const headers = { origin: 'http://app.example', 'access-control-request-method': 'POST' }
    const preflight = { method: 'OPTIONS', headers }
    expect(await statusOf(gateway, { ...preflight, address: '192.0.2.7' })).toBe(403)
    expect(await statusOf(gateway, preflight)).toBe(200)
  })

  it('is counted as blocked in the metrics', async () => {
    const gateway = await gatewayWith('deny: [192.0.2.7, { client: acme }]\n')
    await statusOf(gateway, { client: 'acme' })
    await statusOf(gateway, { address: '192.0.2.7' })
    await statusOf(gateway, { address: '192.0.2.7', path: '/free' })
    const metrics = (await send(gateway.adminUrl, '/metrics', { method: 'GET' })).text
    expect(metrics).toContain('sluice_requests_total{route="POST /predict",outcome="blocked"} 2')
    expect(metrics).toContain('sluice_refusals_total{route="POST /predict",rule="",reason="blocked"} 2')
    expect(metrics).toContain('sluice_refusals_total{route="/free",rule="",reason="blocked"} 1')
  })

  it('lists the refused requests with its reason', async () => {
    const gateway = await gatewayWith('deny: [192.0.2.7]\n')
    await act(gateway, { act: 'block', client: 'acme', for: '1h', reason: 'leaked key' })
    const headers = { 'x-request-id': 'the-id' }
    for (const path of ['/predict?secret=1', '/free'])
      await request(gateway, { client: 'acme', path, headers })
    await request(gateway, { client: 'acme', path: '/v1/usage', method: 'GET' })
    await request(gateway, { address: '192.0.2.7', path: '/elsewhere' })
    const { text } = await send(gateway.adminUrl, '/api/refusals', { method: 'GET' })
    const blocked = { rule: 'leaked key', reason: 'blocked', client: 'client acme' }
    const { refusals } = JSON.parse(text)
    expect(refusals).toMatchObject([
      {
        route: 'default',
        rule: 'deny',
        reason: 'blocked',
        client: '192.0.2.7',
        path: '/elsewhere',
        retryAfter: null,
      },
      { ...blocked, route: 'usage', method: 'GET', path: '/v1/usage' },
      { ...blocked, route: '/free', path: '/free' },
      { ...blocked, route: 'POST /predict', method: 'POST', path: '/predict', id: 'the-id' },
    ])
    const [, , , { retryAfter }] = refusals
    expect(retryAfter).toBeGreaterThan(3_500_000)
    expect(retryAfter).toBeLessThanOrEqual(3_600_000)
  })

  it.each<[ActionChange, number, string]>([
    [{ act: 'block', address: 'acme' }, 400, "'address' must be an address such as 192.0.2.7"],
    [{ act: 'block', client: 'acme', until: 'tomorrow' }, 400, 'a moment with a time zone'],
    [{ act: 'block', client: 'acme', until: '2020-01-01T00:00:00Z' }, 400, "'until' is in the past"],
    [{ act: 'block', client: 'acme', for: '3' }, 400, "'for'"],
    [{ act: 'block', client: 'acme', for: '90 years' }, 400, 'within 10 years'],
    [{ act: 'block', client: 'a', address: '::1' } as never, 400, "either 'client' or 'address'"],
    [{ act: 'unblock', client: 'acme' }, 404, 'no act blocks client acme'],
    [{ act: 'unblock', address: '10.9.0.0/8' }, 404, "it is in 'deny' of the configuration file"],
    [{ act: 'undo', id: 'abc' }, 404, "there is no act 'abc'"],
    [{ act: 'override', client: 'acme', limit: '5/hour' }, 400, "'limit' requires 'rule'"],
    [{ act: 'override', client: 'acme', rule: 'few', scale: 0 }, 400, "'scale' must be greater than 0"],
    [{ act: 'override', client: 'acme', rule: 'few', limit: 'lots' }, 400, 'lots'],
    [{ act: 'override', client: 'acme', rule: 'slots', limit: '9/hour' }, 400, 'a number such as 8'],
    [{ act: 'override', client: 'acme', rule: 'many', scale: 2 }, 404, "no route has a rule 'many'"],
    [{ act: 'override', client: 'acme', route: 'POST /a', rule: 'few', scale: 2 }, 404, 'no route'],
  ])('or another act is rejected if it is invalid: %j', async (action, status, error) => {
    const gateway = await gatewayWith('deny: [10.0.0.0/8]\n')
    expect(await act(gateway, action)).toEqual({ status, error: expect.stringContaining(error) })
    const { text } = await send(gateway.adminUrl, '/api/acts/current', { method: 'GET' })
    expect(JSON.parse(text)).toEqual({ acts: [], kept: 'memory' })
  })
})

describe('deny and allow in the file', () => {
  it('refuse and exempt clients and addresses, and deny takes precedence', async () => {
    const gateway = await gatewayWith(
      'deny: [10.0.0.0/8, { client: acme }]\nallow: [10.0.0.1, 192.0.2.7, { client: acme }, { client: vip }]\n',
    )
    expect(await statusOf(gateway, { client: 'acme' })).toBe(403)
    expect(await statusOf(gateway, { client: 'vip', address: '10.0.0.1' })).toBe(403)
    for (let n = 0; n < 5; n++) {
      expect(await statusOf(gateway, { client: 'vip' })).toBe(200)
      expect(await statusOf(gateway, { address: '192.0.2.7' })).toBe(200)
    }
    for (const status of [200, 200, 200, 429])
      expect(await statusOf(gateway, { client: 'other' })).toBe(status)
    const usage = await request(gateway, { client: 'vip', path: '/v1/usage', method: 'GET' })
    expect(JSON.parse(usage.text).rules).toEqual([])
  })

  it('keep the requirements of a route for exempt clients', async () => {
    const gateway = await startTestGateway(
      `${IDENTITY}allow: [{ client: vip }]
routes: [{ match: POST /predict, require: "headers['x-key'] == 'k'", limits: [1/hour] }]`,
    )
    expect(await statusOf(gateway, { client: 'vip' })).not.toBe(200)
    for (let n = 0; n < 3; n++)
      expect(await statusOf(gateway, { client: 'vip', headers: { 'x-key': 'k' } })).toBe(200)
  })

  it('give way to a block at run time', async () => {
    const gateway = await gatewayWith('allow: [{ client: vip }]\n')
    expect(await statusOf(gateway, { client: 'vip' })).toBe(200)
    await act(gateway, { act: 'block', client: 'vip' })
    expect(await statusOf(gateway, { client: 'vip' })).toBe(403)
  })

  it('follow a reload', async () => {
    const gateway = await gatewayWith('deny: [{ client: acme }]\n')
    expect(await statusOf(gateway, { client: 'acme' })).toBe(403)
    await gateway.gateway.apply(gateway.configOf(`${IDENTITY}${RULES}`))
    expect(await statusOf(gateway, { client: 'acme' })).toBe(200)
  })
})

describe('an override of a client', () => {
  it('multiplies its limits under every rule that counts by client', async () => {
    const gateway = await gatewayWith('')
    expect(await act(gateway, { act: 'override', client: 'acme', scale: 2 })).toMatchObject({
      done: 'client acme now has 2 times the limit of every rule that counts by client',
    })
    for (const status of [200, 200, 200, 200, 200, 200, 429])
      expect(await statusOf(gateway, { client: 'acme' })).toBe(status)
    for (const status of [200, 200, 200, 429])
      expect(await statusOf(gateway, { client: 'other' })).toBe(status)
  })

  it('sets the limit of one rule, which takes precedence', async () => {
    const gateway = await gatewayWith('')
    await act(gateway, { act: 'override', client: 'acme', rule: 'few', limit: '1/hour' })
    await act(gateway, { act: 'override', client: 'acme', scale: 2 })
    for (const status of [200, 429]) expect(await statusOf(gateway, { client: 'acme' })).toBe(status)
    const list = JSON.parse((await send(gateway.adminUrl, '/api/acts/current', { method: 'GET' })).text)
    const [{ id }] = list.acts.filter(({ change }: { change: string }) => change.includes('1/hour'))
    await act(gateway, { act: 'undo', id })
    for (const status of [200, 200, 200, 200, 200, 429])
      expect(await statusOf(gateway, { client: 'acme' })).toBe(status)
  })

  it('is shown with its end, and with the changed limit, when the client is looked up', async () => {
    const gateway = await gatewayWith('')
    const rulesOf = async (client: string) => {
      const { text } = await send(gateway.adminUrl, `/api/client?q=${client}`, { method: 'GET' })
      const { rules, others } = JSON.parse(text) as ClientState
      return [...rules, ...others].filter(({ rule }) => rule === 'few')
    }
    for (const client of ['acme', 'acme', 'other']) await statusOf(gateway, { client })
    expect(await rulesOf('acme')).toMatchObject([{ limit: '3/hour', remaining: 1 }])
    await act(gateway, { act: 'override', client: 'acme', scale: 2, for: '1h', reason: 'launch day' })
    const ownLimit = { scale: 2, by: 'admin', reason: 'launch day', until: expect.any(Number) }
    expect(await rulesOf('acme')).toMatchObject([{ limit: '6/hour', remaining: 4, ownLimit }])
    await statusOf(gateway, { client: 'acme' })
    expect(await rulesOf('acme')).toMatchObject([{ limit: '6/hour', remaining: 3, ownLimit }])
    await act(gateway, { act: 'override', client: 'acme', rule: 'few', limit: '9/hour', reason: 'contract' })
    expect(await rulesOf('acme')).toMatchObject([
      { limit: '9/hour', remaining: 6, ownLimit: { by: 'admin', reason: 'contract' } },
    ])
    const [other] = await rulesOf('other')
    expect(other).toMatchObject({ limit: '3/hour', remaining: 2 })
    expect(other).not.toHaveProperty('ownLimit')
    const list = JSON.parse((await send(gateway.adminUrl, '/api/acts/current', { method: 'GET' })).text)
    for (const { id } of list.acts) await act(gateway, { act: 'undo', id })
    const [undone] = await rulesOf('acme')
    expect(undone).toMatchObject({ limit: '3/hour', remaining: 0 })
    expect(undone).not.toHaveProperty('ownLimit')
  })

  it('is rejected for a rule that clients share', async () => {
    const gateway = await startTestGateway(
      `${IDENTITY}routes: [{ match: POST /predict, limits: [{ name: all, limit: 5/hour, by: everyone }] }]`,
      echo,
      ADMIN,
    )
    expect(await act(gateway, { act: 'override', client: 'acme', rule: 'all', scale: 2 })).toMatchObject({
      status: 400,
      error: expect.stringContaining("rule 'all' counts by everyone"),
    })
    expect(await act(gateway, { act: 'override', client: 'acme', scale: 2 })).toMatchObject({
      status: 400,
      error: expect.stringContaining('no rule counts by client'),
    })
  })
})
