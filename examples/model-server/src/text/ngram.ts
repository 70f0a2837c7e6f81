import { END } from './tokenizer.js'

/** The last two tokens, which are both `END` at the start of a paragraph. */
export type Context = readonly [number, number]

/** Context at the start of a paragraph. */
export const START: Context = [END, END]

/** Returns the context after one more token. The end of a paragraph resets it. */
export function nextContext(context: Context, token: number): Context {
  return token === END ? START : [context[1], token]
}

/** Counts of the tokens that follow a context. */
interface Followers {
  total: number
  readonly counts: Map<number, number>
}

const NO_FOLLOWERS: Followers = { total: 0, counts: new Map() }

/**
 * A trigram model with Witten-Bell interpolation (Witten and Bell, 1991). The distribution after
 * two tokens is interpolated with the distribution after the last token, and the latter with the
 * frequencies of all tokens. The shorter context has the weight T/(N+T), where N is the number of
 * occurrences of the longer context and T the number of distinct tokens that follow it.
 */
export class TrigramModel {
  readonly #single: Followers = { total: 0, counts: new Map() }
  readonly #pairs = new Map<number, Followers>()
  readonly #triples = new Map<number, Followers>()
  readonly #size: number

  /** @param size number of distinct tokens */
  constructor(size: number) {
    this.#size = size
  }

  /** Number of distinct contexts of one and of two tokens. */
  get contexts(): number {
    return this.#pairs.size + this.#triples.size
  }

  /** Counts the tokens of a paragraph, including its end. */
  learn(paragraph: readonly number[]): void {
    let context = START
    for (const token of [...paragraph, END]) {
      count(this.#single, token)
      count(followersIn(this.#pairs, context[1]), token)
      count(followersIn(this.#triples, this.#keyOf(context)), token)
      context = nextContext(context, token)
    }
  }

  /** Returns the relative frequency of a token, from 0 to 1. */
  frequency(token: number): number {
    return this.#occurrences(token) / this.#single.total
  }

  /** Reports whether the full context occurs in the corpus. */
  knows(context: Context): boolean {
    return this.#triples.has(this.#keyOf(context))
  }

  /**
   * Returns the probability of a token after a context. Probabilities are positive and sum to 1.
   */
  probability(token: number, context: Context): number {
    const single = (this.#occurrences(token) + 1) / (this.#single.total + this.#size)
    const pair = interpolate(this.#pairs.get(context[1]), token, single)
    return interpolate(this.#triples.get(this.#keyOf(context)), token, pair)
  }

  /** Returns the tokens seen after the last token of the context. */
  candidates(context: Context): Iterable<number> {
    return (this.#pairs.get(context[1]) ?? NO_FOLLOWERS).counts.keys()
  }

  /** Returns the perplexity of the model on the given paragraphs. */
  perplexity(paragraphs: Iterable<readonly number[]>): number {
    let surprise = 0
    let tokens = 0
    for (const paragraph of paragraphs) {
      let context = START
      for (const token of [...paragraph, END]) {
        surprise -= Math.log(this.probability(token, context))
        tokens++
        context = nextContext(context, token)
      }
    }
    return Math.exp(surprise / tokens)
  }

  #occurrences(token: number): number {
    return this.#single.counts.get(token) ?? 0
  }

  #keyOf([before, last]: Context): number {
    return before * this.#size + last
  }
}

function followersIn(table: Map<number, Followers>, key: number): Followers {
  let followers = table.get(key)
  if (!followers) {
    followers = { total: 0, counts: new Map() }
    table.set(key, followers)
  }
  return followers
}

function count(followers: Followers, token: number) {
  followers.total++
  followers.counts.set(token, (followers.counts.get(token) ?? 0) + 1)
}

function interpolate({ total, counts } = NO_FOLLOWERS, token: number, shorter: number): number {
  if (total === 0) return shorter
  return ((counts.get(token) ?? 0) + counts.size * shorter) / (total + counts.size)
}
