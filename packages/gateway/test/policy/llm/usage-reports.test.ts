import { describe, expect, it } from 'vitest'
import type { LlmCall } from '../../../src/policy/llm/llm-call.js'
import { ResponseMeter } from '../../../src/policy/llm/response/response-meter.js'
import { anthropicMessages } from '../../../src/policy/llm/shapes/anthropic-messages.js'
import { customShape } from '../../../src/policy/llm/shapes/custom-shape.js'
import { ollamaChat, ollamaGenerate } from '../../../src/policy/llm/shapes/ollama.js'
import { openAICompletions } from '../../../src/policy/llm/shapes/openai-completions.js'
import { openAIEmbeddings } from '../../../src/policy/llm/shapes/openai-embeddings.js'
import { openAIResponses } from '../../../src/policy/llm/shapes/openai-responses.js'
import { callOf, chat, event, JSON_HEADERS, SSE_HEADERS } from './llm-requests.js'

const TEXT = 'x'.repeat(40)
const NDJSON = ['content-type', 'application/x-ndjson']

function settle(
  call: LlmCall,
  body: string,
  headers: readonly string[],
  kind: 'answered' | 'interrupted' = 'answered',
) {
  const meter = new ResponseMeter(call)
  meter.head(200, headers)
  meter.data(Buffer.from(body))
  return meter.settlement({ kind })
}

const messages = [{ content: 'x'.repeat(100) }]
const custom = customShape({
  input: ['/inputs'],
  usage: { input: '/u/in', output: '/u/out', total: '/u/all' },
  text: '/text',
})

/**
 * A call of each shape with 25 input tokens, and a response with ten output tokens and a given
 * usage.
 */
const SHAPES: Readonly<
  Record<string, readonly [LlmCall, readonly string[], (input: unknown, output: unknown) => string]>
> = {
  'a chat': [
    chat(100),
    JSON_HEADERS,
    (input, output) =>
      JSON.stringify({ choices: [{ message: { content: TEXT } }], usage: openAI(input, output) }),
  ],
  'a stream of a chat': [
    chat(100),
    SSE_HEADERS,
    (input, output) =>
      event({ choices: [{ delta: { content: TEXT } }] }) +
      event({ choices: [], usage: openAI(input, output) }),
  ],
  'a stream of a chat with its usage in each event': [
    chat(100),
    SSE_HEADERS,
    (input, output) =>
      [TEXT.slice(20), TEXT.slice(20)]
        .map((content) => event({ choices: [{ delta: { content } }], usage: openAI(input, output) }))
        .join('') + event({ choices: [], usage: openAI(input, output) }),
  ],
  'a stream of a chat with the usage of its choice': [
    chat(100),
    SSE_HEADERS,
    (input, output) =>
      event({ choices: [{ delta: { content: TEXT } }] }) +
      event({ choices: [{ delta: {}, finish_reason: 'stop', usage: openAI(input, output) }] }),
  ],
  'a completion': [
    callOf(openAICompletions, { prompt: 'x'.repeat(100) }),
    JSON_HEADERS,
    (input, output) => JSON.stringify({ choices: [{ text: TEXT }], usage: openAI(input, output) }),
  ],
  'a response': [
    callOf(openAIResponses, { input: 'x'.repeat(100) }),
    JSON_HEADERS,
    (input, output) =>
      JSON.stringify({
        output: [{ content: [{ text: TEXT }] }],
        usage: { input_tokens: input, output_tokens: output, total_tokens: sum(input, output) },
      }),
  ],
  'a stream of a response': [
    callOf(openAIResponses, { input: 'x'.repeat(100), stream: true }),
    SSE_HEADERS,
    (input, output) =>
      event({ type: 'response.output_text.delta', delta: TEXT }) +
      event({
        type: 'response.completed',
        response: {
          output: [{ content: [{ text: TEXT }] }],
          usage: { input_tokens: input, output_tokens: output },
        },
      }),
  ],
  'a stream of a response without deltas': [
    callOf(openAIResponses, { input: 'x'.repeat(100), stream: true }),
    SSE_HEADERS,
    (input, output) =>
      event({
        type: 'response.completed',
        response: {
          output: [{ content: [{ text: TEXT }] }],
          usage: { input_tokens: input, output_tokens: output },
        },
      }),
  ],
  'a message': [
    callOf(anthropicMessages, { messages }),
    JSON_HEADERS,
    (input, output) =>
      JSON.stringify({ content: [{ text: TEXT }], usage: { input_tokens: input, output_tokens: output } }),
  ],
  'a stream of a message': [
    callOf(anthropicMessages, { messages, stream: true }),
    SSE_HEADERS,
    (input, output) =>
      event({ type: 'message_start', message: { usage: { input_tokens: input, output_tokens: output } } }) +
      event({ type: 'content_block_delta', delta: { text: TEXT } }) +
      event({ type: 'message_delta', usage: { output_tokens: output } }),
  ],
  'an Ollama chat': [
    callOf(ollamaChat, { messages, stream: false }),
    JSON_HEADERS,
    (input, output) =>
      JSON.stringify({
        message: { content: TEXT },
        done: true,
        prompt_eval_count: input,
        eval_count: output,
      }),
  ],
  'an Ollama stream': [
    callOf(ollamaGenerate, { prompt: 'x'.repeat(100) }),
    NDJSON,
    (input, output) =>
      `${JSON.stringify({ response: TEXT, done: false })}\n` +
      `${JSON.stringify({ response: '', done: true, prompt_eval_count: input, eval_count: output })}\n`,
  ],
  'a custom API': [
    callOf(custom, { inputs: 'x'.repeat(100) }),
    JSON_HEADERS,
    (input, output) => JSON.stringify({ text: TEXT, u: { in: input, out: output } }),
  ],
  'a stream of a custom API': [
    callOf(custom, { inputs: 'x'.repeat(100), stream: true }),
    SSE_HEADERS,
    (input, output) => event({ text: TEXT }) + event({ u: { in: input, out: output } }),
  ],
}

function openAI(input: unknown, output: unknown) {
  return { prompt_tokens: input, completion_tokens: output, total_tokens: sum(input, output) }
}

function sum(one: unknown, other: unknown): unknown {
  return typeof one === 'number' && typeof other === 'number' ? one + other : other
}

describe.each(Object.entries(SHAPES))('the usage of %s', (_, [call, headers, responseWith]) => {
  it.each([0, -1, null, '12', [], {}, true, -0.5, 1e300, undefined])(
    'is ignored if it is %j, so the estimated input and the delivered text are charged',
    (count) => {
      const expected = { tokens: 35, input_tokens: 25, output_tokens: 10 }
      expect(settle(call, responseWith(count, count), headers)).toEqual(expected)
    },
  )

  it('is used even if it is less or more than the delivered text', () => {
    for (const output of [3, 99])
      expect(settle(call, responseWith(30, output), headers)).toEqual({
        tokens: 30 + output,
        input_tokens: 30,
        output_tokens: output,
      })
    expect(settle(call, responseWith(30.2, 2.5), headers)).toMatchObject({
      input_tokens: 31,
      output_tokens: 3,
    })
  })

  it('is combined with the delivered text if it reports only input', () => {
    expect(settle(call, responseWith(30, 0), headers)).toMatchObject({ input_tokens: 30, output_tokens: 10 })
  })
})

describe('usage with a total only', () => {
  const total = (tokens: number) => event({ choices: [], usage: { total_tokens: tokens } })
  const word = event({ choices: [{ delta: { content: TEXT } }] })

  it('is used even if it is less than the estimate', () => {
    expect(settle(chat(100), word + total(20), SSE_HEADERS)).toMatchObject({ tokens: 20 })
    expect(settle(chat(100), word + total(60), SSE_HEADERS)).toMatchObject({ tokens: 60 })
    expect(settle(chat(100), word + total(0), SSE_HEADERS)).toMatchObject({ tokens: 35 })
  })

  it('is the input of embeddings', () => {
    const call = callOf(openAIEmbeddings, { input: 'x'.repeat(100) })
    for (const [usage, input] of [
      [{ total_tokens: 30 }, 30],
      [{ prompt_tokens: 0, total_tokens: 0 }, 25],
    ] as const)
      expect(settle(call, JSON.stringify({ data: [], usage }), JSON_HEADERS)).toEqual({
        tokens: input,
        input_tokens: input,
        output_tokens: 0,
      })
  })
})

describe('the running usage of several choices', () => {
  /** Creates events with one token each, for the choices in `order`. */
  const words = (
    order: readonly number[],
    running: 'per choice' | 'for all choices' | 'inside each choice',
  ) => {
    const counts = new Map<number, number>()
    return order.map((index, position) => {
      const own = (counts.get(index) ?? 0) + 1
      counts.set(index, own)
      const usage = openAI(30, running === 'for all choices' ? position + 1 : own)
      const choice = { index, delta: { content: 'word' } }
      return running === 'inside each choice'
        ? event({ choices: [{ ...choice, usage }] })
        : event({ choices: [choice], usage })
    })
  }
  const ORDERS = {
    alternately: Array.from({ length: 80 }, (_, position) => position % 4),
    'one after the other': Array.from({ length: 80 }, (_, position) => Math.floor(position / 20)),
    'in reverse': Array.from({ length: 80 }, (_, position) => 3 - (position % 4)),
    unevenly: Array.from({ length: 80 }, (_, position) =>
      position % 7 === 0 ? 1 : position % 3 === 0 ? 2 : 0,
    ),
  }

  it.each(
    Object.entries(ORDERS).flatMap(([name, order]) =>
      (['per choice', 'for all choices', 'inside each choice'] as const).map(
        (running) => [running, name, order] as const,
      ),
    ),
  )('is summed up if it is reported %s and the choices arrive %s', (running, _, order) => {
    const events = words(order, running)
    for (let cut = 0; cut <= events.length; cut += 1) {
      const settlement = settle(
        chat(100, { n: 4 }),
        events.slice(0, cut).join(''),
        SSE_HEADERS,
        'interrupted',
      )
      if (settlement === 'unknown') throw new Error(`the settlement is unknown after ${cut} events`)
      expect(Math.abs(settlement.output_tokens - cut)).toBeLessThanOrEqual(1)
    }
    const whole = events.join('') + event({ choices: [], usage: openAI(30, 83) })
    expect(settle(chat(100, { n: 4 }), whole, SSE_HEADERS)).toMatchObject({ output_tokens: 83 })
  })

  it.each([2, 3, 4])('is summed up for %i choices with many tokens in few bytes', (n) => {
    const events = Array.from({ length: 50 * n }, (_, position) =>
      event({
        choices: [{ index: position % n, delta: { content: '7391' } }],
        usage: openAI(30, 4 * (Math.floor(position / n) + 1)),
      }),
    )
    for (let cut = 2; cut <= events.length; cut += 7)
      expect(
        settle(chat(100, { n }), events.slice(0, cut).join(''), SSE_HEADERS, 'interrupted'),
        `after ${cut} events`,
      ).toMatchObject({ output_tokens: 4 * cut })
  })

  it('is combined with the text of choices that report no usage', () => {
    const stream =
      event({ choices: [{ index: 1, delta: { content: TEXT } }] }) +
      event({ choices: [{ index: 0, delta: { content: 'ab' } }], usage: openAI(30, 1) }) +
      event({ choices: [{ index: 0, delta: { content: 'cd' } }], usage: openAI(30, 2) })
    expect(settle(chat(100, { n: 2 }), stream, SSE_HEADERS, 'interrupted')).toMatchObject({
      output_tokens: 12,
    })
  })

  it('is summed up in a document with one usage per choice', () => {
    const choices = [1, 2, 3].map((output, index) => ({
      index,
      message: { content: 'word' },
      usage: openAI(30, output),
    }))
    expect(settle(chat(100, { n: 3 }), JSON.stringify({ choices }), JSON_HEADERS)).toMatchObject({
      input_tokens: 30,
      output_tokens: 6,
    })
  })

  it('includes the text of choices with invalid indexes', () => {
    const stream = [-1, 1.5, 1e9, 'x', null].map((index) =>
      event({ choices: [{ index, delta: { content: 'word' } }] }),
    )
    expect(settle(chat(100, { n: 4 }), stream.join(''), SSE_HEADERS, 'interrupted')).toMatchObject({
      output_tokens: 5,
    })
  })
})
