import { describe, expect, it } from 'vitest'
import { startTestGateway } from '../gateway/running-gateway.js'
import { message, rawClient } from './raw-client.js'
import { rawUpstream } from './upstream-under-test.js'

const OK = 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok'

/**
 * Starts an upstream that responds to the first request on each connection and closes the
 * connection at the second. Sends a first request, and records all requests.
 */
async function startClosingUpstream(
  config = '',
  atSecond: (bytes: string) => string | undefined = () => undefined,
) {
  const seen: string[] = []
  const served = new WeakSet<object>()
  const upstream = await rawUpstream((socket, request) => {
    seen.push(request.split(' HTTP')[0] ?? '')
    if (!served.has(socket)) {
      served.add(socket)
      socket.write(OK)
      return
    }
    const partial = atSecond(request)
    if (partial === undefined) socket.destroy()
    else socket.end(partial)
  })
  const { gateway } = await startTestGateway(config, upstream.url)
  const client = await rawClient(gateway.address.port)
  client.send(message('GET /first HTTP/1.1'))
  await client.until('200 OK')
  return { client, seen }
}

describe('a request to an upstream that closes its idle connection', () => {
  it.each(['GET', 'HEAD', 'OPTIONS', 'DELETE'])('is retried once if it is a %s', async (method) => {
    const { client, seen } = await startClosingUpstream()
    client.send(message(`${method} /second HTTP/1.1`))
    await client.until('200 OK', 2)
    expect(seen).toEqual(['GET /first', `${method} /second`, `${method} /second`])
  })

  it('is retried with its complete body if it is a PUT', async () => {
    const { client, seen } = await startClosingUpstream()
    client.send(message('PUT /second HTTP/1.1', ['Content-Length: 5'], 'hello'))
    await client.until('200 OK', 2)
    expect(seen).toHaveLength(3)
  })

  it.each([
    ['a POST', 'POST', ['Content-Length: 5'], 'hello', ''],
    ['a POST without a body', 'POST', ['Content-Length: 0'], '', ''],
    ['a PUT with a streamed body', 'PUT', ['Transfer-Encoding: chunked'], '5\r\nhello\r\n0\r\n\r\n', ''],
    [
      'a POST with a streamed body',
      'POST',
      ['Transfer-Encoding: chunked'],
      '5\r\nhello\r\n0\r\n\r\n',
      'retry_post: true',
    ],
  ])('fails with 502 if it is %s', async (_name, method, headers, body, config) => {
    const { client, seen } = await startClosingUpstream(config)
    client.send(message(`${method} /second HTTP/1.1`, headers, body))
    await client.until('HTTP/1.1 502 ')
    expect(seen.filter((line) => line.endsWith('/second'))).toHaveLength(1)
  })

  it('is retried if it is a POST and retry_post is true', async () => {
    const { client, seen } = await startClosingUpstream('retry_post: true')
    client.send(message('POST /second HTTP/1.1', ['Content-Length: 5'], 'hello'))
    await client.until('200 OK', 2)
    expect(seen).toHaveLength(3)
  })

  it('is not retried once part of a response has arrived', async () => {
    const { client, seen } = await startClosingUpstream('', () => 'HTTP/1.1 200 OK\r\nContent-Le')
    client.send(message('GET /second HTTP/1.1'))
    await client.until('HTTP/1.1 502 ')
    expect(seen).toHaveLength(2)
  })

  it('is charged once despite its retry', async () => {
    const { client } = await startClosingUpstream('routes: [{ match: GET /*, limits: [3/hour] }]')
    client.send(message('GET /second HTTP/1.1'))
    await client.until('r=1;')
    client.send(message('GET /third HTTP/1.1'))
    await client.until('r=0;')
  })
})

it('the gateway charges a retried request once, even under a rule that reads the body', async () => {
  const { client, seen } = await startClosingUpstream(`retry_post: true
routes:
  - match: POST /*
    limits: [{ limit: 10/hour, name: calls }, { limit: 20/hour, of: rows, cost: size(body.data), name: rows }]
`)
  const body = '{"data":[1,2,3]}'
  const headers = [`Content-Length: ${body.length}`, 'Content-Type: application/json']
  client.send(message('POST /second HTTP/1.1', headers, body))
  await client.until('200 OK', 2)
  expect(seen).toEqual(['GET /first', 'POST /second', 'POST /second'])
  expect(client.received).toMatch(/"calls";r=9/)
  expect(client.received).toMatch(/"rows";r=17/)
})

it('the gateway does not retry a request that failed on a new connection', async () => {
  const upstream = await rawUpstream((socket) => socket.destroy())
  const { gateway } = await startTestGateway('', upstream.url)
  const client = await rawClient(gateway.address.port)
  client.send(message('GET / HTTP/1.1'))
  await client.until('HTTP/1.1 502 ')
  expect(upstream.received.match(/GET/g)).toHaveLength(1)
})
