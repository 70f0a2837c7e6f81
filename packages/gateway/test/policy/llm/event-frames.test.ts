import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { EventFrames } from '../../../src/policy/llm/response/event-frames.js'
import { ResponseMemory } from '../../../src/policy/llm/response/response-memory.js'
import { frameOf, frameWith } from './event-frame-bytes.js'
import { byByte, cutAt, positions } from './sse-stream.js'

const SEED = 20261202

function read(chunks: readonly Buffer[], complete = true, maxBytes = 1 << 20) {
  const found = { payloads: [] as string[], failures: 0, tooLong: 0, corrupt: 0 }
  const frames = new EventFrames(maxBytes, {
    frame({ payload, failed }) {
      found.payloads.push(payload.toString())
      if (failed) found.failures += 1
    },
    tooLong: (bytes) => (found.tooLong += bytes),
    corrupt: (bytes) => (found.corrupt += bytes),
  })
  for (const chunk of chunks) frames.push(chunk)
  frames.end(complete)
  return found
}

const exception = frameOf({ message: 'slow' }, { ':message-type': 'exception', ':exception-type': 'x' })

describe('the frames of an AWS event stream', () => {
  it('are the same for any chunking', () => {
    const payloads = ['{"a":1}', '', '漢字', 'x'.repeat(3000)]
    const bytes = Buffer.concat([...payloads.map((payload) => frameOf(payload)), exception])
    const expected = {
      payloads: [...payloads, '{"message":"slow"}'],
      failures: 1,
      tooLong: 0,
      corrupt: 0,
    }
    expect(read([bytes])).toEqual(expected)
    expect(read(byByte(bytes))).toEqual(expected)
    fc.assert(
      fc.property(positions, (cuts) => {
        expect(read(cutAt(bytes, cuts))).toEqual(expected)
      }),
      { seed: SEED },
    )
  })

  it('are read up to the byte at which the stream is interrupted', () => {
    const one = frameOf('one')
    const bytes = Buffer.concat([one, frameOf('two')])
    for (let length = 0; length <= bytes.length; length += 1) {
      const part = [bytes.subarray(0, length)]
      const payloads = ['one', 'two'].slice(0, length === bytes.length ? 2 : length < one.length ? 0 : 1)
      expect(read(part, false)).toEqual({ payloads, failures: 0, tooLong: 0, corrupt: 0 })
      const unfinished = payloads.length === 2 ? 0 : length - payloads.length * one.length
      expect(read(part, true)).toMatchObject({ payloads, corrupt: unfinished })
    }
  })

  it('are corrupt if any bit is wrong, and the next frame is read unless its beginning is unknown', () => {
    const frame = frameOf('{"usage":{"outputTokens":1}}')
    for (let bit = 0; bit < frame.length * 8; bit += 1) {
      const wrong = Buffer.from(frame)
      wrong[bit >> 3] = (wrong[bit >> 3] as number) ^ (1 << (bit & 7))
      const found = read(byByte(Buffer.concat([wrong, frame])))
      const isPrelude = bit < 12 * 8
      expect(found.payloads).toHaveLength(isPrelude ? 0 : 1)
      expect(found.corrupt).toBe(isPrelude ? frame.length * 2 : frame.length)
    }
  })

  it.each<[string, Buffer]>([
    ['a name that is longer than the headers', Buffer.of(9, 1, 2)],
    ['a name without a value', Buffer.of(1, 97)],
    ['a value that is longer than the headers', Buffer.of(1, 97, 7, 255, 255, 1)],
    ['a length that is cut off', Buffer.of(1, 97, 7, 0)],
    ['an unknown type', Buffer.of(1, 97, 99, 0, 0)],
  ])('are corrupt with %s', (_, headers) => {
    const frame = frameWith(headers, Buffer.from('{}'))
    expect(read([frame])).toEqual({ payloads: [], failures: 0, tooLong: 0, corrupt: frame.length })
  })

  it('are read with headers of all types', () => {
    const sizes = [0, 0, 1, 2, 4, 8, -1, -1, 8, 16]
    const headers = sizes.map((size, type) =>
      Buffer.concat([Buffer.of(1, 97, type), size === -1 ? Buffer.of(0, 2, 1, 2) : Buffer.alloc(size)]),
    )
    expect(read([frameWith(Buffer.concat(headers), Buffer.from('{}'))])).toMatchObject({
      payloads: ['{}'],
      corrupt: 0,
    })
  })

  it('are never buffered beyond the maximum, and a long frame does not affect the next one', () => {
    const long = frameOf('x'.repeat(5000))
    const bytes = Buffer.concat([long, frameOf('next')])
    expect(read(byByte(bytes), true, 1000)).toMatchObject({ payloads: ['next'], tooLong: long.length })
    // A frame may claim four gigabytes.
    const memory = new ResponseMemory(1 << 30)
    const frames = new EventFrames(100_000, { frame() {}, tooLong() {}, corrupt() {} }, memory.allocate())
    const huge = frameWith(Buffer.alloc(0), Buffer.alloc(300_000))
    for (let at = 0; at < huge.length - 1; at += 1000) {
      frames.push(huge.subarray(at, at + 1000))
      expect(memory.buffered).toBeLessThanOrEqual(100_000)
    }
    frames.end(false)
    expect(memory.buffered).toBe(0)
  })

  it('never throw for arbitrary bytes, and account for every byte of an unreadable stream', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), positions, (array, cuts) => {
        const bytes = Buffer.from(array)
        const { payloads, tooLong, corrupt } = read(cutAt(bytes, cuts))
        expect(payloads).toEqual([])
        expect(tooLong + corrupt).toBe(bytes.length)
      }),
      { seed: SEED, numRuns: 1000 },
    )
  })
})
