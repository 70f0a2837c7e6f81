import { requestUsage } from './include-usage.js'
import type { LlmCall } from './llm-call.js'
import type { AnswerEnd } from './response/billing.js'
import { answerHead } from './response/content-kind.js'
import type { ResponseMemory } from './response/response-memory.js'
import { ResponseMeter, type Settlement, type UnreadReason } from './response/response-meter.js'
import { UsageFilter } from './response/usage-filter.js'
import type { CallParameters } from './shapes/shape.js'
import { type Amounts, NO_AMOUNTS } from './usage.js'
import { type WorkUnit, workIn, workUnitsOf } from './work.js'

/**
 * Meters a model call: provides the body to send upstream, filters the response and computes the
 * cost.
 */
export class MeteredCall {
  /** The body to send upstream. */
  readonly body: Buffer
  /** Receives the response while it is forwarded. */
  readonly meter: ResponseMeter
  readonly #hidesUsage: boolean
  readonly #parameters: CallParameters

  /**
   * @param json the request body that `call` was read from
   * @param memory bounds the buffered bytes of all responses; default: unbounded
   */
  constructor(call: LlmCall, json: Buffer, memory?: ResponseMemory) {
    const { shape, asksForUsage } = call.options
    const upstream = asksForUsage
      ? requestUsage(shape, call.parameters, json)
      : { body: json, hidesUsage: false }
    this.body = upstream.body
    this.#hidesUsage = upstream.hidesUsage
    this.#parameters = call.parameters
    this.meter = new ResponseMeter(call, memory)
  }

  /**
   * Creates the filter that hides usage from the client; undefined if nothing is hidden.
   *
   * @param rawHeaders name, value, name, value
   */
  filter(status: number, rawHeaders: readonly string[]): UsageFilter | undefined {
    // Ignores the media type: no line of a document looks like a line of an event.
    const mayContainUsage = this.#hidesUsage && status < 300 && answerHead(rawHeaders).codings.length === 0
    return mayContainUsage ? new UsageFilter() : undefined
  }

  /**
   * The reason why the response could not be read; undefined if it could. Known after `settlement`.
   */
  get unread(): UnreadReason | undefined {
    return this.meter.unread
  }

  /**
   * Returns the work of the call after it has ended, by unit: what the upstream reported, the work
   * that the request stated, or none if the upstream did no work.
   */
  work(settlement: Amounts): { readonly [Unit in WorkUnit]?: number } {
    const { images, audioSeconds } = this.meter.tokens
    const done = settlement === NO_AMOUNTS ? {} : { ...this.#parameters, images, audioSeconds }
    return Object.fromEntries(workUnitsOf(this.#parameters).map((unit) => [unit, workIn(unit, done)]))
  }

  /** Computes the cost of the call after it has ended. */
  settlement(end: AnswerEnd): Settlement {
    return this.meter.settlement(end)
  }
}
