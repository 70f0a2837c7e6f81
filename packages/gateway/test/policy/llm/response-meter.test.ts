import { brotliCompressSync, deflateRawSync, deflateSync, gzipSync } from 'node:zlib'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { MAX_DOCUMENT, MAX_EVENT, ResponseMeter } from '../../../src/policy/llm/response/response-meter.js'
import { anthropicMessages } from '../../../src/policy/llm/shapes/anthropic-messages.js'
import { callOf, chat, event, JSON_HEADERS, SSE_HEADERS } from './llm-requests.js'
import { cutAt, positions, streams } from './sse-stream.js'

const SEED = 20261201
const NOTHING = { tokens: 0, input_tokens: 0, output_tokens: 0 }

function settle(
  body: string | Buffer,
  {
    call = chat(100),
    status = 200,
    headers = SSE_HEADERS,
    kind = 'answered' as 'answered' | 'interrupted',
  } = {},
) {
  return settleWithReason(body, { call, status, headers, kind }).settlement
}

/** Settles a response, and also returns the reason if it could not be read. */
function settleWithReason(
  body: string | Buffer,
  {
    call = chat(100),
    status = 200,
    headers = SSE_HEADERS as readonly string[],
    kind = 'answered' as 'answered' | 'interrupted',
  } = {},
) {
  const meter = new ResponseMeter(call)
  meter.head(status, headers)
  meter.data(Buffer.from(body))
  return { settlement: meter.settlement({ kind }), unread: meter.unread }
}

const usage = { prompt_tokens: 30, completion_tokens: 12, total_tokens: 42 }
const document = JSON.stringify({ choices: [{ message: { content: 'x'.repeat(100) } }], usage })
const word = (content: string, more = {}) => event({ choices: [{ delta: { content } }], ...more })

describe('the meter of a document', () => {
  it('settles with the reported usage', () => {
    const expected = { tokens: 42, input_tokens: 30, output_tokens: 12 }
    expect(settle(document, { headers: JSON_HEADERS })).toEqual(expected)
    expect(settle(document, { headers: [] })).toEqual(expected)
    expect(settle(document, { headers: JSON_HEADERS, kind: 'interrupted' })).toEqual(expected)
  })

  it('counts the text if the document has no usage', () => {
    const body = JSON.stringify({ choices: [{ message: { content: 'x'.repeat(40) } }] })
    expect(settle(body, { headers: JSON_HEADERS })).toEqual({
      tokens: 35,
      input_tokens: 25,
      output_tokens: 10,
    })
  })

  it('keeps the reservation charged if the document is truncated, because the upstream generated all of it', () => {
    for (let length = 0; length < document.length; length += 1)
      expect(settle(document.slice(0, length), { headers: JSON_HEADERS, kind: 'interrupted' })).toBe(
        'unknown',
      )
  })

  it.each([
    ['invalid JSON', 'oops'.repeat(10), 'not_json', 10],
    ['unfinished JSON', '{"choices": [{"message"', 'not_json', 6],
    ['of another shape', '{"answer": 42}', 'unknown_shape', 4],
    ['another kind of JSON', '[1, 2, 3]', 'unknown_shape', 3],
    ['empty', '', 'empty', 0],
  ])('charges the bytes and reports the reason if the document is %s', (_, body, reason, output) => {
    expect(settleWithReason(body, { headers: JSON_HEADERS })).toEqual({
      settlement: { tokens: 25 + output, input_tokens: 25, output_tokens: output },
      unread: reason,
    })
  })

  it('charges at most the reservation if the document is too long to read and has no usage', () => {
    const body = JSON.stringify({ choices: [{ message: { content: 'x'.repeat(MAX_DOCUMENT) } }] })
    expect(settleWithReason(body, { headers: JSON_HEADERS })).toEqual({
      settlement: { tokens: 1025, input_tokens: 25, output_tokens: 1000 },
      unread: 'too_long',
    })
  })

  const codings = [
    ['gzip', gzipSync],
    ['x-gzip', gzipSync],
    ['GZIP', gzipSync],
    ['identity, gzip', gzipSync],
    ['deflate', deflateSync],
    ['deflate', deflateRawSync],
    ['br', brotliCompressSync],
    ['gzip, br', (text: string) => brotliCompressSync(gzipSync(text))],
  ] as const
  it.each(codings)('reads a document or a stream with the encoding %s', (coding, encode) => {
    const encoding = ['Content-Encoding', coding]
    const stream = word('x') + event({ choices: [], usage })
    for (const [headers, text] of [
      [[...JSON_HEADERS, ...encoding], document],
      [[...SSE_HEADERS, ...encoding], stream],
    ] as const)
      expect(settleWithReason(encode(text), { headers })).toEqual({
        settlement: { tokens: 42, input_tokens: 30, output_tokens: 12 },
        unread: undefined,
      })
  })

  it.each(codings)(
    'counts the delivered text of a truncated stream with the encoding %s',
    (coding, encode) => {
      const words = Array.from({ length: 400 }, (_, index) => `${index} ${(index * 7919) % 1013}`)
      const whole = encode(words.map((text) => word(text)).join(''))
      const headers = [...SSE_HEADERS, 'content-encoding', coding]
      const { settlement, unread } = settleWithReason(whole.subarray(0, whole.length / 2), {
        headers,
        kind: 'interrupted',
      })
      expect(unread).toBeUndefined()
      expect(settlement).toMatchObject({ input_tokens: 25 })
      const { output_tokens: output } = settlement as { output_tokens: number }
      expect(output).toBeGreaterThan(50)
      expect(output).toBeLessThan(1200)
    },
  )

  it.each([
    ['gzip', document],
    ['gzip', 'oops'],
    ['zip', document],
    ['gzip, gzip, gzip, gzip', document],
    ['gzip', gzipSync(Buffer.alloc(17 * 1024 * 1024))],
  ])('charges the bytes if the encoding %s cannot be decoded', (coding, body) => {
    const headers = [...JSON_HEADERS, 'content-encoding', coding]
    const output = Math.min(1000, Math.ceil(Buffer.byteLength(body) / 4))
    expect(settleWithReason(body, { headers })).toEqual({
      settlement: { tokens: 25 + output, input_tokens: 25, output_tokens: output },
      unread: 'encoding',
    })
  })

  it('reads a document with Content-Encoding: identity', () => {
    expect(settle(document, { headers: [...JSON_HEADERS, 'content-encoding', 'identity'] })).toMatchObject({
      tokens: 42,
    })
  })
})

describe('the meter of a stream', () => {
  it('counts the delivered text if the stream reports no usage', () => {
    const stream = word('x'.repeat(30)) + word('y'.repeat(10)) + event('[DONE]')
    expect(settle(stream)).toEqual({ tokens: 35, input_tokens: 25, output_tokens: 10 })
  })

  it('adds the text after a running usage to that usage', () => {
    const running = { prompt_tokens: 30, completion_tokens: 7, total_tokens: 37 }
    const stream = word('x'.repeat(400), { usage: running }) + word('y'.repeat(8))
    expect(settle(stream, { kind: 'interrupted' })).toEqual({
      tokens: 39,
      input_tokens: 30,
      output_tokens: 9,
    })
  })

  it('never reduces reported usage', () => {
    const stream =
      event({
        type: 'message_start',
        message: { usage: { input_tokens: 30, cache_read_input_tokens: 70 } },
      }) + event({ type: 'message_delta', usage: { input_tokens: 0, output_tokens: 9 } })
    const call = callOf(anthropicMessages, { messages: [], stream: true }, { cachedWeight: 0.1 })
    expect(settle(stream, { call })).toEqual({ tokens: 46, input_tokens: 37, output_tokens: 9 })
  })

  it('counts tokens that only the total includes', () => {
    const thought = { prompt_tokens: 30, completion_tokens: 12, total_tokens: 142 }
    expect(settle(event({ choices: [], usage: thought }))).toMatchObject({ tokens: 142, output_tokens: 112 })
    expect(settle(event({ choices: [], usage: { total_tokens: 42 } }))).toMatchObject({
      input_tokens: 25,
      tokens: 42,
    })
  })

  it.each([
    [1, 42],
    [0.5, 32],
    [0.1, 24],
    [0, 22],
    [1.25, 47],
  ])('weights cached input by %d', (cachedWeight, tokens) => {
    const cached = { ...usage, prompt_tokens_details: { cached_tokens: 20 } }
    const call = chat(100, {}, { cachedWeight })
    expect(settle(event({ choices: [], usage: cached }), { call })).toMatchObject({
      tokens,
      output_tokens: 12,
    })
    // The cached part of the input cannot exceed the input.
    const absurd = { ...usage, prompt_tokens_details: { cached_tokens: 1000 } }
    expect(settle(event({ choices: [], usage: absurd }), { call })).toMatchObject({
      input_tokens: Math.ceil(30 * cachedWeight - 1e-9),
    })
  })

  it('charges nothing for an error before any text, and the delivered text for a later one', () => {
    const failure = event({ error: { message: 'overloaded' } })
    expect(settle(failure)).toEqual(NOTHING)
    expect(settle(word('x'.repeat(40)) + failure)).toMatchObject({ output_tokens: 10 })
  })

  it('counts invalid JSON as text, so that it is not free', () => {
    expect(settle(event('x'.repeat(40)))).toMatchObject({ output_tokens: 10 })
  })

  it('charges the bytes of a stream with another shape', () => {
    expect(settleWithReason(event({ answer: 'x'.repeat(39) }))).toEqual({
      settlement: { tokens: 38, input_tokens: 25, output_tokens: 13 },
      unread: 'unknown_shape',
    })
    expect(settle(event({ answer: 'x' }) + word('x'.repeat(40)))).toMatchObject({ output_tokens: 10 })
  })

  it('charges the input if nothing was received', () => {
    for (const stream of ['', ': ping\n\n', 'data: {"cho'])
      expect(settle(stream, { kind: 'interrupted' })).toEqual({
        tokens: 25,
        input_tokens: 25,
        output_tokens: 0,
      })
  })

  it('charges the bytes of an event that is too long, unless the usage follows', () => {
    const long = word('x'.repeat(MAX_EVENT))
    expect(settleWithReason(long + event({ choices: [], usage }))).toEqual({
      settlement: { tokens: 42, input_tokens: 30, output_tokens: 12 },
      unread: undefined,
    })
    expect(settleWithReason(word('y'.repeat(40)) + long)).toEqual({
      settlement: { tokens: 1025, input_tokens: 25, output_tokens: 1000 },
      unread: 'too_long',
    })
  })

  it('reads the last event without a blank line', () => {
    const last = `data: ${JSON.stringify({ choices: [], usage })}`
    expect(settle(word('x') + last)).toMatchObject({ tokens: 42 })
    expect(settle(word('x') + last, { kind: 'interrupted' })).toMatchObject({ tokens: 26 })
  })

  it('settles any stream, with the same result for any chunking', () => {
    fc.assert(
      fc.property(streams, positions, (bytes, cuts) => {
        const meter = new ResponseMeter(chat(100))
        meter.head(200, SSE_HEADERS)
        for (const chunk of cutAt(bytes, cuts)) meter.data(chunk)
        const settlement = meter.settlement({ kind: 'answered' })
        expect(settlement).toEqual(settle(bytes))
        if (settlement === 'unknown') return
        for (const amount of Object.values(settlement))
          expect(Number.isInteger(amount) && amount >= 0).toBe(true)
      }),
      { seed: SEED, numRuns: 1000 },
    )
  })
})
