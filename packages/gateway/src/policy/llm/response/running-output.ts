import { TokenCounter, type Tokenizer } from '../token-counter.js'

/** The output of an answer so far: the last reported count, and the text after it. */
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
   * A count that does not grow although its event has text is stale, and does not cover that text.
   * A count in an event without text is final.
   *
   * @param isFinal true if the count covers all text so far
   */
  report(count: number, isFinal: boolean): void {
    if (count < this.#reported || (count === this.#reported && !isFinal)) return
    this.#reported = count
    this.#written.reset()
  }

  get reported(): number {
    return this.#reported
  }

  get tokens(): number {
    return this.#reported + this.#written.tokens
  }

  /** Like `tokens`, but an estimate that is cheap to read after each event. */
  get estimate(): number {
    return this.#reported + this.#written.estimate
  }
}
