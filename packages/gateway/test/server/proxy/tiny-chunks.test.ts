import { describe, expect, it } from 'vitest'
import { startTestGateway } from '../gateway/running-gateway.js'
import { message, rawClient } from './raw-client.js'
import { rawUpstream } from './upstream-under-test.js'

const COUNT = 3000
const CHUNKED = 'Transfer-Encoding: chunked'
const LETTERS = 'abcdefghijklmnopqrstuvwxyz'

/** Far fewer chunks than are sent, because many arrive in one iteration of the event loop. */
const MAX_FORWARDED = COUNT / 10

const SENT = Array.from({ length: COUNT }, (_, index) => LETTERS[index % LETTERS.length]).join('')
const TINY = `${[...SENT].map((letter) => `1\r\n${letter}\r\n`).join('')}0\r\n\r\n`

/** Returns the chunks of a body as sent on the wire. */
function chunksOf(body: string): string[] {
  const chunks: string[] = []
  let at = 0
  for (;;) {
    const end = body.indexOf('\r\n', at)
    const size = Number.parseInt(body.slice(at, end), 16)
    if (size === 0 || Number.isNaN(size)) return chunks
    chunks.push(body.slice(end + 2, end + 2 + size))
    at = end + 2 + size + 2
  }
}

function bodyOf(text: string): string {
  return text.slice(text.indexOf('\r\n\r\n') + 4)
}

describe('a body in chunks of one byte', () => {
  it.each([
    ['without a rule that reads it', ''],
    ['in a request that holds a slot', 'routes: [{ match: POST /*, limits: [{ concurrent: 2 }] }]'],
  ])('reaches the upstream complete and in few chunks %s', async (_, config) => {
    const upstream = await rawUpstream((socket) => {
      if (upstream.received.endsWith('\r\n0\r\n\r\n'))
        socket.write('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok')
    })
    const { gateway } = await startTestGateway(config, upstream.url)
    const client = await rawClient(gateway.address.port)
    client.send(message('POST / HTTP/1.1', [CHUNKED], TINY))
    await client.until('200 OK')
    const chunks = chunksOf(bodyOf(upstream.received))
    expect(chunks.join('')).toBe(SENT)
    expect(chunks.length).toBeLessThan(MAX_FORWARDED)
  })

  it('reaches the client complete and in few chunks', async () => {
    const upstream = await rawUpstream((socket) => {
      socket.write(`HTTP/1.1 200 OK\r\n${CHUNKED}\r\n\r\n${TINY}`)
    })
    const { gateway } = await startTestGateway('', upstream.url)
    const client = await rawClient(gateway.address.port)
    client.send(message('GET / HTTP/1.1'))
    await client.until('\r\n0\r\n\r\n')
    const chunks = chunksOf(bodyOf(client.received))
    expect(chunks.join('')).toBe(SENT)
    expect(chunks.length).toBeLessThan(MAX_FORWARDED)
  })
})
