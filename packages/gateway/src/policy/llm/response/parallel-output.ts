import { MAX_ANSWERS } from '../request/json-fields.js'
import type { ChoiceReading } from '../shapes/shape.js'
import type { Tokenizer } from '../token-counter.js'
import { RunningOutput } from './running-output.js'

/**
 * Counts the output of several answers in one stream.
 *
 * Some servers report a running usage per answer, others for all answers together, in the same
 * member. Both readings are tracked. A total grows with every text; a count that does not grow
 * while another answer continues is of one answer. If only one answer has counts, the delivered
 * text decides. Holds at most `MAX_ANSWERS` answers; answers beyond count as the last.
 */
export class ParallelOutput {
  readonly #tokenizer: Tokenizer | undefined
  readonly #together: RunningOutput
  readonly #apart = new Map<number, RunningOutput>()
  /** The distance between counts and delivered text, in tokens, for each reading. */
  #offTogether = 0
  #offApart = 0
  /** The largest count in an event of one answer, and the answer of the last such count. */
  #largest = 0
  #teller: number | undefined
  /** How often a count grew, or did not, while another answer continued. */
  #grew = 0
  #stayed = 0
  /** True if a count was smaller than an earlier one. */
  #shrank = false
  /** True if the upstream reported the usage of all answers. */
  #reportedTogether = false
  /** True if the upstream reports usage inside each answer. */
  #reportedApart = false

  constructor(tokenizer: Tokenizer | undefined) {
    this.#tokenizer = tokenizer
    this.#together = new RunningOutput(tokenizer)
  }

  write(text: string): void {
    this.#together.write(text)
  }

  /** Adds a count of all answers. @param closes whether its event has no text */
  tell(count: number, closes: boolean): void {
    this.#reportedTogether = true
    this.#together.tell(count, closes)
  }

  /**
   * @param count the output that the event reports, if any
   * @param countOf the output that a choice reports for itself
   */
  add(
    choices: readonly ChoiceReading[],
    count: number | undefined,
    countOf: (choice: ChoiceReading) => number | undefined,
  ): void {
    for (const choice of choices) {
      const output = this.#of(choice.index)
      for (const text of choice.texts) {
        this.#together.write(text)
        output.write(text)
      }
      const own = countOf(choice)
      if (own === undefined) continue
      this.#reportedApart = true
      output.tell(own, choice.texts.length === 0)
    }
    if (count === undefined) return
    const closes = choices.every(({ texts }) => texts.length === 0)
    const [sole, second] = choices
    if (sole === undefined || second !== undefined) {
      this.tell(count, closes)
    } else {
      this.#compare(sole, count, closes)
      this.#together.tell(count, closes)
    }
  }

  /** Adds a count of one answer, or of all. */
  #compare({ index }: ChoiceReading, count: number, closes: boolean): void {
    const output = this.#of(index)
    this.#offTogether += Math.abs(count - this.#together.tokens)
    this.#offApart += Math.abs(count - output.tokens)
    if (count < this.#largest) this.#shrank = true
    if (!closes && this.#teller !== undefined && this.#teller !== index) {
      if (count > this.#largest) this.#grew += 1
      else this.#stayed += 1
    }
    this.#largest = Math.max(this.#largest, count)
    this.#teller = index
    output.tell(count, closes)
  }

  #of(index: number): RunningOutput {
    const place = Math.min(index, MAX_ANSWERS - 1)
    let output = this.#apart.get(place)
    if (output === undefined) {
      output = new RunningOutput(this.#tokenizer)
      this.#apart.set(place, output)
    }
    return output
  }

  get reported(): number {
    return this.#isApart() ? this.#sum(({ reported }) => reported) : this.#together.reported
  }

  get tokens(): number {
    return this.#isApart() ? this.#sum(({ tokens }) => tokens) : this.#together.tokens
  }

  #isApart(): boolean {
    if (this.#reportedTogether) return false
    if (this.#reportedApart || this.#shrank) return true
    if (this.#grew + this.#stayed > 0) return this.#stayed >= this.#grew
    return this.#offApart < this.#offTogether
  }

  #sum(of: (output: RunningOutput) => number): number {
    let sum = 0
    for (const output of this.#apart.values()) sum += of(output)
    return sum
  }
}
