import type { ServerResponse } from 'node:http'
import type { Socket } from 'node:net'

/** Tracks the unfinished responses of each connection in the order of their requests. */
export class ResponseOrder {
  readonly #responses = new WeakMap<Socket, ServerResponse[]>()
  /** Responses that would keep their connection open if they were not the last. */
  readonly #closing = new WeakSet<ServerResponse>()
  readonly #lastRequestAt = new WeakMap<Socket, number>()

  add(socket: Socket, response: ServerResponse): void {
    this.#lastRequestAt.set(socket, performance.now())
    const responses = this.#unfinished(socket)
    if (responses === undefined) this.#responses.set(socket, [response])
    else responses.push(response)
  }

  /** Returns the response that is being written to a connection, or is next in line. */
  currentOf(socket: Socket): ServerResponse | undefined {
    return this.#unfinished(socket)?.[0]
  }

  /**
   * Makes the last unfinished response of a connection close the connection, unless its head has
   * been sent. Responses before it keep the connection open.
   */
  closeAfterLast(socket: Socket): void {
    const responses = this.#unfinished(socket) ?? []
    for (const [index, response] of responses.entries()) {
      if (response.headersSent) continue
      const isLast = index === responses.length - 1
      if (isLast && response.shouldKeepAlive) this.#closing.add(response)
      // A response that is no longer the last one must not end the connection.
      if (isLast || this.#closing.has(response)) response.shouldKeepAlive = !isLast
    }
  }

  /** Returns the milliseconds since the last request of a connection arrived. */
  sinceLastRequestMs(socket: Socket): number {
    return performance.now() - (this.#lastRequestAt.get(socket) ?? 0)
  }

  #unfinished(socket: Socket): ServerResponse[] | undefined {
    const responses = this.#responses.get(socket)
    while (responses?.[0]?.writableFinished || responses?.[0]?.destroyed) responses.shift()
    return responses
  }
}
