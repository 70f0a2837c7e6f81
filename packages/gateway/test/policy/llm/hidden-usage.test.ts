import { describe, expect, it } from 'vitest'
import type { LlmCall } from '../../../src/policy/llm/llm-call.js'
import { MAX_DOCUMENT, MAX_EVENT, ResponseMeter } from '../../../src/policy/llm/response/response-meter.js'
import { anthropicMessages } from '../../../src/policy/llm/shapes/anthropic-messages.js'
import { ollamaGenerate } from '../../../src/policy/llm/shapes/ollama.js'
import { openAIEmbeddings } from '../../../src/policy/llm/shapes/openai-embeddings.js'
import { openAIResponses } from '../../../src/policy/llm/shapes/openai-responses.js'
import { callOf, chat, event, JSON_HEADERS, SSE_HEADERS } from './llm-requests.js'

// A client can cause a response to be long or invalid JSON, but cannot make it cheap that way.

const OUTPUT = 8000
const TEXT = 'word'.repeat(OUTPUT)
const USAGE = { prompt_tokens: 30, completion_tokens: OUTPUT }
const input = 'x'.repeat(100)
const COST = { input_tokens: 30, output_tokens: OUTPUT }

function settle(
  call: LlmCall,
  body: string,
  headers: readonly string[],
  kind: 'answered' | 'interrupted' = 'answered',
) {
  const meter = new ResponseMeter(call)
  meter.head(200, headers)
  const bytes = Buffer.from(body)
  for (let at = 0; at < bytes.length; at += 100_003) meter.data(bytes.subarray(at, at + 100_003))
  return { settlement: meter.settlement({ kind }), unread: meter.unread }
}

/** Creates log probabilities of a given size, with misleading strings and names. */
function logprobs(bytes: number): object {
  const token = { token: '"}]{["usage":', logprob: -0.1, bytes: [34, 125], usage: { completion_tokens: 1 } }
  return { content: Array(Math.ceil(bytes / JSON.stringify(token).length)).fill(token) }
}

describe('the usage of a response that is too long to buffer', () => {
  const choice = (bytes: number) => ({ index: 0, message: { content: TEXT }, logprobs: logprobs(bytes) })
  const LONG = MAX_DOCUMENT + 1
  const responses = { usage: { input_tokens: 30, output_tokens: OUTPUT } }

  it.each([
    ['a chat', chat(100), { choices: [choice(LONG)], usage: USAGE }],
    ['a chat with the usage first', chat(100), { usage: USAGE, choices: [choice(LONG)] }],
    ['a response', callOf(openAIResponses, { input }), { output: [logprobs(LONG)], ...responses }],
    [
      'a message',
      callOf(anthropicMessages, { messages: [{ content: input }] }),
      { content: [{ type: 'text', text: 'x'.repeat(LONG) }], ...responses },
    ],
    [
      'Ollama',
      callOf(ollamaGenerate, { prompt: input }),
      { response: 'x'.repeat(LONG), done: true, prompt_eval_count: 30, eval_count: OUTPUT },
    ],
  ] as const)('is read from %s', (_, call, body) => {
    const text = JSON.stringify(body, null, 1)
    expect(settle(call, text, JSON_HEADERS)).toMatchObject({ settlement: COST, unread: undefined })
  })

  it('is read from embeddings', () => {
    const body = { data: [{ embedding: Array(2_000_000).fill(0.123) }], usage: { prompt_tokens: 31 } }
    expect(settle(callOf(openAIEmbeddings, { input }), JSON.stringify(body), JSON_HEADERS)).toEqual({
      settlement: { tokens: 31, input_tokens: 31, output_tokens: 0 },
      unread: undefined,
    })
  })

  it('is read from the last event of a stream', () => {
    const delta = event({ type: 'response.output_text.delta', delta: 'word' })
    const end = { type: 'response.completed', response: { output: [logprobs(MAX_EVENT + 1)], ...responses } }
    for (const frame of [event(end), event(end, '\r\n'), `event: response.completed\n${event(end)}`])
      expect(
        settle(callOf(openAIResponses, { input, stream: true }), delta + frame, SSE_HEADERS),
      ).toMatchObject({
        settlement: COST,
        unread: undefined,
      })
  })

  it('is ignored if it is zero', () => {
    const body = { choices: [choice(LONG)], usage: { prompt_tokens: 0, completion_tokens: 0 } }
    expect(settle(chat(100), JSON.stringify(body), JSON_HEADERS)).toMatchObject({
      settlement: { input_tokens: 25, output_tokens: 1000 },
      unread: 'too_long',
    })
  })
})

describe('numbers that are invalid in JSON', () => {
  const invalid = '{"content": [{"logprob": -Infinity, "other": NaN, "token": "NaN \\" Infinity \\\\"}]}'

  it('do not hide the usage of a document', () => {
    const body = JSON.stringify({ choices: [{ message: { content: TEXT }, logprobs: 0 }], usage: USAGE })
    expect(settle(chat(100), body.replace('"logprobs":0', `"logprobs":${invalid}`), JSON_HEADERS)).toEqual({
      settlement: { tokens: OUTPUT + 30, ...COST },
      unread: undefined,
    })
  })

  it('are not counted as text of a stream', () => {
    const part = event({ choices: [{ delta: { content: 'NaN!' }, logprobs: 0 }] })
    const stream = part.replace('"logprobs":0', `"logprobs":${invalid}`).repeat(3)
    expect(settle(chat(100), stream, SSE_HEADERS, 'interrupted')).toEqual({
      settlement: { tokens: 28, input_tokens: 25, output_tokens: 3 },
      unread: undefined,
    })
  })
})

it('an invalid list does not hide the usage of a document', () => {
  const body = `{"choices": [{"message": {"content": "a\tb ${TEXT}"}, oops}], "usage": ${JSON.stringify(USAGE)}}`
  expect(settle(chat(100), body, JSON_HEADERS)).toMatchObject({ settlement: COST, unread: undefined })
})

describe('a truncated document', () => {
  const body = (bytes: number) =>
    JSON.stringify({ choices: [{ message: { content: TEXT }, logprobs: logprobs(bytes) }], usage: USAGE })

  it.each([
    ['short', 1000],
    ['too long to buffer', MAX_DOCUMENT + 1],
  ])('costs its text if the text exceeds the reservation and the document is %s', (_, bytes) => {
    const document = body(bytes)
    for (const cut of [document.slice(0, -1), document.slice(0, -300)])
      expect(settle(chat(100), cut, JSON_HEADERS, 'interrupted').settlement).toEqual({
        tokens: 25 + OUTPUT,
        input_tokens: 25,
        output_tokens: OUTPUT,
      })
    const half = document.slice(0, document.indexOf(TEXT) + TEXT.length / 2)
    expect(settle(chat(100), half, JSON_HEADERS, 'interrupted').settlement).toMatchObject({
      output_tokens: OUTPUT / 2,
    })
  })

  it('costs the reservation if that exceeds its text', () => {
    const stated = chat(100, { max_tokens: OUTPUT })
    expect(settle(stated, body(1000).slice(0, -1), JSON_HEADERS, 'interrupted').settlement).toBe('unknown')
  })

  it('costs the reservation if it contains only audio or vectors', () => {
    const audio = JSON.stringify({ choices: [{ message: { audio: { data: TEXT } } }] })
    expect(settle(chat(100), audio.slice(0, -1), JSON_HEADERS, 'interrupted').settlement).toBe('unknown')
    const vectors = JSON.stringify({ data: [{ embedding: TEXT }, TEXT] })
    const call = callOf(openAIEmbeddings, { input })
    expect(settle(call, vectors.slice(0, -1), JSON_HEADERS, 'interrupted').settlement).toBe('unknown')
  })
})
