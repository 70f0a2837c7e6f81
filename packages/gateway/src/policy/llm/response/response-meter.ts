import type { LlmCall } from '../llm-call.js'
import { isErrorAnswer } from '../shapes/error-body.js'
import type { Reading } from '../shapes/shape.js'
import type { StreamEnding } from '../shapes/stream-ending.js'
import { type Amounts, NO_AMOUNTS, type TokenUsage } from '../usage.js'
import { type AnswerEnd, billingOfFailure, billingOfStatus } from './billing.js'
import { ByteBuffer } from './byte-buffer.js'
import { decompress } from './content-decoding.js'
import { type AnswerHead, answerHead } from './content-kind.js'
import { outlineOf } from './json-outline.js'
import { Progress, type ProgressListener } from './progress.js'
import { reportedModel } from './reported-model.js'
import { type AnswerParts, MAX_DOCUMENT, ResponseBody } from './response-body.js'
import { type ResponseMemory, UNBOUNDED } from './response-memory.js'
import { DONE, parseData } from './sse-data.js'
import { UsageAccumulator } from './usage-accumulator.js'

export { MAX_DOCUMENT, MAX_EVENT } from './response-body.js'

/** Actual costs by resource; `unknown` if the reservation should stay charged. */
export type Settlement = Amounts | 'unknown'

/** The reason why a response could not be read. */
export type UnreadReason =
  | 'not_json'
  /** JSON that does not have the route's shape. */
  | 'unknown_shape'
  | 'too_long'
  /** Compressed in a way that the gateway cannot decode. */
  | 'encoding'
  /** A successful response without a body. */
  | 'empty'
  /** Binary frames with a wrong checksum. */
  | 'corrupt'

const PLAIN: AnswerHead = { kind: 'document', mediaType: '', codings: [] }

/** Reports whether a media type is that of audio or of plain text. */
function isPlain(mediaType: string): boolean {
  return /^(audio\/|text\/(plain|vtt|srt)|application\/(octet-stream|x-subrip))/.test(mediaType)
}

/**
 * Meters the cost of a response while it is forwarded. Never throws. Buffers at most one event or
 * document, up to `MAX_EVENT` or `MAX_DOCUMENT` bytes.
 */
export class ResponseMeter {
  readonly #call: LlmCall
  readonly #accumulator: UsageAccumulator
  readonly #memory: ResponseMemory | undefined
  readonly #encoded = new ByteBuffer()
  readonly #encodedMemory
  #status: number | undefined
  #head = PLAIN
  #body: ResponseBody
  #bytes = 0
  /** True if part of a compressed response was dropped because it was too long to buffer. */
  #encodedLost = false
  #understood = false
  #unfinished = false
  /** True if part of an event stream is not JSON. It counts as text, since clients can read it. */
  #hasText = false
  /** Bytes of values that were not understood, and the reason for the last one. */
  #unknownBytes = 0
  #unknownReason: UnreadReason = 'not_json'
  #unread: UnreadReason | undefined
  /** True if the response is audio or text that is not read. */
  #isPlain = false
  #firstTextAt: number | undefined
  /** Undefined unless somebody follows the response. */
  #progress: Progress | undefined
  /** Undefined unless the stream may be ended before its end. */
  #ending: StreamEnding | undefined
  /** Undefined unless the model is read. */
  #model: { name: string | undefined } | undefined

  constructor(call: LlmCall, memory?: ResponseMemory) {
    this.#call = call
    this.#accumulator = new UsageAccumulator(call)
    this.#memory = memory
    this.#encodedMemory = memory?.allocate() ?? UNBOUNDED
    this.#body = this.#bodyOf('document')
  }

  /** @param rawHeaders name, value, name, value */
  head(status: number, rawHeaders: readonly string[]): void {
    this.#status = status
    this.#head = answerHead(rawHeaders)
    this.#isPlain = this.#call.options.shape.hasPlainAnswers === true && isPlain(this.#head.mediaType)
    this.#body = this.#bodyOf(this.#head.kind)
  }

  data(chunk: Buffer): void {
    this.#bytes += chunk.length
    if (this.#isPlain) {
      if (this.#head.mediaType.startsWith('text/')) this.#accumulator.addUnread(chunk.length)
      return
    }
    if (this.#head.codings.length === 0) this.#body.push(chunk)
    else if (this.#bytes > MAX_DOCUMENT) this.#dropEncoded()
    else if (!this.#encodedLost && this.#encodedMemory.resize(this.#bytes)) this.#encoded.append(chunk)
    else this.#dropEncoded()
  }

  #dropEncoded(): void {
    this.#encodedLost = true
    this.#encoded.take()
    this.#encodedMemory.resize(0)
  }

  /**
   * The reason why part of the response was charged by its bytes; undefined if none was. Known
   * after `settlement`.
   */
  get unread(): UnreadReason | undefined {
    return this.#unread
  }

  /** Monotonic milliseconds when the first text of the response arrived; undefined before. */
  get firstTextAt(): number | undefined {
    return this.#firstTextAt
  }

  /** The tokens so far, without the weight of cached input. */
  get tokens(): TokenUsage {
    return this.#accumulator.counts()
  }

  /** Reads the model that the response names. Must be called before its first data. */
  readModel(): void {
    this.#model ??= { name: undefined }
  }

  /**
   * Tells a listener how far a streamed response is. A response that is read as a whole, such as a
   * document or compressed data, is never reported. Must be called before the first data.
   *
   * @param now the monotonic time, in milliseconds
   */
  follow(listener: ProgressListener, now = () => performance.now()): void {
    this.#accumulator.countShown()
    this.#progress = new Progress(listener, now)
  }

  /** The output tokens shown to the client, if the response is followed, and whether it reported its usage. */
  get shown(): { readonly output: number; readonly isReported: boolean } {
    return { output: this.#accumulator.shown, isReported: this.#accumulator.isReported }
  }

  /** Lets an ending read the events of a stream. Must be called before the first data. */
  showTo(ending: StreamEnding): void {
    this.#ending = ending
  }

  /** The model that the response named; undefined without one, or if it is not read. */
  get model(): string | undefined {
    return this.#model?.name
  }

  /**
   * Computes the cost of the request after the end of its response.
   *
   * - A response for which the upstream did no work costs nothing: most statuses of 300 or more,
   *   and failures other than timeouts.
   * - A stream costs its reported usage. Text that no usage covers is counted as delivered, to
   *   within one event.
   * - A document costs its reported usage. If it is truncated, the upstream has still generated all
   *   of it, so the reservation stays charged, or the delivered text if that is more.
   * - A stream that delivered nothing costs its input.
   * - A response that cannot be read is charged by the number of bytes delivered, up to the
   *   reservation.
   * - Background work continues after a truncated response, so the reservation stays charged.
   */
  settlement(end: AnswerEnd): Settlement {
    // What is read from here on belongs to a response that is over.
    this.#progress = undefined
    try {
      return this.#settlement(end)
    } finally {
      this.#dropEncoded()
      this.#body.release()
    }
  }

  #settlement(end: AnswerEnd): Settlement {
    if (end.kind === 'failed') return billingOfFailure(end) === 'no' ? NO_AMOUNTS : 'unknown'
    const { background, stream } = this.#call.parameters
    const billable = this.#status === undefined ? undefined : billingOfStatus(this.#status)
    if (billable === 'no') return NO_AMOUNTS
    if (billable === 'unknown' || (end.kind === 'interrupted' && background)) return 'unknown'
    if (billable === undefined) return stream ? this.#accumulator.amounts() : 'unknown'
    const complete = end.kind === 'answered'
    if (this.#isPlain) return this.#accumulator.amounts()
    if (this.#head.codings.length > 0) this.#decode()
    if (!this.#body.end(complete)) return this.#accumulator.reservedOrText(this.#body.truncatedText)
    if (this.#unfinished) return 'unknown'
    if (!this.#understood) this.#chargeByBytes(complete)
    // Usage that is reported after unread bytes may cover them.
    else if (!this.#accumulator.hasUnread) this.#unread = undefined
    return this.#accumulator.amounts()
  }

  #reportProgress(): void {
    if (this.#progress === undefined) return
    const { outputSoFar, shownSoFar } = this.#accumulator
    this.#progress.onEvent(outputSoFar, shownSoFar)
  }

  #bodyOf(kind: AnswerHead['kind']): ResponseBody {
    const parts: AnswerParts = {
      event: (data, name) => {
        this.#readEvent(data, name)
        this.#reportProgress()
      },
      value: (json) => {
        this.#read(json, 'event')
        this.#reportProgress()
      },
      document: (json) => this.#read(json, 'answer'),
      tooLong: (bytes) => {
        this.#unread = 'too_long'
        this.#accumulator.addUnread(bytes)
      },
      corrupt: (bytes) => {
        this.#unread = 'corrupt'
        this.#accumulator.addUnread(bytes)
      },
      outline: (json) => void this.#readOutline(json),
    }
    const { options, parameters } = this.#call
    const mayBeList = options.shape.streamsList === true && parameters.stream
    return new ResponseBody(kind, parts, this.#memory, mayBeList)
  }

  #decode(): void {
    const bytes = this.#encoded.take()
    this.#encodedMemory.resize(0)
    const whole = this.#bytes === bytes.length
    const plain = whole && bytes.length > 0 ? decompress(bytes, this.#head.codings) : undefined
    if (plain !== undefined) {
      this.#body.push(plain)
    } else if (this.#bytes > 0) {
      this.#unread = 'encoding'
      this.#accumulator.addUnread(this.#bytes)
    }
  }

  /** Charges bytes that were not understood. */
  #chargeByBytes(complete: boolean): void {
    if (this.#unread !== undefined) return
    if (this.#unknownBytes > 0) {
      this.#unread = this.#unknownReason
      this.#accumulator.addUnread(this.#unknownBytes)
    } else if (this.#hasText) {
      this.#unread = 'not_json'
    } else if (complete && this.#head.kind !== 'events') {
      this.#unread = this.#bytes === 0 ? 'empty' : 'not_json'
      this.#accumulator.addUnread(this.#bytes)
    }
  }

  #readEvent(data: string, name: string | undefined): void {
    if (data.trim() === DONE) return
    const parsed = parseData(data)
    this.#ending?.see(parsed)
    const reading = parsed === undefined ? undefined : this.#call.options.shape.readEvent(parsed)
    if (name === 'error') {
      this.#add({ usage: {}, texts: [], ...reading, failed: true })
    } else if (parsed === undefined) {
      this.#hasText = true
      this.#accumulator.addText(data)
      this.#noteFirstText()
    } else {
      this.#take(reading, parsed, data)
    }
  }

  /**
   * @param as the kind to try first, since servers may send an event where a response was
   *   requested, and vice versa
   */
  #read(json: string, as: 'event' | 'answer'): void {
    const { shape } = this.#call.options
    const parsed = parseData(json)
    this.#ending?.see(parsed)
    const reading =
      as === 'answer'
        ? (shape.readResponse(parsed) ?? shape.readEvent(parsed))
        : (shape.readEvent(parsed) ?? shape.readResponse(parsed))
    if (parsed === undefined && this.#readOutline(outlineOf(json))) return
    this.#take(reading, parsed, json)
  }

  /**
   * Reads the usage in an outline, which contains neither list items nor long strings.
   *
   * @returns true if the outline contains usage
   */
  #readOutline(json: string | undefined): boolean {
    const { shape } = this.#call.options
    const outline = json === undefined ? undefined : parseData(json)
    const reading = shape.readResponse(outline) ?? shape.readEvent(outline)
    if (reading === undefined) return false
    const { output, total } = reading.usage
    if (output === undefined && total === undefined) return false
    if (this.#model !== undefined) this.#model.name ??= reportedModel(outline)
    this.#add({ usage: reading.usage, texts: [], failed: reading.failed })
    this.#accumulator.forgetUnread()
    return true
  }

  #take(reading: Reading | undefined, parsed: unknown, json: string): void {
    if (reading !== undefined) {
      if (this.#model !== undefined) this.#model.name ??= reportedModel(parsed)
      this.#add(reading)
    } else if (isErrorAnswer(parsed)) {
      this.#add({ usage: {}, texts: [], failed: true })
    } else {
      this.#unknownBytes += Buffer.byteLength(json)
      this.#unknownReason = parsed === undefined ? 'not_json' : 'unknown_shape'
    }
  }

  #add(reading: Reading): void {
    this.#understood = true
    this.#unfinished = reading.unfinished === true
    this.#accumulator.add(reading)
    this.#noteFirstText()
  }

  #noteFirstText(): void {
    if (this.#firstTextAt === undefined && this.#accumulator.hasText) this.#firstTextAt = performance.now()
  }
}
