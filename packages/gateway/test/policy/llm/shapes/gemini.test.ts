import { describe, expect, it } from 'vitest'
import { ATTACHMENT_TOKENS } from '../../../../src/policy/llm/request/input-text.js'
import { ResponseMeter } from '../../../../src/policy/llm/response/response-meter.js'
import { geminiCount, geminiEmbed, geminiGenerate } from '../../../../src/policy/llm/shapes/gemini.js'
import { callOf, event, JSON_HEADERS, SSE_HEADERS } from '../llm-requests.js'

// The requests and answers follow the published schema: https://ai.google.dev/api/generate-content,
// https://ai.google.dev/api/embeddings and https://ai.google.dev/api/tokens.

const MODEL = '/v1beta/models/gemini-2.5-flash'
const user = (...parts: object[]) => ({ role: 'user', parts })
const generate = (body: object, method = 'generateContent') =>
  callOf(geminiGenerate, { contents: [], ...body }, {}, `${MODEL}:${method}`)
const reservationOf = (body: object) => generate(body).reservation

describe('a Gemini request', () => {
  it('counts contents, system instruction, tools and schema, and reserves the stated maximum of each candidate', () => {
    const body = {
      contents: [user({ text: 'x'.repeat(40) })],
      systemInstruction: { parts: [{ text: 'y'.repeat(16) }] },
      tools: [{ name: 'look' }],
      generationConfig: {
        maxOutputTokens: 64,
        candidateCount: 2,
        temperature: 0.2,
        responseSchema: { type: 'OBJECT' },
      },
      safetySettings: [{ category: 'HARM_CATEGORY_HARASSMENT', threshold: 'BLOCK_NONE' }],
    }
    expect(reservationOf(body)).toEqual({ input: 19, output: 128, total: 147, stated: true })
  })

  it('reads members in snake case', () => {
    const body = {
      system_instruction: { parts: [{ text: 'y'.repeat(16) }] },
      generation_config: { max_output_tokens: 7, candidate_count: 3 },
    }
    expect(reservationOf(body)).toEqual({ input: 4, output: 21, total: 25, stated: true })
  })

  it.each([
    { generationConfig: { maxOutputTokens: 1 }, generation_config: { maxOutputTokens: 9 } },
    { generationConfig: { maxOutputTokens: 1, max_output_tokens: 9 } },
    { systemInstruction: {}, system_instruction: {} },
  ])('is rejected with a member in both spellings: %j', (body) => {
    expect(() => reservationOf(body)).toThrow(/was also sent as '\w+'; send one of them/)
  })

  it.each([
    ['maxOutputTokens', { generationConfig: { maxoutputtokens: 9 } }],
    ['maxOutputTokens', { generationConfig: { maxOutputTokens: '9' } }],
    ['candidateCount', { generationConfig: { candidateCount: 0 } }],
    ['generationConfig', { generationConfig: [] }],
    ['generationConfig', { GenerationConfig: {} }],
    ['contents', { contents: {} }],
  ])("is rejected if '%s' is invalid: %j", (name, body) => {
    expect(() => reservationOf(body)).toThrow(`'${name}'`)
  })

  it('counts each file as a constant, and the arguments and results of functions as text', () => {
    const image = { inlineData: { mimeType: 'image/png', data: 'A'.repeat(9999) } }
    const file = { file_data: { mime_type: 'application/pdf', file_uri: 'https://files.example/1' } }
    expect(reservationOf({ contents: [user(image, file)] }).input).toBe(2 * ATTACHMENT_TOKENS + 1)
    const call = { functionCall: { name: 'f'.repeat(20), args: { city: 'x'.repeat(16) } } }
    expect(reservationOf({ contents: [{ role: 'model', parts: [call] }] }).input).toBe(10)
  })

  it('takes the model and the kind of answer from the path', () => {
    expect(generate({}).parameters).toMatchObject({ model: 'gemini-2.5-flash', stream: false })
    expect(generate({}, 'streamGenerateContent').parameters).toMatchObject({ stream: true })
  })

  it('counts the contents of embeddings, and no output', () => {
    const content = { parts: [{ text: 'x'.repeat(40) }] }
    const embed = (body: object) => callOf(geminiEmbed, body, {}, `${MODEL}:embedContent`).reservation
    expect(embed({ content, taskType: 'RETRIEVAL_QUERY' })).toMatchObject({ input: 10, total: 10 })
    expect(embed({ requests: [{ model: 'm', content }, { content }] })).toMatchObject({
      input: 20,
      total: 20,
    })
    expect(() => embed({})).toThrow("'content' must be an object")
    expect(() => embed({ requests: {} })).toThrow("'requests' must be a list")
  })

  it('costs nothing if it only counts tokens', () => {
    const call = callOf(
      geminiCount,
      { contents: [user({ text: 'x'.repeat(400) })] },
      {},
      `${MODEL}:countTokens`,
    )
    expect(call.reservation).toEqual({ input: 0, output: 0, total: 0, stated: true })
    const meter = new ResponseMeter(call)
    meter.head(200, JSON_HEADERS)
    meter.data(Buffer.from('{"totalTokens": 100, "promptTokensDetails": []}'))
    expect(meter.settlement({ kind: 'answered' })).toMatchObject({ tokens: 0 })
    expect(meter.unread).toBeUndefined()
  })
})

const usageMetadata = {
  promptTokenCount: 100,
  cachedContentTokenCount: 85,
  toolUsePromptTokenCount: 20,
  candidatesTokenCount: 30,
  thoughtsTokenCount: 12,
  totalTokenCount: 162,
}

describe('the reader of Gemini answers', () => {
  it('counts thoughts and the results of tools beside the other tokens', () => {
    const parts = [
      { text: 'Hello', thought: true },
      { functionCall: { name: 'f', args: { a: 'b' } } },
      { executableCode: { language: 'PYTHON', code: 'print()' } },
    ]
    expect(
      geminiGenerate.readResponse({ candidates: [{ content: { parts } }], usageMetadata }),
    ).toMatchObject({
      usage: { input: 120, output: 42, cached: 85, total: 162 },
      texts: ['Hello', 'f', 'a', 'b', 'print()'],
      failed: false,
    })
  })

  it('reads errors, blocked prompts and the usage of embeddings', () => {
    const error = { code: 503, message: 'The model is overloaded.', status: 'UNAVAILABLE' }
    expect(geminiGenerate.readEvent({ error })).toMatchObject({ failed: true })
    expect(
      geminiGenerate.readResponse({
        promptFeedback: { blockReason: 'SAFETY' },
        usageMetadata: { promptTokenCount: 4 },
      }),
    ).toMatchObject({ usage: { input: 4, output: undefined }, texts: [] })
    expect(
      geminiEmbed.readResponse({ embedding: { values: [0.1] }, usageMetadata: { promptTokenCount: 6 } }),
    ).toMatchObject({ usage: { input: 6, output: 0 } })
    expect(geminiEmbed.readResponse({ predictions: [] })).toBeUndefined()
    expect(geminiGenerate.readResponse({ answer: 42 })).toBeUndefined()
  })

  it.each(['{"error": {"code": 429, "status": "RESOURCE_EXHAUSTED"}}', '[{"error": {"code": 429}}]'])(
    'charges nothing for an error instead of a stream: %s',
    (body) => {
      const meter = new ResponseMeter(generate({}, 'streamGenerateContent'))
      meter.head(200, JSON_HEADERS)
      meter.data(Buffer.from(body))
      expect(meter.settlement({ kind: 'answered' })).toMatchObject({ tokens: 0 })
    },
  )

  it('settles a stream of several candidates with the usage of all', () => {
    const call = generate(
      { generationConfig: { candidateCount: 2, maxOutputTokens: 50 } },
      'streamGenerateContent',
    )
    const meter = new ResponseMeter(call)
    meter.head(200, SSE_HEADERS)
    const part = (index: number, text: string) => ({ index, content: { parts: [{ text }] } })
    for (const [one, other, count] of [
      ['word', 'word', 2],
      ['wordword', 'word', 5],
    ] as const) {
      const usage = { promptTokenCount: 3, candidatesTokenCount: count, totalTokenCount: 3 + count }
      meter.data(Buffer.from(event({ candidates: [part(0, one), part(1, other)], usageMetadata: usage })))
    }
    expect(meter.settlement({ kind: 'answered' })).toMatchObject({ input_tokens: 3, output_tokens: 5 })
  })
})
