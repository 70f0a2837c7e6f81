import { gzipSync } from 'node:zlib'
import { describe, expect, it } from 'vitest'
import { ResponseMemory } from '../../../src/policy/llm/response/response-memory.js'
import { ResponseMeter } from '../../../src/policy/llm/response/response-meter.js'
import { chat, event, JSON_HEADERS, SSE_HEADERS } from './llm-requests.js'

const KIB = 1024
const TEXT = 'word '.repeat(60 * KIB)
const USAGE = { prompt_tokens: 30, completion_tokens: 7 }
const COST = { tokens: 37, input_tokens: 30, output_tokens: 7 }
const DOCUMENT = Buffer.from(JSON.stringify({ choices: [{ message: { content: TEXT } }], usage: USAGE }))
/** A string that compresses poorly. */
const NOISE = Array.from({ length: 40_000 }, (_, index) => ((index * 2654435761) % 1e9).toString(36)).join(
  ' ',
)
const COMPRESSED = gzipSync(JSON.stringify({ choices: [{ message: { content: NOISE } }], usage: USAGE }))

function begin(memory: ResponseMemory, headers: readonly string[], bytes: Buffer): ResponseMeter {
  const meter = new ResponseMeter(chat(100, { max_tokens: 500_000 }), memory)
  meter.head(200, headers)
  for (let at = 0; at < bytes.length; at += 10_000) meter.data(bytes.subarray(at, at + 10_000))
  return meter
}

describe('the memory of all responses', () => {
  it.each([
    ['unfinished documents', JSON_HEADERS, DOCUMENT.subarray(0, -1), DOCUMENT.subarray(-1)],
    ['documents whose clients are slow', JSON_HEADERS, DOCUMENT, Buffer.alloc(0)],
    ['unfinished events', SSE_HEADERS, Buffer.from(`data: ${DOCUMENT}`), Buffer.from('\n\n')],
  ])('is bounded for %s, whose usage is still read beyond the bound', (_, headers, first, rest) => {
    const memory = new ResponseMemory(1024 * KIB)
    const meters = Array.from({ length: 10 }, () => begin(memory, headers, first))
    expect(memory.buffered).toBeGreaterThan(0)
    expect(memory.buffered).toBeLessThanOrEqual(1024 * KIB)
    for (const meter of meters) {
      meter.data(rest)
      expect(meter.settlement({ kind: 'answered' })).toEqual(COST)
    }
    expect(memory.buffered).toBe(0)
  })

  it('is bounded for compressed responses, which are charged by their bytes beyond the bound', () => {
    const memory = new ResponseMemory(3 * COMPRESSED.length)
    const headers = [...JSON_HEADERS, 'Content-Encoding', 'gzip']
    const meters = Array.from({ length: 5 }, () => begin(memory, headers, COMPRESSED))
    expect(memory.buffered).toBeLessThanOrEqual(3 * COMPRESSED.length)
    const settled = meters.map((meter) => [meter.settlement({ kind: 'answered' }), meter.unread])
    expect(settled.slice(0, 3)).toEqual(Array(3).fill([COST, undefined]))
    expect(settled.slice(3).map(([, unread]) => unread)).toEqual(['encoding', 'encoding'])
    expect(memory.buffered).toBe(0)
  })

  it('is released however a response ends', () => {
    const memory = new ResponseMemory(64 * 1024 * KIB)
    const ends = [
      { kind: 'answered' },
      { kind: 'interrupted' },
      { kind: 'failed', status: 502, code: 'ECONNRESET' },
    ] as const
    for (const end of ends)
      for (const [headers, bytes] of [
        [JSON_HEADERS, DOCUMENT],
        [JSON_HEADERS, DOCUMENT.subarray(0, -1)],
        [SSE_HEADERS, Buffer.from(event(DOCUMENT.toString()).slice(0, -1))],
        [[...JSON_HEADERS, 'Content-Encoding', 'gzip'], COMPRESSED],
      ] as const) {
        begin(memory, headers, bytes).settlement(end)
        expect(memory.buffered).toBe(0)
      }
  })

  it('is not used for small responses', () => {
    const memory = new ResponseMemory(0)
    const stream = event({ choices: [{ delta: { content: 'word' } }] }) + event({ choices: [], usage: USAGE })
    const meter = begin(memory, SSE_HEADERS, Buffer.from(stream))
    expect(meter.settlement({ kind: 'answered' })).toEqual(COST)
  })
})
