/** How many tokens a text has. May be slow: it is never shown more than `BATCH` characters at once. */
export type Tokenizer = (text: string) => number

/**
 * Bytes of UTF-8 to a token where there is no tokenizer. Of English that is four characters. Of a script with longer characters it is
 * fewer, as it is with the vocabularies of models: by its characters a text in Chinese would cost a quarter of what it takes.
 */
const BYTES_PER_TOKEN = 4

/**
 * Characters that are collected before a tokenizer is asked, so that pieces of words are counted together. No more,
 * because tokenizers take time by the square of a text without spaces.
 */
const BATCH = 512

/** Characters of a text that a tokenizer is shown: some hundreds of milliseconds for the worst that a client can send. */
const MAX_TOKENIZED = 65_536

/**
 * Counts the tokens of a text that comes in pieces: a quarter of its bytes, rounded up once for the whole, but no fewer than there are
 * pieces, each of which has a token at least; or what the tokenizer says of it, batch by batch (at most one token a batch too many),
 * and of what is longer than `MAX_TOKENIZED` at the rate of what came before. Keeps one batch at most.
 */
export class TokenCounter {
  readonly #tokenizer: Tokenizer | undefined
  #pieces = 0
  #bytes = 0
  /** UTF-16 units. */
  #characters = 0
  /** Of these, what the tokenizer was shown, and what it said. */
  #shown = 0
  #counted = 0
  /** Known without counting. */
  #told = 0
  #batch: string[] = []
  #batched = 0

  constructor(tokenizer?: Tokenizer) {
    this.#tokenizer = tokenizer
  }

  addText(text: string): void {
    if (text === '') return
    if (this.#tokenizer === undefined) {
      this.#pieces += 1
      this.#bytes += Buffer.byteLength(text)
      return
    }
    this.#characters += text.length
    for (let start = 0; start < text.length && this.#shown < MAX_TOKENIZED; ) {
      const piece = text.slice(start, start + BATCH - this.#batched)
      this.#batch.push(piece)
      this.#batched += piece.length
      start += piece.length
      if (this.#batched === BATCH) this.#countBatch(this.#tokenizer)
    }
  }

  /** Adds tokens that are known without counting. */
  addTokens(tokens: number): void {
    this.#told += tokens
  }

  /** The tokens so far. */
  get tokens(): number {
    if (this.#tokenizer === undefined)
      return this.#told + Math.max(this.#pieces, Math.ceil(this.#bytes / BYTES_PER_TOKEN))
    this.#countBatch(this.#tokenizer)
    if (this.#shown === this.#characters) return this.#told + this.#counted
    return this.#told + Math.ceil((this.#counted * this.#characters) / this.#shown)
  }

  reset(): void {
    this.#pieces = 0
    this.#bytes = 0
    this.#characters = 0
    this.#shown = 0
    this.#counted = 0
    this.#told = 0
    this.#batch = []
    this.#batched = 0
  }

  #countBatch(tokenizer: Tokenizer): void {
    if (this.#batched === 0) return
    this.#counted += countOr(tokenizer, this.#batch.join(''))
    this.#shown += this.#batched
    this.#batch = []
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
  return Math.ceil(Buffer.byteLength(text) / BYTES_PER_TOKEN)
}
