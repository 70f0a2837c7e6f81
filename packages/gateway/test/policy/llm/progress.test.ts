import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { LlmCall } from '../../../src/policy/llm/llm-call.js'
import type { ProgressListener } from '../../../src/policy/llm/response/progress.js'
import { ResponseMeter } from '../../../src/policy/llm/response/response-meter.js'
import { anthropicMessages } from '../../../src/policy/llm/shapes/anthropic-messages.js'
import { bedrockConverse } from '../../../src/policy/llm/shapes/bedrock.js'
import { geminiGenerate } from '../../../src/policy/llm/shapes/gemini.js'
import { kserveGenerate } from '../../../src/policy/llm/shapes/kserve.js'
import { ollamaChat } from '../../../src/policy/llm/shapes/ollama.js'
import { openAICompletions } from '../../../src/policy/llm/shapes/openai-completions.js'
import { openAIResponses } from '../../../src/policy/llm/shapes/openai-responses.js'
import { openAISpeech } from '../../../src/policy/llm/shapes/openai-speech.js'
import { tgiGenerate } from '../../../src/policy/llm/shapes/tgi.js'
import { frameOf } from './event-frame-bytes.js'
import { callOf, chat, event, JSON_HEADERS, SSE_HEADERS } from './llm-requests.js'
import { cutAt, positions } from './sse-stream.js'

const SEED = 20261203

interface Case {
  readonly call: LlmCall
  /** What arrives before the first output. */
  readonly silent: readonly (string | Buffer)[]
  /** The shortest part that has output. */
  readonly opening: string | Buffer
  /** A part with text of 40 tokens. */
  readonly next: string | Buffer
  readonly headers?: readonly string[]
}

const TEXT = 'x'.repeat(160)
const delta = (fields: object, more: object = {}) => event({ choices: [{ delta: fields }], ...more })
const ROLE = delta({ role: 'assistant', content: '' })
const PING = ': ping\n\n'
const CHAT = { call: chat(8), silent: [PING, ROLE], next: delta({ content: TEXT }) }

const geminiCall = callOf(
  geminiGenerate,
  { contents: [{ parts: [{ text: 'hi' }] }] },
  {},
  '/m:streamGenerateContent',
)
const candidate = (parts: readonly object[], usageMetadata = {}) => ({
  candidates: [{ content: { parts, role: 'model' }, index: 0 }],
  usageMetadata: { promptTokenCount: 3, totalTokenCount: 3, ...usageMetadata },
})
const line = (value: object) => `${JSON.stringify(value)}\n`

const CASES: Readonly<Record<string, Case>> = {
  'chat, with text': { ...CHAT, opening: delta({ content: 'a' }) },
  'chat, with a thought': { ...CHAT, opening: delta({ reasoning_content: 'a' }) },
  'chat, with a tool call': {
    ...CHAT,
    opening: delta({ tool_calls: [{ index: 0, id: 'c', function: { name: 'f', arguments: '' } }] }),
  },
  'chat, with a running usage': {
    ...CHAT,
    silent: [
      PING,
      delta({ content: '' }, { usage: { prompt_tokens: 2, completion_tokens: 0, total_tokens: 2 } }),
    ],
    opening: delta({ content: '' }, { usage: { prompt_tokens: 2, completion_tokens: 1, total_tokens: 3 } }),
  },
  'chat, with several answers': { ...CHAT, call: chat(8, { n: 2 }), opening: delta({ content: 'a' }) },
  completions: {
    call: callOf(openAICompletions, { prompt: 'hi', stream: true }),
    silent: [PING, event({ choices: [{ text: '' }] })],
    opening: event({ choices: [{ text: 'a' }] }),
    next: event({ choices: [{ text: TEXT }] }),
  },
  responses: {
    call: callOf(openAIResponses, { input: 'hi', stream: true }),
    silent: [
      event({ type: 'response.created', response: { usage: null } }),
      event({ type: 'response.output_item.added', item: { type: 'message', content: [] } }),
    ],
    opening: event({ type: 'response.output_text.delta', delta: 'a' }),
    next: event({ type: 'response.output_text.delta', delta: TEXT }),
  },
  messages: {
    call: callOf(anthropicMessages, { messages: [{ content: 'hi' }], stream: true }),
    silent: [
      event({ type: 'message_start', message: { usage: { input_tokens: 3, output_tokens: 1 } } }),
      event({ type: 'ping' }),
      event({ type: 'content_block_start', content_block: { type: 'thinking', thinking: '' } }),
    ],
    opening: event({ type: 'content_block_delta', delta: { thinking: 'a' } }),
    next: event({ type: 'content_block_delta', delta: { text: TEXT } }),
  },
  gemini: {
    call: geminiCall,
    silent: [PING, event(candidate([]))],
    opening: event(candidate([{ text: 'a', thought: true }])),
    next: event(candidate([{ text: TEXT }])),
  },
  'gemini, with hidden thoughts': {
    call: geminiCall,
    silent: [event(candidate([]))],
    opening: event(candidate([], { thoughtsTokenCount: 1, totalTokenCount: 4 })),
    next: event(candidate([{ text: TEXT }])),
  },
  'gemini without alt=sse': {
    call: geminiCall,
    silent: ['[', line(candidate([]))],
    opening: `,${JSON.stringify(candidate([{ text: 'a' }]))}`,
    next: `,${JSON.stringify(candidate([{ text: TEXT }]))}`,
    headers: JSON_HEADERS,
  },
  ollama: {
    call: callOf(ollamaChat, { messages: [{ role: 'user', content: 'hi' }] }),
    silent: [line({ message: { role: 'assistant', content: '' }, done: false })],
    opening: JSON.stringify({ message: { role: 'assistant', content: 'a' }, done: false }),
    next: `\n${JSON.stringify({ message: { role: 'assistant', content: TEXT }, done: false })}`,
    headers: ['Content-Type', 'application/x-ndjson'],
  },
  bedrock: {
    call: callOf(bedrockConverse, { messages: [] }, {}, '/model/m/converse-stream'),
    silent: [frameOf({ role: 'assistant' })],
    opening: frameOf({ contentBlockIndex: 0, delta: { text: 'a' } }),
    next: frameOf({ contentBlockIndex: 0, delta: { text: TEXT } }),
    headers: ['Content-Type', 'application/vnd.amazon.eventstream'],
  },
  'Text Generation Inference': {
    call: callOf(tgiGenerate, { inputs: 'hi' }, {}, '/generate_stream'),
    silent: [PING],
    opening: event({ token: { text: 'a' }, generated_text: null, details: null }),
    next: event({ token: { text: TEXT }, generated_text: null, details: null }),
  },
  'the generate extension of KServe': {
    call: callOf(kserveGenerate, { text_input: 'hi' }, {}, '/v2/models/m/generate_stream'),
    silent: [event({ text_output: '' })],
    opening: event({ text_output: 'a' }),
    next: event({ text_output: TEXT }),
  },
}

/** A meter whose progress is written down, at a time that the test sets. */
function followed(call: LlmCall, headers: readonly string[] = SSE_HEADERS) {
  const meter = new ResponseMeter(call)
  const calls: (readonly ['began' | 'wrote', number])[] = []
  const clock = { now: 5 }
  const listener: ProgressListener = {
    began: (at) => calls.push(['began', at]),
    wrote: (output) => calls.push(['wrote', output]),
  }
  meter.follow(listener, () => clock.now)
  meter.head(200, headers)
  const push = (...parts: readonly (string | Buffer)[]) => {
    for (const part of parts) meter.data(Buffer.from(part as string))
  }
  return { meter, calls, clock, push }
}

describe.each(Object.entries(CASES))(
  'the progress of a stream of %s',
  (_, { call, silent, opening, next, headers }) => {
    it('begins with the last byte of the first event that has output', () => {
      const { calls, push } = followed(call, headers)
      for (const byte of Buffer.concat(silent.map((part) => Buffer.from(part as string))))
        push(Buffer.of(byte))
      const bytes = Buffer.from(opening as string)
      // The last of the two line breaks after an event completes it.
      for (const byte of bytes.subarray(0, -1)) push(Buffer.of(byte))
      expect(calls).toEqual([])
      push(bytes.subarray(-1))
      expect(calls).toEqual([['began', 5]])
    })

    it('is reported after 32 tokens', () => {
      const { calls, push } = followed(call, headers)
      push(...silent, opening, next, next)
      expect(calls.map(([name]) => name)).toEqual(['began', 'wrote', 'wrote'])
      const [, [, first], [, second]] = calls as [unknown, [string, number], [string, number]]
      expect(first).toBeGreaterThanOrEqual(40)
      expect(second - first).toBe(40)
    })

    it('is the same for any chunks, and never more than what is settled', () => {
      const bytes = Buffer.concat([...silent, opening, next, next].map((part) => Buffer.from(part as string)))
      const whole = followed(call, headers)
      whole.push(bytes)
      const settled = whole.meter.settlement({ kind: 'interrupted' })
      const last = whole.calls.at(-1)?.[1] as number
      expect(settled).toMatchObject({ output_tokens: expect.any(Number) })
      expect(last).toBeLessThanOrEqual((settled as { output_tokens: number }).output_tokens)
      fc.assert(
        fc.property(positions, (cuts) => {
          const cut = followed(call, headers)
          cut.push(...cutAt(bytes, cuts))
          expect(cut.calls).toEqual(whole.calls)
        }),
        { seed: SEED, numRuns: 20 },
      )
    })
  },
)

describe('the progress of a response', () => {
  const word = delta({ content: 'a' })

  it('is reported after 250 ms if there is more output, and only then', () => {
    const { calls, clock, push } = followed(chat(8))
    push(word)
    clock.now += 249
    push(word)
    expect(calls).toEqual([['began', 5]])
    clock.now += 1
    push(PING, ROLE)
    expect(calls).toHaveLength(2)
    clock.now += 250
    push(PING, ROLE)
    expect(calls).toEqual([
      ['began', 5],
      ['wrote', 2],
    ])
  })

  it('is not reported for a document, an error, audio, compressed data, or after the end', () => {
    const document = followed(chat(8, { stream: false }), JSON_HEADERS)
    document.push(JSON.stringify({ choices: [{ message: { content: TEXT } }] }))
    document.meter.settlement({ kind: 'answered' })
    const failed = followed(chat(8))
    failed.push(event({ error: { message: 'overloaded' } }))
    const audio = followed(callOf(openAISpeech, { input: 'hi' }), ['Content-Type', 'audio/mpeg'])
    audio.push(Buffer.alloc(4096))
    const compressed = followed(chat(8), [...SSE_HEADERS, 'Content-Encoding', 'gzip'])
    compressed.push(Buffer.alloc(4096))
    const unfinished = followed(chat(8))
    unfinished.push(word.trimEnd())
    unfinished.meter.settlement({ kind: 'answered' })
    for (const { calls } of [document, failed, audio, compressed, unfinished]) expect(calls).toEqual([])
  })

  it('calls no tokenizer on its own, so that the settled count is that of a response that nobody follows', () => {
    let tokenized = 0
    const tokenizer = (text: string) => {
      tokenized += 1
      return Math.ceil(text.length / 3)
    }
    const settle = (isFollowed: boolean) => {
      const call = chat(8, {}, { tokenizer })
      tokenized = 0
      const { meter, push } = isFollowed
        ? followed(call)
        : { meter: new ResponseMeter(call), push: undefined }
      if (push === undefined) meter.head(200, SSE_HEADERS)
      for (let count = 0; count < 100; count += 1) meter.data(Buffer.from(delta({ content: 'a word' })))
      return [meter.settlement({ kind: 'interrupted' }), tokenized]
    }
    expect(settle(true)).toEqual(settle(false))
  })
})
