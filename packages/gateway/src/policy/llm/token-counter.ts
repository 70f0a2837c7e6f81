/**
 * Counts the tokens of a string. A tokenizer may be slow: each call is limited to `BATCH`
 * characters.
 */
export type Tokenizer = (text: string) => number

/**
 * UTF-8 bytes per token without a tokenizer: four characters of English. Scripts with longer
 * encodings get fewer characters per token, as in real vocabularies.
 */
const BYTES_PER_TOKEN = 4

/**
 * Characters collected before the tokenizer is called, so that parts of words are counted together.
 * The number is small because tokenizers take quadratic time for text without spaces.
 */
const BATCH = 512

/**
 * Maximum number of characters per request that the tokenizer counts. Counting blocks the event
 * loop: for a few milliseconds with prose, and tens of milliseconds with the worst text a client
 * can send.
 */
const MAX_TOKENIZED = 16_384

/**
 * Counts the tokens of text that arrives in pieces.
 *
 * Without a tokenizer, the count is a quarter of the bytes, rounded up once, and at least the
 * number of pieces. With a tokenizer, it is the sum over all batches, which is at most one token
 * per batch too high. Text beyond `MAX_TOKENIZED` counts at the rate of the text before it, and at
 * least a quarter of its bytes. Buffers at most one batch.
 */
export class TokenCounter {
  readonly #tokenizer: Tokenizer | undefined
  #pieces = 0
  /** Bytes that no tokenizer counted. */
  #bytes = 0
  /** The length of the same text in UTF-16 code units. */
  #characters = 0
  /** UTF-16 code units that the tokenizer counted, and its count. */
  #tokenized = 0
  #counted = 0
  /** Tokens that are known without counting. */
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
    const rest = this.#tokenizer === undefined ? text : this.#tokenize(text, this.#tokenizer)
    this.#characters += rest.length
    this.#bytes += Buffer.byteLength(rest)
  }

  /** @returns the part of the text beyond `MAX_TOKENIZED` */
  #tokenize(text: string, tokenizer: Tokenizer): string {
    let start = 0
    while (start < text.length && this.#tokenized < MAX_TOKENIZED) {
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
    return this.#known + Math.max(this.#marks, this.#countTokenized(this.#tokenizer, byBytes))
  }

  /**
   * An estimate of the tokens so far that calls no tokenizer, so that reading it often neither takes
   * time nor changes the count. Text that the tokenizer has yet to count is estimated by its length.
   */
  get estimate(): number {
    if (this.#tokenizer === undefined) return this.tokens
    const uncounted = Math.ceil((this.#bytes + this.#batched) / BYTES_PER_TOKEN)
    return this.#known + Math.max(this.#marks, this.#counted + uncounted)
  }

  #countTokenized(tokenizer: Tokenizer, byBytes: number): number {
    this.#countBatch(tokenizer)
    if (this.#characters === 0) return this.#counted
    const byRate = Math.ceil((this.#counted * this.#characters) / this.#tokenized)
    return this.#counted + Math.max(byRate, byBytes)
  }

  reset(): void {
    this.#pieces = 0
    this.#bytes = 0
    this.#characters = 0
    this.#tokenized = 0
    this.#counted = 0
    this.#known = 0
    this.#marks = 0
    this.#batch = []
    this.#batched = 0
  }

  #countBatch(tokenizer: Tokenizer): void {
    if (this.#batched === 0) return
    this.#counted += countOrEstimate(tokenizer, this.#batch.join(''))
    this.#tokenized += this.#batched
    this.#batch = []
    this.#batched = 0
  }
}

/** Counts with the tokenizer, or by bytes if it throws or returns something other than a count. */
function countOrEstimate(tokenizer: Tokenizer, text: string): number {
  try {
    const tokens = tokenizer(text)
    if (Number.isFinite(tokens) && tokens >= 0) return Math.ceil(tokens)
  } catch {
    // Estimated below.
  }
  return Math.ceil(Buffer.byteLength(text) / BYTES_PER_TOKEN)
}
