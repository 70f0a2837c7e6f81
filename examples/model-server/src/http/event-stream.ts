import { once } from 'node:events'
import type { ServerResponse } from 'node:http'

/** Sends server-sent events, no faster than the client reads them. */
export class EventStream {
  readonly #response: ServerResponse
  readonly #disconnected: AbortSignal

  /** Sends the response headers. */
  constructor(response: ServerResponse, disconnected: AbortSignal) {
    this.#response = response
    this.#disconnected = disconnected
    response.writeHead(200, {
      'content-type': 'text/event-stream; charset=utf-8',
      'cache-control': 'no-cache',
    })
  }

  /**
   * Sends one event and waits until the connection can take the next.
   *
   * @param data a string without line breaks
   * @throws the signal's AbortError once the client has disconnected
   */
  async send(data: string): Promise<void> {
    this.#disconnected.throwIfAborted()
    if (!this.#response.write(`data: ${data}\n\n`))
      await once(this.#response, 'drain', { signal: this.#disconnected })
  }
}
