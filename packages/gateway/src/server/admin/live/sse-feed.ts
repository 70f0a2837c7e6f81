import type { ServerResponse } from 'node:http'
import { StoreUnavailableError } from 'sluice'
import type { Sample, Status } from '../api/live-types.js'
import { Listener } from './sse-client.js'

/** Samples that are kept: a quarter of an hour, one a second. */
const KEPT = 900
const SAMPLE_MS = 1000
/** The status is told every so many samples, and at once where something was changed. */
const SAMPLES_A_STATUS = 2
/** Who look at once. */
const MAX_LISTENERS = 32
/** Samples that a listener may be behind before it is cut. */
const MAX_BEHIND = 10

export interface FeedSources {
  /** What came in since it was last asked. */
  readonly sample: () => Sample
  readonly status: () => Promise<Status>
  /** Told why a status could not be had, where nobody foresaw it: once, until there is one again. */
  readonly crashed: (error: unknown) => void
}

/** Tells all who look what happens, as server-sent events. */
export class LiveFeed {
  readonly #sources: FeedSources
  /** As JSON, the oldest first. */
  readonly #samples: string[] = []
  readonly #listeners = new Set<Listener>()
  readonly #timer: NodeJS.Timeout
  #taken = 0
  #hasCrashed = false

  constructor(sources: FeedSources) {
    this.#sources = sources
    this.#timer = setInterval(() => this.#second(), SAMPLE_MS)
    this.#timer.unref()
  }

  /**
   * @param encodings that the listener accepts, as its `Accept-Encoding` says
   * @returns whether there is room for one more listener; without, nothing is answered.
   */
  listen(
    response: ServerResponse,
    headers: Readonly<Record<string, string>>,
    encodings?: string | undefined,
  ): boolean {
    if (this.#listeners.size >= MAX_LISTENERS) return false
    const listener = new Listener(response, headers, encodings)
    listener.tell(event('history', `[${this.#samples.join(',')}]`))
    this.#listeners.add(listener)
    response.once('close', () => this.#listeners.delete(listener))
    void this.#status().then((status) => status && listener.tell(status))
    return true
  }

  /** Something was changed that the next status tells of. Those that are behind do without. */
  changed(): void {
    if (this.#listeners.size === 0) return
    void this.#status().then((status) => {
      if (status === undefined) return
      for (const listener of this.#listeners) if (!listener.isBehind) listener.tell(status)
    })
  }

  close(): void {
    clearInterval(this.#timer)
    for (const listener of this.#listeners) listener.cut()
  }

  #second(): void {
    const sample = JSON.stringify(this.#sources.sample())
    this.#samples.push(sample)
    if (this.#samples.length > KEPT) this.#samples.shift()
    for (const listener of this.#listeners) {
      if (listener.isBehind && listener.behind >= MAX_BEHIND) listener.cut()
      else {
        listener.behind = listener.isBehind ? listener.behind + 1 : 0
        listener.tell(event('sample', sample))
      }
    }
    this.#taken++
    if (this.#taken % SAMPLES_A_STATUS === 0) this.changed()
  }

  /** Undefined where the store does not answer, or something broke: the samples go on, and the next status says so. */
  async #status(): Promise<string | undefined> {
    try {
      const status = event('status', JSON.stringify(await this.#sources.status()))
      this.#hasCrashed = false
      return status
    } catch (error) {
      if (error instanceof StoreUnavailableError || this.#hasCrashed) return undefined
      this.#hasCrashed = true
      this.#sources.crashed(error)
      return undefined
    }
  }
}

function event(name: string, data: string): string {
  return `event: ${name}\ndata: ${data}\n\n`
}
