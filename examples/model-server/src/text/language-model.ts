import type { Slices } from '../slices.js'
import { CORPUS } from './corpus.js'
import { type FinishReason, type GenerationOptions, generate } from './generation.js'
import { TrigramModel } from './ngram.js'
import { createTokenizer, type Tokenizer } from './tokenizer.js'

export interface LanguageModel {
  readonly tokenizer: Tokenizer
  /** How many tokens of text it has learned from. */
  readonly trainingTokens: number
  /** How many different contexts of one and two tokens it has seen. */
  readonly contexts: number
  /** Over paragraphs that it has not read. */
  readonly perplexity: number
  /** The answer to a prompt, token by token; the reason why it ended is what the generator returns. */
  write(prompt: readonly number[], options: GenerationOptions): Generator<number, FinishReason, void>
}

/** One paragraph of so many is kept back to test the model with. */
const HELD_OUT = 12

/** Learns the corpus. */
export function* trainLanguageModel(corpus: readonly string[] = CORPUS): Slices<LanguageModel> {
  const tokenizer = createTokenizer(corpus)
  const model = new TrigramModel(tokenizer.size)
  const heldOut: number[][] = []
  let trainingTokens = 0
  for (const [index, text] of corpus.entries()) {
    const paragraph = tokenizer.encode(text)
    if (index % HELD_OUT === HELD_OUT - 1) {
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
