import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { TokenCounter } from '../../../src/policy/llm/token-counter.js'
import { loadTokenizer } from '../../../src/policy/llm/tokenizers.js'
import { chat } from './llm-requests.js'

const SEED = 20261129

function countOf(texts: readonly string[], tokenizer?: (text: string) => number): number {
  const counter = new TokenCounter(tokenizer)
  for (const text of texts) counter.addText(text)
  return counter.tokens
}

describe('the token counter', () => {
  it('counts a quarter of the bytes, rounded up once, and at least one token per piece', () => {
    fc.assert(
      fc.property(fc.array(fc.string({ unit: 'grapheme' })), (texts) => {
        const pieces = texts.filter((text) => text !== '').length
        expect(countOf(texts)).toBe(Math.max(pieces, Math.ceil(Buffer.byteLength(texts.join('')) / 4)))
      }),
      { seed: SEED },
    )
  })

  it.each([
    ['English', 'The gateway reserves what a request may take before it is sent on to the model.'],
    ['Chinese', '网关在把请求发送给模型之前，先预留该请求可能消耗的令牌。'],
    ['Russian', 'Шлюз резервирует токены до того, как запрос будет отправлен модели.'],
    ['emoji', '😀🚀🎉🔥👍'],
  ])('estimates %s close to the count of a real tokenizer', (_, text) => {
    const real = loadTokenizer('o200k_base')(text)
    expect(countOf([text])).toBeGreaterThanOrEqual(0.7 * real)
    expect(countOf([text])).toBeLessThanOrEqual(2 * real)
  })

  it('uses the count of the tokenizer for joined pieces', () => {
    const words = (text: string) => text.split(' ').length
    expect(countOf([...'three little words'], words)).toBe(3)
    expect(chat(100, {}, { tokenizer: (text) => text.length }).reservation.input).toBe(100)
  })

  it('passes text to the tokenizer in batches without losing any', () => {
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

  it('extrapolates the count of a string that is too long for the tokenizer from its start', () => {
    let passed = 0
    const tokens = countOf(['x'.repeat(1_000_000)], (text) => {
      passed += text.length
      return text.length / 2
    })
    expect(tokens).toBe(500_000)
    expect(passed).toBe(16_384)
  })

  it('counts at least a quarter of the bytes after a start with few tokens', () => {
    const text = 'x'.repeat(16_384) + '漢'.repeat(100_000)
    expect(countOf([text], () => 1)).toBe(32 + 75_000)
  })

  it.each([
    ['returns NaN', () => Number.NaN],
    ['returns a negative number', () => -5],
    ['returns infinity', () => Number.POSITIVE_INFINITY],
    [
      'throws an error',
      () => {
        throw new Error('unsupported text')
      },
    ],
  ])('counts a quarter of the bytes if the tokenizer %s', (_, tokenizer) => {
    expect(countOf(['x'.repeat(1028)], tokenizer)).toBe(257)
  })
})
