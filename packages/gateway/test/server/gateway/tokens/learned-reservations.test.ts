import { once } from 'node:events'
import {
  request as httpRequest,
  type IncomingMessage,
  type RequestListener,
  type ServerResponse,
} from 'node:http'
import { describe, expect, it } from 'vitest'
import { startPricedGateway, usedOf } from '../money/priced-gateway.js'
import { send, startTestGateway, until } from '../running-gateway.js'
import { CHAT, chat } from './chat-calls.js'
import { jsonOf, sendJson, usageEvent, wordEvent } from './chat-model.js'

const LIMIT = 1000
const PLAIN = `/plain${CHAT}`

/** A route whose calls reserve what is learned, and one from whose refusals the rest of the limit is read. */
function routes(path: string, llm: string): string {
  return `
limits: [{ limit: ${LIMIT}/hour, of: tokens, name: tokens, algorithm: fixed-window, by: everyone }]
routes:
  - { match: POST ${PLAIN}, llm: openai }
  - { match: 'POST ${path}', llm: ${llm} }
`
}

async function left(url: string): Promise<number> {
  const body = JSON.stringify(chat(0, { max_tokens: 1_000_000_000 }))
  const { status, headers } = await send(url, PLAIN, { body })
  expect(status).toBe(429)
  return Number(/"tokens";r=(\d+)/.exec(String(headers.ratelimit))?.[1])
}

const ANSWER = {
  choices: [{ message: { content: 'Well.' } }],
  usage: { prompt_tokens: 10, completion_tokens: 4 },
}

/** A model whose answers of 4 tokens are documents, and whose streams the test writes. */
function scriptedModel(answer: object = ANSWER) {
  const streams: { request: IncomingMessage; response: ServerResponse }[] = []
  const listener: RequestListener = async (request, response) => {
    const body = (await jsonOf(request)) as { stream?: boolean }
    if (body.stream === false || (body.stream === undefined && !request.url?.includes('stream')))
      sendJson(response, answer)
    else streams.push({ request, response })
  }
  return { listener, streams }
}

/** Lets the gateway learn that the answers of a client are short. Charges 280 tokens for those of `ANSWER`. */
async function learn(url: string, path: string, body: object): Promise<void> {
  for (let call = 0; call < 20; call += 1) await send(url, path, { body: JSON.stringify(body) })
}

describe('a call whose answers are known to be short', () => {
  const start = async (llm: string) => {
    const model = scriptedModel()
    const gateway = await startTestGateway(routes(CHAT, llm), model.listener)
    await learn(gateway.url, CHAT, chat(10, { stream: false }))
    const open = async (more: object = {}) => {
      const before = model.streams.length
      const sent = send(gateway.url, CHAT, { body: JSON.stringify(chat(10, { stream: true, ...more })) })
      await until(() => model.streams.length > before)
      const { response, request } = model.streams.at(-1) as (typeof model.streams)[number]
      response.writeHead(200, { 'content-type': 'text/event-stream' })
      return { sent, response, request }
    }
    return { ...gateway, open }
  }

  it('reserves the median of its answers, grows while it streams, and is settled with its usage', async () => {
    const { url, open } = await start('{ shape: openai, reserve: learned }')
    expect(await left(url)).toBe(LIMIT - 280)
    const { sent, response } = await open({ max_tokens: 800 })
    // The answers of 4 tokens count as 5, the upper bound of their bucket.
    expect(await left(url)).toBe(LIMIT - 280 - 10 - 5)
    response.write(wordEvent('x'.repeat(4 * 40)))
    await until(async () => (await left(url)) === LIMIT - 280 - 10 - (40 + 64))
    response.write(wordEvent('x'.repeat(4 * 50)))
    await until(async () => (await left(url)) === LIMIT - 280 - 10 - (104 + 64))
    response.end(`${usageEvent({ prompt_tokens: 10, completion_tokens: 92 })}data: [DONE]\n\n`)
    expect((await sent).text.endsWith('data: [DONE]\n\n')).toBe(true)
    expect(await left(url)).toBe(LIMIT - 280 - 102)
  })

  it('reserves its stated maximum at most, and takes no more', async () => {
    const { url, open } = await start('{ shape: openai, reserve: learned }')
    const { sent, response } = await open({ max_tokens: 3 })
    expect(await left(url)).toBe(LIMIT - 280 - 13)
    response.end(
      `${wordEvent('xxxx')}${usageEvent({ prompt_tokens: 10, completion_tokens: 3 })}data: [DONE]\n\n`,
    )
    await sent
    expect(await left(url)).toBe(LIMIT - 280 - 13)
  })

  it('reserves the maximum for a limit with `reserve: stated`', async () => {
    const model = scriptedModel()
    const text = `routes: [{ match: 'POST ${CHAT}', llm: { shape: openai, reserve: learned }, limits: [
      { limit: ${LIMIT}/hour, of: tokens, reserve: stated, algorithm: fixed-window, by: everyone }] }]`
    const { url } = await startTestGateway(text, model.listener)
    await learn(url, CHAT, chat(10, { stream: false, max_tokens: 50 }))
    const body = JSON.stringify(chat(10, { stream: false, max_tokens: 711 }))
    expect((await send(url, CHAT, { body })).status).toBe(429)
  })

  it('goes on if the limit is exhausted, which then owes the difference', async () => {
    const { url, open, warnings, gateway, adminUrl } = await start('{ shape: openai, reserve: learned }')
    const { sent, response } = await open()
    for (let word = 0; word < 10; word += 1) response.write(wordEvent('x'.repeat(4 * 100)))
    await until(async () =>
      (await send(adminUrl, '/metrics', { method: 'GET' })).text.includes('sluice_exhausted_streams_total{'),
    )
    response.end(`${usageEvent({ prompt_tokens: 10, completion_tokens: 1000 })}data: [DONE]\n\n`)
    expect((await sent).text).toContain('[DONE]')
    expect(await left(url)).toBe(0)
    const metrics = (await send(adminUrl, '/metrics', { method: 'GET' })).text
    expect(metrics).toContain(`sluice_exhausted_streams_total{route="POST ${CHAT}",action="finish"} 1\n`)
    expect(metrics).toMatch(/sluice_extensions_total\{[^}]*rule="tokens"\} \d+\n/)
    expect(warnings.map(({ fields }) => fields)).toContainEqual({ route: `POST ${CHAT}`, action: 'finish' })
    expect(gateway).toBeDefined()
  })

  it('is charged its maximum if its cost stays unknown', async () => {
    const streams: ServerResponse[] = []
    const { url } = await startTestGateway(
      routes(CHAT, '{ shape: openai, reserve: learned }'),
      async (request, response) => {
        const body = (await jsonOf(request)) as { max_tokens?: number }
        if (body.max_tokens === undefined) return sendJson(response, ANSWER)
        response.writeHead(200, { 'content-type': 'application/json' })
        response.write('{"choices":[{"message":{"content":"We')
        streams.push(response)
      },
    )
    await learn(url, CHAT, chat(10, { stream: false }))
    const body = JSON.stringify(chat(10, { stream: false, max_tokens: 700 }))
    const { hostname, port } = new URL(url)
    const headers = { 'content-type': 'application/json' }
    const request = httpRequest({ hostname, port, method: 'POST', path: CHAT, headers })
    request.on('error', () => {}).end(body)
    // The head has arrived, so the answer is truncated.
    const [answer] = (await once(request, 'response')) as [IncomingMessage]
    answer.on('error', () => {}).resume()
    streams[0]?.destroy()
    await until(async () => (await left(url)) === LIMIT - 280 - 710)
  })

  it('counts as in flight only until it ends, however it ends', async () => {
    const { url, open } = await start('{ shape: openai, reserve: learned }')
    const tooLong = JSON.stringify(chat(2000, { stream: true }))
    for (let call = 0; call < 20; call += 1)
      expect((await send(url, CHAT, { body: tooLong })).status).toBe(429)
    for (let call = 0; call < 10; call += 1) {
      const { sent, response } = await open({ max_tokens: 100 })
      response.end(`${usageEvent({ prompt_tokens: 10, completion_tokens: 4 })}data: [DONE]\n\n`)
      await sent
    }
    const opened = []
    for (let call = 0; call < 9; call += 1) opened.push(await open({ max_tokens: 100 }))
    // Eight calls reserve what is expected, and the ninth everything.
    expect(await left(url)).toBe(LIMIT - 280 - 140 - 8 * 15 - 110)
    for (const { response } of opened) response.destroy()
    await Promise.allSettled(opened.map(({ sent }) => sent))
  })
})

it('a limit on money grows with the tokens, at the highest price of the call', async () => {
  const model = scriptedModel({
    choices: [{ message: { content: 'Well.' } }],
    usage: { prompt_tokens: 10, completion_tokens: 4 },
  })
  const money = '{ limit: 1000 USD/day, of: money, name: money, by: ip }'
  const { url } = await startPricedGateway(
    `routes: [{ match: 'POST ${CHAT}', llm: { shape: openai, reserve: learned }, limits: [${money}] }]`,
    model.listener,
  )
  const big = (more: object) => JSON.stringify(chat(10, { model: 'big', ...more }))
  for (let call = 0; call < 20; call += 1)
    await send(url, CHAT, { body: big({ stream: false, max_tokens: 50 }) })
  const used = async () => Number.parseFloat((await usedOf(url)) ?? '')
  const before = await used()
  const sent = send(url, CHAT, { body: big({ stream: true, max_tokens: 800 }) })
  await until(() => model.streams.length > 0)
  const { response } = model.streams[0] as (typeof model.streams)[number]
  response.writeHead(200, { 'content-type': 'text/event-stream' })
  // 1 for the request, 10 input tokens at 0.002 and 5 output tokens at 0.02.
  expect((await used()) - before).toBeCloseTo(1.12, 9)
  response.write(wordEvent('x'.repeat(4 * 40)))
  await until(async () => (await used()) - before > 1.2)
  expect((await used()) - before).toBeCloseTo(1.02 + 104 * 0.02, 9)
  response.end(`${usageEvent({ prompt_tokens: 10, completion_tokens: 40 })}data: [DONE]\n\n`)
  await sent
  await until(async () => (await used()) - before < 2)
  expect((await used()) - before).toBeCloseTo(1.01 + 40 * 0.01, 9)
})

interface StreamShape {
  readonly shape: string
  readonly path: string
  readonly document: { readonly path?: string; readonly body: object; readonly answer: object }
  readonly stream: { readonly path?: string; readonly body: object; readonly contentType?: string }
  readonly head?: string
  /** An event with text of 40 tokens. */
  readonly event: string
  /** The text after the last whole event. Numbers of tokens are replaced by 0. */
  readonly ending: string
}

const TEXT = 'x'.repeat(160)
const json = JSON.stringify
const sse = (data: object | string, name?: string) =>
  `${name === undefined ? '' : `event: ${name}\n`}data: ${typeof data === 'string' ? data : json(data)}\n\n`

const CHUNK = { id: 'c-1', object: 'chat.completion.chunk', created: 7, model: 'm' }
const COMPLETION = { id: 'c-1', object: 'text_completion', created: 7, model: 'm' }
const candidate = { content: { parts: [{ text: TEXT }], role: 'model' }, index: 0 }
const lastCandidate = { content: { parts: [], role: 'model' }, finishReason: 'MAX_TOKENS', index: 0 }
const GEMINI = {
  shape: 'gemini',
  path: '/v1beta/models/:model',
  document: {
    path: '/v1beta/models/m:generateContent',
    body: { contents: [{ parts: [{ text: 'xxxx' }] }] },
    answer: {
      candidates: [{ content: { parts: [{ text: 'Well.' }] } }],
      usageMetadata: { promptTokenCount: 1, candidatesTokenCount: 4, totalTokenCount: 5 },
    },
  },
}
const GEMINI_END = {
  candidates: [lastCandidate],
  usageMetadata: { promptTokenCount: 0, candidatesTokenCount: 0, totalTokenCount: 0 },
  modelVersion: 'm-1',
}

const SHAPES: Readonly<Record<string, StreamShape>> = {
  'chat completions': {
    shape: 'openai',
    path: CHAT,
    document: { body: chat(1), answer: ANSWER },
    stream: { body: chat(1, { stream: true, stream_options: { include_usage: true } }) },
    head: sse({
      ...CHUNK,
      choices: [{ index: 0, delta: { role: 'assistant', content: '' }, finish_reason: null }],
    }),
    event: sse({ ...CHUNK, choices: [{ index: 0, delta: { content: TEXT }, finish_reason: null }] }),
    ending:
      sse({ ...CHUNK, choices: [{ index: 0, delta: {}, finish_reason: 'length' }] }) +
      sse({ ...CHUNK, choices: [], usage: { prompt_tokens: 0, completion_tokens: 0, total_tokens: 0 } }) +
      sse('[DONE]'),
  },
  'chat completions without usage': {
    shape: 'openai',
    path: CHAT,
    document: { body: chat(1), answer: ANSWER },
    stream: { body: chat(1, { stream: true }) },
    event: sse({ ...CHUNK, choices: [{ index: 0, delta: { content: TEXT }, finish_reason: null }] }),
    ending: sse({ ...CHUNK, choices: [{ index: 0, delta: {}, finish_reason: 'length' }] }) + sse('[DONE]'),
  },
  completions: {
    shape: 'openai',
    path: '/v1/completions',
    document: {
      body: { prompt: 'xxxx' },
      answer: { choices: [{ text: 'Well.' }], usage: { prompt_tokens: 1, completion_tokens: 4 } },
    },
    stream: { body: { prompt: 'xxxx', stream: true } },
    event: sse({ ...COMPLETION, choices: [{ index: 0, text: TEXT, finish_reason: null }] }),
    ending:
      sse({ ...COMPLETION, choices: [{ index: 0, text: '', logprobs: null, finish_reason: 'length' }] }) +
      sse('[DONE]'),
  },
  responses: {
    shape: 'openai',
    path: '/v1/responses',
    document: {
      body: { input: 'xxxx' },
      answer: { output: [{ content: [{ text: 'Well.' }] }], usage: { input_tokens: 1, output_tokens: 4 } },
    },
    stream: { body: { input: 'xxxx', stream: true } },
    head: sse(
      {
        type: 'response.created',
        sequence_number: 0,
        response: { id: 'r', object: 'response', status: 'in_progress', output: [], usage: null },
      },
      'response.created',
    ),
    event: sse(
      { type: 'response.output_text.delta', sequence_number: 1, output_index: 0, delta: TEXT },
      'response.output_text.delta',
    ),
    ending: sse(
      {
        type: 'response.incomplete',
        sequence_number: 2,
        response: {
          ...{ id: 'r', object: 'response', status: 'incomplete', output: [] },
          usage: { input_tokens: 0, output_tokens: 0, total_tokens: 0 },
          incomplete_details: { reason: 'max_output_tokens' },
        },
      },
      'response.incomplete',
    ),
  },
  messages: {
    shape: 'anthropic',
    path: '/v1/messages',
    document: {
      body: { messages: [{ role: 'user', content: 'xxxx' }] },
      answer: { content: [{ type: 'text', text: 'Well.' }], usage: { input_tokens: 1, output_tokens: 4 } },
    },
    stream: { body: { messages: [{ role: 'user', content: 'xxxx' }], stream: true } },
    head:
      sse(
        { type: 'message_start', message: { usage: { input_tokens: 1, output_tokens: 1 } } },
        'message_start',
      ) +
      sse(
        { type: 'content_block_start', index: 0, content_block: { type: 'text', text: '' } },
        'content_block_start',
      ),
    event: sse(
      { type: 'content_block_delta', index: 0, delta: { type: 'text_delta', text: TEXT } },
      'content_block_delta',
    ),
    ending:
      sse({ type: 'content_block_stop', index: 0 }, 'content_block_stop') +
      sse(
        {
          type: 'message_delta',
          delta: { stop_reason: 'max_tokens', stop_sequence: null },
          usage: { output_tokens: 0 },
        },
        'message_delta',
      ) +
      sse({ type: 'message_stop' }, 'message_stop'),
  },
  gemini: {
    ...GEMINI,
    stream: { path: '/v1beta/models/m:streamGenerateContent?alt=sse', body: GEMINI.document.body },
    event: sse({ candidates: [candidate], modelVersion: 'm-1' }),
    ending: sse(GEMINI_END),
  },
  'gemini without alt=sse': {
    ...GEMINI,
    stream: {
      path: '/v1beta/models/m:streamGenerateContent',
      body: GEMINI.document.body,
      contentType: 'application/json',
    },
    head: `[${json({ candidates: [candidate], modelVersion: 'm-1' }, null, 2)}`,
    event: `\n,\r\n${json({ candidates: [candidate], modelVersion: 'm-1' }, null, 2)}`,
    ending: `,\n${json(GEMINI_END)}\n]`,
  },
  'ollama chat': {
    shape: 'ollama',
    path: '/api/chat',
    document: {
      body: { model: 'm', messages: [{ role: 'user', content: 'xxxx' }], stream: false },
      answer: { message: { content: 'Well.' }, done: true, prompt_eval_count: 1, eval_count: 4 },
    },
    stream: {
      body: { model: 'm', messages: [{ role: 'user', content: 'xxxx' }], stream: true },
      contentType: 'application/x-ndjson',
    },
    event: `${json({ model: 'm', created_at: 'now', message: { role: 'assistant', content: TEXT }, done: false })}\n`,
    ending: `${json({
      ...{ model: 'm', created_at: 'now', message: { role: 'assistant', content: '' } },
      ...{ done: true, done_reason: 'length', prompt_eval_count: 0, eval_count: 0 },
    })}\n`,
  },
  'ollama generate': {
    shape: 'ollama',
    path: '/api/generate',
    document: {
      body: { model: 'm', prompt: 'xxxx', stream: false },
      answer: { response: 'Well.', done: true, prompt_eval_count: 1, eval_count: 4 },
    },
    stream: { body: { model: 'm', prompt: 'xxxx', stream: true }, contentType: 'application/x-ndjson' },
    event: `${json({ model: 'm', created_at: 'now', response: TEXT, done: false })}\n`,
    ending: `${json({
      ...{ model: 'm', created_at: 'now', response: '' },
      ...{ done: true, done_reason: 'length', prompt_eval_count: 0, eval_count: 0 },
    })}\n`,
  },
}

/** Writes events in halves until the connection is closed. @returns the bytes before the end */
async function writeWithoutEnd(response: ServerResponse, event: string): Promise<void> {
  const half = Math.floor(event.length / 2)
  for (let part = 0; !response.destroyed && part < 2000; part += 1) {
    response.write(part % 2 === 0 ? event.slice(0, half) : event.slice(half))
    await new Promise((resolve) => setTimeout(resolve, 1))
  }
}

describe.each(Object.entries(SHAPES))('a stream of %s that exhausts its limit', (_, each) => {
  it('ends after a whole event, as if the maximum output were reached, and stops the upstream', async () => {
    const { shape, path, document, stream, head = '', event, ending } = each
    const model = scriptedModel(document.answer)
    const llm = `{ shape: ${shape}, reserve: learned, when_exhausted: cut }`
    const { url, adminUrl, failures } = await startTestGateway(routes(path, llm), model.listener)
    await learn(url, document.path ?? path, document.body)
    const spent = LIMIT - (await left(url))
    const sent = send(url, stream.path ?? path, { body: json(stream.body) })
    await until(() => model.streams.length > 0)
    const { response } = model.streams[0] as (typeof model.streams)[number]
    response.writeHead(200, { 'content-type': stream.contentType ?? 'text/event-stream' })
    response.write(head)
    const closed = new Promise((resolve) => response.once('close', resolve))
    await Promise.all([writeWithoutEnd(response, event), closed])
    const { status, text } = await sent
    expect(status).toBe(200)
    expect(text.startsWith(head)).toBe(true)
    const events = Math.floor((text.length - head.length - ending.length) / event.length)
    const whole = head + event.repeat(events)
    expect(text.startsWith(whole)).toBe(true)
    const counts = /(_tokens|TokenCount|_count)":\d+/g
    expect(text.slice(whole.length).replaceAll(counts, '$1":0')).toBe(ending)
    // An event may exceed what was reserved by its own length.
    const delivered = 40 * (events + (shape === 'gemini' && head !== '' ? 1 : 0))
    expect(delivered).toBeLessThanOrEqual(LIMIT - spent + 40)
    expect(delivered).toBeGreaterThan(LIMIT - spent - 2 * 64)
    expect(await left(url)).toBeLessThan(64)
    await until(async () => {
      const { text: metrics } = await send(adminUrl, '/metrics', { method: 'GET' })
      return /sluice_exhausted_streams_total\{[^}]*action="cut"\} 1\n/.test(metrics)
    })
    expect(failures).toEqual([])
  })
})

it('a stream that has ended by itself is not cut', async () => {
  const model = scriptedModel()
  const { url, adminUrl } = await startTestGateway(
    routes(CHAT, '{ shape: openai, reserve: learned, when_exhausted: cut }'),
    model.listener,
  )
  await learn(url, CHAT, chat(1, { stream: false }))
  const sent = send(url, CHAT, { body: json(chat(1, { stream: true })) })
  await until(() => model.streams.length > 0)
  const { response } = model.streams[0] as (typeof model.streams)[number]
  response.writeHead(200, { 'content-type': 'text/event-stream' })
  const last = sse({ ...CHUNK, choices: [{ index: 0, delta: { content: 'Well.' }, finish_reason: 'stop' }] })
  response.write(last)
  // The thoughts that were not shown exceed the limit.
  response.write(usageEvent({ prompt_tokens: 1, completion_tokens: 5000 }))
  await until(async () => {
    const { text } = await send(adminUrl, '/metrics', { method: 'GET' })
    return /sluice_exhausted_streams_total\{[^}]*action="finish"\} 1\n/.test(text)
  })
  response.end(sse('[DONE]'))
  expect((await sent).text).toBe(last + sse('[DONE]'))
})

it('the connection of a client is usable after its stream was cut', async () => {
  const model = scriptedModel()
  const { url } = await startTestGateway(
    routes(CHAT, '{ shape: openai, reserve: learned, when_exhausted: cut }'),
    model.listener,
  )
  await learn(url, CHAT, chat(1, { stream: false }))
  const { Agent } = await import('node:http')
  const agent = new Agent({ keepAlive: true, maxSockets: 1 })
  const { hostname, port } = new URL(url)
  const post = (body: object) =>
    new Promise<{ status: number; text: string; isReused: boolean }>((resolve, reject) => {
      const request = httpRequest(
        {
          hostname,
          port,
          agent,
          method: 'POST',
          path: CHAT,
          headers: { 'content-type': 'application/json' },
        },
        async (response) => {
          let text = ''
          for await (const chunk of response.setEncoding('utf8')) text += chunk
          resolve({ status: response.statusCode ?? 0, text, isReused: request.reusedSocket })
        },
      )
      request.on('error', reject)
      request.end(json(body))
    })
  const sent = post(chat(1, { stream: true }))
  await until(() => model.streams.length > 0)
  const { response } = model.streams[0] as (typeof model.streams)[number]
  response.writeHead(200, { 'content-type': 'text/event-stream' })
  await writeWithoutEnd(response, wordEvent(TEXT))
  expect((await sent).text.endsWith(sse('[DONE]'))).toBe(true)
  expect(await post(chat(100, { stream: false }))).toMatchObject({ status: 429, isReused: true })
  agent.destroy()
})
