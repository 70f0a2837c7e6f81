import { describe, expect, it } from 'vitest'
import type { LlmCall } from '../../../src/policy/llm/llm-call.js'
import { ResponseMeter } from '../../../src/policy/llm/response/response-meter.js'
import { anthropicMessages } from '../../../src/policy/llm/shapes/anthropic-messages.js'
import { customShape } from '../../../src/policy/llm/shapes/custom-shape.js'
import { ollamaChat } from '../../../src/policy/llm/shapes/ollama.js'
import { openAICompletions } from '../../../src/policy/llm/shapes/openai-completions.js'
import { openAIEmbeddings } from '../../../src/policy/llm/shapes/openai-embeddings.js'
import { openAIResponses } from '../../../src/policy/llm/shapes/openai-responses.js'
import { callOf, chat, event, JSON_HEADERS, SSE_HEADERS } from './llm-requests.js'

const NOTHING = { tokens: 0, input_tokens: 0, output_tokens: 0 }
const NDJSON = ['content-type', 'application/x-ndjson']
const messages = [{ content: 'x'.repeat(100) }]
const custom = customShape({ input: ['/inputs'], usage: {}, text: '/text' })
const TEXT = 'x'.repeat(40)

/** A call of each shape, and an event with ten tokens of text. */
const SHAPES: Readonly<Record<string, readonly [LlmCall, object]>> = {
  chats: [chat(100), { choices: [{ delta: { content: TEXT } }] }],
  completions: [callOf(openAICompletions, { prompt: 'x'.repeat(100) }), { choices: [{ text: TEXT }] }],
  embeddings: [callOf(openAIEmbeddings, { input: 'x'.repeat(100) }), {}],
  responses: [
    callOf(openAIResponses, { input: 'x'.repeat(100) }),
    { type: 'response.output_text.delta', delta: TEXT },
  ],
  messages: [callOf(anthropicMessages, { messages }), { type: 'content_block_delta', delta: { text: TEXT } }],
  Ollama: [callOf(ollamaChat, { messages }), { message: { content: TEXT }, done: false }],
  'a custom API': [callOf(custom, { inputs: 'x'.repeat(100) }), { text: TEXT }],
}

const ERRORS = [
  { error: { message: 'overloaded' } },
  { error: 'overloaded' },
  { object: 'error', message: 'overloaded', code: 503 },
  { type: 'error', error: { type: 'overloaded_error' } },
  { type: 'error', message: 'overloaded' },
  { detail: 'overloaded' },
  { detail: [{ msg: 'overloaded' }] },
  { errors: [{ message: 'overloaded' }] },
  { status: 'error', message: 'overloaded' },
]

function settle(
  call: LlmCall,
  body: string,
  headers: readonly string[],
  kind: 'answered' | 'interrupted' = 'answered',
) {
  const meter = new ResponseMeter(call)
  meter.head(200, headers)
  meter.data(Buffer.from(body))
  return { settlement: meter.settlement({ kind }), unread: meter.unread }
}

describe.each(Object.entries(SHAPES))('an error in a response of %s', (name, [call, part]) => {
  it.each(ERRORS)('is free if nothing was delivered before %j', (error) => {
    const expected = { settlement: NOTHING, unread: undefined }
    expect(settle(call, JSON.stringify(error), JSON_HEADERS)).toEqual(expected)
    expect(settle(call, JSON.stringify(error), [])).toEqual(expected)
    for (const kind of ['answered', 'interrupted'] as const) {
      expect(settle(call, event(error), SSE_HEADERS, kind)).toEqual(expected)
      expect(settle(call, `event: error\n${event(error)}`, SSE_HEADERS, kind)).toEqual(expected)
      expect(settle(call, JSON.stringify(error), SSE_HEADERS, kind)).toEqual(expected)
      expect(settle(call, `${JSON.stringify(error)}\n`, NDJSON, kind)).toEqual(expected)
    }
  })

  it.each([
    ['a bare object', 'event: error\ndata: {"message": "overloaded", "code": 503}\n\n'],
    ['a string', 'event: error\ndata: overloaded\n\n'],
    ['a list', 'event: error\ndata: []\n\n'],
    ['an event with CRLF', 'event: error\r\ndata: {"code": 503}\r\n\r\n'],
    ['a field named error', 'error: {"message": "overloaded"}\n\n'],
  ])('is free if it is sent as %s', (_, text) => {
    for (const kind of ['answered', 'interrupted'] as const)
      expect(settle(call, text, SSE_HEADERS, kind)).toEqual({ settlement: NOTHING, unread: undefined })
  })

  it
    .skipIf(name === 'embeddings')
    .each([...ERRORS.map((error) => event(error)), 'event: error\ndata: {}\n\n'])(
    'costs only the text that was delivered before %j',
    (error) => {
      expect(settle(call, event(part) + error, SSE_HEADERS)).toEqual({
        settlement: { tokens: 35, input_tokens: 25, output_tokens: 10 },
        unread: undefined,
      })
    },
  )
})

describe('a member that may be an error', () => {
  it.each([{ error: null }, { error: '' }, { error: false }, { error: {} }])(
    'is not an error if it is %j',
    (more) => {
      const { settlement } = settle(chat(100), event({ choices: [{ delta: {} }], ...more }), SSE_HEADERS)
      expect(settlement).toMatchObject({ tokens: 25 })
    },
  )

  it('is an error if it is in a single choice', () => {
    const failed = { choices: [{ delta: { content: '' }, error: { code: 502 }, finish_reason: 'error' }] }
    expect(settle(chat(100), event(failed), SSE_HEADERS).settlement).toEqual(NOTHING)
  })
})
