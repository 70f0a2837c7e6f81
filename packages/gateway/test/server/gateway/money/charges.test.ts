import { describe, expect, it } from 'vitest'
import { send } from '../running-gateway.js'
import { CHAT, chat, sendChat } from '../tokens/chat-calls.js'
import { chatModel, sendJson, usageEvent, wordEvent } from '../tokens/chat-model.js'
import { startPricedGateway, usedOf } from './priced-gateway.js'

const ROUTE = `routes:
  - { match: POST ${CHAT}, llm: openai, limits: [60/minute, { limit: 20 USD/day, of: money, name: money, by: ip }] }
  - { match: POST /v1/messages, llm: anthropic, limits: [{ limit: 20 USD/day, of: money, name: anthropic, by: ip }] }
  - { match: POST /v1/responses, llm: openai, limits: [{ limit: 20 USD/day, of: money, name: responses, by: ip }] }
`
const WORDS = ['Limits', ' are', ' kind', '.']

describe('a call under a limit on money', () => {
  it('is settled with the price of the usage that the model reports', async () => {
    const usage = {
      ...{ prompt_tokens: 100, completion_tokens: 30 },
      prompt_tokens_details: { cached_tokens: 60 },
      completion_tokens_details: { reasoning_tokens: 10 },
    }
    const { url } = await startPricedGateway(ROUTE, chatModel({ words: WORDS, usage }).listener)
    const { status, headers } = await sendChat(url, chat(100, { model: 'big', max_tokens: 50 }))
    expect(status).toBe(200)
    // 100 input tokens at the price of cache writes, 50 output tokens at that of reasoning.
    expect(headers['ratelimit-policy']).toContain('"money";q=2000;qu="0.01 USD";w=86400')
    expect(headers.ratelimit).toContain('"money";r=1780;')
    // 40 × 0.001 + 60 × 0.0001 + 20 × 0.01 + 10 × 0.02 + 1
    expect(await usedOf(url)).toBe('1.446 USD')
  })

  it('is settled with reads and writes of the cache that Anthropic reports in a stream', async () => {
    const events = [
      {
        type: 'message_start',
        message: {
          usage: {
            input_tokens: 10,
            cache_creation_input_tokens: 20,
            cache_read_input_tokens: 30,
            output_tokens: 1,
          },
        },
      },
      { type: 'content_block_delta', delta: { type: 'text_delta', text: 'Limits' } },
      { type: 'message_delta', delta: { stop_reason: 'end_turn' }, usage: { output_tokens: 5 } },
      { type: 'message_stop' },
    ]
    const { url } = await startPricedGateway(ROUTE, (request, response) => {
      request.resume()
      response.writeHead(200, { 'content-type': 'text/event-stream' })
      for (const event of events) response.write(`event: ${event.type}\ndata: ${JSON.stringify(event)}\n\n`)
      response.end()
    })
    const body = { ...chat(60, { model: 'big', max_tokens: 50, stream: true }) }
    expect((await send(url, '/v1/messages', { body: JSON.stringify(body) })).status).toBe(200)
    // 10 × 0.001 + 20 × 0.002 + 30 × 0.0001 + 5 × 0.01 + 1
    expect(await usedOf(url, 'anthropic')).toBe('1.103 USD')
  })

  it('is refunded if the upstream does no work', async () => {
    const { url } = await startPricedGateway(ROUTE, (request, response) => {
      request.resume()
      sendJson(response, { error: { message: 'overloaded' } }, 503)
    })
    expect((await sendChat(url, chat(10, { model: 'big' }))).status).toBe(503)
    expect(await usedOf(url)).toBe('0 USD')
  })

  it('is billed for what was delivered if its stream is cut, after any number of events', async () => {
    for (let delivered = 0; delivered <= WORDS.length; delivered++) {
      const { url } = await startPricedGateway(ROUTE, (request, response) => {
        request.resume()
        response.writeHead(200, { 'content-type': 'text/event-stream' })
        for (const word of WORDS.slice(0, delivered)) response.write(wordEvent(word))
        response.write(': end\n\n', () => response.destroy())
      })
      await sendChat(url, chat(100, { model: 'big', stream: true, max_tokens: 500 })).catch(() => {})
      const output = Math.max(delivered, Math.ceil(WORDS.slice(0, delivered).join('').length / 4))
      expect(await usedOf(url)).toBe(`${(100 * 0.001 + output * 0.01 + 1).toFixed(2)} USD`)
    }
  })

  it('reserves the default output only up to the limit, and a stated one in full', async () => {
    const usage = { prompt_tokens: 10, completion_tokens: 1 }
    const { url } = await startPricedGateway(ROUTE, chatModel({ words: WORDS, usage }).listener)
    // The default output of 1024 tokens costs up to 20.48 USD.
    expect((await sendChat(url, chat(10, { model: 'big' }))).status).toBe(200)
    expect(await usedOf(url)).toBe('1.02 USD')
    const { status, text } = await sendChat(url, chat(10, { model: 'big', max_tokens: 1024 }))
    expect(status).toBe(429)
    expect(JSON.parse(text)).toMatchObject({
      detail:
        'The limit is 20 USD per day. This request takes 21.50 USD, which is more than the limit can ever hold.',
      ...{ limit: '20 USD/day', resource: 'money', cost: '21.50 USD', reason: 'oversized' },
    })
  })

  it('keeps a debt that later requests must wait for if it costs more than it reserved', async () => {
    const usage = { prompt_tokens: 10, completion_tokens: 3000 }
    const { url } = await startPricedGateway(ROUTE, chatModel({ words: WORDS, usage }).listener)
    expect((await sendChat(url, chat(10, { model: 'big', max_tokens: 1 }))).status).toBe(200)
    const { status, text } = await sendChat(url, chat(10, { model: 'small-1', max_tokens: 1 }))
    expect(status).toBe(429)
    expect(JSON.parse(text).detail).toMatch(
      /^The limit is 20 USD per day\. This request takes 0\.00001\d USD, but nothing is left\. Try again in /,
    )
  })

  it('with absurd numbers is refused, and an absurd usage is counted as the largest amount', async () => {
    const usage = { prompt_tokens: 10, completion_tokens: 1_000_000_000 }
    const { url } = await startPricedGateway(ROUTE, chatModel({ words: WORDS, usage }).listener)
    const absurd = chat(10, { model: 'big', max_tokens: 1_000_000_000, n: 1024 })
    expect((await sendChat(url, absurd)).status).toBe(429)
    expect((await sendChat(url, chat(10, { model: 'big', max_tokens: 1 }))).status).toBe(200)
    expect((await sendChat(url, chat(10, { model: 'big', max_tokens: 1 }))).status).toBe(429)
  })
})

it('a usage event settles a cut stream with the reported usage', async () => {
  const { url } = await startPricedGateway(ROUTE, (request, response) => {
    request.resume()
    response.writeHead(200, { 'content-type': 'text/event-stream' })
    response.write(wordEvent('Limits'))
    response.write(usageEvent({ prompt_tokens: 7, completion_tokens: 9 }), () => response.destroy())
  })
  await sendChat(url, chat(100, { model: 'big', stream: true })).catch(() => {})
  expect(await usedOf(url)).toBe('1.097 USD')
})

describe('every pattern of a route', () => {
  const all = `routes:
  - match: [POST ${CHAT}, POST /v1/responses, POST /v1/embeddings, POST /proxy/v1/chat/completions]
    llm: openai
    limits: [{ limit: 20 USD/day, of: money, name: money, by: ip }]
`

  const chatAnswer = { choices: [], usage: { prompt_tokens: 7, completion_tokens: 3 } }

  it.each<[string, object, object, string]>([
    [CHAT, chat(10), chatAnswer, '1.037 USD'],
    ['/proxy/v1/chat/completions', chat(10), chatAnswer, '1.037 USD'],
    [
      '/v1/responses',
      { input: 'Hi' },
      { output: [], usage: { input_tokens: 7, output_tokens: 4 } },
      '1.047 USD',
    ],
    ['/v1/embeddings', { input: 'Hi' }, { data: [], usage: { prompt_tokens: 7 } }, '1.007 USD'],
  ])('charges money: %s', async (path, request, answer, expected) => {
    const { url } = await startPricedGateway(all, (incoming, response) => {
      incoming.resume()
      sendJson(response, answer)
    })
    const { status } = await send(url, path, { body: JSON.stringify({ ...request, model: 'big' }) })
    expect([status, await usedOf(url)]).toEqual([200, expected])
  })
})
