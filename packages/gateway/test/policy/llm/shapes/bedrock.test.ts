import { describe, expect, it } from 'vitest'
import { ATTACHMENT_TOKENS } from '../../../../src/policy/llm/request/input-text.js'
import { ResponseMeter } from '../../../../src/policy/llm/response/response-meter.js'
import { bedrockConverse } from '../../../../src/policy/llm/shapes/bedrock.js'
import { frameOf } from '../event-frame-bytes.js'
import { callOf, JSON_HEADERS } from '../llm-requests.js'

// The requests and answers follow the published schema:
// https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_Converse.html and
// https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_ConverseStream.html.

const MODEL = '/model/us.amazon.nova-lite-v1:0'
const FRAME_HEADERS = ['Content-Type', 'application/vnd.amazon.eventstream']
const converse = (body: object, action = 'converse') =>
  callOf(bedrockConverse, { messages: [], ...body }, {}, `${MODEL}/${action}`)
const reservationOf = (body: object) => converse(body).reservation

describe('a Bedrock Converse request', () => {
  it('counts messages, system and tools, and reserves the stated maximum', () => {
    const body = {
      system: [{ text: 'x'.repeat(20) }, { cachePoint: { type: 'default' } }],
      messages: [{ role: 'user', content: [{ text: 'y'.repeat(40) }] }],
      toolConfig: { tools: [{ toolSpec: { name: 'look' } }] },
      inferenceConfig: { maxTokens: 64, temperature: 0.5 },
      requestMetadata: { team: 'search' },
    }
    expect(reservationOf(body)).toEqual({ input: 21, output: 64, total: 85, stated: true })
  })

  it('reserves the larger maximum if the fields for the model state another one', () => {
    const body = {
      inferenceConfig: { maxTokens: 5 },
      additionalModelRequestFields: { max_tokens: 500, top_k: 4 },
    }
    expect(reservationOf(body)).toMatchObject({ output: 500, stated: true })
  })

  it('counts each file as a constant, and the text of a document', () => {
    const content = [
      { image: { format: 'png', source: { bytes: 'A'.repeat(9999) } } },
      { document: { format: 'txt', name: 'notes', source: { text: 'x'.repeat(400) } } },
    ]
    expect(reservationOf({ messages: [{ role: 'user', content }] }).input).toBe(2 * ATTACHMENT_TOKENS + 100)
  })

  it('takes the model and the kind of answer from the path', () => {
    expect(converse({}).parameters).toMatchObject({ model: 'us.amazon.nova-lite-v1:0', stream: false })
    expect(converse({}, 'converse-stream').parameters).toMatchObject({
      model: 'us.amazon.nova-lite-v1:0',
      stream: true,
    })
  })

  it.each([
    ['messages', { messages: {} }],
    ['inferenceConfig.maxTokens', { inferenceConfig: { maxTokens: '9' } }],
    ['maxTokens', { inferenceConfig: { MaxTokens: 9 } }],
    ['inferenceConfig', { inferenceConfig: [] }],
    ['additionalModelRequestFields.max_tokens', { additionalModelRequestFields: { max_tokens: 0.5 } }],
  ])("is rejected if '%s' is invalid", (name, body) => {
    expect(() => reservationOf(body)).toThrow(`'${name}'`)
  })
})

const usage = {
  inputTokens: 5,
  cacheReadInputTokens: 85,
  cacheWriteInputTokens: 10,
  outputTokens: 20,
  totalTokens: 120,
}

it('the reader of Bedrock answers counts as input the new tokens, and those written to or read from the cache', () => {
  const content = [
    { text: 'Hello' },
    { toolUse: { toolUseId: 't', name: 'f', input: { a: 'b' } } },
    { reasoningContent: { reasoningText: { text: 'thought', signature: 's' } } },
  ]
  const output = { message: { role: 'assistant', content } }
  expect(bedrockConverse.readResponse({ output, stopReason: 'end_turn', usage, metrics: {} })).toEqual({
    usage: { input: 100, output: 20, cached: 85, cacheWrite: 10 },
    texts: ['Hello', 'f', 'a', 'b', 'thought'],
    failed: false,
  })
  expect(bedrockConverse.readResponse({ answer: 42 })).toBeUndefined()
  expect(bedrockConverse.readEvent({ answer: 42 })).toBeUndefined()
})

const WORDS = ['Rate', ' limits', ' 漢字', ' protect', '.']
const EVENTS = [
  { role: 'assistant', p: 'abcd' },
  { start: { toolUse: { toolUseId: 't', name: 'word' } }, contentBlockIndex: 0 },
  ...WORDS.map((text) => ({ delta: { text }, contentBlockIndex: 1, p: 'ab' })),
  { delta: { toolUse: { input: 'word' } }, contentBlockIndex: 2 },
  { delta: { reasoningContent: { text: 'word' } }, contentBlockIndex: 2 },
  { contentBlockIndex: 2 },
  { stopReason: 'end_turn' },
  { usage, metrics: { latencyMs: 1 } },
]

/** The text that the first events deliver. */
const delivered = (count: number) =>
  EVENTS.slice(0, count).flatMap(
    (event) => JSON.stringify(event).match(/(?<="(?:text|input|name)":")[^"]+/g) ?? [],
  )

function settle(chunks: readonly Buffer[], kind: 'answered' | 'interrupted', headers = FRAME_HEADERS) {
  const messages = [{ role: 'user', content: [{ text: 'x'.repeat(100) }] }]
  const meter = new ResponseMeter(converse({ messages }, 'converse-stream'))
  meter.head(200, headers)
  for (const chunk of chunks) meter.data(chunk)
  return { cost: meter.settlement({ kind }), unread: meter.unread }
}

describe('a Bedrock stream', () => {
  const frames = EVENTS.map((event) => frameOf(event))
  const bytes = Buffer.concat(frames)

  it('settles with the delivered tokens if it is interrupted at any byte', () => {
    let count = 0
    let end = 0
    for (let length = 0; length <= bytes.length; length += 1) {
      while (count < frames.length && end + (frames[count]?.length ?? 0) <= length)
        end += frames[count++]?.length ?? 0
      const texts = delivered(count)
      const byText = Math.max(texts.length, Math.ceil(Buffer.byteLength(texts.join('')) / 4))
      const [input, output] = count === frames.length ? [100, 20] : [25, byText]
      const expected = { tokens: input + output, input_tokens: input, output_tokens: output }
      expect(settle([bytes.subarray(0, length)], 'interrupted').cost).toEqual(expected)
    }
  })

  it('settles with its usage, split at any byte', () => {
    const expected = { cost: { tokens: 120, input_tokens: 100, output_tokens: 20 }, unread: undefined }
    for (let at = 0; at <= bytes.length; at += 1)
      expect(settle([bytes.subarray(0, at), bytes.subarray(at)], 'answered')).toEqual(expected)
  })

  it('costs nothing if an exception is all it delivers, and the delivered text otherwise', () => {
    const exception = frameOf(
      { message: 'Too many requests' },
      { ':message-type': 'exception', ':exception-type': 'throttlingException' },
    )
    expect(settle([exception], 'answered').cost).toMatchObject({ tokens: 0 })
    expect(settle([frameOf(EVENTS[2]), exception], 'answered').cost).toMatchObject({ output_tokens: 1 })
  })

  it('is charged by its bytes where a checksum is wrong, unless the usage arrives', () => {
    const wrong = Buffer.from(frames[3] as Buffer)
    wrong[wrong.length - 1] = (wrong.at(-1) as number) ^ 1
    const { cost, unread } = settle([...frames.slice(0, 3), wrong], 'answered')
    expect(unread).toBe('corrupt')
    expect(cost).toMatchObject({ output_tokens: 2 + Math.ceil(wrong.length / 4) })
    expect(settle([wrong, ...frames], 'answered')).toEqual({
      cost: { tokens: 120, input_tokens: 100, output_tokens: 20 },
      unread: undefined,
    })
  })

  it('settles an answer in JSON, which proxies send instead of a stream', () => {
    const answer = { output: { message: { content: [] } }, usage }
    const { cost } = settle([Buffer.from(JSON.stringify(answer))], 'answered', JSON_HEADERS)
    expect(cost).toEqual({ tokens: 120, input_tokens: 100, output_tokens: 20 })
  })
})
