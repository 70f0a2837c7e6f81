import type { IncomingMessage } from 'node:http'
import { Readable } from 'node:stream'

/** Reports whether a request has a body. */
export function hasBody(request: IncomingMessage): boolean {
  return (
    request.headers['transfer-encoding'] !== undefined || Number(request.headers['content-length'] ?? 0) > 0
  )
}

/**
 * Returns a request's body if all of it arrived with the head; otherwise undefined.
 *
 * Such a body is sent upstream together with the head and needs no stream, which halves the cost of
 * a small request.
 */
export function arrivedBody(request: IncomingMessage): Buffer | undefined {
  const { 'content-length': length, 'transfer-encoding': coding } = request.headers
  if (coding !== undefined || length === undefined) return undefined
  const arrived = request.readableLength
  return arrived > 0 && arrived === Number(length) ? request.read(arrived) : undefined
}

/**
 * A stream of a request's body, read at the pace of the upstream.
 *
 * The upstream connection destroys the body stream when the upstream fails or responds early. This
 * separate stream keeps the client's request intact, so that a response can be sent. If the client
 * disconnects, the stream does not end; its owner must destroy it.
 */
export class ClientBody extends Readable {
  readonly #request: IncomingMessage
  #isUntouched = true
  readonly #onData = (chunk: Buffer) => {
    if (!this.push(chunk)) this.#request.pause()
  }
  readonly #onEnd = () => {
    this.push(null)
  }

  constructor(request: IncomingMessage) {
    super()
    this.#request = request
    // The upstream connection destroys the stream with its error, which is also reported elsewhere.
    this.on('error', () => {})
    // Without a pause, adding the listener would start the flow.
    request.pause()
    request.on('data', this.#onData).on('end', this.#onEnd)
  }

  /** True if nothing was read, so that another stream can still provide the whole body. */
  get isUntouched(): boolean {
    return this.#isUntouched
  }

  override _read(): void {
    this.#isUntouched = false
    this.#request.resume()
  }

  override _destroy(error: Error | null, done: (error?: Error | null) => void): void {
    this.#request.off('data', this.#onData).off('end', this.#onEnd)
    if (!this.#request.readableEnded) this.#request.pause()
    done(error)
  }
}
