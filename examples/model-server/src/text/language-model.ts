import type { Slices } from '../slices.js'
import { CORPUS } from './corpus.js'
import { type FinishReason, type GenerationOptions, generate } from './generation.js'
import { TrigramModel } from './ngram.js'
import { createTokenizer, type Tokenizer } from './tokenizer.js'

export interface LanguageModel {
  readonly tokenizer: Tokenizer
  /** Number of training tokens. */
  readonly trainingTokens: number
  /** Number of distinct contexts of one and two tokens. */
  readonly contexts: number
  /** Perplexity on held-out paragraphs. */
  readonly perplexity: number
  /** Yields the tokens of a completion and returns the finish reason. */
  write(prompt: readonly number[], options: GenerationOptions): Generator<number, FinishReason, void>
}

/** Every twelfth paragraph is held out for evaluation. */
const HELD_OUT_INTERVAL = 12

/** Trains a language model on a corpus. */
export function* trainLanguageModel(corpus: readonly string[] = CORPUS): Slices<LanguageModel> {
  const tokenizer = createTokenizer(corpus)
  const model = new TrigramModel(tokenizer.size)
  const heldOut: number[][] = []
  let trainingTokens = 0
  for (const [index, text] of corpus.entries()) {
    const paragraph = tokenizer.encode(text)
    if (index % HELD_OUT_INTERVAL === HELD_OUT_INTERVAL - 1) {
      heldOut.push(paragraph)
    } else {
      model.learn(paragraph)
      trainingTokens += paragraph.length + 1
    }
    yield (index + 1) / corpus.length
  }
  return {
    tokenizer,
    trainingTokens,
    contexts: model.contexts,
    perplexity: model.perplexity(heldOut),
    write: (prompt, options) => generate(model, tokenizer, prompt, options),
  }
}
