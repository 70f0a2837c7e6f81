import { describe, expect, it } from 'vitest'
import type { LlmCall } from '../../../../src/policy/llm/llm-call.js'
import { ResponseMeter } from '../../../../src/policy/llm/response/response-meter.js'
import { openAICompletions } from '../../../../src/policy/llm/shapes/openai-completions.js'
import { openAIEmbeddings } from '../../../../src/policy/llm/shapes/openai-embeddings.js'
import { openAIResponses } from '../../../../src/policy/llm/shapes/openai-responses.js'
import { callOf, event, JSON_HEADERS, SSE_HEADERS } from '../llm-requests.js'

function settle(call: LlmCall, headers: readonly string[], body: string, kind: 'answered' | 'interrupted') {
  const meter = new ResponseMeter(call)
  meter.head(200, headers)
  meter.data(Buffer.from(body))
  return meter.settlement({ kind })
}

describe('the shape of OpenAI completions', () => {
  const reservationOf = (body: object) => callOf(openAICompletions, body).reservation

  it.each([
    ['a string', 'x'.repeat(40), 10, 1],
    ['strings', ['x'.repeat(20), 'y'.repeat(20)], 10, 2],
    ['tokens', [1, 2, 3], 3, 1],
    ['lists of tokens', [[1, 2, 3], [4]], 4, 2],
    ['a string among tokens', [1, 'x'.repeat(40)], 11, 1],
    ['strings in a list of lists', [['x'.repeat(40)]], 10, 1],
  ])('counts a prompt of %s', (_, prompt, input, prompts) => {
    expect(reservationOf({ prompt, max_tokens: 7 })).toMatchObject({ input, output: 7 * prompts })
  })

  it('reserves the larger of n and best_of for each prompt', () => {
    expect(reservationOf({ prompt: ['a', 'b'], max_tokens: 7, n: 2, best_of: 3 }).output).toBe(42)
  })

  it.each([
    ['prompt', {}],
    ['max_tokens', { prompt: 'a', max_tokens: 'all' }],
  ])("rejects an invalid '%s'", (name, body) => {
    expect(() => reservationOf(body)).toThrow(`'${name}'`)
  })

  it('reads the text of a streamed event', () => {
    expect(openAICompletions.readEvent({ choices: [{ text: 'a' }, { text: 'b' }] })?.texts).toEqual([
      'a',
      'b',
    ])
  })
})

describe('OpenAI embeddings', () => {
  it('reserve input and no output', () => {
    const { reservation } = callOf(openAIEmbeddings, { model: 'e', input: ['x'.repeat(20), 'y'.repeat(20)] })
    expect(reservation).toEqual({ input: 10, output: 0, total: 10, stated: true })
  })

  it('require an input', () => {
    expect(() => callOf(openAIEmbeddings, { model: 'e' })).toThrow("'input'")
  })

  it('report their usage', () => {
    const usage = { prompt_tokens: 8, total_tokens: 8 }
    expect(openAIEmbeddings.readResponse({ data: [], usage })?.usage).toEqual({
      input: 8,
      output: 0,
      total: 8,
    })
  })
})

describe('the shape of OpenAI responses', () => {
  const usage = {
    input_tokens: 36,
    input_tokens_details: { cached_tokens: 30 },
    output_tokens: 87,
    total_tokens: 123,
  }
  const counted = { input: 36, output: 87, cached: 30, total: 123 }

  it('counts instructions, input and tools, and reserves the stated maximum', () => {
    const { reservation } = callOf(openAIResponses, {
      instructions: 'x'.repeat(20),
      input: [{ role: 'user', content: [{ type: 'input_text', text: 'y'.repeat(12) }] }],
      tools: [{ type: 'look' }],
      max_output_tokens: 500,
    })
    expect(reservation).toEqual({ input: 10, output: 500, total: 510, stated: true })
  })

  it("rejects an invalid 'max_output_tokens'", () => {
    expect(() => callOf(openAIResponses, { input: 'a', max_output_tokens: -5 })).toThrow(
      "'max_output_tokens'",
    )
  })

  it('reports the usage and the text', () => {
    const output = [
      { type: 'reasoning', summary: [{ type: 'summary_text', text: 'so' }] },
      { type: 'message', content: [{ type: 'output_text', text: 'Hello' }] },
      { type: 'function_call', name: 'f', arguments: '{}' },
    ]
    expect(openAIResponses.readResponse({ status: 'completed', output, usage })).toEqual({
      usage: counted,
      texts: ['so', 'Hello', 'f', '{}'],
      failed: false,
    })
  })

  it('leaves the cost unknown while a response continues in the background or its stream is interrupted', () => {
    const call = callOf(openAIResponses, {
      input: 'x'.repeat(400),
      background: true,
      max_output_tokens: 9000,
    })
    for (const status of ['queued', 'in_progress'])
      expect(
        settle(call, JSON_HEADERS, JSON.stringify({ status, output: [], usage: null }), 'answered'),
      ).toBe('unknown')
    const begun = event({ type: 'response.output_text.delta', delta: 'ab' })
    expect(settle(call, SSE_HEADERS, begun, 'interrupted')).toBe('unknown')
    const ended = begun + event({ type: 'response.completed', response: { usage } })
    expect(settle(call, SSE_HEADERS, ended, 'answered')).toMatchObject({ tokens: 123 })
    expect(settle(callOf(openAIResponses, { input: 'x' }), SSE_HEADERS, begun, 'interrupted')).toMatchObject({
      output_tokens: 1,
    })
    expect(() => callOf(openAIResponses, { input: 'a', background: 'yes' })).toThrow("'background'")
  })

  it('reads the text of streamed events, and the usage of the last one', () => {
    expect(openAIResponses.readEvent({ type: 'response.output_text.delta', delta: 'ab' })?.texts).toEqual([
      'ab',
    ])
    expect(openAIResponses.readEvent({ type: 'response.audio.delta', delta: 'QUJD' })?.texts).toEqual([])
    for (const type of ['response.completed', 'response.incomplete'])
      expect(openAIResponses.readEvent({ type, response: { usage } })).toMatchObject({
        usage: counted,
        failed: false,
      })
    expect(openAIResponses.readEvent({ type: 'response.failed', response: { usage: null } })?.failed).toBe(
      true,
    )
  })
})
