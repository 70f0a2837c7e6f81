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
  readonly #combined: RunningOutput
  readonly #perAnswer = new Map<number, RunningOutput>()
  /**
   * The accumulated difference between counts and delivered text, in tokens, for each
   * interpretation.
   */
  #combinedError = 0
  #perAnswerError = 0
  /** The largest count in an event of one answer, and the answer of the last such count. */
  #largest = 0
  #lastReporter: number | undefined
  /** How often a count grew or stayed the same while another answer continued. */
  #grew = 0
  #stayed = 0
  /** True if a count was smaller than an earlier one. */
  #shrank = false
  /** True if the upstream reported the usage of all answers. */
  #hasCombinedCount = false
  /** True if the upstream reports usage inside each answer. */
  #hasPerAnswerCount = false

  constructor(tokenizer: Tokenizer | undefined) {
    this.#tokenizer = tokenizer
    this.#combined = new RunningOutput(tokenizer)
  }

  write(text: string): void {
    this.#combined.write(text)
  }

  /** Adds a count of all answers. @param isFinal true if the count covers all text so far */
  report(count: number, isFinal: boolean): void {
    this.#hasCombinedCount = true
    this.#combined.report(count, isFinal)
  }

  /**
   * Adds the content of an event.
   *
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
        this.#combined.write(text)
        output.write(text)
      }
      const own = countOf(choice)
      if (own === undefined) continue
      this.#hasPerAnswerCount = true
      output.report(own, choice.texts.length === 0)
    }
    if (count === undefined) return
    const isFinal = choices.every(({ texts }) => texts.length === 0)
    const [sole, second] = choices
    if (sole === undefined || second !== undefined) {
      this.report(count, isFinal)
    } else {
      this.#compare(sole, count, isFinal)
      this.#combined.report(count, isFinal)
    }
  }

  /** Adds a count that may be of one answer or of all answers. */
  #compare({ index }: ChoiceReading, count: number, isFinal: boolean): void {
    const output = this.#outputOf(index)
    this.#combinedError += Math.abs(count - this.#combined.tokens)
    this.#perAnswerError += Math.abs(count - output.tokens)
    if (count < this.#largest) this.#shrank = true
    if (!isFinal && this.#lastReporter !== undefined && this.#lastReporter !== index) {
      if (count > this.#largest) this.#grew += 1
      else this.#stayed += 1
    }
    this.#largest = Math.max(this.#largest, count)
    this.#lastReporter = index
    output.report(count, isFinal)
  }

  #outputOf(index: number): RunningOutput {
    const clampedIndex = Math.min(index, MAX_ANSWERS - 1)
    let output = this.#perAnswer.get(clampedIndex)
    if (output === undefined) {
      output = new RunningOutput(this.#tokenizer)
      this.#perAnswer.set(clampedIndex, output)
    }
    return output
  }

  get reported(): number {
    return this.#countsPerAnswer() ? this.#sum(({ reported }) => reported) : this.#combined.reported
  }

  get tokens(): number {
    return this.#countsPerAnswer() ? this.#sum(({ tokens }) => tokens) : this.#combined.tokens
  }

  /** Like `tokens`, but an estimate that is cheap to read after each event. */
  get estimate(): number {
    return this.#countsPerAnswer() ? this.#sum(({ estimate }) => estimate) : this.#combined.estimate
  }

  #countsPerAnswer(): boolean {
    if (this.#hasCombinedCount) return false
    if (this.#hasPerAnswerCount || this.#shrank) return true
    if (this.#grew + this.#stayed > 0) return this.#stayed >= this.#grew
    return this.#perAnswerError < this.#combinedError
  }

  #sum(of: (output: RunningOutput) => number): number {
    let sum = 0
    for (const output of this.#perAnswer.values()) sum += of(output)
    return sum
  }
}
