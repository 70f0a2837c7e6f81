import type { ServerResponse } from 'node:http'
import type { Socket } from 'node:net'

/** The answers that the requests of each connection wait for, in their order. */
export class ResponseOrder {
  readonly #answers = new WeakMap<Socket, ServerResponse[]>()
  readonly #lastCame = new WeakMap<Socket, number>()

  add(socket: Socket, response: ServerResponse): void {
    this.#lastCame.set(socket, performance.now())
    const answers = this.#unfinished(socket)
    if (answers === undefined) this.#answers.set(socket, [response])
    else answers.push(response)
  }

  /** The answer that is next to be written to a connection, or is being written. */
  currentOf(socket: Socket): ServerResponse | undefined {
    return this.#unfinished(socket)?.[0]
  }

  /** How long ago the last request of a connection came, in milliseconds. */
  sinceLastRequest(socket: Socket): number {
    return performance.now() - (this.#lastCame.get(socket) ?? 0)
  }

  #unfinished(socket: Socket): ServerResponse[] | undefined {
    const answers = this.#answers.get(socket)
    while (answers?.[0]?.writableFinished || answers?.[0]?.destroyed) answers.shift()
    return answers
  }
}
