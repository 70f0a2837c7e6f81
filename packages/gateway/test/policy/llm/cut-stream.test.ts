import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { LlmCall } from '../../../src/policy/llm/llm-call.js'
import { ResponseMeter } from '../../../src/policy/llm/response/response-meter.js'
import { anthropicMessages } from '../../../src/policy/llm/shapes/anthropic-messages.js'
import { geminiGenerate } from '../../../src/policy/llm/shapes/gemini.js'
import { openAICompletions } from '../../../src/policy/llm/shapes/openai-completions.js'
import { openAIResponses } from '../../../src/policy/llm/shapes/openai-responses.js'
import { callOf, chat, event, JSON_HEADERS, SSE_HEADERS } from './llm-requests.js'
import { cutAt, positions } from './sse-stream.js'

const SEED = 20261130

const WORDS = [
  'Rate',
  ' limits',
  ' protect',
  ' 漢字',
  ' 😀',
  '',
  ' models',
  ' and everybody who waits for them',
  '.',
]
/** Counts the tokens of separate words: a quarter of their bytes, and at least one per word. */
function tokensOf(words: readonly string[]): number {
  const written = words.filter((word) => word !== '')
  return Math.max(written.length, Math.ceil(Buffer.byteLength(written.join('')) / 4))
}

/** The number of tokens in the longest word. */
const MAX_WORD_TOKENS = Math.max(...WORDS.map((word) => tokensOf([word])))

const done = { prompt_tokens: 25, completion_tokens: 40, total_tokens: 65 }

interface Case {
  readonly call: LlmCall
  /** Each event and the text it delivers. */
  readonly events: readonly (readonly [text: string, delivered: string])[]
  /** The input tokens that are charged before and after the first event is read. */
  readonly input: readonly [before: number, after: number]
  readonly output: number
  /** Default: those of an event stream. */
  readonly headers?: readonly string[]
}

const geminiCall = callOf(
  geminiGenerate,
  { contents: [{ parts: [{ text: 'x'.repeat(100) }] }] },
  {},
  '/v1beta/models/gemini-2.5-flash:streamGenerateContent',
)

/** Each answer of a stream repeats the input. The last one adds the output and the thoughts. */
const geminiAnswers = [...WORDS, undefined].map((text) => {
  const usage = { promptTokenCount: 31, totalTokenCount: 31 }
  const final = {
    promptTokenCount: 31,
    candidatesTokenCount: 30,
    thoughtsTokenCount: 10,
    totalTokenCount: 71,
  }
  const content = { parts: text === undefined ? [] : [{ text }], role: 'model' }
  const candidates = [{ content, index: 0, ...(text === undefined && { finishReason: 'STOP' }) }]
  return [{ candidates, usageMetadata: text === undefined ? final : usage }, text ?? ''] as const
})

const CASES: Readonly<Record<string, Case>> = {
  chat: {
    call: chat(100),
    events: [
      [event({ choices: [{ delta: { role: 'assistant', content: '' } }], usage: null }), ''],
      ...WORDS.map(
        (content) => [event({ choices: [{ delta: { content } }], usage: null }), content] as const,
      ),
      [event({ choices: [], usage: done }), ''],
      [event('[DONE]'), ''],
    ],
    input: [25, 25],
    output: 40,
  },
  completions: {
    call: callOf(openAICompletions, { prompt: 'x'.repeat(100), stream: true }),
    events: [
      ...WORDS.map((text) => [event({ choices: [{ text }] }, '\r\n'), text] as const),
      [event({ choices: [], usage: done }, '\r\n'), ''],
    ],
    input: [25, 25],
    output: 40,
  },
  responses: {
    call: callOf(openAIResponses, { input: 'x'.repeat(100), stream: true }),
    events: [
      [event({ type: 'response.created', response: { usage: null } }), ''],
      ...WORDS.map((delta) => [event({ type: 'response.output_text.delta', delta }), delta] as const),
      [
        event({ type: 'response.completed', response: { usage: { input_tokens: 25, output_tokens: 40 } } }),
        '',
      ],
    ],
    input: [25, 25],
    output: 40,
  },
  messages: {
    call: callOf(anthropicMessages, { messages: [{ content: 'x'.repeat(100) }], stream: true }),
    events: [
      [event({ type: 'message_start', message: { usage: { input_tokens: 31, output_tokens: 1 } } }), ''],
      [event({ type: 'ping' }), ''],
      ...WORDS.map(
        (text) =>
          [
            `event: content_block_delta\n${event({ type: 'content_block_delta', delta: { text } })}`,
            text,
          ] as const,
      ),
      [event({ type: 'message_delta', usage: { output_tokens: 40 } }), ''],
      [event({ type: 'message_stop' }), ''],
    ],
    input: [25, 31],
    output: 40,
  },
  gemini: {
    call: geminiCall,
    events: geminiAnswers.map(([answer, text]) => [event(answer, '\r\n'), text] as const),
    input: [25, 31],
    output: 40,
  },
  'gemini without alt=sse': {
    call: geminiCall,
    events: [
      ...geminiAnswers.map(
        ([answer, text], index) =>
          [`${index === 0 ? '[' : '\n,\r\n'}${JSON.stringify(answer, null, 2)}`, text] as const,
      ),
      ['\n]', ''],
    ],
    input: [25, 31],
    output: 40,
    headers: JSON_HEADERS,
  },
}

/** Counts the tokens that the first bytes of a stream deliver in events or report as usage. */
function deliveredBy(length: number, { events, output }: Case): number {
  let end = 0
  const words: string[] = []
  for (const [bytes, word] of events) {
    end += Buffer.byteLength(bytes)
    if (end > length) break
    words.push(word)
    if (/"(completion_tokens|output_tokens)":40|"candidatesTokenCount"/.test(bytes)) return output
  }
  return tokensOf(words)
}

describe('the meter of a truncated OpenAI response stream', () => {
  const delta = (text: string, item = 0) =>
    event({ type: 'response.output_text.delta', output_index: item, delta: text })
  const done = (text: string, item = 0) =>
    event({ type: 'response.output_text.done', output_index: item, text })
  const partDone = (text: string, item = 0) =>
    event({ type: 'response.content_part.done', output_index: item, part: { type: 'output_text', text } })
  const itemDone = (text: string, item = 0) =>
    event({ type: 'response.output_item.done', output_index: item, item: { content: [{ text }] } })
  const callDone = event({
    type: 'response.function_call_arguments.done',
    output_index: 0,
    arguments: 'x'.repeat(40),
  })
  const TEXT = 'x'.repeat(40)

  it.each<[string, string[], number]>([
    ['only the done event of a text', [done(TEXT)], 10],
    ['only the done event of a part', [partDone(TEXT)], 10],
    ['only the done event of an item', [itemDone(TEXT)], 10],
    ['only the done event of arguments', [callDone], 10],
    ['only done events, at several levels', [done(TEXT), partDone(TEXT), itemDone(TEXT)], 10],
    ['deltas and all done events', [delta(TEXT), done(TEXT), partDone(TEXT), itemDone(TEXT)], 10],
    ['deltas, and a done event with more text', [delta(TEXT), done(TEXT.repeat(2))], 20],
    ['two texts of one item', [done(TEXT), done(TEXT), itemDone(TEXT.repeat(2))], 20],
    [
      'deltas of one item, and the done events of another',
      [delta(TEXT.repeat(3)), done(TEXT, 1), itemDone(TEXT, 1)],
      40,
    ],
    ['a done event without an index', [event({ type: 'response.output_text.done', text: TEXT })], 10],
    ['more items than the meter distinguishes', [done(TEXT, 1e9), done(TEXT, 2e9)], 20],
  ])('counts text once if the stream contains %s', (_, events, tokens) => {
    const meter = new ResponseMeter(callOf(openAIResponses, { input: 'x'.repeat(100), stream: true }))
    meter.head(200, SSE_HEADERS)
    for (const text of events) meter.data(Buffer.from(text))
    expect(meter.settlement({ kind: 'interrupted' })).toMatchObject({ output_tokens: tokens })
  })
})

describe.each(Object.entries(CASES))('a stream of %s', (_, each) => {
  const bytes = Buffer.from(each.events.map(([text]) => text).join(''))
  const settle = (chunks: readonly Buffer[], kind: 'interrupted' | 'answered') => {
    const meter = new ResponseMeter(each.call)
    meter.head(200, each.headers ?? SSE_HEADERS)
    for (const chunk of chunks) meter.data(chunk)
    return meter.settlement({ kind })
  }

  it('settles within one event of the delivered tokens if it is interrupted at any byte', () => {
    for (let length = 0; length <= bytes.length; length += 1) {
      const settlement = settle([bytes.subarray(0, length)], 'interrupted')
      const delivered = deliveredBy(length, each)
      if (settlement === 'unknown') throw new Error(`the settlement is unknown at byte ${length}`)
      const first = Buffer.byteLength(each.events[0]?.[0] ?? '')
      expect(settlement.input_tokens).toBe(each.input[length < first ? 0 : 1])
      expect(settlement.tokens).toBe(settlement.input_tokens + settlement.output_tokens)
      expect(Math.abs(settlement.output_tokens - delivered)).toBeLessThanOrEqual(MAX_WORD_TOKENS)
    }
  })

  it('settles at the same cost for any chunking', () => {
    fc.assert(
      fc.property(positions, fc.double({ min: 0, max: 1, noNaN: true }), (cuts, fraction) => {
        const part = bytes.subarray(0, Math.floor(fraction * bytes.length))
        for (const kind of ['interrupted', 'answered'] as const)
          expect(settle(cutAt(part, cuts), kind)).toEqual(settle([part], kind))
      }),
      { seed: SEED },
    )
  })

  it('settles with the reported usage at its end', () => {
    const input = each.input[1]
    const expected = { tokens: input + 40, input_tokens: input, output_tokens: 40 }
    expect(settle([bytes], 'answered')).toEqual(expected)
    // The usage has arrived: a client that disconnects afterwards has received everything.
    expect(settle([bytes], 'interrupted')).toEqual(expected)
  })
})
