import { describe, expect, it } from 'vitest'
import type { LlmCall } from '../../../src/policy/llm/llm-call.js'
import { ResponseMeter } from '../../../src/policy/llm/response/response-meter.js'
import { anthropicMessages } from '../../../src/policy/llm/shapes/anthropic-messages.js'
import { ollamaChat, ollamaGenerate } from '../../../src/policy/llm/shapes/ollama.js'
import { openAICompletions } from '../../../src/policy/llm/shapes/openai-completions.js'
import { openAIResponses } from '../../../src/policy/llm/shapes/openai-responses.js'
import { callOf, chat, event, JSON_HEADERS, SSE_HEADERS } from './llm-requests.js'

/** A string that counts as ten tokens. */
const TEXT = 'generated text that is forty bytes long.'

function outputTokensOf(call: LlmCall, body: string, headers = SSE_HEADERS) {
  const meter = new ResponseMeter(call)
  meter.head(200, headers)
  meter.data(Buffer.from(body))
  const settlement = meter.settlement({ kind: headers === SSE_HEADERS ? 'interrupted' : 'answered' })
  return settlement === 'unknown' ? settlement : settlement.output_tokens
}

const reasoning = [{ type: 'reasoning.text', text: TEXT, signature: 'A'.repeat(900), format: 'x', index: 0 }]

const MESSAGES: Readonly<Record<string, object>> = {
  content: { content: TEXT },
  'content parts': { content: [{ type: 'text', text: TEXT }] },
  'parts that are strings': { content: [TEXT] },
  'a thinking part': { content: [{ type: 'thinking', thinking: [{ type: 'text', text: TEXT }] }] },
  'a thinking part with a string': { content: [{ type: 'thinking', thinking: TEXT }] },
  refusal: { refusal: TEXT },
  reasoning: { reasoning: TEXT },
  reasoning_content: { reasoning_content: TEXT },
  reasoning_details: { reasoning_details: reasoning },
  'a summary in reasoning_details': { reasoning_details: [{ type: 'reasoning.summary', summary: TEXT }] },
  reasoning_text: { reasoning_text: TEXT },
  thinking: { thinking: TEXT },
  'both reasoning fields': { reasoning: TEXT, reasoning_content: TEXT },
  'all reasoning fields': {
    content: '',
    reasoning: TEXT,
    reasoning_content: TEXT,
    reasoning_details: reasoning,
    thinking_blocks: [{ type: 'thinking', thinking: TEXT, signature: 'B'.repeat(900) }],
  },
  'a function call': { tool_calls: [{ index: 0, id: 'c', function: { arguments: TEXT } }] },
  'arguments that are an object': {
    tool_calls: [{ function: { arguments: { [TEXT.slice(20)]: TEXT.slice(20) } } }],
  },
  'a custom tool call': { tool_calls: [{ index: 0, type: 'custom', custom: { input: TEXT } }] },
  'a legacy function call': { function_call: { arguments: TEXT } },
  'a transcript': { audio: { id: 'a', data: 'A'.repeat(900), transcript: TEXT } },
}

describe('the text that a chat delivers', () => {
  it.each(Object.entries(MESSAGES))('is counted once if it is in %s', (_, message) => {
    expect(outputTokensOf(chat(100), event({ choices: [{ index: 0, delta: message }] }))).toBe(10)
    expect(outputTokensOf(chat(100, { n: 2 }), event({ choices: [{ index: 1, delta: message }] }))).toBe(10)
    expect(outputTokensOf(chat(100), JSON.stringify({ choices: [{ message }] }), JSON_HEADERS)).toBe(10)
  })

  it('is counted in whole messages of a stream, and in chat responses in the format of the Completions API', () => {
    expect(outputTokensOf(chat(100), event({ choices: [{ message: { content: TEXT } }] }))).toBe(10)
    expect(outputTokensOf(chat(100), event({ choices: [{ text: TEXT }] }))).toBe(10)
  })

  it('is counted separately for reasoning and content', () => {
    const delta = { content: TEXT, reasoning: TEXT, thinking: TEXT.toUpperCase() }
    expect(outputTokensOf(chat(100), event({ choices: [{ delta }] }))).toBe(30)
  })

  it('does not include log probabilities or obfuscation', () => {
    const choice = { delta: { content: TEXT }, logprobs: { content: [{ token: TEXT, bytes: [1, 2] }] } }
    expect(outputTokensOf(chat(100), event({ choices: [choice], obfuscation: TEXT }))).toBe(10)
  })
})

describe('the text that other APIs deliver', () => {
  const completion = callOf(openAICompletions, { prompt: 'a', stream: true })
  const response = callOf(openAIResponses, { input: 'a', stream: true })
  const message = callOf(anthropicMessages, { messages: [], stream: true })
  const ollama = callOf(ollamaChat, { messages: [] })

  it.each<readonly [string, LlmCall, object]>([
    [
      'the text of the Completions API',
      completion,
      { choices: [{ text: TEXT, logprobs: { tokens: [TEXT] } }] },
    ],
    [
      'a reasoning field of the Completions API',
      completion,
      { choices: [{ text: '', reasoning: TEXT, reasoning_content: TEXT }] },
    ],
    ...[
      'output_text',
      'refusal',
      'reasoning_text',
      'reasoning_summary_text',
      'function_call_arguments',
      'custom_tool_call_input',
      'mcp_call_arguments',
      'code_interpreter_call_code',
      'audio.transcript',
      'audio_transcript',
    ].map(
      (name) =>
        [
          `a ${name} delta of the Responses API`,
          response,
          { type: `response.${name}.delta`, delta: TEXT, obfuscation: 'x' },
        ] as const,
    ),
    [
      'an object delta of the Responses API',
      response,
      { type: 'response.output_text.delta', delta: { type: 'x', text: TEXT } },
    ],
    [
      'the name of an output item of the Responses API',
      response,
      { type: 'response.output_item.added', item: { name: TEXT } },
    ],
    ...[
      { type: 'text_delta', text: TEXT },
      { type: 'thinking_delta', thinking: TEXT },
      { type: 'input_json_delta', partial_json: TEXT },
      { type: 'citations_delta', citation: { type: 'char_location', cited_text: TEXT } },
      { type: 'compaction_delta', content: TEXT },
    ].map(
      (delta) =>
        [`a ${delta.type} of the Messages API`, message, { type: 'content_block_delta', delta }] as const,
    ),
    [
      'the start of a block of the Messages API',
      message,
      { type: 'content_block_start', content_block: { type: 'text', text: TEXT } },
    ],
    [
      'a complete tool call of the Messages API',
      message,
      {
        type: 'content_block_start',
        content_block: { type: 'tool_use', input: { [TEXT.slice(20)]: TEXT.slice(20) } },
      },
    ],
    [
      "the content of Ollama's /api/chat",
      ollama,
      { message: { role: 'assistant', content: TEXT }, done: false },
    ],
    ["the thinking of Ollama's /api/chat", ollama, { message: { content: '', thinking: TEXT }, done: false }],
    [
      "a tool call of Ollama's /api/chat",
      ollama,
      { message: { tool_calls: [{ function: { arguments: { a: TEXT.slice(1) } } }] } },
    ],
    [
      "the response of Ollama's /api/generate",
      callOf(ollamaGenerate, { prompt: 'a' }),
      { response: TEXT, done: false },
    ],
    [
      "the thinking of Ollama's /api/generate",
      callOf(ollamaGenerate, { prompt: 'a' }),
      { response: '', thinking: TEXT },
    ],
  ])('is counted once in %s', (_, call, data) => {
    expect(outputTokensOf(call, event(data))).toBe(10)
  })

  it('does not include audio or text that repeats the deltas', () => {
    const parts = [
      { type: 'response.output_text.delta', delta: TEXT },
      { type: 'response.output_audio.delta', delta: 'A'.repeat(900) },
      { type: 'response.output_text.done', text: TEXT },
      { type: 'response.output_item.done', item: { content: [{ text: TEXT }] } },
      { type: 'response.completed', response: { output: [{ content: [{ text: TEXT }] }] } },
    ]
    expect(outputTokensOf(response, parts.map((part) => event(part)).join(''))).toBe(10)
  })
})
