/** Counts the tokens of a text. May be slow: it never gets more than `BATCH` characters at once. */
export type Tokenizer = (text: string) => number

/**
 * UTF-8 bytes per token without a tokenizer: four characters of English. Scripts with longer
 * encodings have fewer characters per token, as in the vocabularies of models.
 */
const BYTES_PER_TOKEN = 4

/**
 * Characters collected before the tokenizer is called, so that parts of words are counted together.
 * Tokenizers take quadratic time for text without spaces, hence no more.
 */
const BATCH = 512

/**
 * Characters per request that the tokenizer counts: a few milliseconds of prose, some tens of
 * milliseconds for the worst text a client can send. Counting blocks the event loop.
 */
const MAX_TOKENIZED = 16_384

/**
 * Counts the tokens of a text that arrives in pieces.
 *
 * Without a tokenizer the count is a quarter of the bytes, rounded up once, and at least the number
 * of pieces. With one it is the sum over batches, at most one token per batch too high. Text beyond
 * `MAX_TOKENIZED` counts at the rate of the text before it, and at least a quarter of its bytes.
 * Holds at most one batch.
 */
export class TokenCounter {
  readonly #tokenizer: Tokenizer | undefined
  #pieces = 0
  /** Bytes that no tokenizer counted. */
  #bytes = 0
  /** The same in UTF-16 code units. */
  #characters = 0
  /** UTF-16 code units that the tokenizer counted, and its count. */
  #shown = 0
  #counted = 0
  /** Tokens known without counting. */
  #known = 0
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

  /** @returns the part of the text beyond the tokenizer's bound */
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

  /** Adds a known number of tokens. */
  addTokens(tokens: number): void {
    this.#known += tokens
  }

  /** Adds a piece without text that a model still reads, such as the start of a message. */
  addMark(): void {
    this.#marks += 1
  }

  /** The tokens so far: at least one per piece and mark. */
  get tokens(): number {
    const byBytes = Math.ceil(this.#bytes / BYTES_PER_TOKEN)
    if (this.#tokenizer === undefined) return this.#known + Math.max(this.#pieces + this.#marks, byBytes)
    return this.#known + Math.max(this.#marks, this.#countShown(this.#tokenizer, byBytes))
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
    this.#known = 0
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

/** Falls back to bytes if the tokenizer throws or returns something other than a count. */
function countOr(tokenizer: Tokenizer, text: string): number {
  try {
    const tokens = tokenizer(text)
    if (Number.isFinite(tokens) && tokens >= 0) return Math.ceil(tokens)
  } catch {
    // Counted below.
  }
  return Math.ceil(Buffer.byteLength(text) / BYTES_PER_TOKEN)
}
