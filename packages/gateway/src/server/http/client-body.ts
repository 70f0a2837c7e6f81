import type { IncomingMessage } from 'node:http'
import { Readable } from 'node:stream'

/** Whether a request has a body to send on. */
export function hasBody(request: IncomingMessage): boolean {
  return (
    request.headers['transfer-encoding'] !== undefined || Number(request.headers['content-length'] ?? 0) > 0
  )
}

/**
 * A request's body, where all of it came with the head, as a small one does; undefined where it is still to be read.
 * It then goes upstream in one piece with the head, and needs no stream: which halves what a small request costs the gateway.
 */
export function arrivedBody(request: IncomingMessage): Buffer | undefined {
  const { 'content-length': length, 'transfer-encoding': coding } = request.headers
  if (coding !== undefined || length === undefined) return undefined
  const arrived = request.readableLength
  return arrived > 0 && arrived === Number(length) ? request.read(arrived) : undefined
}

/**
 * A request's body for the upstream connection to read, at the pace of the upstream.
 *
 * It stands between the two because the upstream connection destroys the body that it is given when the upstream
 * fails or answers early, and the client's request must survive that to be answered. A client that goes away does
 * not end it: whoever made it learns of that from the connection and destroys it.
 */
export class ClientBody extends Readable {
  readonly #request: IncomingMessage
  readonly #onData = (chunk: Buffer) => {
    if (!this.push(chunk)) this.#request.pause()
  }
  readonly #onEnd = () => {
    this.push(null)
  }

  constructor(request: IncomingMessage) {
    super()
    this.#request = request
    // The upstream's connection hands the errors on that it destroys a body with; they are told elsewhere.
    this.on('error', () => {})
    // Before the listener, which would else set the request flowing.
    request.pause()
    request.on('data', this.#onData).on('end', this.#onEnd)
  }

  override _read(): void {
    this.#request.resume()
  }

  override _destroy(error: Error | null, done: (error?: Error | null) => void): void {
    this.#request.off('data', this.#onData).off('end', this.#onEnd)
    if (!this.#request.readableEnded) this.#request.pause()
    done(error)
  }
}
