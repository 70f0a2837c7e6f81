import type { ServerResponse } from 'node:http'
import type { Sample, Status } from './live-types.js'

/** Samples that are kept: a quarter of an hour, one a second. */
const KEPT = 900
const SAMPLE_MS = 1000
/** The status is told every so many samples, and at once where something was changed. */
const SAMPLES_A_STATUS = 2
/** Who look at once. */
const MOST_LISTENERS = 32
/** Samples that a listener may be behind before it is cut. */
const MOST_BEHIND = 10

export interface FeedSources {
  /** What came in since it was last asked. */
  readonly sample: () => Sample
  readonly status: () => Promise<Status>
}

/** Tells all who look what happens, as server-sent events. */
export class LiveFeed {
  readonly #sources: FeedSources
  /** As JSON, the oldest first. */
  readonly #samples: string[] = []
  /** How many samples each listener is behind. */
  readonly #listeners = new Map<ServerResponse, number>()
  readonly #timer: NodeJS.Timeout
  #taken = 0

  constructor(sources: FeedSources) {
    this.#sources = sources
    this.#timer = setInterval(() => this.#second(), SAMPLE_MS)
    this.#timer.unref()
  }

  /** @returns whether there is room for one more listener; without, nothing is answered. */
  listen(response: ServerResponse, headers: Readonly<Record<string, string>>): boolean {
    if (this.#listeners.size >= MOST_LISTENERS) return false
    response.writeHead(200, { ...headers, 'content-type': 'text/event-stream' })
    response.write(event('history', `[${this.#samples.join(',')}]`))
    this.#listeners.set(response, 0)
    response.once('close', () => this.#listeners.delete(response))
    void this.#tellStatus([response])
    return true
  }

  /** Something was changed that the next status tells of. */
  changed(): void {
    void this.#tellStatus([...this.#listeners.keys()])
  }

  close(): void {
    clearInterval(this.#timer)
    for (const response of this.#listeners.keys()) response.destroy()
  }

  #second(): void {
    const sample = JSON.stringify(this.#sources.sample())
    this.#samples.push(sample)
    if (this.#samples.length > KEPT) this.#samples.shift()
    for (const [response, behind] of this.#listeners) {
      if (response.writableNeedDrain && behind >= MOST_BEHIND) response.destroy()
      else {
        this.#listeners.set(response, response.writableNeedDrain ? behind + 1 : 0)
        response.write(event('sample', sample))
      }
    }
    this.#taken++
    if (this.#taken % SAMPLES_A_STATUS === 0) this.changed()
  }

  /** Those that are behind do without. */
  async #tellStatus(listeners: readonly ServerResponse[]): Promise<void> {
    if (listeners.length === 0) return
    try {
      const status = event('status', JSON.stringify(await this.#sources.status()))
      for (const response of listeners) if (!response.writableNeedDrain) response.write(status)
    } catch {
      // The store does not answer, and the samples go on. The next status says so.
    }
  }
}

function event(name: string, data: string): string {
  return `event: ${name}\ndata: ${data}\n\n`
}
