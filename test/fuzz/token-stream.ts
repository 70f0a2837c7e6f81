import fc from 'fast-check'
import { type LlmCall, type LlmOptions, readCall } from '../../packages/gateway/src/policy/llm/llm-call.js'
import { customShape } from '../../packages/gateway/src/policy/llm/shapes/custom-shape.js'
import type { Shape } from '../../packages/gateway/src/policy/llm/shapes/shape.js'
import { SHAPE_NAMES, shapeFor } from '../../packages/gateway/src/policy/llm/shapes/shapes.js'
import { frameOf } from '../../packages/gateway/test/policy/llm/event-frame-bytes.js'

// Streams of model responses with a known cost: each word is one token.

/**
 * A word of four bytes, which is also one token if tokens are estimated as a quarter of the bytes.
 */
const WORD = 'word'
const INPUT_TOKENS = 25
/** Input tokens that the upstream reports. */
const REPORTED_INPUT = 31

/** One event: the index of its completion and its number of words. */
interface Step {
  readonly completion: number
  readonly words: number
}

/** The ways in which a server can report the usage of its response. */
const REPORTS = [
  ...['never', 'zeros in each event', 'zeros at the end', 'invalid values in each event', 'at the end'],
  ...['running', 'running, and zeros at the end', 'running, in some events', 'running for each completion'],
] as const
type Report = (typeof REPORTS)[number]

const FRAMES = [
  'lf',
  'crlf',
  'cr',
  'several data lines',
  'comments',
  'ndjson',
  'ndjson crlf',
  'concatenated',
  'list',
] as const

export interface StreamPlan {
  readonly api: string
  readonly completionCount: number
  readonly steps: readonly Step[]
  readonly report: Report
  /** Bedrock streams binary frames. */
  readonly frame: (typeof FRAMES)[number] | 'frames'
  readonly mediaType: string
  /** Selects the member that contains the words; the choice depends on the API. */
  readonly member: number
}

export const streamPlans: fc.Arbitrary<StreamPlan> = fc
  .record({
    api: fc.constantFrom(
      'chat',
      'completions',
      'responses',
      'messages',
      'ollama',
      'gemini',
      'bedrock',
      'custom',
    ),
    completionCount: fc.constantFrom(1, 1, 2, 4),
    steps: fc.array(fc.record({ completion: fc.nat(3), words: fc.integer({ min: 1, max: 6 }) }), {
      maxLength: 12,
    }),
    report: fc.constantFrom(...REPORTS),
    frame: fc.constantFrom(...FRAMES),
    mediaType: fc.constantFrom('matching', 'text/event-stream', 'application/x-ndjson', 'text/plain', ''),
    member: fc.nat(5),
  })
  .map((plan) => {
    // The other APIs have a single completion.
    const completionCount = ['chat', 'completions', 'gemini'].includes(plan.api) ? plan.completionCount : 1
    // Only Gemini streams one JSON list.
    const anyFrame = plan.frame === 'list' && plan.api !== 'gemini' ? 'concatenated' : plan.frame
    const frame = plan.api === 'bedrock' ? 'frames' : anyFrame
    const steps = plan.steps.map((step) => ({ ...step, completion: step.completion % completionCount }))
    // Gemini reports only the usage of all candidates.
    const isPerCompletion = plan.report === 'running for each completion'
    const report = plan.api === 'gemini' && isPerCompletion ? 'running' : plan.report
    return { ...plan, frame, report, completionCount, steps }
  })

/** A stream, with the number of tokens that are delivered up to the end of each part. */
export interface PlannedStream {
  readonly call: LlmCall
  readonly headers: readonly string[]
  readonly parts: readonly { readonly bytes: Buffer; readonly delivered: number }[]
  /** Output tokens that the upstream reports at the end, if it does. */
  readonly reported: number | undefined
  readonly inputs: readonly number[]
}

export function streamOf(plan: StreamPlan): PlannedStream {
  const { steps, report, completionCount } = plan
  const counts = new Map<number, number>()
  let delivered = 0
  const events = steps.map((step, index) => {
    delivered += step.words
    counts.set(step.completion, (counts.get(step.completion) ?? 0) + step.words)
    const running = report === 'running for each completion' ? counts.get(step.completion) : delivered
    return { data: dataOf(plan, step, usageIn(report, index, running)), delivered }
  })
  // The model may also have used hidden reasoning tokens.
  const reported = report === 'at the end' ? delivered + 7 : undefined
  const last = reported ?? (report.includes('zeros at the end') ? 0 : undefined)
  if (last !== undefined) events.push({ data: lastOf(plan, last), delivered })
  const parts = events.map((event, index) => ({
    bytes: frameData(event.data, plan, index),
    delivered: event.delivered,
  }))
  const matching = mediaTypeOf(plan.frame)
  const type = plan.mediaType === 'matching' || plan.frame === 'frames' ? matching : plan.mediaType
  return {
    call: callOf(plan.api, completionCount),
    headers: type === '' ? [] : ['Content-Type', `${type}; charset=utf-8`],
    parts,
    reported,
    inputs: [INPUT_TOKENS, REPORTED_INPUT],
  }
}

function mediaTypeOf(frame: StreamPlan['frame']): string {
  if (frame === 'frames') return 'application/vnd.amazon.eventstream'
  if (frame === 'list') return 'application/json'
  return frame.includes('json') || frame === 'concatenated' ? 'application/x-ndjson' : 'text/event-stream'
}

/** Usage of an event: a count or an invalid value; undefined if it has none. */
function usageIn(report: Report, index: number, running: number | undefined): unknown {
  if (report === 'zeros in each event') return 0
  if (report === 'invalid values in each event') return [null, '12', -1, {}, 1e300][index % 5]
  if (report === 'running, in some events' && index % 3 !== 1) return undefined
  return report.startsWith('running') ? running : undefined
}

function dataOf({ api, member }: StreamPlan, { completion, words }: Step, output: unknown): object {
  const text = WORD.repeat(words)
  const usage = output === undefined ? {} : { usage: openAIUsage(output) }
  const deltas = [
    { content: text },
    { reasoning_content: text, reasoning: text },
    { content: [{ type: 'thinking', thinking: [{ type: 'text', text }] }] },
    { reasoning: text, reasoning_details: [{ type: 'reasoning.text', text, signature: text }] },
    { tool_calls: [{ type: 'custom', custom: { input: text } }] },
    { refusal: text },
  ]
  const names = [
    'output_text',
    'reasoning_text',
    'function_call_arguments',
    'custom_tool_call_input',
    'refusal',
  ]
  switch (api) {
    case 'chat':
      return { choices: [{ index: completion, delta: deltas[member], logprobs: null }], ...usage }
    case 'completions':
      return { choices: [{ index: completion, text }], ...usage }
    case 'responses':
      return { type: `response.${names[member % names.length]}.delta`, delta: text, response: tokens(output) }
    case 'messages':
      // These streams report running usage in separate events.
      return {
        type: 'content_block_delta',
        delta: [{ text }, { thinking: text }, { partial_json: text }][member % 3],
      }
    case 'ollama':
      return {
        message: member % 2 === 0 ? { content: text } : { thinking: text },
        done: false,
        eval_count: output,
      }
    case 'bedrock':
      return {
        ...(member % 3 === 0
          ? { start: { toolUse: { name: text } } }
          : { delta: bedrockDelta(text, member) }),
        contentBlockIndex: completion,
        ...bedrockUsage(output),
      }
    case 'gemini':
      return {
        candidates: [{ index: completion, content: { parts: [geminiPart(text, member)] } }],
        ...geminiUsage(output),
      }
    default:
      return { text, usage: { in: output === undefined ? undefined : REPORTED_INPUT, out: output } }
  }
}

function tokens(output: unknown): object {
  return output === undefined ? {} : { usage: { input_tokens: REPORTED_INPUT, output_tokens: output } }
}

function openAIUsage(output: unknown): object {
  return { prompt_tokens: output === 0 ? 0 : REPORTED_INPUT, completion_tokens: output }
}

function bedrockDelta(text: string, member: number): object {
  return member % 3 === 1 ? { text } : { toolUse: { input: text } }
}

function bedrockUsage(output: unknown): object {
  if (output === undefined) return {}
  return { usage: { inputTokens: output === 0 ? 0 : REPORTED_INPUT, outputTokens: output } }
}

function geminiPart(text: string, member: number): object {
  return [{ text }, { text, thought: true }, { functionCall: { name: text } }][member % 3] as object
}

/** The count of an answer includes the thoughts before it. */
function geminiUsage(output: unknown): object {
  if (output === undefined) return {}
  const thoughts = typeof output === 'number' && output > 2 && output < 1e9 ? 2 : 0
  const candidates = thoughts === 0 ? output : (output as number) - thoughts
  return {
    usageMetadata: {
      promptTokenCount: output === 0 ? 0 : REPORTED_INPUT,
      candidatesTokenCount: candidates,
      thoughtsTokenCount: thoughts,
    },
  }
}

function lastOf({ api }: StreamPlan, output: number): object {
  switch (api) {
    case 'chat':
    case 'completions':
      return { choices: [], usage: openAIUsage(output) }
    case 'responses':
      return { type: 'response.completed', response: tokens(output) }
    case 'messages':
      return { type: 'message_delta', ...tokens(output) }
    case 'ollama':
      return { message: { content: '' }, done: true, prompt_eval_count: REPORTED_INPUT, eval_count: output }
    case 'bedrock':
      return bedrockUsage(output)
    case 'gemini':
      return { candidates: [], ...geminiUsage(output) }
    default:
      return { usage: { in: REPORTED_INPUT, out: output } }
  }
}

function frameData(data: object, { frame }: StreamPlan, index: number): Buffer {
  const json = JSON.stringify(data)
  if (frame === 'frames') return frameOf(json)
  const texts = {
    lf: `data: ${json}\n\n`,
    crlf: `event: message\r\ndata: ${json}\r\n\r\n`,
    cr: `id: 7\rdata:${json}\r\r`,
    'several data lines': `data: ${JSON.stringify(data, null, 1).replaceAll('\n', '\ndata: ')}\n\n`,
    comments: `: ping\n\nretry: 5\n: ping\ndata: ${json}\n: ping\n\n`,
    ndjson: `${json}\n`,
    'ndjson crlf': `${json}\r\n`,
    concatenated: json,
    list: `${index === 0 ? '[' : ',\r\n'}${json}\n`,
  }
  return Buffer.from(texts[frame])
}

const CUSTOM = customShape({
  input: ['/prompt'],
  usage: { input: '/usage/in', output: '/usage/out' },
  text: '/text',
})

const API_SHAPES: Readonly<Record<string, string>> = {
  chat: 'openai-chat',
  completions: 'openai-completions',
  responses: 'openai-responses',
  messages: 'anthropic-messages',
  ollama: 'ollama-chat',
  gemini: 'gemini-generate',
  bedrock: 'bedrock-converse',
}

function callOf(api: string, completionCount: number): LlmCall {
  const name = API_SHAPES[api]
  const shape = name === undefined ? CUSTOM : shapeFor(name, '')
  if (shape === undefined) throw new Error(`no shape '${name}' among ${SHAPE_NAMES.join(', ')}`)
  const text = 'x'.repeat(4 * INPUT_TOKENS)
  if (api === 'gemini') {
    const generationConfig = completionCount > 1 ? { candidateCount: completionCount } : {}
    const body = { contents: [{ parts: [{ text }] }], generationConfig }
    return readCall(optionsOf(shape), body, '/v1beta/models/m:streamGenerateContent')
  }
  if (api === 'bedrock') {
    const body = { messages: [{ role: 'user', content: [{ text }] }] }
    return readCall(optionsOf(shape), body, '/model/m/converse-stream')
  }
  const input =
    { chat: 'messages', messages: 'messages', ollama: 'messages', responses: 'input' }[api] ?? 'prompt'
  const body = {
    [input]: input === 'messages' ? [{ content: text }] : text,
    ...(completionCount > 1 && { n: completionCount }),
    stream: true,
  }
  return readCall(optionsOf(shape), body)
}

function optionsOf(shape: Shape): LlmOptions {
  return { shape, defaultOutput: 1000, cachedWeight: 1, asksForUsage: true }
}
