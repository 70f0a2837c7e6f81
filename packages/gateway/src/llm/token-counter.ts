/** How many tokens a text has. May be slow: it is never shown more than `BATCH` characters at once. */
export type Tokenizer = (text: string) => number

/** Characters to a token where there is no tokenizer; UTF-16 units, as JavaScript counts a text's length. */
const CHARACTERS_PER_TOKEN = 4

/** Characters that are collected before a tokenizer is asked, so that pieces of words are counted together. */
const BATCH = 4096

/**
 * Counts the tokens of a text that comes in pieces: a quarter of its characters, rounded up once for the whole, or what
 * the tokenizer says of it, batch by batch (at most one token a batch too many). Keeps one batch at most.
 */
export class TokenCounter {
  readonly #tokenizer: Tokenizer | undefined
  #characters = 0
  #tokens = 0
  #pieces: string[] = []
  #batched = 0

  constructor(tokenizer?: Tokenizer) {
    this.#tokenizer = tokenizer
  }

  addText(text: string): void {
    if (this.#tokenizer === undefined) {
      this.#characters += text.length
      return
    }
    for (let start = 0; start < text.length; ) {
      const piece = text.slice(start, start + BATCH - this.#batched)
      this.#pieces.push(piece)
      this.#batched += piece.length
      start += piece.length
      if (this.#batched === BATCH) this.#countBatch(this.#tokenizer)
    }
  }

  /** Adds tokens that are known without counting. */
  addTokens(tokens: number): void {
    this.#tokens += tokens
  }

  /** The tokens so far. */
  get tokens(): number {
    if (this.#tokenizer !== undefined) this.#countBatch(this.#tokenizer)
    return this.#tokens + Math.ceil(this.#characters / CHARACTERS_PER_TOKEN)
  }

  reset(): void {
    this.#characters = 0
    this.#tokens = 0
    this.#pieces = []
    this.#batched = 0
  }

  #countBatch(tokenizer: Tokenizer): void {
    if (this.#batched === 0) return
    this.#tokens += countOr(tokenizer, this.#pieces.join(''))
    this.#pieces = []
    this.#batched = 0
  }
}

/** A tokenizer that fails, or says what is no number of tokens, makes no text free. */
function countOr(tokenizer: Tokenizer, text: string): number {
  try {
    const tokens = tokenizer(text)
    if (Number.isFinite(tokens) && tokens >= 0) return Math.ceil(tokens)
  } catch {
    // Counted below.
  }
  return Math.ceil(text.length / CHARACTERS_PER_TOKEN)
}
