import type { RequestListener } from 'node:http'
import { describe, expect, it } from 'vitest'
import { frameOf } from '../../../policy/llm/event-frame-bytes.js'
import { wavFile } from '../../../policy/llm/wav-file.js'
import { send } from '../running-gateway.js'
import { sendJson } from '../tokens/chat-model.js'
import { startPricedGateway, usedOf } from './priced-gateway.js'

// The answers follow the published schemas, whose addresses are in the shapes.

const ROUTE =
  'routes: [{ match: POST /*, llm: auto, limits: [{ limit: 90 USD/day, of: money, name: money, by: ip }] }]'

const answering =
  (answer: object, status = 200): RequestListener =>
  (request, response) => {
    request.resume()
    sendJson(response, answer, status)
  }

/** Sends a call whose answer is complete. Returns the status and the money it cost. */
async function costOf(path: string, body: object, upstream: RequestListener) {
  const { url } = await startPricedGateway(ROUTE, upstream)
  const { status } = await send(url, path, { body: JSON.stringify(body) })
  return [status, await usedOf(url)]
}

const GEMINI = { contents: [{ parts: [{ text: 'Hi' }] }], generationConfig: { maxOutputTokens: 100 } }
const GEMINI_USAGE = {
  ...{ promptTokenCount: 100, cachedContentTokenCount: 60, candidatesTokenCount: 20, thoughtsTokenCount: 10 },
  totalTokenCount: 130,
}
const CONVERSE = { messages: [{ role: 'user', content: [{ text: 'Hi' }] }] }
const CONVERSE_USAGE = {
  ...{ inputTokens: 10, outputTokens: 5, totalTokens: 65, cacheReadInputTokens: 30 },
  cacheWriteInputTokens: 20,
}

describe('the money that a call costs', () => {
  it.each<[string, string, object, object, string]>([
    [
      'Gemini, with cached tokens and thoughts',
      '/v1beta/models/big:generateContent',
      GEMINI,
      { candidates: [], usageMetadata: GEMINI_USAGE },
      // 40 × 0.001 + 60 × 0.0001 + 20 × 0.01 + 10 × 0.02 + 1
      '1.446 USD',
    ],
    [
      'embeddings of Gemini',
      '/v1beta/models/big:embedContent',
      { content: { parts: [{ text: 'x'.repeat(40) }] } },
      { embedding: { values: [] } },
      '1.01 USD',
    ],
    [
      'Bedrock, with reads and writes of its cache',
      '/model/big/converse',
      CONVERSE,
      { output: { message: { content: [] } }, usage: CONVERSE_USAGE },
      // 10 × 0.001 + 20 × 0.002 + 30 × 0.0001 + 5 × 0.01 + 1
      '1.103 USD',
    ],
    [
      'Triton',
      '/v2/models/big/generate',
      { text_input: 'x'.repeat(40), max_tokens: 9 },
      { text_output: 'x'.repeat(8) },
      '1.03 USD',
    ],
    [
      'inference',
      '/v2/models/big/versions/1/infer',
      { inputs: [{ shape: [2], datatype: 'BYTES', data: ['x'.repeat(40)] }] },
      { outputs: [] },
      '1.01 USD',
    ],
    [
      'Text Generation Inference',
      '/generate',
      { model: 'big', inputs: 'Hi', parameters: { max_new_tokens: 9 } },
      { generated_text: 'Hello', details: { generated_tokens: 3, prefill: [{}, {}] } },
      '1.032 USD',
    ],
    [
      'reranking',
      '/v1/rerank',
      { model: 'big', query: 'Hi', documents: ['a'] },
      { results: [], usage: { total_tokens: 50 } },
      '1.05 USD',
    ],
    [
      'moderation',
      '/v1/moderations',
      { model: 'big', input: 'x'.repeat(40) },
      { results: [], usage: { prompt_tokens: 20 } },
      '1.02 USD',
    ],
    [
      'images that are billed one by one',
      '/v1/images/generations',
      { model: 'painter', prompt: 'x', n: 3 },
      { data: [{}, {}, {}] },
      '0.12 USD',
    ],
    [
      'images that are billed by tokens',
      '/v1/images/generations',
      { model: 'big', prompt: 'x' },
      { data: [{}], usage: { input_tokens: 10, output_tokens: 40, total_tokens: 50 } },
      '1.41 USD',
    ],
    ['speech', '/v1/audio/speech', { model: 'big', input: 'x'.repeat(40) }, { usage: {} }, '1.01 USD'],
    [
      'a call that only counts tokens',
      '/v1beta/models/unpriced:countTokens',
      GEMINI,
      { totalTokens: 9 },
      '0 USD',
    ],
    ['a call that only tokenizes', '/tokenize', { prompt: 'x' }, { tokens: [1] }, '0 USD'],
  ])('is that of the reported usage: %s', async (_, path, body, answer, cost) => {
    expect(await costOf(path, body, answering(answer))).toEqual([200, cost])
  })

  it('is that of the usage at the end of a stream of Gemini', async () => {
    const events = [
      { candidates: [{ content: { parts: [{ text: 'Hello' }] } }], usageMetadata: { promptTokenCount: 100 } },
      { candidates: [], usageMetadata: GEMINI_USAGE },
    ]
    const upstream: RequestListener = (request, response) => {
      request.resume()
      response.setHeader('content-type', 'application/json')
      response.end(JSON.stringify(events))
    }
    const path = '/v1beta/models/big:streamGenerateContent'
    expect(await costOf(path, GEMINI, upstream)).toEqual([200, '1.446 USD'])
  })

  it('is that of the usage at the end of a stream of Bedrock', async () => {
    const upstream: RequestListener = (request, response) => {
      request.resume()
      response.setHeader('content-type', 'application/vnd.amazon.eventstream')
      response.write(frameOf({ contentBlockIndex: 0, delta: { text: 'Hello' } }))
      response.end(frameOf({ usage: CONVERSE_USAGE }))
    }
    expect(await costOf('/model/big/converse-stream', CONVERSE, upstream)).toEqual([200, '1.103 USD'])
  })

  it.each<[string, object, string]>([
    ['the usage of the answer', { text: 'Hi', usage: { type: 'duration', seconds: 9 } }, '0.054 USD'],
    ['the duration in the answer', { text: 'Hi', duration: 8.47 }, '0.05082 USD'],
    ['the length of the file otherwise', { text: 'Hi' }, '0.066 USD'],
  ])('is that of the seconds of audio: %s', async (_, answer, cost) => {
    const { url } = await startPricedGateway(ROUTE, answering(answer))
    const form = new FormData()
    form.append('model', 'listener')
    form.append('file', new Blob([new Uint8Array(wavFile(8000, 10))]), 'speech.wav')
    expect((await fetch(`${url}/v1/audio/transcriptions`, { method: 'POST', body: form })).status).toBe(200)
    expect(await usedOf(url)).toBe(cost)
  })

  it('is refunded for images that the upstream refuses', async () => {
    const body = { model: 'painter', prompt: 'x', n: 3 }
    const refusal = answering({ error: { message: 'blocked' } }, 400)
    expect(await costOf('/v1/images/generations', body, refusal)).toEqual([400, '0 USD'])
  })

  it('is counted for each path of a route by the API of that path', async () => {
    const { url } = await startPricedGateway(
      ROUTE.replace('POST /*', '[POST /v1/images/generations, "POST /v1beta/models/:model:generateContent"]'),
      answering({ data: [], candidates: [], usageMetadata: GEMINI_USAGE }),
    )
    const images = { body: JSON.stringify({ model: 'painter', prompt: 'x' }) }
    expect((await send(url, '/v1/images/generations', images)).status).toBe(200)
    const gemini = { body: JSON.stringify(GEMINI) }
    expect((await send(url, '/v1beta/models/big:generateContent', gemini)).status).toBe(200)
    expect(await usedOf(url)).toBe('1.486 USD')
  })
})

it.each([
  ['fast', '1.446 USD'],
  ['long', '0.16 USD'],
])('the model in a path is priced as the one that its alias stands for: %s', async (model, cost) => {
  const { url } = await startPricedGateway(
    ROUTE.replace('llm: auto', 'llm: auto, models: { alias: { fast: big, long: meta/llama } }'),
    answering({ candidates: [], usageMetadata: GEMINI_USAGE }),
  )
  const path = `/v1beta/models/${model}:generateContent`
  expect((await send(url, path, { body: JSON.stringify(GEMINI) })).status).toBe(200)
  expect(await usedOf(url)).toBe(cost)
})

it.each([
  ['/v1beta/models/unknown:generateContent', GEMINI],
  ['/model/unknown/converse', CONVERSE],
])('the model in the path %s must have a price', async (path, body) => {
  const { url } = await startPricedGateway(ROUTE, answering({}))
  const { status, text } = await send(url, path, { body: JSON.stringify(body) })
  expect([status, text]).toEqual([400, expect.stringContaining("the model 'unknown' has no price")])
})
