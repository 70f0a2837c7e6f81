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

/**
 * Characters that a tokenizer is shown: a few milliseconds of prose, and some tens of the worst that a client can make up. It counts before
 * a request is let in or refused, and nothing else runs meanwhile.
 */
const MAX_TOKENIZED = 16_384

/**
 * Counts the tokens of a text that comes in pieces: a quarter of its bytes, rounded up once for the whole, but no fewer than there are
 * pieces, each of which has a token at least; or what the tokenizer says of it, batch by batch (at most one token a batch too many).
 * What is longer than `MAX_TOKENIZED` counts at the rate of what came before, and a quarter of its bytes at least, so that a cheap
 * beginning makes no cheap text. Keeps one batch at most.
 */
export class TokenCounter {
  readonly #tokenizer: Tokenizer | undefined
  #pieces = 0
  /** Of what no tokenizer is shown. */
  #bytes = 0
  /** The same in UTF-16 units. */
  #characters = 0
  /** UTF-16 units that the tokenizer was shown, and what it said of them. */
  #shown = 0
  #counted = 0
  /** Known without counting. */
  #told = 0
  /** Pieces without text. */
  #marks = 0
  #batch: string[] = []
  #batched = 0

  constructor(tokenizer?: Tokenizer) {
    this.#tokenizer = tokenizer
  }

  addText(text: string): void {
    if (text === '') return
    this.#pieces += 1
    const rest = this.#tokenizer === undefined ? text : this.#show(text, this.#tokenizer)
    this.#characters += rest.length
    this.#bytes += Buffer.byteLength(rest)
  }

  /** @returns what of the text is too much for the tokenizer */
  #show(text: string, tokenizer: Tokenizer): string {
    let start = 0
    while (start < text.length && this.#shown < MAX_TOKENIZED) {
      const piece = text.slice(start, start + BATCH - this.#batched)
      this.#batch.push(piece)
      this.#batched += piece.length
      start += piece.length
      if (this.#batched === BATCH) this.#countBatch(tokenizer)
    }
    return text.slice(start)
  }

  /** Adds tokens that are known without counting. */
  addTokens(tokens: number): void {
    this.#told += tokens
  }

  /** Adds a piece that has no text of its own and that a model reads all the same, such as where a message begins. */
  addMark(): void {
    this.#marks += 1
  }

  /** The tokens so far: those of the text, and one at least for each piece and mark. */
  get tokens(): number {
    const byBytes = Math.ceil(this.#bytes / BYTES_PER_TOKEN)
    if (this.#tokenizer === undefined) return this.#told + Math.max(this.#pieces + this.#marks, byBytes)
    return this.#told + Math.max(this.#marks, this.#countShown(this.#tokenizer, byBytes))
  }

  #countShown(tokenizer: Tokenizer, byBytes: number): number {
    this.#countBatch(tokenizer)
    if (this.#characters === 0) return this.#counted
    const byRate = Math.ceil((this.#counted * this.#characters) / this.#shown)
    return this.#counted + Math.max(byRate, byBytes)
  }

  reset(): void {
    this.#pieces = 0
    this.#bytes = 0
    this.#characters = 0
    this.#shown = 0
    this.#counted = 0
    this.#told = 0
    this.#marks = 0
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
