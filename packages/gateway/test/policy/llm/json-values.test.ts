import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { LlmCall } from '../../../src/policy/llm/llm-call.js'
import { JsonValues } from '../../../src/policy/llm/response/json-values.js'
import { ResponseMeter } from '../../../src/policy/llm/response/response-meter.js'
import { ollamaChat, ollamaGenerate } from '../../../src/policy/llm/shapes/ollama.js'
import { callOf, chat, event, JSON_HEADERS, SSE_HEADERS } from './llm-requests.js'
import { byByte, cutAt, positions } from './sse-stream.js'

const SEED = 20261201
const WORDS = ['Rate', ' limits', ' protect', ' 漢字', ' 😀', ' {"brackets"]', ' and "quotes\\']
const DELIVERED = Math.max(WORDS.length, Math.ceil(Buffer.byteLength(WORDS.join('')) / 4))

const chatCall = callOf(ollamaChat, { messages: [{ role: 'user', content: 'x'.repeat(100) }] })
const lines = WORDS.map((content) => ({ model: 'm', message: { role: 'assistant', content }, done: false }))
const last = { model: 'm', message: { content: '' }, done: true, prompt_eval_count: 30, eval_count: 40 }

function settle(
  call: LlmCall,
  chunks: readonly Buffer[],
  headers: readonly string[],
  kind: 'answered' | 'interrupted' = 'answered',
) {
  const meter = new ResponseMeter(call)
  meter.head(200, headers)
  for (const chunk of chunks) meter.data(chunk)
  return { settlement: meter.settlement({ kind }), unread: meter.unread }
}

describe('a sequence of JSON values', () => {
  it('is split into its values for any chunking and any separators', () => {
    const values = fc.array(fc.oneof(fc.object(), fc.array(fc.jsonValue()), fc.string()), { maxLength: 6 })
    const between = fc.constantFrom('\n', '\r\n', ' ', '\n\n', '\u001e', '\t\r')
    fc.assert(
      fc.property(
        values,
        between,
        fc.constantFrom(undefined, 2),
        positions,
        (values, space, indent, cuts) => {
          const texts = values.map((value) => JSON.stringify(value, null, indent))
          const bytes = Buffer.from(texts.map((text) => text + space).join(''))
          for (const chunks of [[bytes], cutAt(bytes, cuts), byByte(bytes)]) {
            const reader = new JsonValues(1 << 20)
            const found: string[] = []
            for (const chunk of chunks) reader.push(chunk, ({ bytes }) => found.push(bytes.toString()))
            expect(found).toEqual(texts)
            expect(reader.isInValue).toBe(false)
          }
        },
      ),
      { seed: SEED },
    )
  })

  it('is split by its structure if it has no separators', () => {
    const reader = new JsonValues(1 << 20)
    const found: string[] = []
    for (const chunk of byByte(Buffer.from('{"a":"}{"}{"b":[{}]}[1]"c"')))
      reader.push(chunk, ({ bytes }) => found.push(bytes.toString()))
    expect(found).toEqual(['{"a":"}{"}', '{"b":[{}]}', '[1]', '"c"'])
  })

  it('is not buffered beyond the maximum length', () => {
    const reader = new JsonValues(10)
    const found: [number, boolean][] = []
    for (const text of ['{"a":"', 'x'.repeat(20), '"}\n{}'])
      reader.push(Buffer.from(text), ({ bytes, whole }) => found.push([bytes.length, whole]))
    expect(found).toEqual([
      [6, false],
      [20, false],
      [2, false],
      [2, true],
    ])
  })
})

describe('an Ollama stream', () => {
  const streams = {
    'application/x-ndjson': [...lines, last].map((line) => `${JSON.stringify(line)}\n`).join(''),
    'application/x-ndjson; charset=utf-8': [...lines, last]
      .map((line) => `${JSON.stringify(line)}\r\n`)
      .join(''),
    'Application/JSONL': [...lines, last].map((line) => JSON.stringify(line)).join('\n'),
    'application/json-seq': [...lines, last].map((line) => `\u001e${JSON.stringify(line)}\n`).join(''),
    'application/stream+json': [...lines, last].map((line) => JSON.stringify(line)).join(''),
    'application/json': [...lines, last].map((line) => `\n\n${JSON.stringify(line)}\n`).join(''),
    'text/event-stream': [...lines, last].map((line) => `${JSON.stringify(line)}\n`).join(''),
    'text/plain': `\uFEFF${[...lines, last].map((line) => `${JSON.stringify(line)}\n`).join('')}`,
    '': [...lines, last].map((line) => `${JSON.stringify(line)}\n`).join(''),
  }

  it.each(Object.entries(streams))(
    'is settled with its reported counts for the media type %j',
    (type, text) => {
      const headers = type === '' ? [] : ['Content-Type', type]
      const expected = {
        settlement: { tokens: 70, input_tokens: 30, output_tokens: 40 },
        unread: undefined,
      }
      expect(settle(chatCall, [Buffer.from(text)], headers)).toEqual(expected)
      expect(settle(chatCall, byByte(Buffer.from(text)), headers)).toEqual(expected)
      expect(settle(chatCall, [Buffer.from(text)], headers, 'interrupted')).toEqual(expected)
    },
  )

  it.each(Object.entries(streams))(
    'is settled by the delivered text if it is truncated, for the media type %j',
    (type, text) => {
      const headers = type === '' ? [] : ['Content-Type', type]
      const bytes = Buffer.from(text)
      const beforeLast = bytes.lastIndexOf('{"model"')
      expect(settle(chatCall, [bytes.subarray(0, beforeLast)], headers, 'interrupted')).toEqual({
        settlement: { tokens: 25 + DELIVERED, input_tokens: 25, output_tokens: DELIVERED },
        unread: undefined,
      })
    },
  )

  it('is the default unless the request disables streaming', () => {
    const read = (more: object) => callOf(ollamaGenerate, { prompt: '', ...more }).parameters
    expect(
      [{}, { stream: null }, { stream: true }, { stream: false }].map((more) => read(more).stream),
    ).toEqual([true, true, true, false])
    expect(() => read({ stream: 'no' })).toThrow("'stream'")
    expect(() => callOf(ollamaChat, { messages: 'hi' })).toThrow("'messages'")
    expect(read({ options: { num_predict: 7 }, model: 'm' })).toMatchObject({
      model: 'm',
      maxOutput: 7,
      answers: 1,
    })
  })

  it('costs its input if nothing was received', () => {
    for (const text of ['', '\n', '{"mess'])
      expect(
        settle(chatCall, [Buffer.from(text)], ['content-type', 'application/x-ndjson'], 'interrupted'),
      ).toEqual({
        settlement: { tokens: 25, input_tokens: 25, output_tokens: 0 },
        unread: undefined,
      })
  })

  it('is charged by its bytes, up to the reservation, if a line is too long', () => {
    const text = `{"message":{"content":"${'x'.repeat(5_000_000)}"}}\n`
    expect(settle(chatCall, [Buffer.from(text)], ['content-type', 'application/x-ndjson'])).toEqual({
      settlement: { tokens: 1025, input_tokens: 25, output_tokens: 1000 },
      unread: 'too_long',
    })
  })
})

describe('an event stream', () => {
  const usage = { prompt_tokens: 30, completion_tokens: 40 }
  const text = event({ choices: [{ delta: { content: 'word' } }] }) + event({ choices: [], usage })

  it.each([
    [],
    JSON_HEADERS,
    ['content-type', 'text/plain'],
    ['content-type', 'application/x-ndjson'],
    SSE_HEADERS,
  ])('is recognized with the headers %j', (...headers) => {
    const responseHeaders = headers.flat()
    for (const stream of [
      text,
      `\uFEFF${text}`,
      `: ping\n\n${text}`,
      text.replaceAll('\n', '\r\n'),
      `id: 1\n${text}`,
    ])
      expect(settle(chat(100), byByte(Buffer.from(stream)), responseHeaders)).toEqual({
        settlement: { tokens: 70, input_tokens: 30, output_tokens: 40 },
        unread: undefined,
      })
  })

  it('may split the data of an event into several lines', () => {
    const stream = `data: {"choices":[],\r\ndata: "usage":${JSON.stringify(usage)}}\r\n\r\n`
    expect(settle(chat(100), byByte(Buffer.from(stream)), SSE_HEADERS).settlement).toMatchObject({
      tokens: 70,
    })
  })

  it('is read as a document if its body is a JSON document', () => {
    const document = JSON.stringify({ choices: [{ message: { content: 'x' } }], usage }, null, 2)
    expect(settle(chat(100), byByte(Buffer.from(document)), SSE_HEADERS).settlement).toMatchObject({
      tokens: 70,
    })
  })
})
