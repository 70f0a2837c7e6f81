import { requestUsage } from './include-usage.js'
import type { LlmCall } from './llm-call.js'
import type { AnswerEnd } from './response/billing.js'
import { answerHead } from './response/content-kind.js'
import type { ResponseMemory } from './response/response-memory.js'
import { ResponseMeter, type Settlement, type UnreadReason } from './response/response-meter.js'
import { UsageFilter } from './response/usage-filter.js'

/** One call of a model on its way through: what is sent for it, what the client sees of the answer, and what it cost. */
export class MeteredCall {
  /** The body to send upstream. */
  readonly body: Buffer
  /** Is to be shown the answer as it goes by. */
  readonly meter: ResponseMeter
  readonly #hidesUsage: boolean

  /**
   * @param json the request's body, which was read as `call`
   * @param memory bounds what is held of all answers; default: no bound
   */
  constructor(call: LlmCall, json: Buffer, memory?: ResponseMemory) {
    const { shape, asksForUsage } = call.options
    const asking = asksForUsage ? requestUsage(shape, call.asked, json) : { body: json, hidesUsage: false }
    this.body = asking.body
    this.#hidesUsage = asking.hidesUsage
    this.meter = new ResponseMeter(call, memory)
  }

  /**
   * What has to be taken out of the answer; undefined where it goes on as it came.
   *
   * @param rawHeaders name, value, name, value
   */
  filter(status: number, rawHeaders: readonly string[]): UsageFilter | undefined {
    // Whatever its media type: a document has no line that looks like one of an event.
    const mayTellUsage = this.#hidesUsage && status < 300 && answerHead(rawHeaders).codings.length === 0
    return mayTellUsage ? new UsageFilter() : undefined
  }

  /** Why the answer could not be read, where it could not; known once it is settled. */
  get unread(): UnreadReason | undefined {
    return this.meter.unread
  }

  /** What the call cost, once it was sent. */
  settlement(end: AnswerEnd): Settlement {
    return this.meter.settlement(end)
  }
}
