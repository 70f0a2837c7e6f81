import { once } from 'node:events'
import { request as httpRequest, type IncomingMessage, type RequestListener } from 'node:http'
import { createServer } from 'node:net'
import { describe, expect, it } from 'vitest'
import { withoutFiles } from '../../../src/policy/config/files/read-variables.js'
import { send, startTestGateway, type TestGateway, until } from './running-gateway.js'

/** Tests the final charges of a request by its outcome, with and without `llm`. */

const LIMIT = 5
const perHour = (of: string, cost = '') =>
  `{ limit: ${LIMIT * 100}/hour, of: ${of}, name: ${of}, algorithm: fixed-window, by: everyone${cost} }`
/** The headers report money in hundredths of its currency, so 5 USD are 500. */
const money = (cost = '') => `{ limit: ${LIMIT} USD/hour, of: money, name: money, by: everyone${cost} }`
/** Each call costs 1 USD, however many tokens it uses. */
const PRICES = 'currency: USD\nas_of: 2026-11-01\nmodels: { m: { input: 0, output: 0, request: 1 } }\n'
const REQUESTS = `{ limit: ${LIMIT}/hour, name: requests, algorithm: fixed-window, by: everyone }`

const ROUTES = {
  'a plain route': `[${REQUESTS}, ${money(', cost: 1')}, ${perHour('tokens', ', cost: 100')}, ${perHour('rows', ', cost: 7')}]`,
  'a route with llm': `[${REQUESTS}, ${money()}, ${perHour('tokens')}, ${perHour('rows', ', cost: 7')}]`,
}
const CHAT = '/v1/chat/completions'
const BODY = JSON.stringify({ model: 'm', messages: [{ content: 'x'.repeat(200) }], max_tokens: 50 })

const routesOf = (name: keyof typeof ROUTES) =>
  `routes: [{ match: POST ${CHAT}, limits: ${ROUTES[name]}${name === 'a route with llm' ? ', llm: openai' : ''} }]`

function start(name: keyof typeof ROUTES, upstream: RequestListener | string, more = '') {
  const source = { ...withoutFiles, priceList: () => PRICES }
  const text = `prices: prices.yaml\n${more}${routesOf(name)}`
  return startTestGateway(text, upstream, '127.0.0.1:0', '127.0.0.1:0', source)
}

const post = ({ url }: Pick<TestGateway, 'url'>) => send(url, CHAT, { body: BODY })

/** Reads the remaining units of every rule from the headers of a successful response. */
async function remainingUnits(gateway: Pick<TestGateway, 'url'>): Promise<Record<string, number>> {
  const { headers } = await send(gateway.url, CHAT, {
    body: BODY.replace('50', '49'),
    headers: { 'x-act': 'fine' },
  })
  const left = [...String(headers.ratelimit).matchAll(/"(\w+)";r=(\d+)/g)]
  return Object.fromEntries(left.map(([, name = '', rest]) => [name, Number(rest)]))
}

const upstreamThat =
  (act: RequestListener): RequestListener =>
  (request, response) => {
    request.resume().on('error', () => {})
    if (request.headers['x-act'] === 'fine') request.once('end', () => response.end('{}'))
    else act(request, response)
  }

const FAILURES: Readonly<Record<string, RequestListener>> = {
  'responds with 500': (_request, response) => response.writeHead(500).end(),
  'responds with 503': (_request, response) => response.writeHead(503).end('busy'),
  'responds with 404': (_request, response) => response.writeHead(404).end('{"error": "none"}'),
  'sends half of a 500 response': (_request, response) => {
    response.writeHead(500, { 'content-length': 100 }).write('half', () => response.destroy())
  },
  'drops the connection': (request) => request.socket.destroy(),
  'responds with invalid HTTP': (request) => request.socket.end('no HTTP\r\n\r\n'),
}

describe.each(['a plain route', 'a route with llm'] as const)('the gateway on %s', (name) => {
  it.each(Object.entries(FAILURES))(
    'counts a request but charges no tokens or money if the upstream %s',
    async (_, act) => {
      const gateway = await start(name, upstreamThat(act))
      // A partial response is an error to the client.
      await post(gateway).catch(() => {})
      const left = await remainingUnits(gateway)
      // Two requests count: the failed one and the one that reads the headers.
      expect(left).toMatchObject({ requests: LIMIT - 2, rows: 500 - 14, money: 400 })
      expect(left.tokens).toBe(name === 'a plain route' ? 400 : 401)
    },
  )

  it('refuses a client at its limit even if all of its requests fail', async () => {
    const gateway = await start(
      name,
      upstreamThat((_request, response) => response.writeHead(500).end()),
    )
    const statuses: number[] = []
    for (let request = 0; request < LIMIT + 3; request++) statuses.push((await post(gateway)).status)
    expect(statuses).toEqual([...Array(LIMIT).fill(500), 429, 429, 429])
  })

  it('keeps all charges when the upstream times out, because it may have done the work', async () => {
    const gateway = await start(
      name,
      upstreamThat(() => {}),
      'timeouts: { headers: 200ms }\n',
    )
    expect((await post(gateway)).status).toBe(504)
    const left = await remainingUnits(gateway)
    expect(left).toMatchObject({ requests: LIMIT - 2, rows: 500 - 14, money: 300 })
    expect(left.tokens).toBe(name === 'a plain route' ? 300 : 301)
  })

  it.each([
    ['refuses the connection', async () => `http://127.0.0.1:${await closedPort()}`],
    ['has a host name without an address', async () => 'http://upstream.invalid'],
    ['does not support TLS', async () => `https://127.0.0.1:${await closingPort()}`],
  ])('charges nothing for a request if the upstream %s', async (_, upstream) => {
    const gateway = await start(name, await upstream())
    for (let request = 0; request < 2 * LIMIT; request++) expect((await post(gateway)).status).toBe(502)
    const { headers } = await post(gateway)
    const quotas = String(headers.ratelimit)
    for (const quota of [`"requests";r=${LIMIT - 1}`, '"money";r=400', '"rows";r=493', '"tokens";r=400'])
      expect(quotas).toContain(quota)
  })

  it('charges nothing if the client disconnects before the connection to the upstream opens', async () => {
    // Accepts connections without responding, so that the TLS handshake never completes.
    const server = createServer(() => {}).listen(0, '127.0.0.1')
    await once(server, 'listening')
    const { port } = server.address() as { port: number }
    const gateway = await start(name, `https://127.0.0.1:${port}`)
    for (let request = 0; request < 2 * LIMIT; request++) {
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

  it('counts a request if its client disconnects after the request was sent to the upstream', async () => {
    let onArrival = () => {}
    const gateway = await start(
      name,
      upstreamThat(() => onArrival()),
    )
    const sent = new Promise<void>((resolve) => {
      onArrival = resolve
    })
    const client = begin(gateway)
    await sent
    client.destroy()
    await until(async () => (await metric(gateway, 'sluice_in_flight_requests')) === 0)
    expect(await remainingUnits(gateway)).toMatchObject({ requests: LIMIT - 2, money: 300 })
  })
})

it('the gateway refunds tokens and money for an error inside a 200 response, and counts the request', async () => {
  const gateway = await start(
    'a route with llm',
    upstreamThat((_request, response) => response.end('{"error": {"message": "overloaded"}}')),
  )
  await post(gateway)
  expect(await remainingUnits(gateway)).toMatchObject({ requests: LIMIT - 2, money: 400, tokens: 401 })
})

function begin({ url }: Pick<TestGateway, 'url'>) {
  const { hostname, port } = new URL(url)
  const headers = { 'content-type': 'application/json' }
  const request = httpRequest({ hostname, port, method: 'POST', path: CHAT, headers, agent: false })
  request.on('error', () => {}).on('response', (response: IncomingMessage) => response.resume())
  return request.end(BODY)
}

async function metric({ adminUrl }: Pick<TestGateway, 'adminUrl'>, name: string): Promise<number> {
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
