import { describe, expect, it } from 'vitest'
import { message, rawClient } from '../proxy/raw-client.js'
import { httpUpstream } from '../proxy/upstream-under-test.js'
import { startTestGateway } from './running-gateway.js'

const JSON_TYPE = 'Content-Type: application/json'
const CHUNKED = 'Transfer-Encoding: chunked'
const ROWS = `routes:
  - { match: POST /rows, limits: [{ limit: 3/hour }, { limit: 100/hour, of: rows, cost: size(body.data) }] }
`

async function gatewayWith(config: string) {
  const upstream = await httpUpstream((request, response) => {
    request.resume().on('end', () => response.end('done'))
  })
  const { gateway, adminUrl, url } = await startTestGateway(config, upstream.url)
  return { port: gateway.address.port, upstream, adminUrl, url }
}

describe('a route whose rules read the body', () => {
  it('refuses a request by its other rules before the body arrives', async () => {
    const { port, url } = await gatewayWith(ROWS)
    const headers = { 'content-type': 'application/json' }
    for (let sent = 0; sent < 3; sent++)
      await fetch(`${url}/rows`, { method: 'POST', headers, body: '{"data":[1]}' })
    const client = await rawClient(port)
    client.send(message('POST /rows HTTP/1.1', [JSON_TYPE, CHUNKED]))
    await client.until('HTTP/1.1 429 ')
    expect(client.received).toMatch(/ratelimit-policy: .*"requests".*"rows"/i)
  })

  it('counts requests with invalid bodies against the rules that do not read the body', async () => {
    const { port, url } = await gatewayWith(ROWS)
    const headers = { 'content-type': 'application/json' }
    const small = await fetch(`${url}/rows`, { method: 'POST', headers, body: '{"data":' })
    expect(small.status).toBe(400)
    const none = await fetch(`${url}/rows`, { method: 'POST', headers })
    expect(none.status).toBe(400)
    const client = await rawClient(port)
    client.send(message('POST /rows HTTP/1.1', [JSON_TYPE, CHUNKED]))
    client.send('3\r\n{"d\r\n0\r\n\r\n')
    await client.until('HTTP/1.1 400 ')
    expect((await fetch(`${url}/rows`, { method: 'POST', headers, body: '{' })).status).toBe(429)
  })

  it('refunds the charges of the first rules when a rule that reads the body refuses the request', async () => {
    const { port, url } = await gatewayWith(ROWS)
    const many = JSON.stringify({ data: new Array(101).fill(1) })
    for (let sent = 0; sent < 5; sent++) {
      const client = await rawClient(port)
      client.send(
        message('POST /rows HTTP/1.1', [JSON_TYPE, `Content-Length: ${many.length}`], many.slice(0, 20)),
      )
      client.send(many.slice(20))
      await client.until('HTTP/1.1 429 ')
    }
    const headers = { 'content-type': 'application/json' }
    const response = await fetch(`${url}/rows`, { method: 'POST', headers, body: '{"data":[1]}' })
    expect([response.status, response.headers.get('ratelimit')]).toEqual([
      200,
      expect.stringContaining('"requests";r=2'),
    ])
  })

  it('responds with 503 if there is no memory for a body, charges nothing, and counts the refusal in the metrics', async () => {
    const { port, url, adminUrl } = await gatewayWith(`server: { max_body_memory: 64KiB }\n${ROWS}`)
    const large = `{"data":[${'1,'.repeat(50_000)}1]}`
    const client = await rawClient(port)
    client.send(message('POST /rows HTTP/1.1', [JSON_TYPE, `Content-Length: ${large.length}`], large))
    await client.until('HTTP/1.1 503 ')
    expect(client.received.toLowerCase()).toContain('retry-after: 1\r\n')
    const headers = { 'content-type': 'application/json' }
    const response = await fetch(`${url}/rows`, { method: 'POST', headers, body: '{"data":[1]}' })
    expect(response.headers.get('ratelimit')).toContain('"requests";r=2')
    await response.text()
    const metrics = await (await fetch(`${adminUrl}/metrics`)).text()
    expect(metrics).toMatch(/^sluice_bodies_refused_total 1$/m)
    expect(metrics).toMatch(/^sluice_body_memory_bytes 0$/m)
    expect(metrics).toMatch(/^sluice_max_body_memory_bytes 65536$/m)
  })

  it('responds with 413 to a body whose parsed values would exceed the memory, before parsing it', async () => {
    const { url, adminUrl } = await gatewayWith(`server: { max_body_memory: 256KiB }\n${ROWS}`)
    const send = async (body: string) => {
      const headers = { 'content-type': 'application/json' }
      const response = await fetch(`${url}/rows`, { method: 'POST', headers, body })
      return [response.status, await response.text()] as const
    }
    const [status, text] = await send(`{"data":[${'[],'.repeat(5000)}[]]}`)
    expect(status).toBe(413)
    expect(text).toContain('too many values')
    // The same bytes in one string take only a small multiple of their size.
    expect(await send(`{"data":[1],"text":"${'[],'.repeat(5000)}"}`)).toEqual([200, expect.anything()])
    const metrics = await (await fetch(`${adminUrl}/metrics`)).text()
    expect(metrics).toMatch(/^sluice_body_memory_bytes 0$/m)
  })

  it('reads a body in chunks of one byte, and forwards it unchanged', async () => {
    const { port, upstream } = await gatewayWith(ROWS)
    const body = `{"data":[${'1,'.repeat(2000)}1],"text":"é"}`
    const bytes = Buffer.from(body).toString('latin1')
    const client = await rawClient(port)
    client.send(
      message(
        'POST /rows HTTP/1.1',
        [JSON_TYPE, CHUNKED],
        `1\r\n${[...bytes].join('\r\n1\r\n')}\r\n0\r\n\r\n`,
      ),
    )
    await client.until('HTTP/1.1 429 ')
    client.send(
      message(
        'POST /rows HTTP/1.1',
        [JSON_TYPE, CHUNKED],
        '1\r\n{\r\n1\r\n"\r\n7\r\ndata":[\r\n2\r\n]}\r\n0\r\n\r\n',
      ),
    )
    await client.until('HTTP/1.1 200 ')
    expect((await upstream.arrivals.next()).request.headers['content-length']).toBe('11')
  })
})

describe('a route with slots', () => {
  const SLOTS = 'routes: [{ match: POST /*, limits: [{ concurrent: 2, by: everyone }] }]\n'

  it.each([
    ['Content-Length', ['Content-Length: 5'], 'hello'],
    ['chunks', [CHUNKED], '5\r\nhello\r\n0\r\n\r\n'],
  ])('takes a slot only when a body with %s begins', async (_how, headers, body) => {
    const { port } = await gatewayWith(SLOTS)
    const idle = await Promise.all(Array.from({ length: 8 }, () => rawClient(port)))
    for (const client of idle) client.send(message('POST / HTTP/1.1', headers))
    const client = await rawClient(port)
    client.send(message('POST / HTTP/1.1', headers, body))
    await client.until('HTTP/1.1 200 ')
    idle[0]?.send(body)
    await idle[0]?.until('HTTP/1.1 200 ')
  })

  it('takes no slot while a client waits for 100 Continue, and sends 100 Continue', async () => {
    const { port } = await gatewayWith(SLOTS)
    const client = await rawClient(port)
    client.send(message('POST / HTTP/1.1', ['Content-Length: 5', 'Expect: 100-continue']))
    await client.until('HTTP/1.1 100 Continue\r\n\r\n')
    client.send('hello')
    await client.until('HTTP/1.1 200 ')
    expect(client.received.match(/ 100 Continue/g)).toHaveLength(1)
  })

  it('responds with 408 and closes the connection when a body does not begin in time', async () => {
    const { port, adminUrl } = await gatewayWith(`timeouts: { body_start: 50ms }\n${SLOTS}`)
    const client = await rawClient(port)
    client.send(message('POST / HTTP/1.1', ['Content-Length: 5']))
    await client.until('HTTP/1.1 408 ')
    await client.closed
    const metrics = await (await fetch(`${adminUrl}/metrics`)).text()
    expect(metrics).toMatch(/sluice_requests_total\{.*outcome="timed_out"\} 1/)
  })
})

it('the gateway closes connections beyond the limit immediately, and still serves the others and the admin port', async () => {
  const { port, adminUrl } = await gatewayWith('server: { max_connections: 3 }')
  const clients = await Promise.all(Array.from({ length: 3 }, () => rawClient(port)))
  for (let more = 0; more < 5; more++) expect(await (await rawClient(port)).closed).toMatch(/^(ECONNRESET)?$/)
  for (const client of clients) {
    client.send(message('GET / HTTP/1.1'))
    await client.until('HTTP/1.1 200 ')
  }
  const metrics = await (await fetch(`${adminUrl}/metrics`)).text()
  expect(metrics).toMatch(/^sluice_connections 3$/m)
  expect(metrics).toMatch(/^sluice_max_connections 3$/m)
  expect(metrics).toMatch(/^sluice_connections_refused_total 5$/m)
})
