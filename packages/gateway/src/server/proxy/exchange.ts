import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Dispatcher } from 'undici'
import { ByteBuffer } from '../../policy/llm/response/byte-buffer.js'
import type { ClientBody } from '../http/client-body.js'
import { deferWrites } from '../http/deferred-writes.js'
import { type ClientWatcher, unwatchClient, watchClient } from '../http/disconnects.js'
import { drainBody } from '../http/drain-body.js'
import { headerStrings } from '../http/header-texts.js'
import { asFits, downstreamResponseHeaders } from '../http/proxy-headers.js'
import type { BodyFilter, FilterFor, ResponseObserver } from '../http/response-observer.js'
import { cutOff } from './cut-off.js'
import type { ForwardResult, Passed } from './forward-result.js'
import { describeFailure, isConnectionLoss } from './upstream-failure.js'
import { type ConnectionUse, startUse } from './upstream-socket.js'

export interface ExchangeParts {
  readonly request: IncomingMessage
  readonly response: ServerResponse
  readonly body: ClientBody | undefined
  readonly responseHeaders: readonly (readonly [name: string, value: string])[]
  readonly observer: ResponseObserver | undefined
  readonly filter: FilterFor | undefined
  /** How long the client may take to accept what is written to it, in milliseconds; 0 for ever. */
  readonly patience: number
  /** Sends the request once more, on a new connection; undefined where that must not be done. */
  readonly retry: (() => void) | undefined
  readonly settled: (outcome: ForwardResult, passed: Passed) => void
}

/** A chunk of so many bytes is passed on as it comes; smaller ones of one turn of the event loop go on together. */
const LARGE = 4096

/** Up to this many bytes a body is written as one text with its head, which takes a small request from 47 to 45 µs. */
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
  /** Small chunks that came in this turn. */
  #turn: Buffer | ByteBuffer | undefined
  /** How the request uses its connection, where it may be sent once more. */
  #use: ConnectionUse | undefined
  #isRetried = false
  #headWritten = false
  /** It came all at once, and is about to be written. */
  #isWhole = false
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
    else if (this.#parts.retry !== undefined && !this.#isRetried) {
      this.#use = { isReused: false, isAnswered: false }
      startUse(this.#use)
    }
  }

  onResponseStart(controller: Dispatcher.DispatchController, status: number): void {
    // Interim answers (1xx) were for the gateway, which asked for none.
    if (this.#settled || status < 200) return
    const { request, response, responseHeaders, observer, filter } = this.#parts
    const rawHeaders = headerStrings(controller.rawHeaders)
    observer?.head?.(status, rawHeaders)
    this.#filter = filter?.(status, rawHeaders)
    const headers = downstreamResponseHeaders(rawHeaders, responseHeaders)
    this.#status = status
    response.writeHead(status, asFits(headers, status, this.#filter !== undefined))
    // The answer is complete here: what the upstream may wrongly send after it must not be waited for.
    if (request.method === 'HEAD' || status === 204 || status === 304) this.#end()
    else process.nextTick(begin, this)
  }

  onResponseData(_controller: Dispatcher.DispatchController, chunk: Buffer): void {
    if (chunk.length >= LARGE) {
      this.passTurn()
      this.#deliver(chunk)
    } else if (this.#turn === undefined) {
      this.#turn = chunk
      process.nextTick(passTurn, this)
    } else {
      if (Buffer.isBuffer(this.#turn)) {
        const held = new ByteBuffer()
        held.append(this.#turn)
        this.#turn = held
      }
      this.#turn.append(chunk)
    }
  }

  /** Passes on the small chunks that came in this turn, as one. */
  passTurn(): void {
    const turn = this.#turn
    if (turn === undefined) return
    this.#turn = undefined
    this.#deliver(Buffer.isBuffer(turn) ? turn : turn.take())
  }

  #deliver(chunk: Buffer): void {
    const { response, observer } = this.#parts
    if (this.#settled || response.destroyed || response.writableEnded) return
    observer?.data?.(chunk)
    this.#pass(this.#filter === undefined ? chunk : this.#filter.push(chunk))
  }

  onResponseEnd(): void {
    this.passTurn()
    if (this.#settled || this.#parts.response.writableEnded) return
    if (this.#headWritten) this.#end()
    else {
      this.#isWhole = true
      deferWrites(this)
    }
  }

  writeWhole(): void {
    if (this.#settled || this.#parts.response.destroyed) return
    try {
      this.#end()
    } catch (error) {
      this.onResponseError(undefined, error as Error)
    }
  }

  onResponseError(_controller: Dispatcher.DispatchController | undefined, error: Error): void {
    this.passTurn()
    const { request, response, retry } = this.#parts
    if (this.#settled || response.writableEnded) return
    if (retry !== undefined && this.#isConnectionClosing(error) && !request.socket.destroyed) {
      this.#isRetried = true
      retry()
      return
    }
    // A client that has just left may be noticed by the upload before its connection says so.
    if (request.socket.destroyed) {
      this.#settle({ kind: 'cut', by: 'client', started: response.headersSent })
    } else if (response.headersSent) {
      cutOff(request, response)
      this.#settle({ kind: 'cut', by: 'upstream', started: true })
    } else {
      this.#settle({ kind: 'failed', ...describeFailure(error) })
    }
  }

  /** Whether the upstream closed a connection that it had kept, before it saw the request. */
  #isConnectionClosing(error: Error): boolean {
    if (this.#isRetried || this.#parts.response.headersSent) return false
    return this.#use?.isReused === true && !this.#use.isAnswered && isConnectionLoss(error)
  }

  /** Writes the head of an answer of which more is to come, with what has come of it. */
  begin(): void {
    const { response } = this.#parts
    if (this.#isWhole || this.#settled || response.destroyed) return
    this.passTurn()
    this.#writeHead()
  }

  #writeHead(): void {
    if (this.#headWritten) return
    this.#headWritten = true
    const first = this.#first
    this.#first = undefined
    if (first === undefined) this.#parts.response.flushHeaders()
    else this.#write(first)
  }

  #pass(chunk: Buffer): void {
    if (chunk.length === 0) return
    if (!this.#headWritten && this.#first === undefined) {
      this.#first = chunk
    } else {
      this.#writeHead()
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

  #end(): void {
    const { response } = this.#parts
    if (this.#filter !== undefined) this.#pass(this.#filter.end())
    const last = this.#first
    this.#first = undefined
    this.#headWritten = true
    response.on('finish', this.#onFinish)
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

  #settle(outcome: ForwardResult): void {
    if (this.#settled) return
    this.#settled = true
    const { request, response, body, settled } = this.#parts
    if (this.#stall !== undefined) clearTimeout(this.#stall)
    unwatchClient(request.socket, this)
    if (outcome.kind !== 'answered') response.off('drain', this.#onDrain).off('finish', this.#onFinish)
    // Does nothing where the answer is complete. Destroying the body then ends an upload that goes on.
    if (outcome.kind === 'cut') this.#controller?.abort(new Error('the client is gone'))
    body?.destroy()
    drainBody(request)
    settled(outcome, { reached: this.#controller !== undefined, status: this.#status })
  }
}

function passTurn(exchange: Exchange): void {
  exchange.passTurn()
}

function begin(exchange: Exchange): void {
  exchange.begin()
}
