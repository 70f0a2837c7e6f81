import { once } from 'node:events'
import { request as httpRequest, type IncomingMessage, type RequestListener } from 'node:http'
import { describe, expect, it } from 'vitest'
import { type Running, running, send } from './running-gateway.js'

/**
 * Tests that the slot of a request is free however the request ends. A lease of an hour does not
 * free it meanwhile.
 */

const CHAT = '/v1/chat/completions'
const ROUTES = `
routes:
  - match: POST /plain
    limits: [{ concurrent: 1, lease: 1h, by: everyone }]
  - match: POST ${CHAT}
    llm: openai
    limits: [{ concurrent: 1, lease: 1h, by: everyone }, { limit: 1M/hour, of: tokens, by: everyone }]`

/** Acts as the header `x-act` says. */
const upstream: RequestListener = (request, response) => {
  request.on('error', () => {})
  const act = String(request.headers['x-act'] ?? 'answer')
  if (act === 'never read') return
  request.resume()
  if (act === 'close') request.socket.destroy()
  else if (act === 'garbage') request.socket.end('no HTTP\r\n\r\n')
  else if (act === 'cut') response.writeHead(200).write('half', () => response.destroy())
  else if (act === 'hold')
    response.writeHead(200, { 'content-type': 'text/event-stream' }).write(': begun\n\n')
  else if (act === 'answer') response.end('{}')
  else if (/^\d+$/.test(act)) response.writeHead(Number(act)).end()
}

function begin({ url }: Running, path: string, act: string, headers = {}) {
  const { hostname, port } = new URL(url)
  const all = { 'x-act': act, 'content-type': 'application/json', ...headers }
  const request = httpRequest({ hostname, port, method: 'POST', path, headers: all, agent: false })
  request.on('error', () => {})
  return request
}

const BODY = JSON.stringify({ messages: [{ content: 'Hello' }], stream: true, max_tokens: 5 })

async function ask(gateway: Running, path: string, act: string): Promise<number | undefined> {
  const request = begin(gateway, path, act).end(BODY)
  const [response] = (await once(request, 'response')) as [IncomingMessage]
  const closed = new Promise((resolve) => response.once('close', resolve))
  response.on('error', () => {}).resume()
  await closed
  return response.statusCode
}

/** Starts a stream, and disconnects once the first bytes arrived. */
async function leave(gateway: Running, path: string): Promise<void> {
  const request = begin(gateway, path, 'hold').end(BODY)
  const [response] = (await once(request, 'response')) as [IncomingMessage]
  await once(response, 'data')
  expect((await send(gateway.url, path, { body: BODY })).status).toBe(429)
  request.destroy()
}

async function untilFree({ url }: Running, path: string): Promise<void> {
  await expect.poll(async () => (await send(url, path, { body: BODY })).status, { timeout: 30_000 }).toBe(200)
}

const WAYS: readonly (readonly [string, (gateway: Running, path: string) => Promise<unknown>])[] = [
  ['is answered', (gateway, path) => ask(gateway, path, 'answer')],
  ['is answered without a body', (gateway, path) => ask(gateway, path, '204')],
  ['is refused by the upstream', (gateway, path) => ask(gateway, path, '404')],
  ['fails in the upstream', (gateway, path) => ask(gateway, path, '500')],
  ['is dropped by the upstream', (gateway, path) => ask(gateway, path, 'close')],
  ['is answered with invalid HTTP', (gateway, path) => ask(gateway, path, 'garbage')],
  ['is answered with a partial response', (gateway, path) => ask(gateway, path, 'cut')],
  ['is abandoned while it streams', leave],
  [
    'is abandoned before the response',
    async (gateway, path) => {
      const request = begin(gateway, path, 'be silent').end(BODY)
      await expect
        .poll(
          async () => (await send(gateway.url, path, { body: BODY, headers: { 'x-act': '204' } })).status,
          {
            timeout: 30_000,
          },
        )
        .toBe(429)
      request.destroy()
    },
  ],
  [
    'is abandoned while its body is sent',
    async (gateway, path) => {
      const request = begin(gateway, path, 'never read', { 'content-length': 1_000_000 })
      request.write('x'.repeat(1000))
      await once(request, 'socket')
      await once(request.socket as NonNullable<typeof request.socket>, 'connect')
      request.destroy()
    },
  ],
]

describe.each(['/plain', CHAT])('the slot of a request to %s', (path) => {
  it.each(WAYS)('is free when the request %s', async (_, goThrough) => {
    const gateway = await running(ROUTES, upstream)
    // Twice, since a leak of the first slot may go unnoticed.
    for (let time = 0; time < 2; time++) {
      await goThrough(gateway, path)
      await untilFree(gateway, path)
    }
  })

  it('is free when the upstream times out', async () => {
    const gateway = await running(`timeouts: { headers: 200ms }\n${ROUTES}`, upstream)
    expect(await ask(gateway, path, 'be silent')).toBe(504)
    await untilFree(gateway, path)
  })
})
