import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { WholeEvents } from '../../../src/policy/llm/response/whole-events.js'
import { byByte, cutAt, modelBlocks, positions, streams } from './sse-stream.js'

const SEED = 20261203

/** Pushes chunks. @returns the bytes that were sent before the end, and those at the end */
function pushed(events: WholeEvents, chunks: readonly Buffer[]) {
  const sent = Buffer.concat(chunks.map((chunk) => events.push(chunk)))
  return { sent, rest: events.end() }
}

describe('the filter for whole events', () => {
  it('sends the events of an event stream up to the last blank line, for any chunking', () => {
    fc.assert(
      fc.property(streams, positions, (bytes, cuts) => {
        for (const chunks of [cutAt(bytes, cuts), byByte(bytes)]) {
          const { sent, rest } = pushed(new WholeEvents('events'), chunks)
          expect(Buffer.concat([sent, rest])).toEqual(bytes)
          const { blocks } = modelBlocks(bytes)
          expect(sent.toString('latin1')).toBe(blocks.join(''))
        }
      }),
      { seed: SEED },
    )
  })

  it('sends the lines of a stream of JSON values, for any chunking', () => {
    const bytes = Buffer.from('{"a":1}\n{"b":"}\\n"}\n{"c"')
    fc.assert(
      fc.property(positions, (cuts) => {
        const { sent, rest } = pushed(new WholeEvents('lines'), cutAt(bytes, cuts))
        expect([String(sent), String(rest)]).toEqual(['{"a":1}\n{"b":"}\\n"}\n', '{"c"'])
      }),
      { seed: SEED },
    )
  })

  it('sends the items of a JSON list, for any chunking', () => {
    const item = JSON.stringify({ text: 'a "}],[{" \\', parts: [{ deep: [1] }] }, null, 2)
    const fragment = `,\r\n{"text": "unfinished \\"} `
    const bytes = Buffer.from(`[${item}\n,\r\n${item}${fragment}`)
    fc.assert(
      fc.property(positions, (cuts) => {
        const { sent, rest } = pushed(new WholeEvents('list'), cutAt(bytes, cuts))
        expect([String(sent), String(rest)]).toEqual([`[${item}\n,\r\n${item}`, fragment])
      }),
      { seed: SEED },
    )
  })

  it('sends an event of more than 1 MiB in parts, and says that its stream is not whole', () => {
    const events = new WholeEvents('events')
    const half = Buffer.alloc(600 * 1024, 'x')
    expect(events.push(half)).toHaveLength(0)
    expect(events.isWhole).toBe(true)
    expect(events.push(half)).toHaveLength(2 * half.length)
    expect(events.isWhole).toBe(false)
    expect(events.push(half)).toHaveLength(half.length)
    expect(events.end()).toHaveLength(0)
  })
})
