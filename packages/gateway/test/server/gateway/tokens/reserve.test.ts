import { describe, expect, it } from 'vitest'
import { send, startTestGateway } from '../running-gateway.js'
import { CHAT, chat, sendChat, tokensLeft } from './chat-calls.js'
import { chatModel, jsonOf, sendJson } from './chat-model.js'

/** Configures a chat route. Its limits use fixed windows, so that no units refill during a test. */
function route(limits: string, llm = 'openai'): string {
  return `routes: [{ match: POST ${CHAT}, llm: ${llm}, limits: [${limits}] }]`
}

function perHour(tokens: number, of = 'tokens'): string {
  return `{ limit: ${tokens}/hour, of: ${of}, name: ${of}, algorithm: fixed-window, by: 'header:x-client' }`
}

const SHORT = chatModel({ words: ['Hello'], usage: { prompt_tokens: 10, completion_tokens: 2 } })

describe('a limit of 100 tokens', () => {
  it('admits only the concurrent requests whose reservations fit, and never settles above the limit', async () => {
    const waiting: (() => void)[] = []
    const { url } = await startTestGateway(route(perHour(100)), async (request, response) => {
      await jsonOf(request)
      waiting.push(() =>
        sendJson(response, {
          choices: [{ message: { content: 'x'.repeat(120) } }],
          usage: { prompt_tokens: 10, completion_tokens: 30 },
        }),
      )
    })
    // Each request reserves 10 + 30 tokens, so two of them fit.
    const responses = Array.from({ length: 5 }, () => sendChat(url, chat(10, { max_tokens: 30 })))
    const refused: number[] = []
    for (const response of responses)
      void response.then(({ status }) => status === 429 && refused.push(status))
    await expect.poll(() => refused.length).toBe(3)
    expect(waiting).toHaveLength(2)
    for (const finish of waiting) finish()
    const statuses = (await Promise.all(responses)).map(({ status }) => status)
    expect(statuses.filter((status) => status === 200)).toHaveLength(2)
    expect(await tokensLeft(url)).toBe(100 - 2 * 40)
  })

  it('would admit all of five concurrent requests if usage were charged only at the end', async () => {
    /** The common alternative: check the remaining tokens before the call, and charge after it. */
    let used = 0
    const naive = async (call: () => Promise<number>) => {
      if (used >= 100) return 429
      const cost = await call()
      used += cost
      return 200
    }
    const waiting: (() => void)[] = []
    const call = () => new Promise<number>((resolve) => waiting.push(() => resolve(40)))
    const responses = Array.from({ length: 5 }, () => naive(call))
    for (const finish of waiting) finish()
    expect(await Promise.all(responses)).toEqual([200, 200, 200, 200, 200])
    expect(used).toBe(200)
  })

  it('carries usage beyond the reservation as debt, and admits no request until it is repaid', async () => {
    const { url } = await startTestGateway(
      route(perHour(100)),
      chatModel({ words: ['x'], usage: { prompt_tokens: 10, completion_tokens: 300 } }).listener,
    )
    expect((await sendChat(url, chat(10, { max_tokens: 30 }))).status).toBe(200)
    expect((await sendChat(url, chat(0, { max_tokens: 1 }))).status).toBe(429)
    expect(await tokensLeft(url)).toBe(0)
  })
})

describe('a token limit', () => {
  it.each([
    ['max_tokens', { max_tokens: 400 }, 400],
    ['the larger of two maxima', { max_tokens: 1, max_completion_tokens: 10_000 }, 10_000],
    ['the larger maximum in the other order', { max_tokens: 10_000, max_completion_tokens: 1 }, 10_000],
    ['max_tokens for each requested choice', { max_tokens: 100, n: 3 }, 300],
    ['a default', {}, 1024],
  ])('reserves %s', async (_, more, output) => {
    const waiting: (() => void)[] = []
    const { url } = await startTestGateway(route(perHour(20_000)), (request, response) => {
      request.resume()
      waiting.push(() => sendJson(response, { usage: { prompt_tokens: 10, completion_tokens: 5 } }))
    })
    const response = sendChat(url, chat(10, more))
    await expect.poll(() => waiting.length).toBe(1)
    expect(await tokensLeft(url)).toBe(20_000 - 10 - output)
    waiting[0]?.()
    expect((await response).status).toBe(200)
    expect(await tokensLeft(url)).toBe(20_000 - 15)
  })

  it('caps the default reservation at the limit, so that the first request is admitted', async () => {
    const { url } = await startTestGateway(route(perHour(100)), SHORT.listener)
    expect((await sendChat(url, chat(10))).status).toBe(200)
    expect(await tokensLeft(url)).toBe(88)
    // Now the reservation does not fit.
    expect((await sendChat(url, chat(10))).status).toBe(429)
  })

  it('never caps a stated maximum, and charges nothing for one that can never fit', async () => {
    const { url } = await startTestGateway(route(`60/minute, ${perHour(100)}`), SHORT.listener)
    const { status, headers, text } = await sendChat(
      url,
      chat(10, { max_tokens: 1, max_completion_tokens: 10_000 }),
    )
    expect(status).toBe(429)
    expect(headers['retry-after']).toBeUndefined()
    expect(JSON.parse(text).detail).toContain('10010')
    expect(await tokensLeft(url)).toBe(100)
    const next = await sendChat(url, chat(10, { max_tokens: 5 }))
    // This is also the first request that counts against the request limit.
    expect(next.headers.ratelimit).toContain('r=59')
  })
})

describe('limits of input and output tokens', () => {
  it('are reserved and settled separately, and weigh cached input', async () => {
    const usage = { prompt_tokens: 90, completion_tokens: 7, prompt_tokens_details: { cached_tokens: 50 } }
    const { url } = await startTestGateway(
      route(
        `${perHour(1000, 'input_tokens')}, ${perHour(500, 'output_tokens')}`,
        '{ shape: openai, cached_weight: 0.1 }',
      ),
      chatModel({ words: ['Hello'], usage }).listener,
    )
    await sendChat(url, chat(100, { max_tokens: 50 }))
    const { headers } = await sendChat(url, chat(0, { max_tokens: 500, n: 2 }))
    expect(headers.ratelimit).toContain('"output_tokens";r=493')
    const { headers: input } = await sendChat(url, chat(1001, { max_tokens: 1 }))
    expect(input.ratelimit).toContain('"input_tokens";r=955')
  })
})

describe('a model call that cannot be parsed', () => {
  it.each([
    ['no body', ''],
    ['invalid JSON', '{'],
    ['an array', '[]'],
    ['a maximum that is a string', '{"messages":[],"max_tokens":"5"}'],
    ['a negative maximum', '{"messages":[],"max_tokens":-5}'],
    ['a duplicate maximum', '{"messages":[],"max_tokens":5,"max_tokens":500}'],
    ['zero choices', '{"messages":[],"n":0}'],
    [
      'a duplicate option',
      '{"messages":[],"stream":true,"stream_options":{"include_usage":true,"include_usage":false}}',
    ],
  ])('gets a 400 with the reason and is not charged if it has %s', async (_, body) => {
    const { url } = await startTestGateway(route(`60/minute, ${perHour(100)}`), SHORT.listener)
    const response = await send(url, CHAT, { headers: { 'x-client': 'one' }, body })
    expect(response.status).toBe(400)
    expect(JSON.parse(response.text).detail).not.toBe('')
    expect(await tokensLeft(url)).toBe(100)
  })
})
