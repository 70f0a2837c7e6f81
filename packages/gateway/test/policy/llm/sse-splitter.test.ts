import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { SseData } from '../../../src/policy/llm/response/sse-data.js'
import { SseSplitter } from '../../../src/policy/llm/response/sse-splitter.js'
import { byByte, cutAt, modelBlocks, modelData, positions, streams } from './sse-stream.js'

const SEED = 20261127

/** Splits a stream into events. An event that is too long yields pieces that are not whole. */
function blocksOf(chunks: readonly Buffer[], maxBytes = 1 << 20) {
  const splitter = new SseSplitter(maxBytes)
  const blocks: { text: string; whole: boolean }[] = []
  let longest = 0
  for (const chunk of chunks) {
    splitter.push(chunk, ({ bytes, whole }) => {
      blocks.push({ text: bytes.toString('latin1'), whole })
      if (whole) longest = Math.max(longest, bytes.length)
    })
  }
  return { blocks, rest: splitter.rest().toString('latin1'), longest }
}

describe('the events of an event stream', () => {
  it('match those of the reference model for any chunking', () => {
    fc.assert(
      fc.property(streams, positions, (bytes, cuts) => {
        const model = modelBlocks(bytes)
        for (const chunks of [[bytes], cutAt(bytes, cuts), byByte(bytes)]) {
          const { blocks, rest } = blocksOf(chunks)
          const texts = blocks.map(({ text }) => text)
          // A CR at the end may be half of a line ending, so its event waits for the next byte.
          if (bytes.at(-1) === 0x0d && rest !== '' && model.rest === '') texts.push(rest)
          else expect(rest).toBe(model.rest)
          expect(texts).toEqual(model.blocks)
        }
      }),
      { seed: SEED, numRuns: 2000 },
    )
  })

  it('have the same data as in the reference model', () => {
    fc.assert(
      fc.property(streams, (bytes) => {
        const data = new SseData()
        modelBlocks(bytes).blocks.forEach((block, index) => {
          expect(data.of(Buffer.from(block, 'latin1'))).toBe(modelData(block, index === 0))
        })
      }),
      { seed: SEED, numRuns: 2000 },
    )
  })

  it('are emitted in pieces if they are too long, without losing a byte', () => {
    fc.assert(
      fc.property(streams, positions, fc.integer({ min: 1, max: 40 }), (bytes, cuts, maxBytes) => {
        const { blocks, rest, longest } = blocksOf(cutAt(bytes, cuts), maxBytes)
        expect(blocks.map(({ text }) => text).join('') + rest).toBe(bytes.toString('latin1'))
        expect(longest).toBeLessThanOrEqual(maxBytes)
        expect(rest.length).toBeLessThanOrEqual(maxBytes)
        const short = modelBlocks(bytes).blocks.filter((block) => block.length <= maxBytes)
        const whole = blocks.filter((block) => block.whole).map(({ text }) => text)
        // The last event may wait for the byte after its CR.
        expect([short, short.slice(0, -1)]).toContainEqual(whole)
      }),
      { seed: SEED, numRuns: 2000 },
    )
  })
})
