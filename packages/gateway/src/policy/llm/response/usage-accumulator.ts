import { settledMoney } from '../call-price.js'
import type { LlmCall } from '../llm-call.js'
import type { CallPrice } from '../price-list.js'
import type { Reading } from '../shapes/shape.js'
import { TokenCounter, type Tokenizer } from '../token-counter.js'
import { type Amounts, amountsOf, mergeUsage, NO_AMOUNTS, type TokenUsage, type Usage } from '../usage.js'
import { ItemTexts } from './item-texts.js'
import { ParallelOutput } from './parallel-output.js'
import { RunningOutput } from './running-output.js'

/** Bytes that count as one token in a response that cannot be read. */
const BYTES_PER_TOKEN = 4

/** The parts of a use of which nothing is known. */
const NO_PARTS = { cached: 0, cacheWrite: 0, reasoning: 0 } as const

/** Accumulates the known cost of a response. */
export class UsageAccumulator {
  readonly #tokenizer: Tokenizer | undefined
  readonly #reservedInput: number
  readonly #reservedOutput: number
  readonly #cachedWeight: number
  readonly #output: RunningOutput | ParallelOutput
  readonly #items = new ItemTexts()
  /** Undefined unless the output that arrives is counted apart from what is reported. */
  #shown: TokenCounter | undefined
  readonly #price: CallPrice | undefined
  readonly #stated: Pick<TokenUsage, 'images' | 'audioSeconds'>
  #usage: Usage = {}
  /** Tokens of text that repeats the whole answer. */
  #repeated = 0
  /** Tokens of unreadable bytes. */
  #unread = 0
  #wrote = false
  #failed = false

  constructor({ options, parameters, reservation, price }: LlmCall) {
    this.#price = price
    this.#stated = { images: reservation.images ?? 0, audioSeconds: reservation.audioSeconds ?? 0 }
    this.#tokenizer = options.tokenizer
    this.#cachedWeight = options.cachedWeight
    this.#reservedInput = reservation.input
    this.#reservedOutput = reservation.output
    const Output = parameters.answers > 1 ? ParallelOutput : RunningOutput
    this.#output = new Output(options.tokenizer)
  }

  add(reading: Reading): void {
    const { choices = [], failed, item } = reading
    const texts = item === undefined ? reading.texts : this.#items.findNew(item, reading.texts)
    this.#failed ||= failed
    this.#wrote ||= texts.some((text) => text !== '')
    if (this.#shown !== undefined && reading.repeats !== true)
      for (const text of texts) this.#shown.addText(text)
    if (reading.repeats === true) this.#repeat(texts)
    if (this.#output instanceof ParallelOutput && reading.choices !== undefined) {
      const count = this.#outputOf(reading.usage)
      this.#output.add(choices, count, ({ usage }) => this.#outputOf(usage))
      this.#usage = mergeUsage(this.#usage, reading.usage)
      for (const { usage } of choices)
        this.#usage = mergeUsage(this.#usage, { ...usage, output: undefined, total: undefined })
    } else {
      const usage = choices.reduce((sum, choice) => mergeUsage(sum, choice.usage), reading.usage)
      this.#addWhole(usage, reading.repeats === true ? [] : texts)
    }
  }

  #addWhole(usage: Usage, texts: readonly string[]): void {
    for (const text of texts) this.#output.write(text)
    const count = this.#outputOf(usage)
    const isFinal = texts.length === 0 || this.#hasOnlyNewTotal(usage)
    this.#usage = mergeUsage(this.#usage, usage)
    if (count === undefined) return
    this.#output.report(count, isFinal)
    if (isFinal) this.#unread = 0
  }

  addText(text: string): void {
    this.#wrote ||= text !== ''
    this.#output.write(text)
  }

  /** Adds unreadable bytes. Together, they count as at most the reserved output. */
  addUnread(bytes: number): void {
    this.#wrote ||= bytes > 0
    this.#unread += Math.ceil(bytes / BYTES_PER_TOKEN)
  }

  /** Discards the unreadable bytes so far, because a reported usage covers them. */
  forgetUnread(): void {
    this.#unread = 0
  }

  /**
   * Returns the cost of a truncated document: `unknown`, which keeps the reservation charged, or
   * the cost of its text if that is more.
   */
  reservedOrText(bytes: number): Amounts | 'unknown' {
    const output = Math.ceil(bytes / BYTES_PER_TOKEN)
    // A response without output, such as embeddings, has no text either.
    if (this.#reservedOutput === 0 || output <= this.#reservedOutput) return 'unknown'
    return this.#amountsOf({ ...this.#stated, ...NO_PARTS, input: this.#reservedInput, output })
  }

  /** Reports whether the response contains text. */
  get hasText(): boolean {
    return this.#wrote
  }

  /** Reports whether some unreadable bytes are not covered by a reported usage. */
  get hasUnread(): boolean {
    return this.#unread > 0
  }

  /**
   * An estimate of the output tokens so far, which is cheap to read after each event. Text that only
   * repeats earlier text does not count.
   */
  get outputSoFar(): number {
    const known = this.#output.estimate
    return known + Math.min(this.#unread, Math.max(0, this.#reservedOutput - known))
  }

  /** Counts the output that arrives from here on. */
  countShown(): void {
    this.#shown ??= new TokenCounter()
  }

  /** An estimate of the output tokens that arrived, without those that were only reported. */
  get shownSoFar(): number {
    return this.#shown?.tokens ?? 0
  }

  /** Reports whether the upstream stated its output. */
  get isReported(): boolean {
    return this.#output.reported > 0
  }

  /**
   * The output tokens that arrived in the whole response. Counting text is not exact, so no more is
   * missing than the reasoning that the upstream reported, if it reported any.
   */
  get shown(): number {
    const { reasoning } = this.#usage
    return reasoning === undefined
      ? this.shownSoFar
      : Math.max(this.shownSoFar, this.counts().output - reasoning)
  }

  #repeat(texts: readonly string[]): void {
    const counter = new TokenCounter(this.#tokenizer)
    for (const text of texts) counter.addText(text)
    this.#repeated = counter.tokens
  }

  /**
   * Reports whether the usage contains only a new total, which covers the input and all text so
   * far.
   */
  #hasOnlyNewTotal({ input, output, total }: Usage): boolean {
    if (input !== undefined || output !== undefined || total === undefined) return false
    return this.#usage.input === undefined && total > (this.#usage.total ?? 0)
  }

  /** Returns the output that the usage reports. A total may include hidden reasoning. */
  #outputOf({ input, output, total }: Usage): number | undefined {
    if (output === undefined && total === undefined) return undefined
    const known = input ?? this.#usage.input
    const beyondInput = total === undefined ? 0 : total - (known ?? this.#estimatedInput(total))
    const reported = Math.max(output ?? 0, beyondInput, 0)
    // A total that does not exceed the input reports no output, unless nothing else is known.
    return reported > 0 || this.#hasOnlyNewTotal({ input, output, total }) ? reported : undefined
  }

  #estimatedInput(total: number | undefined): number {
    return Math.min(this.#reservedInput, total ?? this.#reservedInput)
  }

  /**
   * Returns the cost: the reported usage, plus the text after it. If no input is reported, the
   * reserved input counts.
   */
  amounts(): Amounts {
    if (this.#failed && !this.#wrote && this.#output.reported === 0) return NO_AMOUNTS
    return this.#amountsOf(this.counts())
  }

  #amountsOf(used: TokenUsage): Amounts {
    const amounts = amountsOf(used.input, used.output, used.cached, this.#cachedWeight)
    return this.#price === undefined ? amounts : { ...amounts, money: settledMoney(this.#price, used) }
  }

  /** Returns the use so far, without the weight of cached input. */
  counts(): TokenUsage {
    const { total, cacheWrite = 0, reasoning = 0 } = this.#usage
    const input = this.#usage.input ?? this.#estimatedInput(total)
    // Repeated text counts only if no usage covers it.
    const repeated = this.#output.reported === 0 ? this.#repeated : 0
    const known = Math.max(this.#output.tokens, repeated)
    const unread = Math.min(this.#unread, Math.max(0, this.#reservedOutput - known))
    const output = known + unread
    const cached = Math.min(this.#usage.cached ?? 0, input)
    const { images = this.#stated.images, audioSeconds = this.#stated.audioSeconds } = this.#usage
    return {
      ...{ input, cached, cacheWrite: Math.min(cacheWrite, input - cached) },
      ...{ output, reasoning: Math.min(reasoning, output), images, audioSeconds },
    }
  }
}
