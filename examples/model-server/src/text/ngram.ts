import { END } from './tokenizer.js'

/** The two tokens that came last. At the start of a paragraph both are `END`. */
export type Context = readonly [number, number]

/** Where a paragraph starts. */
export const START: Context = [END, END]

/** The context after one more token. Nothing is remembered beyond the end of a paragraph. */
export function following(context: Context, token: number): Context {
  return token === END ? START : [context[1], token]
}

/** What came after a context, and how often. */
interface Followers {
  total: number
  readonly counts: Map<number, number>
}

const NONE: Followers = { total: 0, counts: new Map() }

/**
 * A trigram model with Witten-Bell interpolation (Witten and Bell, 1991): what is known of the last two tokens is mixed
 * with what is known of the last one, and that with how often each token occurs at all. A context gives the shorter one
 * a share of T/(N+T), where N is how often the context was seen and T how many different tokens came after it.
 */
export class TrigramModel {
  readonly #single: Followers = { total: 0, counts: new Map() }
  readonly #pairs = new Map<number, Followers>()
  readonly #triples = new Map<number, Followers>()
  readonly #size: number

  /** @param size how many different tokens there are */
  constructor(size: number) {
    this.#size = size
  }

  /** How many different contexts of one and of two tokens were seen. */
  get contexts(): number {
    return this.#pairs.size + this.#triples.size
  }

  /** Counts a paragraph, its end included. */
  learn(paragraph: readonly number[]): void {
    let context = START
    for (const token of [...paragraph, END]) {
      count(this.#single, token)
      count(followersIn(this.#pairs, context[1]), token)
      count(followersIn(this.#triples, this.#keyOf(context)), token)
      context = following(context, token)
    }
  }

  /** Which share of the text the token was, from 0 to 1. */
  share(token: number): number {
    return this.#occurrences(token) / this.#single.total
  }

  /** Whether the context as a whole was seen. */
  knows(context: Context): boolean {
    return this.#triples.has(this.#keyOf(context))
  }

  /** The probability of a token after a context: above 0 for each, and 1 for all of them together. */
  probability(token: number, context: Context): number {
    const single = (this.#occurrences(token) + 1) / (this.#single.total + this.#size)
    const pair = interpolated(this.#pairs.get(context[1]), token, single)
    return interpolated(this.#triples.get(this.#keyOf(context)), token, pair)
  }

  /** What was seen after the last token of the context: what may be written next. */
  candidates(context: Context): Iterable<number> {
    return (this.#pairs.get(context[1]) ?? NONE).counts.keys()
  }

  /** How many tokens the model hesitates between, on average, at each token of these paragraphs. */
  perplexity(paragraphs: Iterable<readonly number[]>): number {
    let surprise = 0
    let tokens = 0
    for (const paragraph of paragraphs) {
      let context = START
      for (const token of [...paragraph, END]) {
        surprise -= Math.log(this.probability(token, context))
        tokens++
        context = following(context, token)
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

function interpolated({ total, counts } = NONE, token: number, shorter: number): number {
  if (total === 0) return shorter
  return ((counts.get(token) ?? 0) + counts.size * shorter) / (total + counts.size)
}
