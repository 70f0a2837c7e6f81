import { TokenCounter, type Tokenizer } from '../token-counter.js'

/** The output of one answer so far: what the upstream last told of it, and what it has written since. */
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
   * Takes a count that the upstream tells, which includes the text of its own event.
   *
   * A count that has not grown beside new text is stuck and does not cover that text; without text, it is the last word.
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
