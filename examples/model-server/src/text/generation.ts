import { type Random, seededRandom } from '../random.js'
import { type Context, nextContext, START, type TrigramModel } from './ngram.js'
import { END, type Tokenizer } from './tokenizer.js'

export interface GenerationOptions {
  /** Maximum number of tokens, at least 1. */
  readonly maxTokens: number
  /** 0 always picks the most likely token, 1 samples the distribution, more flattens it. */
  readonly temperature: number
  /** The same seed, prompt and options give the same text. */
  readonly seed: number
  /** Continues after the end of a paragraph until `maxTokens` is reached. */
  readonly ignoreEnd: boolean
}

export type FinishReason = 'stop' | 'length'

/** Factor by which a word of the prompt becomes more likely. */
const TOPIC_WEIGHT = 20

/** Words with a higher frequency do not characterize a topic: "the", "a", "it". */
const MAX_TOPIC_FREQUENCY = 0.006

/**
 * Generates a completion of a prompt, token by token. The completion continues the prompt if the
 * last two tokens of the prompt occur in the corpus, and begins a paragraph otherwise. Words of the
 * prompt become more likely.
 *
 * Memory is constant: two tokens and the words of the prompt.
 */
export function* generate(
  model: TrigramModel,
  tokenizer: Tokenizer,
  prompt: readonly number[],
  { maxTokens, temperature, seed, ignoreEnd }: GenerationOptions,
): Generator<number, FinishReason, void> {
  // Completions of different prompts with the same seed should not begin with the same words.
  const random = seededRandom(prompt.reduce((mixed, token) => (mixed * 31 + token) % 2 ** 32, seed))
  const topic = topicOf(model, tokenizer, prompt)
  let context = contextOf(model, prompt)
  for (let written = 0; written < maxTokens; ) {
    const token = sampleToken(model, tokenizer, context, topic, temperature, random)
    context = nextContext(context, token)
    if (token === END && !ignoreEnd) return 'stop'
    yield token
    written++
  }
  return 'length'
}

function contextOf(model: TrigramModel, prompt: readonly number[]): Context {
  const context: Context = [prompt.at(-2) ?? END, prompt.at(-1) ?? END]
  if (!model.knows(context)) return START
  for (const token of model.candidates(context)) if (token !== END) return context
  return START
}

function topicOf(model: TrigramModel, tokenizer: Tokenizer, prompt: readonly number[]): ReadonlySet<string> {
  const topic = new Set<string>()
  for (const token of prompt) {
    const word = tokenizer.wordOf(token)
    if (word !== '' && model.frequency(token) < MAX_TOPIC_FREQUENCY) topic.add(word)
  }
  return topic
}

function sampleToken(
  model: TrigramModel,
  tokenizer: Tokenizer,
  context: Context,
  topic: ReadonlySet<string>,
  temperature: number,
  random: Random,
): number {
  const candidates = [...model.candidates(context)]
  const weights = candidates.map((token) => {
    const probability = model.probability(token, context)
    return topic.has(tokenizer.wordOf(token)) ? probability * TOPIC_WEIGHT : probability
  })
  const highest = weights.reduce((a, b) => Math.max(a, b), 0)
  if (temperature === 0) return candidates[weights.indexOf(highest)] ?? END
  // Relative to the highest weight, so that a low temperature does not make all of them underflow.
  const scaled = weights.map((weight) => (weight / highest) ** (1 / temperature))
  let remaining = random() * scaled.reduce((a, b) => a + b, 0)
  for (const [index, weight] of scaled.entries()) {
    remaining -= weight
    if (remaining < 0) return candidates[index] as number
  }
  return candidates.at(-1) ?? END
}
