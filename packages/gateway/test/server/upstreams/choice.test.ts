import { describe, expect, it } from 'vitest'
import { send, startTestGateway } from '../gateway/running-gateway.js'
import { namedServer } from './named-servers.js'

const chat = (model: string) => ({ body: JSON.stringify({ model, messages: [] }) })

describe('the upstream of a route', () => {
  it('is a name, a URL, or the default', async () => {
    const [a, b, first] = await Promise.all(['a', 'b', 'default'].map((name) => namedServer(name)))
    const { url } = await startTestGateway(
      `
upstreams:
  a: { url: "${a?.url}" }
routes:
  - { match: /a, upstream: a }
  - { match: /b, upstream: "${b?.url}" }
  - { match: /c, limits: [60/minute] }
  - { match: /d, upstream: default }
`,
      first?.url ?? '',
    )
    const answers = await Promise.all(['/a', '/b', '/c', '/d', '/e'].map((path) => send(url, path)))
    expect(answers.map(({ text }) => text)).toEqual(['a', 'b', 'default', 'default', 'default'])
  })

  it('is computed from the model of the call, which is read once', async () => {
    const [vllm, openai] = await Promise.all(['vllm', 'openai'].map((name) => namedServer(name)))
    const { url } = await startTestGateway(`
upstreams:
  vllm: { url: "${vllm?.url}" }
  openai: { url: "${openai?.url}" }
routes:
  - match: POST /v1/chat/completions
    llm: openai
    upstream: "model.startsWith('gpt-') ? 'openai' : 'vllm'"
`)
    expect((await send(url, '/v1/chat/completions', chat('gpt-5'))).text).toBe('openai')
    expect((await send(url, '/v1/chat/completions', chat('llama'))).text).toBe('vllm')
    expect((await send(url, '/v1/chat/completions', { body: '{' })).status).toBe(400)
  })

  it('is computed from the model that an alias stands for, on every path of the route', async () => {
    const [vllm, openai] = await Promise.all(
      ['vllm', 'openai'].map((name) => namedServer(name, (request, response) => request.pipe(response))),
    )
    const { url } = await startTestGateway(`
upstreams:
  vllm: { url: "${vllm?.url}" }
  openai: { url: "${openai?.url}", limits: [{ limit: 1M/hour, of: tokens }] }
routes:
  - match: [POST /v1/chat/completions, POST /v1/completions]
    name: calls
    llm: openai
    models: { alias: { fast: gpt-5 } }
    upstream: "model.startsWith('gpt-') ? 'openai' : 'vllm'"
    allow: [127.0.0.1]
`)
    for (const path of ['/v1/chat/completions', '/v1/completions'])
      for (const [model, sent] of [
        ['fast', 'gpt-5'],
        ['llama', 'llama'],
      ]) {
        const body = JSON.stringify({ model, messages: [], prompt: 'hi' })
        expect(JSON.parse((await send(url, path, { body })).text)).toMatchObject({ model: sent })
      }
    expect([openai, vllm].map((server) => server?.received.length)).toEqual([2, 2])
  })

  it('is never the default silently: an expression must name it, even if the file names none', async () => {
    const server = await namedServer('default')
    const { url } = await startTestGateway(
      `routes: [{ match: /x, upstream: "headers['x-to']" }]\n`,
      server.url,
    )
    expect((await send(url, '/x', { headers: { 'x-to': 'a' } })).status).toBe(502)
    expect((await send(url, '/x', { headers: { 'x-to': 'default' } })).text).toBe('default')
  })

  it('is never the default silently: an unknown name is a 502, which charges nothing', async () => {
    const fallback = await namedServer('default')
    const { url, failures } = await startTestGateway(
      `
upstreams:
  a: { url: "${fallback.url}" }
routes:
  - { match: /x, upstream: "headers['x-to']", limits: [2/hour] }
`,
      fallback.url,
    )
    const unknown = await send(url, '/x', { headers: { 'x-to': 'nowhere' } })
    expect(unknown.status).toBe(502)
    expect(unknown.text).not.toContain('nowhere')
    expect(failures).toMatchObject([{ route: '/x', code: 'UNKNOWN_UPSTREAM' }])
    expect(JSON.stringify(failures)).toContain('nowhere')
    expect((await send(url, '/x')).status).toBe(400)
    expect(fallback.received).toEqual([])
    // Both requests were refunded.
    const known = () => send(url, '/x', { headers: { 'x-to': 'a' } })
    expect([(await known()).status, (await known()).status, (await known()).status]).toEqual([200, 200, 429])
  })

  it('applies to clients without limits as well', async () => {
    const a = await namedServer('a')
    const { url } = await startTestGateway(`
upstreams:
  a: { url: "${a.url}" }
routes:
  - { match: /x, upstream: "body.to", limits: [1/hour], allow: [127.0.0.1] }
`)
    const to = () => send(url, '/x', { body: '{"to":"a"}' })
    expect([(await to()).text, (await to()).text]).toEqual(['a', 'a'])
  })
})

describe('the headers of an upstream', () => {
  const config = (url: string) => `
upstreams:
  provider: { url: "${url}", headers: { Authorization: Bearer provider-key, x-team: search } }
  plain: { url: "${url}", headers: { x-team: search } }
routes:
  - { match: /provider, upstream: provider }
  - { match: /plain, upstream: plain }
`
  const headers = {
    authorization: 'Bearer client',
    'x-api-key': 'client',
    Api_Key: 'client',
    'x-team': 'other',
    'x-goog-api-key': 'client',
  }

  it('replace those of the client, whose credentials an upstream with its own does not get', async () => {
    const server = await namedServer('server')
    const { url } = await startTestGateway(config(server.url))
    await send(url, '/provider', { headers })
    await send(url, '/plain', { headers })
    const [provider, plain] = server.received
    expect(provider).toMatchObject({ authorization: 'Bearer provider-key', 'x-team': 'search' })
    expect(JSON.stringify(provider)).not.toContain('client"')
    expect(plain).toMatchObject({ authorization: 'Bearer client', 'x-api-key': 'client', 'x-team': 'search' })
  })
})
