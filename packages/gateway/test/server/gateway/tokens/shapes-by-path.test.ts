import type { RequestListener } from 'node:http'
import { describe, expect, it } from 'vitest'
import { send, startTestGateway } from '../running-gateway.js'
import { sendJson } from './chat-model.js'

/** A route for all paths that match, with a limit of tokens. */
const route = (match: string, llm: string, more = '') => `
routes:
  - match: ${match}
    llm: ${llm}
    limits: [{ limit: 1000/hour, of: tokens, name: tokens, algorithm: fixed-window }]${more}
default: deny`

const MODEL = '/v1beta/models/gemini-2.5-flash'
const messages = [{ role: 'user', content: 'x'.repeat(400) }]
const contents = [{ role: 'user', parts: [{ text: 'x'.repeat(400) }] }]

/** An answer in the forms of all APIs at once, which costs 30 tokens. */
const ANSWER = {
  ...{ choices: [], output: [], content: [], done: true, candidates: [] },
  usage: { prompt_tokens: 20, completion_tokens: 10, input_tokens: 20, output_tokens: 10 },
  usageMetadata: { promptTokenCount: 20, candidatesTokenCount: 4, thoughtsTokenCount: 6 },
  ...{ prompt_eval_count: 20, eval_count: 10 },
}

const model: RequestListener = (request, response) => {
  request.resume()
  const json = JSON.stringify(ANSWER)
  if (request.url?.endsWith('alt=sse') === true) {
    response.setHeader('content-type', 'text/event-stream')
    response.end(`data: ${json}\r\n\r\n`)
  } else if (request.url?.includes(':stream') === true) {
    response.setHeader('content-type', 'application/json')
    response.end(`[${json}\n,\r\n${json}\n]`)
  } else sendJson(response, ANSWER)
}

/** Returns the tokens that are left, which a free request reports. */
async function tokensLeft(url: string, path = '/v1/messages/count_tokens'): Promise<number> {
  const { status, headers } = await send(url, path, { body: '{}' })
  expect(status).toBe(200)
  return Number(/"tokens";r=(\d+)/.exec(String(headers.ratelimit))?.[1])
}

describe('a route with `llm: auto` and a wildcard', () => {
  it.each<[string, object]>([
    ['/v1/chat/completions', { messages }],
    ['/v1/Chat/Completions/', { messages }],
    ['/v1/chat/completions;v=1', { messages }],
    ['/v1/completions', { prompt: 'x' }],
    ['/v1/responses', { input: 'x' }],
    ['/v1/messages', { messages }],
    ['/api/chat', { messages }],
    ['/api/generate', { prompt: 'x' }],
    [`${MODEL}:generateContent`, { contents }],
    [`${MODEL}:generatecontent`, { contents }],
    [`${MODEL}%3AgenerateContent`, { contents }],
    [`${MODEL}:streamGenerateContent`, { contents }],
    [`${MODEL}:streamGenerateContent?alt=sse`, { contents }],
  ])('meters a call of %s by the API of its path', async (path, body) => {
    const { url } = await startTestGateway(route('POST /*', 'auto'), model)
    expect((await send(url, path, { body: JSON.stringify(body) })).status).toBe(200)
    expect(await tokensLeft(url)).toBe(970)
  })

  it.each([`${MODEL}:countTokens`, '/v1/messages/count_tokens', '/tokenize'])(
    'charges a call of %s one request and no tokens',
    async (path) => {
      const { url } = await startTestGateway(route('POST /*', 'auto'), model)
      expect(await tokensLeft(url, path)).toBe(1000)
      expect(await tokensLeft(url, path)).toBe(1000)
    },
  )

  it('refuses a path of no known API in the error format of the path', async () => {
    let calls = 0
    const { url } = await startTestGateway(route('/*', 'auto'), (_, response) => {
      calls += 1
      response.end()
    })
    for (const [path, member] of [
      ['/v1/batches', { type: 'invalid_request_error' }],
      [`${MODEL}:batchGenerateContent`, { type: 'invalid_request_error' }],
      ['/api/pull', { type: 'invalid_request_error' }],
    ] as const) {
      const { status, text } = await send(url, path, { body: '{}' })
      expect(status).toBe(400)
      const document = JSON.parse(text)
      expect(document.detail).toMatch(/counts model calls, but the path .* belongs to no known API/)
      expect(document.error).toMatchObject(member)
    }
    expect((await send(url, '/v1/models', { method: 'GET' })).status).toBe(400)
    expect(calls).toBe(0)
  })

  it.each<[string, object, unknown]>([
    ['/v1/chat/completions', {}, { type: 'invalid_request_error', code: 'permission_denied' }],
    ['/v1/messages', {}, { type: 'permission_error' }],
    ['/other', { 'anthropic-version': '2023-06-01' }, { type: 'permission_error' }],
    ['/api/chat', {}, expect.stringContaining('request ID')],
    [`${MODEL}:generateContent`, {}, { code: 403, status: 'PERMISSION_DENIED' }],
  ])('answers a refused call of %s %j in the error format of its API', async (path, headers, error) => {
    const settings = "routes: [{ match: POST /*, llm: auto, require: 'false' }]\ndefault: deny"
    const { url } = await startTestGateway(settings, model)
    const { status, text } = await send(url, path, { body: '{}', headers })
    expect(status).toBe(403)
    expect(JSON.parse(text)).toMatchObject({ error })
  })

  it('forwards every path if no limit counts tokens', async () => {
    const { url } = await startTestGateway('routes: [{ match: POST /*, llm: auto, limits: [5/hour] }]', model)
    expect((await send(url, '/v1/batches', { body: '{}' })).status).toBe(200)
  })
})

describe('a route with the name of an API and a parameter', () => {
  it('meters the paths of that API and refuses others', async () => {
    const { url } = await startTestGateway(route("'POST /v1beta/models/:model'", 'gemini'), model)
    expect((await send(url, `${MODEL}:generateContent`, { body: JSON.stringify({ contents }) })).status).toBe(
      200,
    )
    expect(await tokensLeft(url, `${MODEL}:countTokens`)).toBe(970)
    const { status, text } = await send(url, `${MODEL}:predict`, { body: '{}' })
    expect(status).toBe(400)
    expect(JSON.parse(text).error).toMatchObject({ code: 400, status: 'INVALID_ARGUMENT' })
  })

  it('meters one method of the model if the pattern names it', async () => {
    const { url } = await startTestGateway(
      route("'POST /v1beta/models/:model:generateContent'", 'gemini'),
      model,
    )
    expect((await send(url, `${MODEL}:generateContent`, { body: JSON.stringify({ contents }) })).status).toBe(
      200,
    )
    expect((await send(url, `${MODEL}:countTokens`, { body: '{}' })).status).toBe(404)
  })
})
