import { describe, expect, it } from 'vitest'
import { ATTACHMENT_TOKENS } from '../../../../src/policy/llm/request/input-text.js'
import { anthropicMessages } from '../../../../src/policy/llm/shapes/anthropic-messages.js'
import { callOf } from '../llm-requests.js'

const reservationOf = (body: object) => callOf(anthropicMessages, { messages: [], ...body }).reservation

describe('an Anthropic Messages request', () => {
  it('counts system, messages and tools, and reserves the stated maximum', () => {
    const body = {
      system: [{ type: 'text', text: 'x'.repeat(20), cache_control: { type: 'ephemeral' } }],
      messages: [{ role: 'user', content: 'y'.repeat(12) }],
      tools: [{ name: 'look' }],
      max_tokens: 64,
    }
    expect(reservationOf(body)).toEqual({ input: 10, output: 64, total: 74, stated: true })
  })

  it('counts each image as a constant, including images in a tool result', () => {
    const image = {
      type: 'image',
      source: { type: 'base64', media_type: 'image/png', data: 'A'.repeat(9999) },
    }
    const result = { type: 'tool_result', tool_use_id: 't', content: [{ type: 'text', text: 'seen' }, image] }
    expect(reservationOf({ messages: [{ role: 'user', content: [result, image] }] }).input).toBe(
      // The text, the role and the identifier of the tool call.
      2 * ATTACHMENT_TOKENS + 3,
    )
  })

  it('counts the text of a document', () => {
    const document = {
      type: 'document',
      source: { type: 'text', media_type: 'text/plain', data: 'x'.repeat(4000) },
    }
    expect(reservationOf({ messages: [{ role: 'user', content: [document] }] }).input).toBe(
      ATTACHMENT_TOKENS + 1000,
    )
  })

  it.each([
    ['messages', { messages: {} }],
    ['max_tokens', { max_tokens: 1.5 }],
    ['stream', { stream: 'yes' }],
  ])("is rejected if '%s' is invalid", (name, body) => {
    expect(() => reservationOf(body)).toThrow(`'${name}'`)
  })
})

describe('the reader of Anthropic messages', () => {
  const usage = {
    input_tokens: 5,
    cache_creation_input_tokens: 10,
    cache_read_input_tokens: 85,
    output_tokens: 20,
  }

  it('reports as input the new tokens, and the tokens written to or read from the cache', () => {
    const content = [
      { type: 'text', text: 'Hello' },
      { type: 'tool_use', name: 'f', input: { a: 'b' } },
    ]
    expect(anthropicMessages.readResponse({ type: 'message', content, usage })).toEqual({
      usage: { input: 100, output: 20, cached: 85, cacheWrite: 10 },
      texts: ['Hello', 'f', 'a', 'b'],
      failed: false,
    })
  })

  it('reads a message with a deeply nested tool input', () => {
    const input = JSON.parse(`${'['.repeat(50_000)}"deep"${']'.repeat(50_000)}`)
    expect(anthropicMessages.readResponse({ content: [{ type: 'tool_use', input }] })?.texts).toEqual([
      'deep',
    ])
  })

  it('reports the input usage at the start of a stream and the output usage at the end', () => {
    expect(anthropicMessages.readEvent({ type: 'message_start', message: { usage } })?.usage).toEqual({
      input: 100,
      cached: 85,
      cacheWrite: 10,
    })
    const delta = { type: 'message_delta', delta: { stop_reason: 'end_turn' }, usage: { output_tokens: 20 } }
    expect(anthropicMessages.readEvent(delta)?.usage).toEqual({ output: 20 })
  })

  it.each([
    [{ type: 'text_delta', text: 'ab' }, ['ab']],
    [{ type: 'thinking_delta', thinking: 'ab' }, ['ab']],
    [{ type: 'input_json_delta', partial_json: '{"a' }, ['{"a']],
    [{ type: 'signature_delta', signature: 'abc' }, []],
  ])('reads the text of the delta %j', (delta, texts) => {
    expect(anthropicMessages.readEvent({ type: 'content_block_delta', delta })?.texts).toEqual(texts)
  })

  it('reports an error in the middle of a stream', () => {
    expect(anthropicMessages.readEvent({ type: 'error', error: { type: 'overloaded_error' } })?.failed).toBe(
      true,
    )
    expect(anthropicMessages.readEvent({ type: 'ping' })?.failed).toBe(false)
  })
})
