import { describe, expect, it } from 'vitest'
import type { LlmCall } from '../../../src/policy/llm/llm-call.js'
import { ResponseMeter } from '../../../src/policy/llm/response/response-meter.js'
import { chat, JSON_ANSWER } from './llm-requests.js'

const NOTHING = { tokens: 0, input_tokens: 0, output_tokens: 0 }

function settled(status: number, headers: readonly string[], kind: 'answered' | 'cut') {
  const meter = new ResponseMeter(chat(100))
  meter.head(status, headers)
  meter.data(Buffer.from('{"error": {"message": "no"}}'))
  return meter.settlement({ kind })
}

describe('an answer by its status', () => {
  it.each([301, 400, 401, 403, 404, 408, 413, 422, 429, 500, 502, 503, 529])(
    '%i has cost nothing',
    (status) => {
      expect(settled(status, JSON_ANSWER, 'answered')).toEqual(NOTHING)
      expect(settled(status, ['content-encoding', 'gzip'], 'cut')).toEqual(NOTHING)
    },
  )

  it.each([499, 504, 524])('%i may have cost anything', (status) => {
    expect(settled(status, JSON_ANSWER, 'answered')).toBe('unknown')
  })
})

describe('no answer', () => {
  it.each([
    [502, 'ECONNREFUSED', NOTHING],
    [502, 'UND_ERR_SOCKET', NOTHING],
    [504, 'UND_ERR_CONNECT_TIMEOUT', NOTHING],
    [504, 'UND_ERR_HEADERS_TIMEOUT', 'unknown'],
  ])('by %i %s', (status, code, expected) => {
    expect(new ResponseMeter(chat(100)).settlement({ kind: 'failed', status, code })).toEqual(expected)
  })

  it('for a client that left costs the input of a stream, and all that was reserved for a document', () => {
    const left = (call: LlmCall) => new ResponseMeter(call).settlement({ kind: 'cut' })
    expect(left(chat(100))).toEqual({ tokens: 25, input_tokens: 25, output_tokens: 0 })
    expect(left(chat(100, { stream: false }))).toBe('unknown')
  })
})
