import { MAX_ANSWERS } from '../request/json-fields.js'
import type { ChoiceReading } from '../shapes/shape.js'
import type { Tokenizer } from '../token-counter.js'
import { RunningOutput } from './running-output.js'

/**
 * The output of several answers in one stream.
 *
 * Some servers tell a running usage of each answer by itself, others of all answers together, and the field is the same.
 * Both are followed. A count of all answers grows with every text, whichever answer it is of; one that does not grow where
 * another answer goes on is of that answer alone. Only where one answer alone has counts, the delivered text decides: a client
 * can have text written of many tokens a byte. Holds at most `MAX_ANSWERS` answers; those beyond count as the last.
 */
export class ParallelOutput {
  readonly #tokenizer: Tokenizer | undefined
  readonly #together: RunningOutput
  readonly #apart = new Map<number, RunningOutput>()
  /** How far the counts were from the delivered text, in tokens, for each way to read them. */
  #offTogether = 0
  #offApart = 0
  /** The largest count in an event of one answer, and the answer that the last such count was of. */
  #largest = 0
  #teller: number | undefined
  /** How often a count grew, and how often it did not, where another answer went on with more text. */
  #grew = 0
  #stayed = 0
  /** A count was less than one before. */
  #shrank = false
  /** The upstream has told the usage of all answers at once. */
  #toldTogether = false
  /** The upstream tells usage inside of each answer. */
  #toldApart = false

  constructor(tokenizer: Tokenizer | undefined) {
    this.#tokenizer = tokenizer
    this.#together = new RunningOutput(tokenizer)
  }

  write(text: string): void {
    this.#together.write(text)
  }

  /** Takes a count of all answers. @param closes whether no text came with it */
  tell(count: number, closes: boolean): void {
    this.#toldTogether = true
    this.#together.tell(count, closes)
  }

  /**
   * @param count what the event tells of the output; undefined where it tells nothing
   * @param countOf what a choice tells of its own output
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
      this.#toldApart = true
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

  /** Takes a count that is of one answer, or of all of them. */
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

  get told(): number {
    return this.#isApart() ? this.#sum(({ told }) => told) : this.#together.told
  }

  get tokens(): number {
    return this.#isApart() ? this.#sum(({ tokens }) => tokens) : this.#together.tokens
  }

  #isApart(): boolean {
    if (this.#toldTogether) return false
    if (this.#toldApart || this.#shrank) return true
    if (this.#grew + this.#stayed > 0) return this.#stayed >= this.#grew
    return this.#offApart < this.#offTogether
  }

  #sum(of: (output: RunningOutput) => number): number {
    let sum = 0
    for (const output of this.#apart.values()) sum += of(output)
    return sum
  }
}
