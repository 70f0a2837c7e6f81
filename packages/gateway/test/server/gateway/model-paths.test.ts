import type { RequestListener } from 'node:http'
import { describe, expect, it } from 'vitest'
import { send, startTestGateway } from './running-gateway.js'
import { sendJson } from './tokens/chat-model.js'

const MODELS = 'models: { allow: [small, "meta*", f], alias: { fast: small, long: meta/llama, f: g } }'
const GEMINI = '/v1beta/models/:model:generateContent'
const APIS: readonly (readonly [
  name: string,
  pattern: string,
  path: (model: string) => string,
  body: object,
])[] = [
  [
    'gemini',
    `"POST ${GEMINI}"`,
    (model) => `/v1beta/models/${model}:generateContent`,
    { contents: [{ parts: [{ text: 'Hi' }] }] },
  ],
  ['bedrock', '"POST /model/:model/converse"', (model) => `/model/${model}/converse`, { messages: [] }],
  [
    'kserve',
    '"POST /v2/models/:model/generate"',
    (model) => `/v2/models/${model}/generate`,
    { text_input: 'Hi', max_tokens: 9 },
  ],
  ['auto', 'POST /*', (model) => `/v2/Models/${model}/Versions/1/INFER`, { inputs: [] }],
]

/** Answers with the path and the body of the request. */
const echo: RequestListener = async (request, response) => {
  let body = ''
  request.setEncoding('latin1')
  for await (const chunk of request) body += chunk
  sendJson(response, { path: request.url, body })
}

describe.each(APIS)('the model in the path of a call of %s', (llm, match, pathOf, body) => {
  const post = (url: string, model: string) => send(url, pathOf(model), { body: JSON.stringify(body) })
  const route = (rest: string) => `routes:\n  - { match: ${match}, llm: ${llm}, ${rest} }\n`

  it('is the one that conditions read', async () => {
    const { url } = await startTestGateway(
      route(`limits: [{ limit: 1/hour, when: "model == 'big'", algorithm: fixed-window }]`),
      echo,
    )
    const statuses: number[] = []
    for (const model of ['small', 'big', 'small', 'big']) statuses.push((await post(url, model)).status)
    expect(statuses).toEqual([200, 200, 200, 429])
  })

  it('must be an allowed one, and calls of others are charged nothing', async () => {
    const { url } = await startTestGateway(
      route(`${MODELS}, limits: [{ limit: 2/hour, algorithm: fixed-window }]`),
      echo,
    )
    for (const model of ['big', 'smaller', 'Small', 'g']) {
      const { status, text } = await post(url, model)
      expect([status, JSON.parse(text).code]).toEqual([404, 'model_not_found'])
    }
    expect((await post(url, 'small')).status).toBe(200)
    expect((await post(url, 'meta-7b')).status).toBe(200)
    expect((await post(url, 'small')).status).toBe(429)
  })

  it.each([
    ['forwarded', 'limits: [9/hour]'],
    ['metered', 'limits: [{ limit: 100k/hour, of: tokens }]'],
  ])('is replaced by the one that its alias stands for, if calls are %s', async (_, limits) => {
    const { url } = await startTestGateway(route(`${MODELS}, ${limits}`), echo)
    const sent = async (model: string) => JSON.parse((await post(url, model)).text)
    expect(await sent('fast')).toEqual({ path: pathOf('small'), body: JSON.stringify(body) })
    expect(await sent('f')).toMatchObject({ path: pathOf('g') })
    expect(await sent('long')).toMatchObject({ path: pathOf('meta%2Fllama') })
    expect(await sent('small')).toMatchObject({ path: pathOf('small') })
  })

  it('counts as one model with its alias', async () => {
    const { url } = await startTestGateway(
      route(`${MODELS}, limits: [{ limit: 2/hour, algorithm: fixed-window, by: model }]`),
      echo,
    )
    const statuses: number[] = []
    for (const model of ['fast', 'small', 'fast', 'long']) statuses.push((await post(url, model)).status)
    expect(statuses).toEqual([200, 200, 429, 200])
  })
})

it('a parameter of the path is the model that its alias stands for', async () => {
  const { url } = await startTestGateway(
    `routes: [{ match: "POST ${GEMINI}", llm: gemini, ${MODELS}, limits: [{ limit: 1/hour, by: params.model }] }]`,
    echo,
  )
  const post = (model: string) =>
    send(url, `/v1beta/models/${model}:generateContent`, { body: '{"contents":[]}' })
  expect((await post('fast')).status).toBe(200)
  expect((await post('small')).status).toBe(429)
})

it.each([
  ['embedContent', { content: {}, model: 'models/small' }, 200],
  ['embedContent', { content: {}, model: 'models/fast' }, 400],
  ['embedContent', { content: {}, model: 7 }, 400],
  ['embedContent', { content: {}, Model: 'models/small' }, 400],
  ['batchEmbedContents', { requests: [{ content: {}, model: 'models/small' }] }, 200],
  ['batchEmbedContents', { requests: [{ content: {}, model: 'models/big' }] }, 400],
])('a model in the body of :%s must be that in the path: %j', async (method, body, status) => {
  const { url } = await startTestGateway(
    `routes: [{ match: POST /v1beta/models/:call, llm: gemini, ${MODELS}, limits: [9/hour] }]`,
    echo,
  )
  const answer = await send(url, `/v1beta/models/fast:${method}`, { body: JSON.stringify(body) })
  expect(answer.status).toBe(status)
  if (status === 400) expect(JSON.parse(answer.text).error).toMatchObject({ status: 'INVALID_ARGUMENT' })
})

describe('the model of a form with files', () => {
  const PATH = '/v1/audio/transcriptions'
  const config = (limit: string) =>
    `routes: [{ match: POST ${PATH}, llm: openai, models: { allow: [whisper], alias: { ear: whisper } }, limits: [${limit}] }]`

  async function transcribe(url: string, model: string | undefined) {
    const form = new FormData()
    if (model !== undefined) form.append('model', model)
    form.append('file', new Blob(['ear']), 'ear')
    const response = await fetch(url + PATH, { method: 'POST', body: form })
    return { status: response.status, text: await response.text() }
  }

  it.each(['9/hour', '{ limit: 9k/hour, of: tokens }'])(
    'must be allowed, and its alias is replaced, under %s',
    async (limit) => {
      const { url } = await startTestGateway(config(limit), echo)
      expect((await transcribe(url, 'other')).status).toBe(404)
      expect((await transcribe(url, undefined)).status).toBe(400)
      const { status, text } = await transcribe(url, 'ear')
      expect(status).toBe(200)
      const { body } = JSON.parse(text)
      expect(body).toContain('name="model"\r\n\r\nwhisper\r\n')
      expect(body).toContain(
        'name="file"; filename="ear"\r\nContent-Type: application/octet-stream\r\n\r\near\r\n',
      )
      expect(JSON.parse((await transcribe(url, 'whisper')).text).body).toContain('\r\n\r\nwhisper\r\n')
    },
  )

  it('is the one that conditions read', async () => {
    const { url } = await startTestGateway(config(`{ limit: 1/hour, when: "model == 'whisper'" }`), echo)
    expect((await transcribe(url, 'ear')).status).toBe(200)
    expect((await transcribe(url, 'whisper')).status).toBe(429)
  })
})

it('a route of several APIs reads each model where its API names it, and answers in its format', async () => {
  const { url } = await startTestGateway(
    `routes: [{ match: [POST /v1/chat/completions, "POST ${GEMINI}"], llm: auto, ${MODELS}, limits: [9/hour] }]`,
    echo,
  )
  const chat = (model: string) =>
    send(url, '/v1/chat/completions', { body: JSON.stringify({ model, messages: [] }) })
  const gemini = (model: string) =>
    send(url, `/v1beta/models/${model}:generateContent`, { body: '{"contents":[]}' })
  expect(JSON.parse((await chat('fast')).text).body).toContain('"small"')
  expect(JSON.parse((await gemini('fast')).text).path).toContain('/small:')
  expect(JSON.parse((await chat('big')).text).error).toMatchObject({ code: 'model_not_found' })
  expect(JSON.parse((await gemini('big')).text).error).toMatchObject({ status: 'NOT_FOUND' })
})

it('a path of no known API must name an allowed model in its body', async () => {
  const { url } = await startTestGateway(
    `routes: [{ match: POST /*, llm: auto, ${MODELS}, limits: [9/hour] }]`,
    echo,
  )
  const post = (body: object) => send(url, '/v1/other', { body: JSON.stringify(body) })
  expect((await post({})).status).toBe(400)
  expect((await post({ model: 'big' })).status).toBe(404)
  expect((await post({ model: 'small' })).status).toBe(200)
})
