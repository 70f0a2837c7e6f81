import { describe, expect, it } from 'vitest'
import type { LlmCall } from '../../../src/policy/llm/llm-call.js'
import { ResponseMeter } from '../../../src/policy/llm/response/response-meter.js'
import { chat, JSON_HEADERS } from './llm-requests.js'

const NOTHING = { tokens: 0, input_tokens: 0, output_tokens: 0 }

function settle(status: number, headers: readonly string[], kind: 'answered' | 'interrupted') {
  const meter = new ResponseMeter(chat(100))
  meter.head(status, headers)
  meter.data(Buffer.from('{"error": {"message": "no"}}'))
  return meter.settlement({ kind })
}

describe('the cost of a response with an error status', () => {
  it.each([301, 400, 401, 403, 404, 408, 413, 422, 429, 500, 502, 503, 529])(
    'is zero for status %i',
    (status) => {
      expect(settle(status, JSON_HEADERS, 'answered')).toEqual(NOTHING)
      expect(settle(status, ['content-encoding', 'gzip'], 'interrupted')).toEqual(NOTHING)
    },
  )

  it.each([499, 504, 524])('is unknown for status %i', (status) => {
    expect(settle(status, JSON_HEADERS, 'answered')).toBe('unknown')
  })
})

describe('the cost of a request without a response', () => {
  it.each([
    [502, 'ECONNREFUSED', NOTHING],
    [502, 'UND_ERR_SOCKET', NOTHING],
    [504, 'UND_ERR_CONNECT_TIMEOUT', NOTHING],
    [504, 'UND_ERR_HEADERS_TIMEOUT', 'unknown'],
  ])('depends on the error: status %i with code %s', (status, code, expected) => {
    expect(new ResponseMeter(chat(100)).settlement({ kind: 'failed', status, code })).toEqual(expected)
  })

  it('is the input of a stream, or the reservation of a document, if the client disconnects', () => {
    const costOf = (call: LlmCall) => new ResponseMeter(call).settlement({ kind: 'interrupted' })
    expect(costOf(chat(100))).toEqual({ tokens: 25, input_tokens: 25, output_tokens: 0 })
    expect(costOf(chat(100, { stream: false }))).toBe('unknown')
  })
})
