import { describe, expect, it } from 'vitest'
import { send, startTestGateway, until } from '../gateway/running-gateway.js'
import { rawUpstream, unusedAddress } from '../proxy/upstream-under-test.js'
import { answering, namedServer } from './named-servers.js'

const config = (first: string, next: string, more = '', limits = '[9/hour]') => `
upstreams:
  first: { url: "${first}", fallback: next${more} }
  next: { url: "${next}" }
routes:
  - { match: /x, upstream: first, limits: ${limits} }
`

describe('the fallback of an upstream', () => {
  it('serves a request after a 429, with its whole body and one charge', async () => {
    const first = await namedServer('first', answering(429, { 'retry-after': '1' }, 'first is busy'))
    const next = await namedServer('next', (request, response) => request.pipe(response))
    const { url } = await startTestGateway(config(first.url, next.url))
    const answer = await send(url, '/x', { body: '{"a":1}' })
    expect(answer).toMatchObject({ status: 200, text: '{"a":1}' })
    expect(answer.headers.ratelimit).toContain('r=8')
    expect(answer.headers['retry-after']).toBeUndefined()
    expect([first.received.length, next.received.length]).toEqual([1, 1])
  })

  it('is not used for other statuses, unless they are listed', async () => {
    const first = await namedServer('first', answering(503, {}, 'first'))
    const next = await namedServer('next')
    const before = await startTestGateway(config(first.url, next.url))
    expect(await send(before.url, '/x')).toMatchObject({ status: 503, text: 'first' })
    const after = await startTestGateway(config(first.url, next.url, ', fallback_on: [503]'))
    expect(await send(after.url, '/x')).toMatchObject({ status: 200, text: 'next' })
  })

  it('serves a request of any method if no connection is possible, even if its body is streamed', async () => {
    const next = await namedServer('next', (request, response) => request.pipe(response))
    const { url } = await startTestGateway(config(await unusedAddress(), next.url))
    expect(await send(url, '/x', { body: 'x'.repeat(500_000) })).toMatchObject({
      status: 200,
      text: 'x'.repeat(500_000),
    })
  })

  it.each([
    ['a GET', 'GET', '', 200],
    ['a POST, which the upstream may have received', 'POST', '', 502],
    ['a POST with retry_post', 'POST', 'retry_post: true', 200],
  ])(
    'is used after a lost connection only if a request may be repeated: %s',
    async (_, method, more, status) => {
      const first = await rawUpstream((socket) => socket.destroy())
      const next = await namedServer('next')
      const { url } = await startTestGateway(`${config(first.url, next.url)}${more}\n`)
      expect((await send(url, '/x', { method })).status).toBe(status)
      expect(next.received).toHaveLength(status === 200 ? 1 : 0)
    },
  )

  it('is not used once a response has begun', async () => {
    const first = await namedServer('first', (_, response) => {
      response.write('begin')
      setImmediate(() => response.destroy())
    })
    const next = await namedServer('next')
    const { url } = await startTestGateway(config(first.url, next.url, ', fallback_on: [429, 500, 502, 503]'))
    await expect(send(url, '/x', { method: 'GET' })).rejects.toThrow()
    expect(next.received).toEqual([])
  })

  it('is not used for a streamed body that was partly sent', async () => {
    const first = await namedServer('first', (request, response) => {
      request.once('data', () => response.writeHead(429).end('first'))
      request.resume()
    })
    const next = await namedServer('next')
    const { url } = await startTestGateway(config(first.url, next.url))
    expect(await send(url, '/x', { body: 'x'.repeat(500_000) })).toMatchObject({ status: 429, text: 'first' })
    expect(next.received).toEqual([])
  })

  it('is followed by its own fallbacks, each tried once', async () => {
    const [a, b, c] = await Promise.all(
      ['a', 'b', 'c'].map((name) => namedServer(name, answering(429, {}, name))),
    )
    const { url, adminUrl } = await startTestGateway(`
upstreams:
  a: { url: "${a?.url}", fallback: [b, c] }
  b: { url: "${b?.url}", fallback: c }
  c: { url: "${c?.url}" }
routes: [{ match: /x, upstream: a }]
`)
    expect(await send(url, '/x')).toMatchObject({ status: 429, text: 'c' })
    expect([a, b, c].map((server) => server?.received.length)).toEqual([1, 1, 1])
    await until(async () =>
      (await (await fetch(`${adminUrl}/metrics`)).text()).includes('route="/x",outcome="allowed"} 1'),
    )
  })

  it('names the upstream that served a request only to operators', async () => {
    const first = await namedServer('first', answering(429))
    const next = await namedServer('next')
    const { url } = await startTestGateway(config(first.url, next.url))
    const { headers, text } = await send(url, '/x')
    expect(text).toBe('next')
    expect(JSON.stringify(headers)).not.toMatch(/first|next/)
  })
})
