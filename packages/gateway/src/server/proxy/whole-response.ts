import type { Dispatcher } from 'undici'
import { answerHead } from '../../policy/llm/response/content-kind.js'
import { headerStrings } from '../http/proxy-headers.js'

/** Maximum size of a response that is replaced, in bytes. */
const MAX_BYTES = 4 * 2 ** 20

/** Headers that describe the body of the upstream's response, and do not apply to another one. */
const OF_BODY: ReadonlySet<string> = new Set([
  ...['content-length', 'transfer-encoding', 'etag', 'content-md5'],
  ...['digest', 'content-digest', 'repr-digest'],
])

/** An error for a response whose body cannot be replaced. Its content is never forwarded. */
class UnexpectedResponseError extends Error {
  readonly code = 'UNEXPECTED_RESPONSE'
}

/**
 * Receives a successful response in full, and passes it on with another body. Other responses pass
 * unchanged. A successful response that cannot be replaced is an error, so nothing of it reaches the
 * client.
 */
export class WholeResponse implements Dispatcher.DispatchHandler {
  readonly #receiver: Required<Pick<Dispatcher.DispatchHandler, ReceivedEvent>>
  readonly #replace: (body: Buffer) => Buffer | undefined
  #chunks: Buffer[] = []
  #length = 0
  #state: 'passing' | 'receiving' | 'failed' = 'passing'

  /**
   * @param receiver receives the response
   * @param replace returns the new body; undefined if the body is not as expected
   */
  constructor(
    receiver: Required<Pick<Dispatcher.DispatchHandler, ReceivedEvent>>,
    replace: (body: Buffer) => Buffer | undefined,
  ) {
    this.#receiver = receiver
    this.#replace = replace
  }

  onRequestStart(controller: Dispatcher.DispatchController, context: unknown): void {
    this.#receiver.onRequestStart(controller, context)
  }

  onResponseStart(
    controller: Dispatcher.DispatchController,
    status: number,
    headers: IncomingHeaders,
    message?: string,
  ): void {
    if (status < 200 || status >= 300) {
      this.#receiver.onResponseStart(controller, status, headers, message)
      return
    }
    this.#state = 'receiving'
    const { codings } = answerHead(headerStrings(controller.rawHeaders))
    if (status !== 200 || codings.length > 0) this.#fail(controller, 'the response is partial or encoded')
  }

  onResponseData(controller: Dispatcher.DispatchController, chunk: Buffer): void {
    if (this.#state === 'passing') this.#receiver.onResponseData(controller, chunk)
    if (this.#state !== 'receiving') return
    this.#length += chunk.length
    if (this.#length > MAX_BYTES) this.#fail(controller, 'the response is too long')
    else this.#chunks.push(chunk)
  }

  onResponseEnd(controller: Dispatcher.DispatchController, trailers: IncomingHeaders): void {
    if (this.#state === 'failed') return
    if (this.#state === 'receiving') {
      const body = this.#replace(Buffer.concat(this.#chunks))
      if (body === undefined) {
        this.#fail(controller, 'the response has another format')
        return
      }
      this.#receiver.onResponseStart(withLength(controller, body.length), 200, {})
      this.#receiver.onResponseData(controller, body)
    }
    this.#receiver.onResponseEnd(controller, trailers)
  }

  onResponseError(controller: Dispatcher.DispatchController, error: Error): void {
    if (this.#state !== 'failed') this.#receiver.onResponseError(controller, error)
  }

  #fail(controller: Dispatcher.DispatchController, reason: string): void {
    this.#state = 'failed'
    this.#chunks = []
    const error = new UnexpectedResponseError(reason)
    this.#receiver.onResponseError(controller, error)
    controller.abort(error)
  }
}

type ReceivedEvent =
  | 'onRequestStart'
  | 'onResponseStart'
  | 'onResponseData'
  | 'onResponseEnd'
  | 'onResponseError'

type IncomingHeaders = Parameters<NonNullable<Dispatcher.DispatchHandler['onResponseEnd']>>[1]

/** Returns the controller of a response with the headers of another body. */
function withLength(
  controller: Dispatcher.DispatchController,
  length: number,
): Dispatcher.DispatchController {
  const raw = headerStrings(controller.rawHeaders)
  const rawHeaders = raw.filter((_, at) => !OF_BODY.has((raw[at - (at % 2)] ?? '').toLowerCase()))
  return {
    rawHeaders: [...rawHeaders, 'Content-Length', String(length)],
    rawTrailers: [],
    aborted: controller.aborted,
    paused: controller.paused,
    reason: controller.reason,
    abort: (reason) => controller.abort(reason),
    pause: () => controller.pause(),
    resume: () => controller.resume(),
  }
}
