import type { ServerResponse } from 'node:http'
import { StoreUnavailableError } from 'sluice'
import type { Status } from '../api/gateway-status.js'
import type { Sample } from '../api/live-samples.js'
import { forgetInSample } from './forget-in-sample.js'
import { SseClient } from './sse-client.js'

/** Maximum number of samples in the history: 15 minutes at one per second. */
const MAX_SAMPLES = 900
const SAMPLE_INTERVAL_MS = 1000
/** The status is sent with every second sample, and immediately after a change. */
const SAMPLES_PER_STATUS = 2
const MAX_CLIENTS = 32
/** Number of samples by which a client may fall behind before it is disconnected. */
const MAX_BACKLOG = 10

export interface FeedSources {
  /** Returns the traffic since the last call. */
  readonly sample: () => Sample
  readonly status: () => Promise<Status>
  /** Called with an unexpected error, and not again until `status` has succeeded. */
  readonly onError: (error: unknown) => void
}

/** Sends samples and the status to all connected dashboards, as server-sent events. */
export class SseFeed {
  readonly #sources: FeedSources
  /** The history as JSON, oldest sample first. */
  #samples: string[] = []
  readonly #clients = new Set<SseClient>()
  readonly #timer: NodeJS.Timeout
  #sampleCount = 0
  #hasFailed = false

  constructor(sources: FeedSources) {
    this.#sources = sources
    this.#timer = setInterval(() => this.#sendSample(), SAMPLE_INTERVAL_MS)
    this.#timer.unref()
  }

  /**
   * Adds a client, and sends it the history.
   *
   * @param encodings the value of the `Accept-Encoding` header
   * @returns false, without sending a response, if too many clients are connected
   */
  listen(
    response: ServerResponse,
    headers: Readonly<Record<string, string>>,
    encodings?: string | undefined,
  ): boolean {
    if (this.#clients.size >= MAX_CLIENTS) return false
    const client = new SseClient(response, headers, encodings)
    client.send(event('history', `[${this.#samples.join(',')}]`))
    this.#clients.add(client)
    response.once('close', () => this.#clients.delete(client))
    void this.#status().then((status) => status && client.send(status))
    return true
  }

  /** Sends the current status to all clients that are not behind. */
  sendStatus(): void {
    if (this.#clients.size === 0) return
    void this.#status().then((status) => {
      if (status === undefined) return
      for (const client of this.#clients) if (!client.isBehind) client.send(status)
    })
  }

  /** Counts the tokens of a client with those of the others. */
  forgetClient(client: string): void {
    this.#samples = this.#samples.map((json) => forgetInSample(json, client))
  }

  close(): void {
    clearInterval(this.#timer)
    for (const client of this.#clients) client.disconnect()
  }

  #sendSample(): void {
    const sample = JSON.stringify(this.#sources.sample())
    this.#samples.push(sample)
    if (this.#samples.length > MAX_SAMPLES) this.#samples.shift()
    for (const client of this.#clients) {
      if (client.isBehind && client.backlog >= MAX_BACKLOG) client.disconnect()
      else {
        client.backlog = client.isBehind ? client.backlog + 1 : 0
        client.send(event('sample', sample))
      }
    }
    this.#sampleCount++
    if (this.#sampleCount % SAMPLES_PER_STATUS === 0) this.sendStatus()
  }

  /** Resolves to undefined if the status cannot be read; the samples show the failure. */
  async #status(): Promise<string | undefined> {
    try {
      const status = event('status', JSON.stringify(await this.#sources.status()))
      this.#hasFailed = false
      return status
    } catch (error) {
      if (error instanceof StoreUnavailableError || this.#hasFailed) return undefined
      this.#hasFailed = true
      this.#sources.onError(error)
      return undefined
    }
  }
}

function event(name: string, data: string): string {
  return `event: ${name}\ndata: ${data}\n\n`
}
