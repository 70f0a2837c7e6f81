import { requestUsage } from './include-usage.js'
import type { LlmCall } from './llm-call.js'
import type { AnswerEnd } from './response/billing.js'
import { answerHead } from './response/content-kind.js'
import type { ResponseMemory } from './response/response-memory.js'
import { ResponseMeter, type Settlement, type UnreadReason } from './response/response-meter.js'
import { UsageFilter } from './response/usage-filter.js'

/** Meters one model call: its body, the part of the response for the client, and its cost. */
export class MeteredCall {
  /** The body to send upstream. */
  readonly body: Buffer
  /** Receives the response as it passes. */
  readonly meter: ResponseMeter
  readonly #hidesUsage: boolean

  /**
   * @param json the request body that `call` was read from
   * @param memory bounds the bytes held of all responses; default: unbounded
   */
  constructor(call: LlmCall, json: Buffer, memory?: ResponseMemory) {
    const { shape, asksForUsage } = call.options
    const asking = asksForUsage
      ? requestUsage(shape, call.parameters, json)
      : { body: json, hidesUsage: false }
    this.body = asking.body
    this.#hidesUsage = asking.hidesUsage
    this.meter = new ResponseMeter(call, memory)
  }

  /**
   * Creates the filter that hides usage from the client; undefined if nothing is hidden.
   *
   * @param rawHeaders name, value, name, value
   */
  filter(status: number, rawHeaders: readonly string[]): UsageFilter | undefined {
    // Independent of the media type: a document has no line that looks like one of an event.
    const mayTellUsage = this.#hidesUsage && status < 300 && answerHead(rawHeaders).codings.length === 0
    return mayTellUsage ? new UsageFilter() : undefined
  }

  /** The reason why the response could not be read, if so. Known after `settlement`. */
  get unread(): UnreadReason | undefined {
    return this.meter.unread
  }

  /** The cost of the call, once it was sent. */
  settlement(end: AnswerEnd): Settlement {
    return this.meter.settlement(end)
  }
}
