import { MAX_ANSWERS } from '../request/json-fields.js'
import type { ChoiceReading } from '../shapes/shape.js'
import type { Tokenizer } from '../token-counter.js'
import { RunningOutput } from './running-output.js'

/**
 * Counts the output of several answers in one stream.
 *
 * Some servers report a running usage per answer, and others a running usage of all answers
 * together, in the same member. Both interpretations are tracked. A count of all answers grows with
 * every text, so a count that does not grow while another answer continues belongs to a single
 * answer. If only one answer has counts, the interpretation that is closer to the delivered text
 * applies. At most `MAX_ANSWERS` answers are distinguished; further answers count as the last one.
 */
export class ParallelOutput {
  readonly #tokenizer: Tokenizer | undefined
  readonly #together: RunningOutput
  readonly #apart = new Map<number, RunningOutput>()
  /**
   * The accumulated difference between counts and delivered text, in tokens, for each
   * interpretation.
   */
  #errorTogether = 0
  #errorApart = 0
  /** The largest count in an event of one answer, and the answer of the last such count. */
  #largest = 0
  #lastReporter: number | undefined
  /** How often a count grew or stayed the same while another answer continued. */
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

  /** Adds a count of all answers. @param closes true if its event has no text */
  report(count: number, closes: boolean): void {
    this.#reportedTogether = true
    this.#together.report(count, closes)
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
      const output = this.#outputOf(choice.index)
      for (const text of choice.texts) {
        this.#together.write(text)
        output.write(text)
      }
      const own = countOf(choice)
      if (own === undefined) continue
      this.#reportedApart = true
      output.report(own, choice.texts.length === 0)
    }
    if (count === undefined) return
    const closes = choices.every(({ texts }) => texts.length === 0)
    const [sole, second] = choices
    if (sole === undefined || second !== undefined) {
      this.report(count, closes)
    } else {
      this.#compare(sole, count, closes)
      this.#together.report(count, closes)
    }
  }

  /** Adds a count that may be of one answer or of all answers. */
  #compare({ index }: ChoiceReading, count: number, closes: boolean): void {
    const output = this.#outputOf(index)
    this.#errorTogether += Math.abs(count - this.#together.tokens)
    this.#errorApart += Math.abs(count - output.tokens)
    if (count < this.#largest) this.#shrank = true
    if (!closes && this.#lastReporter !== undefined && this.#lastReporter !== index) {
      if (count > this.#largest) this.#grew += 1
      else this.#stayed += 1
    }
    this.#largest = Math.max(this.#largest, count)
    this.#lastReporter = index
    output.report(count, closes)
  }

  #outputOf(index: number): RunningOutput {
    const clampedIndex = Math.min(index, MAX_ANSWERS - 1)
    let output = this.#apart.get(clampedIndex)
    if (output === undefined) {
      output = new RunningOutput(this.#tokenizer)
      this.#apart.set(clampedIndex, output)
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
    return this.#errorApart < this.#errorTogether
  }

  #sum(of: (output: RunningOutput) => number): number {
    let sum = 0
    for (const output of this.#apart.values()) sum += of(output)
    return sum
  }
}
