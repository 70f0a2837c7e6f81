import type { IncomingMessage, ServerResponse } from 'node:http'
import { TLSSocket } from 'node:tls'
import type { Dispatcher } from 'undici'
import type { BodyFilter, FilterFor, ResponseObserver } from './answer-watch.js'
import type { ClientBody } from './client-body.js'
import { type ClientWatcher, unwatchClient, watchClient } from './client-gone.js'
import { discardRest } from './discard-rest.js'
import { downstreamResponseHeaders, withoutLength, withoutWholeBody } from './headers.js'
import { describeFailure, type UpstreamFailure } from './upstream-failure.js'

/** How an exchange ended. */
export type ForwardOutcome =
  /** The whole answer was handed to the client's connection. */
  | { readonly kind: 'answered'; readonly status: number }
  /** The connection to the client is closed. `started`: some of the answer had been written. */
  | { readonly kind: 'cut'; readonly by: 'client' | 'upstream'; readonly started: boolean }
  /** The upstream gave no answer and nothing has been written: the caller answers. */
  | ({ readonly kind: 'failed' } & UpstreamFailure)

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

/** Up to this many bytes a body is written as one string with its head, which is 2 µs quicker than two buffers. */
const SMALL = 4096

/**
 * One request on its way through: writes to the client what comes from the upstream, and settles once.
 *
 * The upstream's connection calls the `on…` methods. None of them does anything after the exchange has settled.
 */
export class Exchange implements Dispatcher.DispatchHandler, ClientWatcher {
  readonly #parts: ExchangeParts
  #controller: Dispatcher.DispatchController | undefined
  #stall: NodeJS.Timeout | undefined
  #filter: BodyFilter | undefined
  /** What came in the same turn as the head, and is written with it. */
  #first: Buffer | undefined
  #headWritten = false
  #paused = false
  #status = 0
  #settled = false

  constructor(parts: ExchangeParts) {
    this.#parts = parts
    watchClient(parts.request.socket, this)
  }

  clientGone(): void {
    this.#settle({ kind: 'cut', by: 'client', started: this.#parts.response.headersSent })
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
    if (status === 204) headers = withoutLength(headers)
    if (this.#filter !== undefined) headers = withoutWholeBody(headers)
    response.writeHead(status, headers)
    this.#status = status
    // The answer is complete here: what the upstream may wrongly send after it must not be waited for.
    if (request.method === 'HEAD' || status === 204 || status === 304) this.#end()
    else process.nextTick(writeHead, this)
  }

  onResponseData(_controller: Dispatcher.DispatchController, chunk: Buffer): void {
    const { response, observer } = this.#parts
    if (this.#settled || response.destroyed || response.writableEnded) return
    observer?.data?.(chunk)
    this.#pass(this.#filter === undefined ? chunk : this.#filter.push(chunk))
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

  /** Writes the head, without waiting for more of the body than has come with it. */
  writeHead(): void {
    const { response } = this.#parts
    if (this.#headWritten || this.#settled || response.destroyed) return
    this.#headWritten = true
    const first = this.#first
    this.#first = undefined
    if (first === undefined) response.flushHeaders()
    else this.#write(first)
  }

  #pass(chunk: Buffer): void {
    if (chunk.length === 0) return
    if (!this.#headWritten && this.#first === undefined) {
      this.#first = chunk
    } else {
      this.writeHead()
      this.#write(chunk)
    }
  }

  #write(chunk: Buffer): void {
    const { response } = this.#parts
    if (response.write(chunk) || this.#paused) return
    this.#paused = true
    this.#controller?.pause()
    response.once('drain', this.#onDrain)
    this.#startStall()
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
    const { response } = this.#parts
    if (this.#filter !== undefined) this.#pass(this.#filter.end())
    const last = this.#first
    this.#first = undefined
    this.#headWritten = true
    response.once('finish', this.#onFinish)
    if (last === undefined) response.end()
    else if (last.length > SMALL) response.end(last)
    else response.end(last.toString('latin1'), 'latin1')
    // Mostly the system has taken all of it by now, and there is nothing to wait for.
    if (response.writableLength > 0) this.#startStall()
  }

  readonly #onDrain = () => {
    clearTimeout(this.#stall)
    this.#paused = false
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
    if (this.#stall !== undefined) clearTimeout(this.#stall)
    unwatchClient(request.socket, this)
    if (outcome.kind !== 'answered') response.off('drain', this.#onDrain).off('finish', this.#onFinish)
    // Does nothing where the answer is complete. Destroying the body then ends an upload that goes on.
    if (outcome.kind === 'cut') this.#controller?.abort(new Error('the client is gone'))
    body?.destroy()
    discardRest(request)
    settled(outcome)
  }
}

function writeHead(exchange: Exchange): void {
  exchange.writeHead()
}

function textOf(rawHeaders: Dispatcher.DispatchController['rawHeaders']): string[] {
  if (!Array.isArray(rawHeaders)) return []
  return rawHeaders.map((text) => (typeof text === 'string' ? text : text.toString('latin1')))
}
