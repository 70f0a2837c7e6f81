import { once } from 'node:events'
import { request as httpRequest, type IncomingMessage, type RequestListener } from 'node:http'
import { createServer } from 'node:net'
import { describe, expect, it } from 'vitest'
import { gatewayOn } from './on-store.js'
import { running, send, until } from './running-gateway.js'

/** Tests what stays charged for a request, by its outcome, with `llm` and without. */

const LIMIT = 5
const perHour = (of: string, cost = '') =>
  `{ limit: ${LIMIT * 100}/hour, of: ${of}, name: ${of}, algorithm: fixed-window, by: everyone${cost} }`
const REQUESTS = `{ limit: ${LIMIT}/hour, name: requests, algorithm: fixed-window, by: everyone }`

const ROUTES = {
  'a plain route': `[${REQUESTS}, ${perHour('money', ', cost: 100')}, ${perHour('tokens', ', cost: 100')}, ${perHour('rows', ', cost: 7')}]`,
  'a route with llm': `[${REQUESTS}, ${perHour('money', ', cost: 100')}, ${perHour('tokens')}, ${perHour('rows', ', cost: 7')}]`,
}
const CHAT = '/v1/chat/completions'
const BODY = JSON.stringify({ messages: [{ content: 'x'.repeat(200) }], max_tokens: 50 })

const routesOf = (name: keyof typeof ROUTES) =>
  `routes: [{ match: POST ${CHAT}, limits: ${ROUTES[name]}${name === 'a route with llm' ? ', llm: openai' : ''} }]`

type Gateway = Awaited<ReturnType<typeof running>>

const post = ({ url }: Pick<Gateway, 'url'>) => send(url, CHAT, { body: BODY })

/** Reads the remaining units of every rule from the headers of a successful response. */
async function used(gateway: Pick<Gateway, 'url'>): Promise<Record<string, number>> {
  const { headers } = await send(gateway.url, CHAT, {
    body: BODY.replace('50', '49'),
    headers: { 'x-act': 'fine' },
  })
  const left = [...String(headers.ratelimit).matchAll(/"(\w+)";r=(\d+)/g)]
  return Object.fromEntries(left.map(([, name = '', rest]) => [name, Number(rest)]))
}

const acting =
  (act: RequestListener): RequestListener =>
  (request, response) => {
    request.resume().on('error', () => {})
    if (request.headers['x-act'] === 'fine') request.once('end', () => response.end('{}'))
    else act(request, response)
  }

const REACHED: Readonly<Record<string, RequestListener>> = {
  'is answered with 500': (_request, response) => response.writeHead(500).end(),
  'is answered with 503': (_request, response) => response.writeHead(503).end('busy'),
  'is answered with 404': (_request, response) => response.writeHead(404).end('{"error": "none"}'),
  'is answered with half of a 500': (_request, response) => {
    response.writeHead(500, { 'content-length': 100 }).write('half', () => response.destroy())
  },
  'is dropped': (request) => request.socket.destroy(),
  'is answered with invalid HTTP': (request) => request.socket.end('no HTTP\r\n\r\n'),
}

describe.each(['a plain route', 'a route with llm'] as const)('charges on %s', (name) => {
  it.each(Object.entries(REACHED))('counts a request that %s, without tokens or money', async (_, act) => {
    const gateway = await running(routesOf(name), acting(act))
    // A partial response is an error to the client.
    await post(gateway).catch(() => {})
    const left = await used(gateway)
    // Two requests count: this one and the one that reads the headers.
    expect(left).toMatchObject({ requests: LIMIT - 2, rows: 500 - 14, money: 400 })
    expect(left.tokens).toBe(name === 'a plain route' ? 400 : 401)
  })

  it('refuses a client whose requests keep failing like any other', async () => {
    const gateway = await running(
      routesOf(name),
      acting((_request, response) => response.writeHead(500).end()),
    )
    const statuses: number[] = []
    for (let time = 0; time < LIMIT + 3; time++) statuses.push((await post(gateway)).status)
    expect(statuses).toEqual([...Array(LIMIT).fill(500), 429, 429, 429])
  })

  it('keeps all charges when the upstream times out, since it may have worked', async () => {
    const gateway = await running(
      `timeouts: { headers: 200ms }\n${routesOf(name)}`,
      acting(() => {}),
    )
    expect((await post(gateway)).status).toBe(504)
    const left = await used(gateway)
    expect(left).toMatchObject({ requests: LIMIT - 2, rows: 500 - 14, money: 300 })
    expect(left.tokens).toBe(name === 'a plain route' ? 300 : 301)
  })

  it.each([
    ["is refused by the upstream's port", async () => `http://127.0.0.1:${await closedPort()}`],
    ['has an upstream whose host name has no address', async () => 'http://upstream.invalid'],
    ['has an upstream without TLS', async () => `https://127.0.0.1:${await closingPort()}`],
  ])('charges nothing for a request that %s', async (_, upstream) => {
    const gateway = await running(routesOf(name), await upstream())
    for (let time = 0; time < 2 * LIMIT; time++) expect((await post(gateway)).status).toBe(502)
    const { headers } = await post(gateway)
    const quotas = String(headers.ratelimit)
    for (const quota of [`"requests";r=${LIMIT - 1}`, '"money";r=400', '"rows";r=493', '"tokens";r=400'])
      expect(quotas).toContain(quota)
  })

  it('charges nothing when the client disconnects before the upstream is connected', async () => {
    // Accepts connections without responding, so that the TLS handshake never completes.
    const server = createServer(() => {}).listen(0, '127.0.0.1')
    await once(server, 'listening')
    const { port } = server.address() as { port: number }
    const gateway = await running(routesOf(name), `https://127.0.0.1:${port}`)
    for (let time = 0; time < 2 * LIMIT; time++) {
      const connected = once(server, 'connection')
      const client = begin(gateway)
      const [socket] = await connected
      client.destroy()
      await until(() => (socket as { destroyed: boolean }).destroyed || client.destroyed)
      await until(async () => (await metric(gateway, 'sluice_in_flight_requests')) === 0)
    }
    server.close()
    expect(await metric(gateway, 'sluice_requests_total')).toBe(2 * LIMIT)
  })

  it('counts a request whose client disconnects after it was sent', async () => {
    let arrived = () => {}
    const gateway = await running(
      routesOf(name),
      acting(() => arrived()),
    )
    const sent = new Promise<void>((resolve) => {
      arrived = resolve
    })
    const client = begin(gateway)
    await sent
    client.destroy()
    await until(async () => (await metric(gateway, 'sluice_in_flight_requests')) === 0)
    expect(await used(gateway)).toMatchObject({ requests: LIMIT - 2, money: 300 })
  })
})

it('refunds tokens and money for an error inside a 200 response, and counts the request', async () => {
  const gateway = await gatewayOn(
    routesOf('a route with llm'),
    acting((_request, response) => response.end('{"error": {"message": "overloaded"}}')),
  )
  await post(gateway)
  expect(await used(gateway)).toMatchObject({ requests: LIMIT - 2, money: 400, tokens: 401 })
})

function begin({ url }: Pick<Gateway, 'url'>) {
  const { hostname, port } = new URL(url)
  const headers = { 'content-type': 'application/json' }
  const request = httpRequest({ hostname, port, method: 'POST', path: CHAT, headers, agent: false })
  request.on('error', () => {}).on('response', (response: IncomingMessage) => response.resume())
  return request.end(BODY)
}

async function metric({ adminUrl }: Pick<Gateway, 'adminUrl'>, name: string): Promise<number> {
  const text = await (await fetch(`${adminUrl}/metrics`)).text()
  const values = [...text.matchAll(new RegExp(`^${name}(?:\\{[^}]*\\})? (\\d+)$`, 'gm'))]
  return values.reduce((sum, [, value]) => sum + Number(value), 0)
}

async function closedPort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as { port: number }
  await new Promise((resolve) => server.close(resolve))
  return port
}

async function closingPort(): Promise<number> {
  const server = createServer((socket) => socket.on('error', () => {}).end('no TLS')).listen(0, '127.0.0.1')
  server.unref()
  await once(server, 'listening')
  return (server.address() as { port: number }).port
}
