import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { quickModels, serve, type TestServer } from './serving.js'

const PATH = '/v1/chat/completions'
let serving: TestServer
beforeAll(async () => {
  serving = await serve({ models: quickModels() })
})
afterAll(() => serving[Symbol.asyncDispose]())

describe('a chat request', () => {
  const messages = [{ role: 'user', content: 'x' }]
  it.each([
    [[], ['body']],
    [{}, ['body', 'messages']],
    [{ messages: 'x' }, ['body', 'messages']],
    [{ messages: [] }, ['body', 'messages']],
    [{ messages: ['x'] }, ['body', 'messages', 0]],
    [{ messages: [...messages, { role: 'king', content: 'x' }] }, ['body', 'messages', 1, 'role']],
    [{ messages: [{ role: 'user' }] }, ['body', 'messages', 0, 'content']],
    [{ messages: [{ role: 'user', content: null }] }, ['body', 'messages', 0, 'content']],
    [
      { messages: [{ role: 'user', content: [{ type: 'image_url' }] }] },
      ['body', 'messages', 0, 'content', 0],
    ],
    [{ messages, max_tokens: 0 }, ['body', 'max_tokens']],
    [{ messages, max_tokens: 1.5 }, ['body', 'max_tokens']],
    [{ messages, max_tokens: '9' }, ['body', 'max_tokens']],
    [{ messages, max_completion_tokens: 1_000_001 }, ['body', 'max_completion_tokens']],
    [{ messages, temperature: 2.1 }, ['body', 'temperature']],
    [{ messages, temperature: -0.1 }, ['body', 'temperature']],
    [{ messages, seed: 0.5 }, ['body', 'seed']],
    [{ messages, n: 2 }, ['body', 'n']],
    [{ messages, stream: 'yes' }, ['body', 'stream']],
    [{ messages, stop: '' }, ['body', 'stop']],
    [{ messages, stop: ['a', 'b', 'c', 'd', 'e'] }, ['body', 'stop']],
    [{ messages, stop: 'x'.repeat(257) }, ['body', 'stop']],
    [{ messages, ignore_eos: 1 }, ['body', 'ignore_eos']],
    [{ messages, stream_options: { include_usage: true } }, ['body', 'stream_options']],
    [{ messages, stream: true, stream_options: true }, ['body', 'stream_options']],
    [
      { messages, stream: true, stream_options: { include_usage: 1 } },
      ['body', 'stream_options', 'include_usage'],
    ],
  ])('is rejected with 422 and the position of the error: %j', async (body, loc) => {
    const answer = await serving.postJson(PATH, body)
    expect(answer).toEqual({ status: 422, body: { detail: [{ loc, msg: expect.any(String) }] } })
  })

  it('may contain unknown fields, and null for absent fields', async () => {
    const answer = await serving.postJson(PATH, {
      messages,
      model: 'any',
      top_p: 1,
      stop: null,
      max_tokens: null,
    })
    expect(answer.status).toBe(200)
  })
})
