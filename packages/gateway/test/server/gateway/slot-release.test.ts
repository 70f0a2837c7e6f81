import { once } from 'node:events'
import { request as httpRequest, type IncomingMessage, type RequestListener } from 'node:http'
import { describe, expect, it } from 'vitest'
import { send, startTestGateway, type TestGateway } from './running-gateway.js'

/**
 * Tests that the slot of a request is freed, however the request ends. The lease is one hour, so no
 * slot is freed by its expiry.
 */

const CHAT = '/v1/chat/completions'
const ROUTES = `
routes:
  - match: POST /plain
    limits: [{ concurrent: 1, lease: 1h, by: everyone }]
  - match: POST ${CHAT}
    llm: openai
    limits: [{ concurrent: 1, lease: 1h, by: everyone }, { limit: 1M/hour, of: tokens, by: everyone }]`

/** Behaves as the header `x-act` specifies. */
const upstream: RequestListener = (request, response) => {
  request.on('error', () => {})
  const act = String(request.headers['x-act'] ?? 'respond')
  if (act === 'never read') return
  request.resume()
  if (act === 'close') request.socket.destroy()
  else if (act === 'garbage') request.socket.end('no HTTP\r\n\r\n')
  else if (act === 'cut') response.writeHead(200).write('half', () => response.destroy())
  else if (act === 'hold')
    response.writeHead(200, { 'content-type': 'text/event-stream' }).write(': begun\n\n')
  else if (act === 'respond') response.end('{}')
  else if (/^\d+$/.test(act)) response.writeHead(Number(act)).end()
}

function begin({ url }: TestGateway, path: string, act: string, headers = {}) {
  const { hostname, port } = new URL(url)
  const all = { 'x-act': act, 'content-type': 'application/json', ...headers }
  const request = httpRequest({ hostname, port, method: 'POST', path, headers: all, agent: false })
  request.on('error', () => {})
  return request
}

const BODY = JSON.stringify({ messages: [{ content: 'Hello' }], stream: true, max_tokens: 5 })

async function sendAndWait(gateway: TestGateway, path: string, act: string): Promise<number | undefined> {
  const request = begin(gateway, path, act).end(BODY)
  const [response] = (await once(request, 'response')) as [IncomingMessage]
  const closed = new Promise((resolve) => response.once('close', resolve))
  response.on('error', () => {}).resume()
  await closed
  return response.statusCode
}

/** Starts a stream, and disconnects after its first bytes. */
async function disconnectMidStream(gateway: TestGateway, path: string): Promise<void> {
  const request = begin(gateway, path, 'hold').end(BODY)
  const [response] = (await once(request, 'response')) as [IncomingMessage]
  await once(response, 'data')
  expect((await send(gateway.url, path, { body: BODY })).status).toBe(429)
  request.destroy()
}

async function untilFree({ url }: TestGateway, path: string): Promise<void> {
  await expect.poll(async () => (await send(url, path, { body: BODY })).status, { timeout: 30_000 }).toBe(200)
}

const ENDINGS: readonly (readonly [string, (gateway: TestGateway, path: string) => Promise<unknown>])[] = [
  ['gets a response', (gateway, path) => sendAndWait(gateway, path, 'respond')],
  ['gets a response without a body', (gateway, path) => sendAndWait(gateway, path, '204')],
  ['is rejected by the upstream', (gateway, path) => sendAndWait(gateway, path, '404')],
  ['fails at the upstream', (gateway, path) => sendAndWait(gateway, path, '500')],
  ['is dropped by the upstream', (gateway, path) => sendAndWait(gateway, path, 'close')],
  ['gets invalid HTTP as its response', (gateway, path) => sendAndWait(gateway, path, 'garbage')],
  ['gets a partial response', (gateway, path) => sendAndWait(gateway, path, 'cut')],
  ['is aborted by its client during a stream', disconnectMidStream],
  [
    'is aborted by its client before the response',
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
    'is aborted by its client during the upload',
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
  it.each(ENDINGS)('is freed when the request %s', async (_, endRequest) => {
    const gateway = await startTestGateway(ROUTES, upstream)
    // Twice, because one leaked slot may go unnoticed.
    for (let round = 0; round < 2; round++) {
      await endRequest(gateway, path)
      await untilFree(gateway, path)
    }
  })

  it('is freed when the upstream times out', async () => {
    const gateway = await startTestGateway(`timeouts: { headers: 200ms }\n${ROUTES}`, upstream)
    expect(await sendAndWait(gateway, path, 'be silent')).toBe(504)
    await untilFree(gateway, path)
  })
})
