import { Agent, type ClientRequest, type IncomingMessage, request } from 'node:http'
import { setTimeout as after } from 'node:timers/promises'
import { KEYS } from '../gateway/proxies.js'
import { median } from '../harness/statistics.js'
import { streamedCompletion } from './requests.js'

const NEW_LINE = 10
/** Time after which a stream without an event is an error, in milliseconds. */
const BEGIN_TIMEOUT_MS = 20_000

/** Streams of completions that are open at the same time. */
export class Streams {
  readonly #agent = new Agent({ keepAlive: false })
  readonly #requests: ClientRequest[] = []
  readonly #firstEvents: number[] = []
  #events = 0
  #error: Error | undefined

  /** Number of events received so far, of all streams. */
  get events(): number {
    if (this.#error !== undefined) throw this.#error
    return this.#events
  }

  /**
   * Opens streams at an even rate over some seconds, and then waits for the first event of each.
   *
   * @param eventsPerStream the number of events after which the upstream ends a stream
   */
  async open(port: number, count: number, seconds: number, eventsPerStream: number): Promise<void> {
    const body = streamedCompletion(eventsPerStream)
    const started = performance.now()
    for (let index = 0; index < count; index++) {
      const due = started + (index * seconds * 1000) / count
      await after(Math.max(0, due - performance.now()))
      this.#openOne(port, body, KEYS[index % KEYS.length] as string)
    }
    const until = performance.now() + BEGIN_TIMEOUT_MS
    while (this.#firstEvents.length < count && this.#error === undefined) {
      if (performance.now() > until)
        throw new Error(`only ${this.#firstEvents.length} of ${count} streams began`)
      await after(20)
    }
  }

  /** Median time from a request to its first event, in milliseconds. */
  get timeToFirstEvent(): number {
    return median(this.#firstEvents)
  }

  close(): void {
    for (const each of this.#requests) each.destroy()
    this.#agent.destroy()
  }

  #openOne(port: number, body: string, key: string): void {
    const sent = performance.now()
    const headers = { 'content-type': 'application/json', authorization: `Bearer ${key}` }
    const options = { port, host: '127.0.0.1', path: '/v1/chat/completions', method: 'POST', headers }
    const each = request({ ...options, agent: this.#agent }, (response) => {
      if (response.statusCode === 200) return this.#read(response, sent)
      this.#error ??= new Error(`a stream got the status ${response.statusCode}`)
    })
    each.on('error', (error) => {
      if (!each.destroyed) this.#error ??= error
    })
    each.end(body)
    this.#requests.push(each)
  }

  /** Counts the events, each of which ends with an empty line. */
  #read(response: IncomingMessage, sent: number): void {
    let last = 0
    response.once('data', () => this.#firstEvents.push(performance.now() - sent))
    response.on('data', (chunk: Buffer) => {
      for (let index = chunk.indexOf(NEW_LINE); index !== -1; index = chunk.indexOf(NEW_LINE, index + 1)) {
        if ((index === 0 ? last : chunk[index - 1]) === NEW_LINE) this.#events++
      }
      last = chunk.at(-1) ?? last
    })
    response.on('error', () => {})
  }
}
