import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { runToCompletion } from '../src/slices.js'
import { CORPUS } from '../src/text/corpus.js'
import type { GenerationOptions } from '../src/text/generation.js'
import { trainLanguageModel } from '../src/text/language-model.js'
import { nextContext, START, TrigramModel } from '../src/text/ngram.js'
import { createTokenizer, END } from '../src/text/tokenizer.js'

describe('the tokenizer', () => {
  const tokenizer = createTokenizer(CORPUS)

  it('decodes every text that it encodes', () => {
    const text = fc.oneof(
      fc.string({ unit: 'grapheme' }),
      fc.string({ unit: 'binary' }),
      fc
        .array(fc.constantFrom(' the', 'limit', ' ', '\n\n', '\n', '.', '7', 'é', '\ufeff'))
        .map((a) => a.join('')),
    )
    fc.assert(
      fc.property(text, (text) => {
        // A lone surrogate has no UTF-8 encoding and becomes a replacement character.
        expect(tokenizer.decode(tokenizer.encode(text))).toBe(Buffer.from(text).toString())
      }),
      { seed: 20261124, numRuns: 300 },
    )
  })

  it('encodes a known word as one token and other words by byte', () => {
    expect(tokenizer.encode('The token bucket.')).toHaveLength(4)
    expect(tokenizer.encode('The token bücket')).toHaveLength(2 + ' bücket'.length + 1)
    expect(tokenizer.encode('')).toEqual([])
    expect(tokenizer.encode('\n\n')).toEqual([END])
  })

  it('returns the word of a token, or an empty string if it is not a word', () => {
    const [token = -1, mark = -1] = tokenizer.encode('The,')
    expect([tokenizer.wordOf(token), tokenizer.wordOf(mark), tokenizer.wordOf(65)]).toEqual(['the', '', ''])
  })

  it('rejects numbers that are not tokens', () => {
    expect(() => tokenizer.decode([tokenizer.size])).toThrow(RangeError)
    expect(() => tokenizer.decode([-1])).toThrow(RangeError)
  })
})

describe('the trigram model', () => {
  it('computes the probabilities of Witten and Bell', () => {
    // Tokens 0 and 1 are a and b; the paragraphs are "a b" and "a a".
    const model = new TrigramModel(END + 1)
    model.learn([0, 1])
    model.learn([0, 0])
    const single = (1 + 1) / (6 + 257)
    // After a: b, a and the end, once each.
    const pair = (1 + 3 * single) / (3 + 3)
    expect(model.probability(1, [7, 0])).toBeCloseTo(pair, 12)
    // After the start and a: b and a, once each.
    expect(model.probability(1, [END, 0])).toBeCloseTo((1 + 2 * pair) / (2 + 2), 12)
  })

  it('gives every token a positive probability, with a sum of 1', () => {
    const tokenizer = createTokenizer(CORPUS)
    const model = new TrigramModel(tokenizer.size)
    for (const text of CORPUS) model.learn(tokenizer.encode(text))
    const [before = 0, last = 0] = tokenizer.encode(' the server')
    const unseen: [number, number] = [65, 66]
    for (const context of [START, [before, last] as const, [last, before] as const, unseen]) {
      const shares = Array.from({ length: tokenizer.size }, (_, token) => model.probability(token, context))
      expect(Math.min(...shares)).toBeGreaterThan(0)
      expect(shares.reduce((a, b) => a + b)).toBeCloseTo(1, 9)
    }
  })
})

describe('the language model', () => {
  const model = runToCompletion(trainLanguageModel())
  const { tokenizer } = model
  const options: GenerationOptions = { maxTokens: 200, temperature: 0.7, seed: 1, ignoreEnd: false }
  const write = (prompt: string, more: Partial<GenerationOptions> = {}) => {
    const tokens: number[] = []
    const writing = model.write(tokenizer.encode(prompt), { ...options, ...more })
    let step = writing.next()
    for (; !step.done; step = writing.next()) tokens.push(step.value)
    return { tokens, text: tokenizer.decode(tokens), finish: step.value }
  }

  it('predicts new text better than chance', () => {
    expect(model.perplexity).toBeLessThan(tokenizer.size / 4)
  })

  it('writes the same text for the same seed and prompt, and different text otherwise', () => {
    expect(write('What is a limit?')).toEqual(write('What is a limit?'))
    expect(write('What is a limit?', { seed: 2 })).not.toEqual(write('What is a limit?'))
    expect(write('What is a batch?')).not.toEqual(write('What is a limit?'))
    expect(write('Hi', { temperature: 0, seed: 1 })).toEqual(write('Hi', { temperature: 0, seed: 2 }))
  })

  it('continues a known prompt and begins a sentence otherwise', () => {
    expect(write('When the answer is', { seed: 3 }).text).toMatch(/^ \w/)
    expect(write('Zebra xylophone', { seed: 3 }).text).toMatch(/^[A-Z]/)
  })

  it('prefers the words of the prompt', () => {
    const mentions = (prompt: string, word: string) =>
      Array.from({ length: 40 }, (_, seed) => write(prompt, { seed }).text.split(word).length - 1).reduce(
        (a, b) => a + b,
      )
    expect(mentions('Tell me about the bucket!', 'bucket')).toBeGreaterThan(
      mentions('Tell me!', 'bucket') * 2,
    )
  })

  it('generates only token pairs of the corpus, in text that encodes to the same tokens', () => {
    const pairs = new Set<string>()
    for (const text of CORPUS) {
      let context = START
      for (const token of [...tokenizer.encode(text), END]) {
        pairs.add(`${context[1]} ${token}`)
        context = nextContext(context, token)
      }
    }
    for (let seed = 0; seed < 50; seed++) {
      const { tokens, text } = write('', { seed, temperature: 2, ignoreEnd: true })
      let last = END
      for (const token of tokens) {
        expect([last, token, pairs.has(`${last} ${token}`)]).toEqual([last, token, true])
        last = token
      }
      expect(tokenizer.encode(text)).toEqual(tokens)
    }
  })

  it('ends after a paragraph or at the maximum length, or with ignoreEnd only at the maximum length', () => {
    const ended = write('', { maxTokens: 10_000 })
    expect(ended.finish).toBe('stop')
    expect(ended.text).toMatch(/[.?]$/)
    expect(write('', { maxTokens: 3 })).toMatchObject({ finish: 'length', tokens: { length: 3 } })
    const long = write('', { maxTokens: 10_000, ignoreEnd: true })
    expect(long.finish).toBe('length')
    expect(long.tokens).toHaveLength(10_000)
    expect(long.text).toContain('\n\n')
  })
})
