import { Agent, type IncomingMessage, request } from 'node:http'
import { setTimeout as pause } from 'node:timers/promises'

/** A request of the load, with its expected statuses. */
export interface LoadRequest {
  readonly method: 'GET' | 'POST'
  readonly path: string
  readonly key: string
  readonly body?: unknown
  readonly expected: readonly number[]
  /** Resolves when the second half of the body may be sent. Default: immediately. */
  readonly secondHalf?: Promise<unknown>
}

const TICK_MS = 10

/**
 * Sends requests at a fixed rate, independent of the responses.
 *
 * @param next returns the request with the given index
 */
export class RequestLoad {
  readonly #agent = new Agent({ keepAlive: true })
  readonly #failures = new Map<string, number>()
  readonly #pending = new Set<Promise<void>>()
  #sent = 0
  #isOver = false
  readonly #sending: Promise<void>

  constructor(
    private readonly url: string,
    perSecond: number,
    next: (index: number) => LoadRequest,
  ) {
    this.#sending = this.#sendAll(perSecond, next)
  }

  get sent(): number {
    return this.#sent
  }

  /** Stops the load and waits for the last request. Returns the number of failures by kind. */
  async stop(): Promise<Record<string, number>> {
    this.#isOver = true
    await this.#sending
    await Promise.all(this.#pending)
    this.#agent.destroy()
    return Object.fromEntries(this.#failures)
  }

  async #sendAll(perSecond: number, next: (index: number) => LoadRequest): Promise<void> {
    const began = performance.now()
    while (!this.#isOver) {
      const due = ((performance.now() - began) / 1000) * perSecond
      while (this.#sent < due) {
        const ended = this.#send(next(this.#sent)).finally(() => this.#pending.delete(ended))
        this.#pending.add(ended)
        this.#sent++
      }
      await pause(TICK_MS)
    }
  }

  async #send(planned: LoadRequest): Promise<void> {
    const outcome = await this.#request(planned).catch(
      (error: NodeJS.ErrnoException) => error.code ?? error.message,
    )
    if (typeof outcome === 'number' && planned.expected.includes(outcome)) return
    const failure = `${planned.method} ${planned.path}: ${outcome}`
    this.#failures.set(failure, (this.#failures.get(failure) ?? 0) + 1)
  }

  async #request({ method, path, key, body, secondHalf }: LoadRequest): Promise<number> {
    const text = body === undefined ? '' : JSON.stringify(body)
    const headers = {
      'x-api-key': key,
      ...(body !== undefined && { 'content-type': 'application/json', 'content-length': text.length }),
    }
    const outgoing = request(new URL(path, this.url), { method, headers, agent: this.#agent })
    const responded = new Promise<IncomingMessage>((resolve, reject) => {
      outgoing.once('response', resolve).on('error', reject)
    })
    const half = text.length >> 1
    outgoing.write(text.slice(0, half))
    if (secondHalf !== undefined) await Promise.race([secondHalf, responded])
    outgoing.end(text.slice(half))
    const response = await responded
    for await (const _ of response);
    return response.statusCode as number
  }
}
