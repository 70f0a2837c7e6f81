import { describe, expect, it } from 'vitest'
import { send, startTestGateway } from './running-gateway.js'

const ONCE = 'limits: [{ limit: 1/hour, algorithm: fixed-window, name: few }]'
const chat = { body: JSON.stringify({ model: 'm', messages: [] }) }

/** Returns the second answer of a route that admits one request. */
async function refusalOf(config: string, path = '/v1/chat/completions') {
  const { url } = await startTestGateway(config)
  await send(url, path, chat)
  const { status, headers, text } = await send(url, path, chat)
  return { status, headers, document: JSON.parse(text) }
}

describe('an answer of the gateway itself', () => {
  it.each([
    ['openai', '/v1/chat/completions', { error: { code: 'rate_limit_exceeded' } }],
    ['openai-responses', '/any', { error: { code: 'rate_limit_exceeded' } }],
    ['anthropic', '/v1/messages', { error: { type: 'rate_limit_error' } }],
    ['ollama', '/api/chat', { error: expect.stringContaining('The limit is 1 request per hour.') }],
    ['{ shape: { input: /prompt } }', '/any', { error: { code: 'rate_limit_exceeded' } }],
    ['{ shape: openai, error_shape: ollama }', '/v1/completions', { error: expect.any(String) }],
  ])('has the error format of a route with llm: %s', async (llm, path, members) => {
    const { document, headers } = await refusalOf(
      `routes: [{ match: POST ${path}, llm: ${llm}, ${ONCE} }]`,
      path,
    )
    expect(document).toMatchObject({ status: 429, reason: 'exceeded', 'retry-after': 3600, ...members })
    expect([headers['x-should-retry'], headers['retry-after']]).toEqual(['false', '3600'])
    expect(Number(headers['retry-after-ms'])).toBeGreaterThan(3_500_000)
  })

  it.each([
    ['without llm', ''],
    ['with error_shape: off', 'llm: { shape: openai, error_shape: off },'],
  ])('is a plain problem document on a route %s', async (_what, llm) => {
    const { document, headers } = await refusalOf(
      `routes: [{ match: POST /v1/chat/completions, ${llm} ${ONCE} }]`,
    )
    expect(document).not.toHaveProperty('error')
    for (const name of ['x-should-retry', 'retry-after-ms']) expect(headers).not.toHaveProperty(name)
  })

  it('applies max_retry_wait', async () => {
    const llm = 'llm: { shape: openai, max_retry_wait: 2h }'
    const { headers } = await refusalOf(`routes: [{ match: POST /v1/chat/completions, ${llm}, ${ONCE} }]`)
    expect(headers).not.toHaveProperty('x-should-retry')
  })

  it.each([
    ['openai', '/v1/chat/completions', 'x-ratelimit-remaining-requests'],
    ['anthropic', '/v1/messages', 'anthropic-ratelimit-requests-remaining'],
  ])("of %s has the vendor's rate limit headers by default", async (llm, path, name) => {
    const route = (llm: string) => `routes: [{ match: POST ${path}, llm: ${llm}, ${ONCE} }]`
    expect((await refusalOf(route(llm), path)).headers[name]).toBe('0')
    const off = await refusalOf(route(`{ shape: ${llm}, mirror_headers: off }`), path)
    expect(off.headers).not.toHaveProperty(name)
  })

  it.each<[string, object, (document: Record<string, unknown>) => unknown, unknown]>([
    ['/v1/models', {}, ({ error }) => (error as { code: string }).code, 'unknown_url'],
    ['/prefix/v1/files?a=/api/chat', {}, ({ error }) => (error as { code: string }).code, 'unknown_url'],
    ['/v1/messages', {}, ({ error }) => (error as { type: string }).type, 'not_found_error'],
    [
      '/v1/models',
      { 'anthropic-version': '1' },
      ({ error }) => (error as { type: string }).type,
      'not_found_error',
    ],
    ['/api/chat', {}, ({ error }) => typeof error, 'string'],
    ['/predict', {}, ({ error }) => error, undefined],
  ])(
    'to an unknown path %s with the headers %o has the error format of its API',
    async (path, headers, read, expected) => {
      const { url } = await startTestGateway(
        `routes: [{ match: POST /v1/embeddings, llm: openai }]\ndefault: deny`,
      )
      const { status, text } = await send(url, path, { headers })
      expect(status).toBe(404)
      expect(read(JSON.parse(text))).toBe(expected)
    },
  )

  it('to an unknown path is plain if no route meters model calls', async () => {
    const { url } = await startTestGateway('default: deny')
    const { text } = await send(url, '/v1/models')
    expect(JSON.parse(text)).not.toHaveProperty('error')
  })
})

describe('a configured answer', () => {
  it('replaces the status and the detail, also in the error format', async () => {
    const { status, document, headers } = await refusalOf(`
answers: { 429: { status: 403, detail: 'No. {detail} ({rule}, {limit}, {retry_after} s)' } }
routes: [{ match: POST /v1/chat/completions, llm: openai, ${ONCE} }]`)
    const detail = /^No\. The limit is 1 request per hour\. .* \(few, 1\/hour, 3600 s\)$/
    expect(status).toBe(403)
    expect(document).toMatchObject({
      ...{ status: 403, title: 'Too many requests', detail: expect.stringMatching(detail) },
      error: { code: 'rate_limit_exceeded', message: expect.stringMatching(/^No\. The limit/) },
    })
    expect(headers['retry-after']).toBe('3600')
  })

  it('of a route takes precedence over that of the file', async () => {
    const { document } = await refusalOf(`
answers: { 429: { detail: file } }
routes: [{ match: POST /v1/chat/completions, answers: { 429: { detail: route } }, ${ONCE} }]`)
    expect(document.detail).toBe('route')
  })

  it('replaces the body with JSON whose inserted values are escaped', async () => {
    const body = `{ error: { message: 'Sorry: {detail}', id: '{request_id}', seconds: '{retry_after}', list: [1, null, true, '{title}'] } }`
    const { url } = await startTestGateway(`
answers: { 403: { body: ${body} }, 404: { body: '{"code": "{status}", "after": "{retry_after}"}' } }
routes: [{ match: /never, require: 'false', refuse_with: { detail: "\\"quoted\\" {title} \\\\ \\u2028" } }]
default: deny`)
    const { headers, text } = await send(url, '/never')
    expect(headers['content-type']).toBe('application/json')
    expect(JSON.parse(text)).toEqual({
      error: {
        message: 'Sorry: "quoted" {title} \\ \u2028',
        id: headers['x-request-id'],
        seconds: null,
        list: [1, null, true, 'Forbidden'],
      },
    })
    expect((await send(url, '/other')).text).toBe('{"code":404,"after":null}')
  })

  it('for no_retry replaces only refusals that a client should not retry', async () => {
    const { url } = await startTestGateway(`
answers: { no_retry: { status: 403 } }
routes:
  - { match: /hour, limits: [{ limit: 1/hour, algorithm: fixed-window }] }
  - { match: /minute, limits: [{ limit: 1/minute, algorithm: fixed-window }] }
  - { match: /never, limits: [{ limit: 1/minute, cost: 'size(method)' }] }`)
    const statuses = []
    for (const path of ['/hour', '/hour', '/minute', '/minute', '/never'])
      statuses.push((await send(url, path)).status)
    expect(statuses).toEqual([200, 403, 200, 429, 403])
  })
})
