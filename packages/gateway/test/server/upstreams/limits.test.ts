import { connect } from 'node:net'
import { describe, expect, it } from 'vitest'
import { send, startTestGateway, until } from '../gateway/running-gateway.js'
import { answering, holdingServer, namedServer } from './named-servers.js'

const config = (url: string, limits: string, more = '', route = '') => `
upstreams:
  provider: { url: "${url}", limits: ${limits}${more} }
routes:
  - { match: /x, upstream: provider, limits: [{ limit: 10/hour, by: "headers['x-client']" }]${route} }
`

const from = (client: string) => ({ headers: { 'x-client': client } })
const remaining = (headers: { readonly [name: string]: unknown }) =>
  /r=(\d+)/.exec(String(headers.ratelimit))?.[1]

describe('the limits of an upstream', () => {
  it('count the requests of all clients, and refund the client if they refuse', async () => {
    const server = await namedServer('server')
    const { url, warnings } = await startTestGateway(
      config(server.url, '[{ limit: 2/hour, name: secret-name }]'),
    )
    expect((await send(url, '/x', from('a'))).status).toBe(200)
    expect((await send(url, '/x', from('b'))).status).toBe(200)
    const refused = await send(url, '/x', from('c'))
    expect(refused.status).toBe(429)
    expect(JSON.parse(refused.text)).toMatchObject({ title: 'Upstream at capacity', status: 429 })
    expect(refused.text + JSON.stringify(refused.headers)).not.toMatch(/secret-name|provider/)
    expect(Number(refused.headers['retry-after'])).toBeGreaterThan(1000)
    expect(server.received).toHaveLength(2)
    expect(warnings.map(({ fields }) => fields)).toMatchObject([
      { route: 'upstream:provider', rule: 'secret-name' },
    ])
    expect(remaining((await send(url, '/x', from('c'))).headers)).toBe('9')
  })

  it('let requests wait, and free their slots with the responses', async () => {
    const server = await holdingServer('server')
    const { url } = await startTestGateway(config(server.url, '[{ concurrent: 1, wait: 20s }]'))
    const first = send(url, '/x', from('a'))
    await until(() => server.held.length === 1)
    const second = send(url, '/x', from('b'))
    server.held[0]?.end('first')
    expect((await first).text).toBe('first')
    await until(() => server.held.length === 2)
    server.held[1]?.end('second')
    expect((await second).text).toBe('second')
  })

  it('refund a client that disconnects while its request waits', async () => {
    const server = await holdingServer('server')
    const { url, gateway, adminUrl } = await startTestGateway(
      config(server.url, '[{ concurrent: 1, wait: 20s }]'),
    )
    const first = send(url, '/x', from('a'))
    await until(() => server.held.length === 1)
    const client = connect(gateway.address.port, '127.0.0.1')
    client.write('GET /x HTTP/1.1\r\nHost: x\r\nx-client: b\r\n\r\n')
    const metrics = async () => (await fetch(`${adminUrl}/metrics`)).text()
    await until(async () =>
      /sluice_decisions_total\{route="\/x",outcome="allowed",tier="none"\} 2/.test(await metrics()),
    )
    client.destroy()
    await until(async () => /outcome="abandoned"\} 1/.test(await metrics()))
    server.held[0]?.end()
    await first
    const next = send(url, '/x', from('b'))
    await until(() => server.held.length === 2)
    server.held[1]?.end()
    expect(remaining((await next).headers)).toBe('9')
  })

  it('refund the upstream that a request leaves, and charge the next one', async () => {
    const busy = await namedServer('busy', answering(429, { 'retry-after': '0' }))
    const next = await namedServer('next')
    const { url, adminUrl } = await startTestGateway(`
upstreams:
  busy: { url: "${busy.url}", fallback: next, limits: [{ limit: 5/hour, name: of-busy }] }
  next: { url: "${next.url}", limits: [{ limit: 2/hour, name: of-next }] }
routes: [{ match: /x, upstream: busy }]
`)
    const texts = [await send(url, '/x'), await send(url, '/x'), await send(url, '/x')].map(
      ({ text }) => text,
    )
    expect(texts.slice(0, 2)).toEqual(['next', 'next'])
    expect(JSON.parse(texts[2] as string)).toMatchObject({ title: 'Upstream at capacity' })
    const metrics = await (await fetch(`${adminUrl}/metrics`)).text()
    expect(metrics).toContain(
      'sluice_settled_returned_units_total{route="upstream:busy",rule="of-busy",resource="requests"} 3',
    )
    expect(metrics).toContain(
      'sluice_cost_units_total{route="upstream:next",rule="of-next",resource="requests"} 2',
    )
    expect(metrics).toContain('sluice_upstream_fallbacks_total{upstream="busy"} 3')
  })

  it('send a request to the fallback if they refuse it', async () => {
    const [first, next] = await Promise.all(['first', 'next'].map((name) => namedServer(name)))
    const { url } = await startTestGateway(
      `
upstreams:
  first: { url: "${first?.url}", fallback: default, limits: [1/hour] }
routes: [{ match: /x, upstream: first }]
`,
      next?.url,
    )
    expect((await send(url, '/x')).text).toBe('first')
    expect((await send(url, '/x')).text).toBe('next')
  })

  it('reserve the tokens of model calls, and settle them with the usage', async () => {
    const usage = { prompt_tokens: 10, completion_tokens: 5, total_tokens: 15 }
    const body = JSON.stringify({ object: 'chat.completion', choices: [], usage })
    const server = await namedServer('server', answering(200, { 'content-type': 'application/json' }, body))
    const { url } = await startTestGateway(`
upstreams:
  provider: { url: "${server.url}", limits: [{ limit: 1000/hour, of: tokens }] }
routes: [{ match: POST /v1/chat/completions, llm: openai, upstream: provider }]
`)
    const call = (max_tokens: number) =>
      send(url, '/v1/chat/completions', { body: JSON.stringify({ model: 'm', max_tokens, messages: [] }) })
    // 15 tokens remain charged of each call, so the next one can reserve nearly all.
    for (const max of [950, 930, 910]) expect((await call(max)).status).toBe(200)
    expect((await call(970)).status).toBe(429)
    const oversized = await call(2000)
    expect(oversized.status).toBe(429)
    expect(oversized.headers['retry-after']).toBeUndefined()
  })

  it('apply to clients that the limits of routes do not apply to', async () => {
    const server = await namedServer('server')
    const { url } = await startTestGateway(config(server.url, '[1/hour]', '', ', allow: [127.0.0.1]'))
    expect((await send(url, '/x')).status).toBe(200)
    expect((await send(url, '/x')).status).toBe(429)
  })
})

describe('an upstream that asks to pause', () => {
  it.each([
    ['with Retry-After', 429, { 'retry-after': '30' }],
    ['with Retry-After and 503', 503, { 'retry-after': '30' }],
    [
      'because almost no requests remain',
      200,
      {
        'x-ratelimit-limit-requests': '1000',
        'x-ratelimit-remaining-requests': '10',
        'x-ratelimit-reset-requests': '30s',
      },
    ],
    [
      'because no tokens remain',
      200,
      {
        'anthropic-ratelimit-tokens-remaining': '0',
        'anthropic-ratelimit-tokens-reset': new Date(Date.now() + 30_000).toISOString(),
      },
    ],
  ])('gets no requests until then: %s', async (_, status, headers) => {
    const server = await namedServer('server', answering(status, headers))
    const { url, adminUrl, warnings } = await startTestGateway(
      config(server.url, '[{ limit: 1000/minute, wait: 1s }]'),
    )
    expect((await send(url, '/x', from('a'))).status).toBe(status)
    const refused = await send(url, '/x', from('a'))
    expect(refused.status).toBe(429)
    const seconds = Number(refused.headers['retry-after'])
    expect(seconds).toBeGreaterThan(20)
    expect(seconds).toBeLessThanOrEqual(30)
    expect(server.received).toHaveLength(1)
    expect(warnings.filter(({ message }) => message.includes('asks to pause'))).toHaveLength(1)
    const metrics = await (await fetch(`${adminUrl}/metrics`)).text()
    expect(metrics).toContain('sluice_upstream_pauses_total{upstream="provider"} 1')
    expect(Number(/paused_seconds\{upstream="provider"\} (\S+)/.exec(metrics)?.[1])).toBeGreaterThan(20)
  })

  it('gets the requests that waited once the pause is over', async () => {
    let isFirst = true
    const server = await namedServer('server', (_, response) => {
      if (isFirst) response.writeHead(429, { 'retry-after-ms': '50' })
      isFirst = false
      response.end('server')
    })
    const { url } = await startTestGateway(config(server.url, '[{ limit: 1000/minute, wait: 20s }]'))
    expect((await send(url, '/x', from('a'))).status).toBe(429)
    expect((await send(url, '/x', from('a'))).text).toBe('server')
  })
})

it('a limit of an upstream on images counts those of calls, and no other request', async () => {
  const server = await namedServer('server')
  const { url } = await startTestGateway(`
upstreams: { painter: { url: "${server.url}", limits: [{ limit: 3/hour, of: images }] } }
routes:
  - { match: POST /v1/*, upstream: painter, llm: auto }
  - { match: POST /x, upstream: painter }
`)
  const images = (n: number) =>
    send(url, '/v1/images/generations', { body: JSON.stringify({ model: 'm', prompt: 'a cat', n }) })
  const chat = () => send(url, '/v1/messages', { body: JSON.stringify({ model: 'm', messages: [] }) })
  const statuses: number[] = []
  for (const request of [() => images(2), chat, () => send(url, '/x', {}), () => images(2), () => images(1)])
    statuses.push((await request()).status)
  expect(statuses).toEqual([200, 200, 200, 429, 200])
})
