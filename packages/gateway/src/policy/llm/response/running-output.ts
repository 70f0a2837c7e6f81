import { TokenCounter, type Tokenizer } from '../token-counter.js'

/** The output of one answer so far: the last reported count, and the text after it. */
export class RunningOutput {
  readonly #written: TokenCounter
  #reported = 0

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
    if (count < this.#reported || (count === this.#reported && !closes)) return
    this.#reported = count
    this.#written.reset()
  }

  get reported(): number {
    return this.#reported
  }

  get tokens(): number {
    return this.#reported + this.#written.tokens
  }
}
