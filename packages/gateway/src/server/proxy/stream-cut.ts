import type { LlmCall } from '../../policy/llm/llm-call.js'
import { answerHead } from '../../policy/llm/response/content-kind.js'
import type { StreamFormat } from '../../policy/llm/response/event-boundaries.js'
import type { ResponseMeter } from '../../policy/llm/response/response-meter.js'
import { WholeEvents } from '../../policy/llm/response/whole-events.js'
import type { AddedEvent, StreamEnding } from '../../policy/llm/shapes/stream-ending.js'
import type { BodyFilter } from '../http/response-observer.js'

/** An exchange whose response can be ended before its end. */
export interface EndableExchange {
  /** Sends the last bytes of the response instead of the rest, and stops the upstream. */
  endEarly(last: Buffer): void
}

/**
 * Ends the stream of a call cleanly: after a whole event, and with the events that say that the
 * maximum output is reached.
 */
export class StreamCut {
  readonly #ending: StreamEnding
  readonly #call: LlmCall
  readonly #meter: ResponseMeter
  #exchange: EndableExchange | undefined
  #format: StreamFormat | undefined
  #events: WholeEvents | undefined

  constructor(ending: StreamEnding, call: LlmCall, meter: ResponseMeter) {
    this.#ending = ending
    this.#call = call
    this.#meter = meter
    meter.showTo(ending)
  }

  onExchange(exchange: EndableExchange): void {
    this.#exchange = exchange
  }

  /**
   * Returns a filter that holds back events until they are whole.
   *
   * @param inner applied first
   */
  filter(
    status: number,
    rawHeaders: readonly string[],
    inner: BodyFilter | undefined,
  ): BodyFilter | undefined {
    this.#format = status === 200 ? formatOf(rawHeaders, this.#call) : undefined
    if (this.#format === undefined) return inner
    const events = new WholeEvents(this.#format)
    this.#events = events
    if (inner === undefined) return events
    return {
      push: (chunk) => events.push(inner.push(chunk)),
      end: () => Buffer.concat([events.push(inner.end()), events.end()]),
    }
  }

  /**
   * Ends the stream once the current chunk is sent.
   *
   * @returns false if that is impossible, since the response is no stream of the API, or is over
   */
  cut(): boolean {
    const format = this.#format
    if (format === undefined || this.#events?.isWhole !== true || this.#ending.hasEnded) return false
    process.nextTick(() => {
      const { parameters } = this.#call
      const events = this.#ending.events(this.#meter.tokens, parameters.wantsUsage)
      this.#exchange?.endEarly(Buffer.from(encoded(events, format)))
    })
    return true
  }
}

function formatOf(rawHeaders: readonly string[], { options, parameters }: LlmCall): StreamFormat | undefined {
  const { kind, codings } = answerHead(rawHeaders)
  if (codings.length > 0 || !parameters.stream) return undefined
  if (kind === 'events') return 'events'
  if (kind === 'values') return 'lines'
  return options.shape.streamsList === true && kind === 'document' ? 'list' : undefined
}

function encoded(events: readonly AddedEvent[], format: StreamFormat): string {
  const texts = events.map(({ data }) => (typeof data === 'string' ? data : JSON.stringify(data)))
  if (format === 'lines') return texts.map((text) => `${text}\n`).join('')
  if (format === 'list') return `${texts.map((text) => `,\n${text}`).join('')}\n]`
  return events
    .map(({ name }, index) => `${name === undefined ? '' : `event: ${name}\n`}data: ${texts[index]}\n\n`)
    .join('')
}
