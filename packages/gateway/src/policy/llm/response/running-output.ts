import { TokenCounter, type Tokenizer } from '../token-counter.js'

/** The output of one answer so far: the last reported count, and the text after it. */
export class RunningOutput {
  readonly #written: TokenCounter
  #told = 0

  constructor(tokenizer: Tokenizer | undefined) {
    this.#written = new TokenCounter(tokenizer)
  }

  write(text: string): void {
    this.#written.addText(text)
  }

  /**
   * Adds a reported count, which includes the text of its own event.
   *
   * A count that does not grow with new text is stale and does not cover that text. Without text it
   * is final.
   *
   * @param closes whether the event has no text
   */
  tell(count: number, closes: boolean): void {
    if (count < this.#told || (count === this.#told && !closes)) return
    this.#told = count
    this.#written.reset()
  }

  get told(): number {
    return this.#told
  }

  get tokens(): number {
    return this.#told + this.#written.tokens
  }
}
