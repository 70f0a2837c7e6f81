import type { LlmCall } from '../llm-call.js'
import type { Reading } from '../shapes/shape.js'
import { type Amounts, NOTHING } from '../usage.js'
import { type AnswerKind, answerKind } from './answer-head.js'
import { EventBlocks } from './event-blocks.js'
import { DONE, EventData, parseData } from './event-data.js'
import { HeldBytes } from './held-bytes.js'
import { type AnswerEnd, workedBy, workedInVain } from './no-work.js'
import { Tally } from './tally.js'

/** The longest event that is read, in bytes. The last event of a response repeats the whole of it. */
export const MAX_EVENT = 4 * 1024 * 1024
/** The longest document that is read, in bytes. */
export const MAX_DOCUMENT = 8 * 1024 * 1024

/** True costs by resource; `unknown` where what was reserved should stay charged. */
export type Settlement = Amounts | 'unknown'

/**
 * Watches the answer to a request go by, as the upstream sends it, and tells what it cost. Never throws; holds one event
 * or one document at most, and reads none that is longer than `MAX_EVENT` or `MAX_DOCUMENT`.
 */
export class AnswerMeter {
  readonly #call: LlmCall
  readonly #tally: Tally
  readonly #blocks = new EventBlocks(MAX_EVENT)
  readonly #data = new EventData()
  readonly #document = new HeldBytes()
  #status: number | undefined
  #kind: AnswerKind = 'document'
  /** Some of the answer was too long to be read. */
  #lost = false
  #understood = false
  /** Some of the answer is JSON of another shape. */
  #strange = false

  constructor(call: LlmCall) {
    this.#call = call
    this.#tally = new Tally(call.options.tokenizer)
  }

  /** @param rawHeaders name, value, name, value */
  head(status: number, rawHeaders: readonly string[]): void {
    this.#status = status
    this.#kind = answerKind(rawHeaders)
  }

  data(chunk: Buffer): void {
    if (this.#lost || this.#kind === 'encoded') return
    if (this.#kind === 'document') {
      this.#lost = this.#document.length + chunk.length > MAX_DOCUMENT
      if (this.#lost) this.#document.take()
      else this.#document.append(chunk)
      return
    }
    this.#blocks.push(chunk, ({ bytes, whole }) => {
      if (whole) this.#readEvent(bytes)
      else this.#lost = true
    })
  }

  /**
   * What the request cost, once its answer has ended.
   *
   * - No work was done, so nothing: an answer of 300 or more, or a failure, but for those that may come of waiting.
   * - A stream: its usage, and what came after that or without one counted as it was delivered, to within one event.
   * - A document: its usage. One that is cut was worked out to its end, so what was reserved stays.
   * - A stream of which nothing was delivered: its input.
   * - What the upstream does in the background goes on when the answer is cut, so what was reserved stays.
   */
  settlement(end: AnswerEnd): Settlement {
    if (end.kind === 'failed') return workedInVain(end) === 'no' ? NOTHING : 'unknown'
    if (end.kind === 'cut' && this.#call.asked.background) return 'unknown'
    if (this.#status === undefined) return this.#call.asked.stream ? this.#amounts() : 'unknown'
    const worked = workedBy(this.#status)
    if (worked !== 'yes') return worked === 'no' ? NOTHING : 'unknown'
    if (this.#lost || this.#kind === 'encoded') return 'unknown'
    if (this.#kind === 'document') {
      this.#readDocument()
      return this.#understood ? this.#amounts() : 'unknown'
    }
    // What comes after the last blank line is an event to most clients where the stream is complete.
    if (end.kind === 'answered') this.#readEvent(this.#blocks.rest())
    return this.#strange && !this.#understood ? 'unknown' : this.#amounts()
  }

  #amounts(): Amounts {
    const { options, reservation } = this.#call
    return this.#tally.amounts(reservation, options.cachedWeight)
  }

  #readEvent(block: Buffer): void {
    const data = this.#data.of(block)
    if (data === undefined || data === DONE) return
    const parsed = parseData(data)
    // What is no JSON is something that a client can read all the same.
    if (parsed === undefined) this.#tally.addText(data)
    else this.#add(this.#call.options.shape.event(parsed))
  }

  #readDocument(): void {
    const parsed = parseData(this.#document.take().toString('utf8'))
    this.#add(this.#call.options.shape.answer(parsed))
  }

  #add(reading: Reading | undefined): void {
    if (reading === undefined) {
      this.#strange = true
    } else {
      this.#understood = true
      this.#tally.add(reading)
    }
  }
}
