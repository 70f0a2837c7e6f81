import { RequestError } from 'sluice'
import { describe, expect, it } from 'vitest'
import { ATTACHMENT_TOKENS } from '../../../../src/policy/llm/request/input-text.js'
import { openAIChat } from '../../../../src/policy/llm/shapes/openai-chat.js'
import { callOf } from '../llm-requests.js'

const messages = [{ role: 'user', content: 'x'.repeat(10) }]
const reservationOf = (body: object) => callOf(openAIChat, { messages, ...body }).reservation

describe('a chat completion request', () => {
  it('reserves a quarter of its characters, rounded up, and the stated maximum', () => {
    expect(reservationOf({ max_tokens: 50 })).toEqual({ input: 3, output: 50, total: 53, stated: true })
  })

  it('reserves the larger of the two maxima', () => {
    expect(reservationOf({ max_tokens: 1, max_completion_tokens: 10_000 }).output).toBe(10_000)
    expect(reservationOf({ max_tokens: 9, max_completion_tokens: 3 }).output).toBe(9)
    expect(reservationOf({ max_tokens: null, max_completion_tokens: 3 }).output).toBe(3)
  })

  it('reserves the default output for each choice if it has no maximum', () => {
    expect(reservationOf({})).toEqual({ input: 3, output: 1000, total: 1003, stated: false })
    expect(reservationOf({ n: 3, max_tokens: null })).toMatchObject({ output: 3000, stated: false })
  })

  it('reserves the maximum once for each choice', () => {
    expect(reservationOf({ max_tokens: 50, n: 4 }).output).toBe(200)
    expect(reservationOf({ max_tokens: 50, n: 2, best_of: 5 }).output).toBe(250)
  })

  it('counts text everywhere, and the identifiers of calls, but not known roles', () => {
    const parts = [
      { role: 'system', content: 'a'.repeat(40) },
      { role: 'user', content: [{ type: 'text', text: 'b'.repeat(40) }] },
      {
        role: 'assistant',
        content: null,
        tool_calls: [
          { id: 'call_1', type: 'function', function: { name: 'c'.repeat(4), arguments: 'd'.repeat(36) } },
        ],
      },
      { role: 'tool', tool_call_id: 'call_1', content: 'e'.repeat(40) },
    ]
    expect(reservationOf({ messages: parts }).input).toBe(40 + (2 * 'call_1'.length) / 4)
  })

  it('counts the documents that it contains', () => {
    expect(reservationOf({ documents: [{ title: 'x'.repeat(4), text: 'y'.repeat(400) }] }).input).toBe(104)
  })

  it('counts the names in the schemas of tools', () => {
    const tool = { type: 'function', function: { name: 'look' } }
    const characters = 'type'.length + 'function'.length * 2 + 'name'.length + 'look'.length
    expect(reservationOf({ messages: [], tools: [tool] }).input).toBe(characters / 4)
  })

  it('counts an image as a constant and not by its bytes', () => {
    const url = `data:image/png;base64,${'A'.repeat(100_000)}`
    const content = [
      { type: 'text', text: 'what is it' },
      { type: 'image_url', image_url: { url } },
    ]
    expect(reservationOf({ messages: [{ role: 'user', content }] }).input).toBe(ATTACHMENT_TOKENS + 3)
  })

  it('counts text that is labelled as an image', () => {
    const text = 'x'.repeat(4000)
    expect(reservationOf({ messages: [{ role: 'user', type: 'image', content: text }] }).input).toBe(
      ATTACHMENT_TOKENS + 1000,
    )
    const part = { type: 'image_url', text }
    expect(reservationOf({ messages: [{ role: 'user', content: [part] }] }).input).toBe(
      ATTACHMENT_TOKENS + 1000,
    )
  })

  it('states whether the client wants a stream and its usage', () => {
    const request = callOf(openAIChat, {
      model: 'gpt',
      messages,
      stream: true,
      stream_options: { include_usage: true },
    }).parameters
    expect(request).toMatchObject({ model: 'gpt', stream: true, wantsUsage: true })
    expect(callOf(openAIChat, { messages, stream_options: null }).parameters).toMatchObject({
      stream: false,
      wantsUsage: false,
    })
  })

  it.each<readonly [string, object]>([
    ['messages', {}],
    ['messages', { messages: 'hi' }],
    ['messages', { messages: null }],
    ['model', { messages, model: 7 }],
    ['stream', { messages, stream: 'true' }],
    ['stream_options', { messages, stream_options: [] }],
    ['stream_options.include_usage', { messages, stream_options: { include_usage: 1 } }],
    ...['max_tokens', 'max_completion_tokens', 'n_predict', 'n', 'best_of'].flatMap((name) =>
      [-3, 1.5, '10', true, [], {}, 1e15].map((value) => [name, { messages, [name]: value }] as const),
    ),
    ...['n', 'best_of', 'max_tokens', 'max_completion_tokens'].map(
      (name) => [name, { messages, [name]: -2 }] as const,
    ),
    ['n', { messages, n: -1 }],
    ['n', { messages, n: 0 }],
    ['n', { messages, n: 1_000_000 }],
  ])("is rejected if '%s' is invalid: %j", (name, body) => {
    const read = () => callOf(openAIChat, body)
    expect(read).toThrow(RequestError)
    expect(read).toThrow(`'${name}'`)
  })

  it('is rejected if a number overflows', () => {
    expect(() => callOf(openAIChat, '{"messages": [], "max_tokens": 1e400}')).toThrow("'max_tokens'")
  })
})

describe('the reader of chat completions', () => {
  const usage = {
    prompt_tokens: 12,
    completion_tokens: 30,
    total_tokens: 42,
    prompt_tokens_details: { cached_tokens: 8 },
  }

  it('reports the usage and the text', () => {
    const message = { role: 'assistant', content: 'Hello', refusal: null }
    expect(openAIChat.readResponse({ choices: [{ message }], usage })).toEqual({
      usage: { input: 12, output: 30, cached: 8, total: 42 },
      texts: ['Hello'],
      failed: false,
    })
  })

  it.each([
    ['text', { content: 'ab' }, ['ab']],
    ['parts', { content: [{ type: 'text', text: 'ab' }] }, ['ab']],
    ['reasoning', { reasoning_content: 'ab' }, ['ab']],
    ['a tool call', { tool_calls: [{ function: { name: 'f', arguments: '{}' } }] }, ['f', '{}']],
    ['a legacy function call', { function_call: { arguments: '{}' } }, ['{}']],
    ['a role', { role: 'assistant', content: '' }, []],
  ])('reads the text of a streamed event with %s', (_, delta, texts) => {
    expect(openAIChat.readEvent({ choices: [{ delta }], usage: null })?.texts).toEqual(texts)
  })

  it('reads the usage of the last streamed event', () => {
    expect(openAIChat.readEvent({ choices: [], usage })).toMatchObject({ usage: { output: 30 }, texts: [] })
  })

  it.each([undefined, null, 7, 'x', [], {}, { type: 'message_start' }])('does not recognize %j', (data) => {
    expect(openAIChat.readEvent(data)).toBeUndefined()
    expect(openAIChat.readResponse(data)).toBeUndefined()
  })

  it('ignores implausible numbers', () => {
    const wrong = { prompt_tokens: -1, completion_tokens: '30', total_tokens: 1e300 }
    expect(openAIChat.readResponse({ choices: [], usage: wrong })?.usage).toEqual({})
  })
})
