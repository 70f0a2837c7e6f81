import type { Reservation } from '../reservation.js'
import type { Reading } from '../shapes/shape.js'
import { TokenCounter, type Tokenizer } from '../token-counter.js'
import { type Amounts, amountsOf, laterUsage, NOTHING, type Usage } from '../usage.js'

/** What an answer is known to have cost so far. */
export class Tally {
  /** What was written since the upstream last told its output. */
  readonly #written: TokenCounter
  #usage: Usage = {}
  #wrote = false
  #failed = false

  constructor(tokenizer: Tokenizer | undefined) {
    this.#written = new TokenCounter(tokenizer)
  }

  add({ usage, texts, failed }: Reading): void {
    this.#failed ||= failed
    for (const text of texts) this.addText(text)
    this.#usage = laterUsage(this.#usage, usage)
    if (usage.output !== undefined || usage.total !== undefined) this.#written.reset()
  }

  addText(text: string): void {
    this.#wrote ||= text !== ''
    this.#written.addText(text)
  }

  /**
   * What it cost: as the upstream said, and what was written after it said so. Input that it does not tell is what was
   * reserved for it.
   */
  amounts(reserved: Reservation, cachedWeight: number): Amounts {
    const { total, cached = 0 } = this.#usage
    if (this.#failed && !this.#wrote && this.#usage.output === undefined) return NOTHING
    const input = this.#usage.input ?? Math.min(reserved.input, total ?? reserved.input)
    // A total may count what the model thought and did not say.
    const told = Math.max(this.#usage.output ?? 0, (total ?? 0) - input)
    return amountsOf(input, told + this.#written.tokens, cached, cachedWeight)
  }
}
