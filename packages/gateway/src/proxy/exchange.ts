import type { IncomingMessage, ServerResponse } from 'node:http'
import { TLSSocket } from 'node:tls'
import type { Dispatcher } from 'undici'
import type { ClientBody } from './client-body.js'
import { onClientGone } from './client-gone.js'
import { discardRest } from './discard-rest.js'
import { downstreamResponseHeaders } from './headers.js'
import { describeFailure, type UpstreamFailure } from './upstream-failure.js'

/** How an exchange ended. */
export type ForwardOutcome =
  /** The whole answer was handed to the client's connection. */
  | { readonly kind: 'answered'; readonly status: number }
  /** The connection to the client is closed. `started`: some of the answer had been written. */
  | { readonly kind: 'cut'; readonly by: 'client' | 'upstream'; readonly started: boolean }
  /** The upstream gave no answer and nothing has been written: the caller answers. */
  | ({ readonly kind: 'failed' } & UpstreamFailure)

/** Watches an answer go by. It must not throw, nor change what it is shown. */
export interface ResponseObserver {
  /** The answer's status and headers, as the upstream sent them: name, value, name, value. */
  head?(status: number, rawHeaders: readonly string[]): void
  /** The next bytes of the body. */
  data?(chunk: Buffer): void
}

/** Takes something out of an answer's body as it goes by. */
export interface BodyFilter {
  /** @returns what is to be sent on now, which may be nothing */
  push(chunk: Buffer): Buffer
  /** @returns what is left to be sent on at the end of a whole body */
  end(): Buffer
}

/** The filter of an answer, by its status and its headers (name, value, name, value); undefined where it needs none. */
export type FilterFor = (status: number, rawHeaders: readonly string[]) => BodyFilter | undefined

export interface ExchangeParts {
  readonly request: IncomingMessage
  readonly response: ServerResponse
  readonly body: ClientBody | undefined
  readonly responseHeaders: readonly (readonly [name: string, value: string])[]
  readonly observer: ResponseObserver | undefined
  readonly filter: FilterFor | undefined
  /** How long the client may take to accept what is written to it, in milliseconds; 0 for ever. */
  readonly patience: number
  readonly settled: (outcome: ForwardOutcome) => void
}

/**
 * One request on its way through: writes to the client what comes from the upstream, and settles once.
 *
 * The upstream's connection calls the `on…` methods. None of them does anything after the exchange has settled.
 */
export class Exchange implements Dispatcher.DispatchHandler {
  readonly #parts: ExchangeParts
  readonly #stopWatching: () => void
  #controller: Dispatcher.DispatchController | undefined
  #stall: NodeJS.Timeout | undefined
  #filter: BodyFilter | undefined
  #status = 0
  #settled = false

  constructor(parts: ExchangeParts) {
    this.#parts = parts
    this.#stopWatching = onClientGone(parts.request.socket, () => {
      this.#settle({ kind: 'cut', by: 'client', started: parts.response.headersSent })
    })
  }

  onRequestStart(controller: Dispatcher.DispatchController): void {
    this.#controller = controller
    // The client left while the request waited for a connection.
    if (this.#settled) controller.abort(new Error('the client is gone'))
  }

  onResponseStart(controller: Dispatcher.DispatchController, status: number): void {
    // Interim answers (1xx) were for the gateway, which asked for none.
    if (this.#settled || status < 200) return
    const { request, response, responseHeaders, observer, filter } = this.#parts
    const rawHeaders = textOf(controller.rawHeaders)
    observer?.head?.(status, rawHeaders)
    let headers = downstreamResponseHeaders(rawHeaders, responseHeaders)
    this.#filter = filter?.(status, rawHeaders)
    // RFC 9110 section 8.6: an answer without content has no Content-Length.
    if (status === 204) headers = without(headers, CONTENT_LENGTH)
    if (this.#filter !== undefined) headers = without(headers, OF_THE_WHOLE_BODY)
    response.writeHead(status, headers)
    this.#status = status
    this.#sendHead()
    // The answer is complete here: what the upstream may wrongly send after it must not be waited for.
    if (request.method === 'HEAD' || status === 204 || status === 304) this.#end()
  }

  onResponseData(controller: Dispatcher.DispatchController, chunk: Buffer): void {
    const { response, observer } = this.#parts
    if (this.#settled || response.destroyed || response.writableEnded) return
    observer?.data?.(chunk)
    const passed = this.#filter === undefined ? chunk : this.#filter.push(chunk)
    if (passed.length === 0 || response.write(passed)) return
    controller.pause()
    response.once('drain', this.#onDrain)
    this.#startStall()
  }

  onResponseEnd(): void {
    if (!this.#settled && !this.#parts.response.writableEnded) this.#end()
  }

  onResponseError(_controller: Dispatcher.DispatchController | undefined, error: Error): void {
    const { request, response } = this.#parts
    if (this.#settled || response.writableEnded) return
    // A client that has just left may be noticed by the upload before its connection says so.
    if (request.socket.destroyed) {
      this.#settle({ kind: 'cut', by: 'client', started: response.headersSent })
    } else if (response.headersSent) {
      this.#truncate()
      this.#settle({ kind: 'cut', by: 'upstream', started: true })
    } else {
      this.#settle({ kind: 'failed', ...describeFailure(error) })
    }
  }

  /** Sends the head without waiting for a body, and yet in one packet with a body that has already come. */
  #sendHead(): void {
    const { response } = this.#parts
    const { socket } = response
    socket?.cork()
    response.flushHeaders()
    process.nextTick(() => socket?.uncork())
  }

  /** Closes the client's connection: the only way to tell that a body is not complete. */
  #truncate(): void {
    const { request, response } = this.#parts
    // To HTTP/1.0 a connection that just closes is the end of a complete body. TLS tells by itself.
    if (request.httpVersion === '1.0' && !(request.socket instanceof TLSSocket)) {
      request.socket.resetAndDestroy()
    } else {
      response.destroy()
    }
  }

  #end(): void {
    this.#startStall()
    this.#parts.response.once('finish', this.#onFinish).end(this.#filter?.end())
  }

  readonly #onDrain = () => {
    clearTimeout(this.#stall)
    this.#controller?.resume()
  }

  readonly #onFinish = () => {
    this.#settle({ kind: 'answered', status: this.#status })
  }

  /** A client that takes nothing must not hold its place for ever. */
  #startStall(): void {
    const { request, response, patience } = this.#parts
    clearTimeout(this.#stall)
    if (patience === 0) return
    this.#stall = setTimeout(() => {
      // Without a connection it waits for its turn behind the answer to an earlier request.
      if (response.socket === null) this.#startStall()
      else request.socket.destroy()
    }, patience)
  }

  #settle(outcome: ForwardOutcome): void {
    if (this.#settled) return
    this.#settled = true
    const { request, response, body, settled } = this.#parts
    clearTimeout(this.#stall)
    this.#stopWatching()
    if (outcome.kind !== 'answered') response.off('drain', this.#onDrain).off('finish', this.#onFinish)
    // Does nothing where the answer is complete. Destroying the body then ends an upload that goes on.
    if (outcome.kind === 'cut') this.#controller?.abort(new Error('the client is gone'))
    body?.destroy()
    discardRest(request)
    settled(outcome)
  }
}

function textOf(rawHeaders: Dispatcher.DispatchController['rawHeaders']): string[] {
  if (!Array.isArray(rawHeaders)) return []
  return rawHeaders.map((text) => (typeof text === 'string' ? text : text.toString('latin1')))
}

const CONTENT_LENGTH: ReadonlySet<string> = new Set(['content-length'])

/** What is no longer true of a body when something was taken out of it. */
const OF_THE_WHOLE_BODY: ReadonlySet<string> = new Set([
  'accept-ranges',
  'content-digest',
  'content-length',
  'content-md5',
  'digest',
  'etag',
  'repr-digest',
])

function without(headers: string[], names: ReadonlySet<string>): string[] {
  return headers.filter((_, index) => !names.has(headers[index - (index % 2)]?.toLowerCase() ?? ''))
}
