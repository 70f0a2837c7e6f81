import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { TokenCounter } from '../../src/llm/token-counter.js'
import { chat } from './asking.js'

const SEED = 20261129

function countOf(texts: readonly string[], tokenizer?: (text: string) => number): number {
  const counter = new TokenCounter(tokenizer)
  for (const text of texts) counter.addText(text)
  return counter.tokens
}

describe('tokens', () => {
  it('are a quarter of the characters, rounded up once, however the text comes', () => {
    fc.assert(
      fc.property(fc.array(fc.string()), (texts) => {
        expect(countOf(texts)).toBe(Math.ceil(texts.join('').length / 4))
      }),
      { seed: SEED },
    )
  })

  it('are what the tokenizer says, of pieces that are put together', () => {
    const words = (text: string) => text.split(' ').length
    expect(countOf([...'three little words'], words)).toBe(3)
    expect(chat(100, {}, { tokenizer: (text) => text.length }).reservation.input).toBe(100)
  })

  it('are asked of the tokenizer in batches, which lose nothing', () => {
    fc.assert(
      fc.property(fc.array(fc.nat({ max: 20_000 }), { maxLength: 5 }), (lengths) => {
        let longest = 0
        const tokens = countOf(
          lengths.map((length) => 'x'.repeat(length)),
          (text) => {
            longest = Math.max(longest, text.length)
            return text.length
          },
        )
        expect(tokens).toBe(lengths.reduce((sum, length) => sum + length, 0))
        expect(longest).toBeLessThanOrEqual(512)
      }),
      { seed: SEED },
    )
  })

  it('of a text too long for a tokenizer are counted at the rate of its beginning', () => {
    let shown = 0
    const tokens = countOf(['x'.repeat(1_000_000)], (text) => {
      shown += text.length
      return text.length / 2
    })
    expect(tokens).toBe(500_000)
    expect(shown).toBe(65_536)
  })

  it.each([
    ['NaN', () => Number.NaN],
    ['less than none', () => -5],
    ['for ever', () => Number.POSITIVE_INFINITY],
    [
      'an error',
      () => {
        throw new Error('no such text')
      },
    ],
  ])('are a quarter of the characters where the tokenizer says %s', (_, tokenizer) => {
    expect(countOf(['x'.repeat(1028)], tokenizer)).toBe(257)
  })
})
