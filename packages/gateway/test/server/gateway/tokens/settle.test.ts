import { describe, expect, it } from 'vitest'
import { startTestGateway } from '../running-gateway.js'
import { CHAT, chat, sendChat, tokensLeft } from './chat-calls.js'
import { chatModel, sendJson } from './chat-model.js'

const LIMITS = `
      - { limit: 60/hour, algorithm: fixed-window, name: requests }
      - { limit: 1000/hour, of: tokens, name: tokens, algorithm: fixed-window, by: 'header:x-client' }`

function route(llm = 'openai'): string {
  return `routes:\n  - match: POST ${CHAT}\n    llm: ${llm}\n    limits:${LIMITS}`
}

const WORDS = ['Limits', ' are', ' kind', '.']
const USAGE = { prompt_tokens: 12, completion_tokens: 4 }

describe('the usage of a stream', () => {
  it('is requested, and hidden from a client that did not request it', async () => {
    const model = chatModel({ words: WORDS, usage: USAGE })
    const { url } = await startTestGateway(route(), model.listener)
    const { status, text, headers } = await sendChat(url, chat(10, { stream: true, temperature: 0.5 }))
    expect(status).toBe(200)
    expect(model.requests[0]?.body).toEqual({
      ...chat(10, { stream: true, temperature: 0.5 }),
      stream_options: { include_usage: true },
    })
    expect(model.requests[0]?.headers['accept-encoding']).toBe('identity')
    expect(text).not.toContain('usage')
    expect(text.match(/data: /g)).toHaveLength(WORDS.length + 1)
    expect(text.endsWith('data: [DONE]\n\n')).toBe(true)
    expect(headers['content-length']).toBeUndefined()
    expect(await tokensLeft(url)).toBe(1000 - 16)
  })

  it('is shown to a client that requested it', async () => {
    const model = chatModel({ words: WORDS, usage: USAGE })
    const { url } = await startTestGateway(route(), model.listener)
    const { text } = await sendChat(url, chat(10, { stream: true, stream_options: { include_usage: true } }))
    expect(text).toContain('"completion_tokens":4')
    expect(await tokensLeft(url)).toBe(1000 - 16)
  })

  it('is estimated from the delivered tokens if the upstream does not report it', async () => {
    const model = chatModel({ words: WORDS, usage: USAGE })
    const { url } = await startTestGateway(route('{ shape: openai, ask_for_usage: false }'), model.listener)
    await sendChat(url, chat(10, { stream: true }))
    expect(model.requests[0]?.body).toEqual(chat(10, { stream: true }))
    expect(await tokensLeft(url)).toBe(1000 - 10 - Math.ceil(WORDS.join('').length / 4))
  })
})

describe('a request that the upstream receives but does not process', () => {
  it.each([500, 502, 503, 529])(
    'is counted, and its tokens are refunded, after status %d',
    async (status) => {
      const { url } = await startTestGateway(route(), (request, response) => {
        request.resume()
        sendJson(response, { error: { message: 'overloaded' } }, status)
      })
      expect((await sendChat(url, chat(10))).status).toBe(status)
      expect(await tokensLeft(url)).toBe(1000)
      expect((await sendChat(url, chat(10))).headers.ratelimit).toContain('"requests";r=58')
    },
  )

  it('is counted, and its tokens are refunded, without a response', async () => {
    const { url } = await startTestGateway(route(), (request) => request.socket.destroy())
    const first = await sendChat(url, chat(10))
    expect(first.status).toBe(502)
    expect(await tokensLeft(url)).toBe(1000)
    expect((await sendChat(url, chat(10))).headers.ratelimit).toContain('"requests";r=58')
  })
})

it('the gateway counts a request that the upstream rejects, but charges no tokens', async () => {
  const { url } = await startTestGateway(route(), (request, response) => {
    request.resume()
    sendJson(response, { error: { message: 'no such model' } }, 404)
  })
  expect((await sendChat(url, chat(10))).status).toBe(404)
  expect(await tokensLeft(url)).toBe(1000)
  expect((await sendChat(url, chat(10))).headers.ratelimit).toContain('"requests";r=58')
})

describe('llm options', () => {
  it("mirror limits in a vendor's headers, including in refusals", async () => {
    const model = chatModel({ words: WORDS, usage: USAGE })
    const { url } = await startTestGateway(route('{ shape: openai, mirror_headers: openai }'), model.listener)
    const { headers } = await sendChat(url, chat(10, { max_tokens: 90 }))
    expect(headers).toMatchObject({
      'x-ratelimit-limit-requests': '60',
      'x-ratelimit-remaining-requests': '59',
      'x-ratelimit-limit-tokens': '1000',
      'x-ratelimit-remaining-tokens': '900',
      'x-ratelimit-reset-tokens': expect.stringMatching(/^(1h0m0s|59m[\d.]+s)$/),
    })
    const refused = await sendChat(url, chat(10, { max_tokens: 5000 }))
    expect(refused.status).toBe(429)
    expect(refused.headers['x-ratelimit-remaining-tokens']).toBe('984')
  })

  it("count input with the model's own vocabulary", async () => {
    const usage = { prompt_tokens: 9, completion_tokens: 1 }
    const { url } = await startTestGateway(
      route('{ shape: openai, tokenizer: o200k_base }'),
      chatModel({ words: [], usage }).listener,
    )
    // An estimate of a quarter of the characters would exceed the limit.
    const text = 'admission control '.repeat(300)
    const body = { messages: [{ role: 'user', content: text }], max_tokens: 1 }
    expect((await sendChat(url, body)).status).toBe(200)
    expect(await tokensLeft(url)).toBe(990)
  })

  it('define a custom shape with JSON pointers', async () => {
    const shape =
      '{ input: /prompt, max_output: /params/max_new, usage: { input: /meta/in, output: /meta/out }, text: /text }'
    const { url } = await startTestGateway(route(`{ shape: ${shape} }`), (request, response) => {
      request.resume()
      sendJson(response, { text: 'Hello', meta: { in: 5, out: 2 } })
    })
    const refused = await sendChat(url, { prompt: 'x'.repeat(40), params: { max_new: 5000 } })
    expect(JSON.parse(refused.text).detail).toContain('5010')
    const { status } = await sendChat(url, { prompt: 'x'.repeat(40), params: { max_new: 50 } })
    expect(status).toBe(200)
    const left = await sendChat(url, { prompt: '', params: { max_new: 5000 } })
    expect(left.headers.ratelimit).toContain('"tokens";r=993')
  })
})
