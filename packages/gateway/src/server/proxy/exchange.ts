import type { IncomingMessage, ServerResponse } from 'node:http'
import { TLSSocket } from 'node:tls'
import type { Dispatcher } from 'undici'
import { ByteBuffer } from '../../policy/llm/response/byte-buffer.js'
import type { ClientBody } from '../http/client-body.js'
import type { CrossOriginExchange } from '../http/cross-origin.js'
import { deferWrite } from '../http/deferred-writes.js'
import { type ClientWatcher, unwatchClient, watchClient } from '../http/disconnects.js'
import { drainBody } from '../http/drain-body.js'
import {
  downstreamResponseHeaders,
  type HeaderPair,
  headerStrings,
  type ResponseId,
  withoutStaleHeaders,
} from '../http/proxy-headers.js'
import type { BodyFilter, CreateFilter, ResponseObserver } from '../http/response-observer.js'
import { type ConnectionUse, startUse } from '../upstreams/upstream-socket.js'
import type { ForwardProgress, ForwardResult } from './forward-result.js'
import { describeFailure, isConnectionLoss } from './upstream-failure.js'

export interface ExchangeOptions {
  readonly request: IncomingMessage
  readonly response: ServerResponse
  readonly body: ClientBody | undefined
  readonly responseHeaders: readonly HeaderPair[]
  readonly requestId: ResponseId
  /** Undefined if the response needs no CORS headers. */
  readonly crossOrigin: CrossOriginExchange | undefined
  readonly observer: ResponseObserver | undefined
  readonly filter: CreateFilter | undefined
  /** Milliseconds the client may take to accept the data written to it; 0 for no timeout. */
  readonly clientTimeoutMs: number
  /** Sends the request again on a new connection; undefined if the request must not be repeated. */
  readonly retry: (() => void) | undefined
  /** Undefined if the request cannot be sent to another upstream. */
  readonly diversion: Diversion | undefined
  readonly onSettled: (result: ForwardResult, progress: ForwardProgress) => void
}

/** Sends a request to another upstream before anything was written to the client. */
export interface Diversion {
  /**
   * The head of a response arrived.
   *
   * @param isRepeatable true if the whole request can be sent again
   * @param rawHeaders name, value, name, value
   * @returns true to send the request elsewhere
   */
  onHead(status: number, rawHeaders: readonly string[], isRepeatable: boolean): boolean
  /** No response arrived. @returns true to send the request elsewhere */
  onFailure(failure: AttemptFailure): boolean
  /** The exchange is over without a result, as `onHead` or `onFailure` requested. */
  proceed(): void
}

/** The failure of an attempt to reach an upstream. */
export interface AttemptFailure {
  /** The cause, such as `ECONNREFUSED`. */
  readonly code: string
  /** True if the gateway started to send the request. */
  readonly reached: boolean
  /** True if the connection was lost, so that a request that may be repeated can be sent again. */
  readonly isConnectionLoss: boolean
  /** True if the whole request can be sent again. */
  readonly isRepeatable: boolean
}

/**
 * Chunks of at least this many bytes are written as they arrive; smaller chunks that arrive in one
 * turn are joined.
 */
const LARGE_CHUNK = 4096

/** Bodies up to this many bytes are written as one string with the head, which saves 2 of 47 µs. */
const SMALL_BODY = 4096

/**
 * The progress of an exchange:
 *
 * - `waiting` for the head of the upstream's response
 * - `head`: the head arrived and is held back until the end of the turn, to be written with the
 *   first bytes
 * - `complete`: the whole response arrived before its head was written, and is written as a whole
 * - `streaming`: the head is written and more of the body may arrive
 * - `ending`: everything was handed to the client's connection, which may still have to send it
 * - `settled`: the exchange is over and its result was reported
 */
type State = 'waiting' | 'head' | 'complete' | 'streaming' | 'ending' | 'settled'

/**
 * The exchange of one request with the upstream. It writes the upstream's response to the client,
 * and settles once.
 *
 * The connection to the upstream calls the `on…` methods. They do nothing once the exchange has
 * settled.
 */
export class Exchange implements Dispatcher.DispatchHandler, ClientWatcher {
  readonly #options: ExchangeOptions
  #state: State = 'waiting'
  #controller: Dispatcher.DispatchController | undefined
  #clientTimer: NodeJS.Timeout | undefined
  #filter: BodyFilter | undefined
  /** The body that arrived in the same turn as the head, and is written with it. */
  #first: Buffer | undefined
  /** Small chunks that arrived in this turn. */
  #smallChunks: Buffer | ByteBuffer | undefined
  /** The request's use of the upstream connection; undefined if the request cannot be retried. */
  #use: ConnectionUse | undefined
  #isRetried = false
  #isPaused = false
  /** True if the response was ended before its end. */
  #isCut = false
  #status = 0
  #rawHeaders: readonly string[] | undefined

  constructor(options: ExchangeOptions) {
    this.#options = options
    watchClient(options.request.socket, this)
  }

  onClientGone(): void {
    this.#settle({ kind: 'interrupted', by: 'client', started: this.#options.response.headersSent })
  }

  onRequestStart(controller: Dispatcher.DispatchController): void {
    this.#controller = controller
    // The client disconnected while the request waited for a connection.
    if (this.#state === 'settled') controller.abort(new Error('the client disconnected'))
    else if (this.#options.retry !== undefined && !this.#isRetried) {
      this.#use = { isReused: false, hasResponse: false }
      startUse(this.#use)
    }
  }

  onResponseStart(controller: Dispatcher.DispatchController, status: number): void {
    // Interim responses (1xx) concern only the gateway, which requested none.
    if (this.#state === 'settled' || status < 200) return
    const { request, response, responseHeaders, requestId, crossOrigin, observer, filter } = this.#options
    const rawHeaders = headerStrings(controller.rawHeaders)
    if (this.#options.diversion?.onHead(status, rawHeaders, this.#isRepeatable) === true) {
      this.#divert(this.#options.diversion)
      return
    }
    observer?.head?.(status, rawHeaders)
    this.#filter = filter?.(status, rawHeaders)
    const forwarded = downstreamResponseHeaders(rawHeaders, responseHeaders, requestId)
    const headers = crossOrigin?.forwardedHeaders(status, forwarded, responseHeaders) ?? forwarded
    this.#status = status
    this.#rawHeaders = rawHeaders
    response.writeHead(status, withoutStaleHeaders(headers, status, this.#filter !== undefined))
    this.#state = 'head'
    // These responses have no body. Bytes that the upstream wrongly sends after such a head are not
    // awaited.
    if (request.method === 'HEAD' || status === 204 || status === 304) this.#end()
    else process.nextTick(endTurn, this)
  }

  onResponseData(_controller: Dispatcher.DispatchController, chunk: Buffer): void {
    if (chunk.length >= LARGE_CHUNK) {
      this.flushSmallChunks()
      this.#deliver(chunk)
    } else if (this.#smallChunks === undefined) {
      this.#smallChunks = chunk
      process.nextTick(flushSmallChunks, this)
    } else {
      if (Buffer.isBuffer(this.#smallChunks)) {
        const buffer = new ByteBuffer()
        buffer.append(this.#smallChunks)
        this.#smallChunks = buffer
      }
      this.#smallChunks.append(chunk)
    }
  }

  /** Delivers the small chunks of this turn as one chunk. */
  flushSmallChunks(): void {
    const chunks = this.#smallChunks
    if (chunks === undefined) return
    this.#smallChunks = undefined
    this.#deliver(Buffer.isBuffer(chunks) ? chunks : chunks.take())
  }

  #deliver(chunk: Buffer): void {
    const { response, observer } = this.#options
    if (this.#state === 'settled' || response.destroyed || response.writableEnded) return
    observer?.data?.(chunk)
    this.#send(this.#filter === undefined ? chunk : this.#filter.push(chunk))
  }

  onResponseEnd(): void {
    this.flushSmallChunks()
    if (this.#state === 'settled' || this.#options.response.writableEnded) return
    if (this.#state === 'head') {
      this.#state = 'complete'
      deferWrite(this)
    } else this.#end()
  }

  /** Writes a response that arrived in full. */
  writeDeferred(): void {
    if (this.#state === 'settled' || this.#options.response.destroyed) return
    try {
      this.#end()
    } catch (error) {
      this.onResponseError(undefined, error as Error)
    }
  }

  onResponseError(_controller: Dispatcher.DispatchController | undefined, error: Error): void {
    this.flushSmallChunks()
    const { request, response, retry } = this.#options
    if (this.#state === 'settled' || response.writableEnded) return
    if (retry !== undefined && this.#isIdleClose(error) && !request.socket.destroyed) {
      this.#isRetried = true
      retry()
      return
    }
    // The upload may notice that the client disconnected before its connection reports it.
    if (request.socket.destroyed) {
      this.#settle({ kind: 'interrupted', by: 'client', started: response.headersSent })
    } else if (response.headersSent) {
      abortResponse(request, response)
      this.#settle({ kind: 'interrupted', by: 'upstream', started: true })
    } else this.#fail(error)
  }

  #fail(error: Error): void {
    const { diversion } = this.#options
    const failure = describeFailure(error)
    const isDiverted = diversion?.onFailure({
      code: failure.code,
      reached: this.#controller !== undefined,
      isConnectionLoss: isConnectionLoss(error),
      isRepeatable: this.#isRepeatable,
    })
    if (diversion !== undefined && isDiverted === true) this.#divert(diversion)
    else this.#settle({ kind: 'failed', ...failure })
  }

  /** True if the whole request can be sent to another upstream. */
  get #isRepeatable(): boolean {
    const { body } = this.#options
    return body === undefined || body.isUntouched
  }

  /** Ends the exchange without a result. The client and the rest of its request stay untouched. */
  #divert(diversion: Diversion): void {
    this.#state = 'settled'
    unwatchClient(this.#options.request.socket, this)
    this.#options.body?.destroy()
    this.#controller?.abort(new Error('the request is sent to another upstream'))
    diversion.proceed()
  }

  /** Reports whether the upstream closed an idle connection before it saw the request. */
  #isIdleClose(error: Error): boolean {
    if (this.#isRetried || this.#options.response.headersSent) return false
    return this.#use?.isReused === true && !this.#use.hasResponse && isConnectionLoss(error)
  }

  /**
   * Ends the turn in which the head arrived. Writes the head and the first bytes if the response is
   * not complete.
   */
  endTurn(): void {
    if (this.#state === 'complete' || this.#state === 'settled' || this.#options.response.destroyed) return
    this.flushSmallChunks()
    this.#writeHead()
  }

  get #isHeadWritten(): boolean {
    return this.#state !== 'waiting' && this.#state !== 'head' && this.#state !== 'complete'
  }

  #writeHead(): void {
    if (this.#isHeadWritten) return
    this.#state = 'streaming'
    const first = this.#first
    this.#first = undefined
    if (first === undefined) this.#options.response.flushHeaders()
    else this.#write(first)
  }

  #send(chunk: Buffer): void {
    if (chunk.length === 0) return
    if (!this.#isHeadWritten && this.#first === undefined) {
      this.#first = chunk
    } else {
      this.#writeHead()
      this.#write(chunk)
    }
  }

  #write(chunk: Buffer): void {
    const { response } = this.#options
    if (response.write(chunk) || this.#isPaused) return
    this.#isPaused = true
    this.#controller?.pause()
    response.once('drain', this.#onDrain)
    this.#startClientTimer()
  }

  #end(): void {
    const { response } = this.#options
    if (this.#filter !== undefined) this.#send(this.#filter.end())
    const last = this.#first
    this.#first = undefined
    this.#state = 'ending'
    response.on('finish', this.#onFinish)
    if (last === undefined) response.end()
    else if (last.length > SMALL_BODY) response.end(last)
    else response.end(last.toString('latin1'), 'latin1')
    // Usually the system has accepted everything by now, and there is nothing to wait for.
    if (response.writableLength > 0) this.#startClientTimer()
  }

  /**
   * Ends the response with other bytes than the rest, and stops the upstream. Does nothing if the
   * response has not begun or is complete.
   */
  endEarly(last: Buffer): void {
    const { response } = this.#options
    if (this.#state !== 'streaming' || response.destroyed || response.writableEnded) return
    this.#isCut = true
    this.#state = 'ending'
    response.on('finish', this.#onFinish)
    response.end(last)
    if (response.writableLength > 0) this.#startClientTimer()
    this.#controller?.abort(new Error('a limit ended the response'))
  }

  readonly #onDrain = () => {
    clearTimeout(this.#clientTimer)
    this.#isPaused = false
    if (!this.#isCut) this.#controller?.resume()
  }

  readonly #onFinish = () => {
    if (this.#isCut) this.#settle({ kind: 'interrupted', by: 'quota', started: true })
    else this.#settle({ kind: 'answered', status: this.#status })
  }

  /** Disconnects a client that accepts nothing, so that it does not hold its slots forever. */
  #startClientTimer(): void {
    const { request, response, clientTimeoutMs } = this.#options
    clearTimeout(this.#clientTimer)
    if (clientTimeoutMs === 0) return
    this.#clientTimer = setTimeout(() => {
      // Without a socket, the response is queued behind the response to an earlier pipelined
      // request.
      if (response.socket === null) this.#startClientTimer()
      else request.socket.destroy()
    }, clientTimeoutMs)
  }

  #settle(result: ForwardResult): void {
    if (this.#state === 'settled') return
    this.#state = 'settled'
    const { request, response, body, onSettled } = this.#options
    if (this.#clientTimer !== undefined) clearTimeout(this.#clientTimer)
    unwatchClient(request.socket, this)
    if (result.kind !== 'answered') response.off('drain', this.#onDrain).off('finish', this.#onFinish)
    // Has no effect once the response is complete. An upload still in progress ends when its body
    // is destroyed.
    if (result.kind === 'interrupted') this.#controller?.abort(new Error('the client disconnected'))
    body?.destroy()
    drainBody(request)
    onSettled(result, {
      reached: this.#controller !== undefined,
      status: this.#status,
      rawHeaders: this.#rawHeaders,
    })
  }
}

/**
 * Closes the client's connection mid-response, which is the only way to mark a body as incomplete.
 */
function abortResponse(request: IncomingMessage, response: ServerResponse): void {
  // In HTTP/1.0 a plain close marks the end of a complete body, so the connection is reset instead.
  // TLS itself reveals a truncated body.
  if (request.httpVersion === '1.0' && !(request.socket instanceof TLSSocket)) {
    request.socket.resetAndDestroy()
  } else {
    response.destroy()
  }
}

function flushSmallChunks(exchange: Exchange): void {
  exchange.flushSmallChunks()
}

function endTurn(exchange: Exchange): void {
  exchange.endTurn()
}
