import { createParser } from 'eventsource-parser'
import type { Status } from '../../../src/server/admin/api/gateway-status.js'
import type { Sample } from '../../../src/server/admin/api/live-samples.js'
import { type AdminApi, AdminError } from './admin-api.js'

/** The state of the connection to the gateway. */
export type Connection =
  | { readonly state: 'connecting' }
  | { readonly state: 'live' }
  /** `retryAt`: epoch milliseconds of the next attempt. */
  | { readonly state: 'lost'; readonly reason: string; readonly retryAt: number }
  | { readonly state: 'token-required'; readonly reason: string }

export interface LiveFeedHandlers {
  onConnection(connection: Connection): void
  onHistory(samples: readonly Sample[]): void
  onSample(sample: Sample): void
  onStatus(status: Status): void
}

/** Time without data after which the connection is considered lost. Samples arrive every second. */
const IDLE_TIMEOUT_MS = 10_000
const MIN_RETRY_MS = 1000
const MAX_RETRY_MS = 15_000

/** Receives live data from the gateway, and reconnects after a failure. */
export class LiveFeed {
  readonly #api: AdminApi
  readonly #handlers: LiveFeedHandlers
  #attempt = new AbortController()
  #failures = 0
  #timer: ReturnType<typeof setTimeout> | undefined

  constructor(api: AdminApi, handlers: LiveFeedHandlers) {
    this.#api = api
    this.#handlers = handlers
  }

  /** Connects, replacing the current connection. */
  async connect(): Promise<void> {
    this.stop()
    const attempt = this.#attempt
    if (this.#failures === 0) this.#handlers.onConnection({ state: 'connecting' })
    const failure = await this.#receive(attempt)
    if (this.#attempt !== attempt) return
    if (failure instanceof AdminError && failure.status === 401)
      this.#handlers.onConnection({ state: 'token-required', reason: failure.message })
    else this.#retry(failure.message)
  }

  stop(): void {
    clearTimeout(this.#timer)
    this.#attempt.abort()
    this.#attempt = new AbortController()
  }

  #retry(reason: string): void {
    const maxDelay = Math.min(MIN_RETRY_MS * 2 ** this.#failures, MAX_RETRY_MS)
    this.#failures++
    // Jitter keeps open pages from reconnecting all at once.
    const delay = maxDelay * (0.5 + Math.random() / 2)
    this.#handlers.onConnection({ state: 'lost', reason, retryAt: Date.now() + delay })
    this.#timer = setTimeout(() => void this.connect(), delay)
  }

  /** Receives events until the connection ends, and returns the reason. */
  async #receive(attempt: AbortController): Promise<Error> {
    let isIdle = false
    const abort = () => {
      isIdle = true
      attempt.abort()
    }
    let timer = setTimeout(abort, IDLE_TIMEOUT_MS)
    try {
      const { body } = await this.#api.live(attempt.signal)
      const parser = createParser({
        onEvent: ({ event, data }) => {
          if (this.#attempt === attempt) this.#onEvent(event, data)
        },
      })
      const reader = body?.pipeThrough(new TextDecoderStream()).getReader()
      for (;;) {
        const next = await reader?.read()
        if (next?.value === undefined) return new Error('The gateway closed the connection.')
        clearTimeout(timer)
        timer = setTimeout(abort, IDLE_TIMEOUT_MS)
        parser.feed(next.value)
      }
    } catch (error) {
      if (isIdle) return new Error('The gateway stopped sending data.')
      return error instanceof AdminError ? error : new Error('The connection to the gateway was lost.')
    } finally {
      clearTimeout(timer)
    }
  }

  #onEvent(event: string | undefined, data: string): void {
    if (event === 'history') {
      this.#failures = 0
      this.#handlers.onConnection({ state: 'live' })
      this.#handlers.onHistory(JSON.parse(data))
    } else if (event === 'sample') this.#handlers.onSample(JSON.parse(data))
    else if (event === 'status') this.#handlers.onStatus(JSON.parse(data))
  }
}
