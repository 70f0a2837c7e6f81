import { createParser } from 'eventsource-parser'
import type { Status } from '../../../src/server/admin/api/gateway-status.js'
import type { Sample } from '../../../src/server/admin/api/live-samples.js'
import { type AdminApi, AdminError } from './admin-api.js'

/** What the page knows of its connection. */
export type Connection =
  | { readonly state: 'connecting' }
  | { readonly state: 'live' }
  /** `again`: epoch milliseconds of the next attempt. */
  | { readonly state: 'lost'; readonly reason: string; readonly again: number }
  | { readonly state: 'wants-token'; readonly reason: string }

export interface LiveListener {
  connection(now: Connection): void
  history(samples: readonly Sample[]): void
  sample(sample: Sample): void
  status(status: Status): void
}

/** Milliseconds. A sample comes every second: after this long without a byte, the connection is dead whatever the network says. */
const SILENCE = 10_000
const FIRST_WAIT = 1000
const MAX_WAIT = 15_000

/** Follows the gateway, and comes back by itself after it was lost. */
export class LiveFeed {
  readonly #api: AdminApi
  readonly #listener: LiveListener
  #attempt = new AbortController()
  #failures = 0
  #timer: ReturnType<typeof setTimeout> | undefined

  constructor(api: AdminApi, listener: LiveListener) {
    this.#api = api
    this.#listener = listener
  }

  /** Begins anew, at once: at the start, when somebody asks to, and when the token has changed. */
  async connect(): Promise<void> {
    this.stop()
    const attempt = this.#attempt
    if (this.#failures === 0) this.#listener.connection({ state: 'connecting' })
    const failure = await this.#follow(attempt)
    if (this.#attempt !== attempt) return
    if (failure instanceof AdminError && failure.status === 401)
      this.#listener.connection({ state: 'wants-token', reason: failure.message })
    else this.#retry(failure.message)
  }

  stop(): void {
    clearTimeout(this.#timer)
    this.#attempt.abort()
    this.#attempt = new AbortController()
  }

  #retry(reason: string): void {
    const longest = Math.min(FIRST_WAIT * 2 ** this.#failures, MAX_WAIT)
    this.#failures++
    // Many open pages must not all come back in one moment.
    const wait = longest * (0.5 + Math.random() / 2)
    this.#listener.connection({ state: 'lost', reason, again: Date.now() + wait })
    this.#timer = setTimeout(() => void this.connect(), wait)
  }

  /** Why it has ended. */
  async #follow(attempt: AbortController): Promise<Error> {
    let silent = false
    const giveUp = () => {
      silent = true
      attempt.abort()
    }
    let timer = setTimeout(giveUp, SILENCE)
    try {
      const { body } = await this.#api.live(attempt.signal)
      const parser = createParser({
        onEvent: ({ event, data }) => {
          if (this.#attempt === attempt) this.#take(event, data)
        },
      })
      const reader = body?.pipeThrough(new TextDecoderStream()).getReader()
      for (;;) {
        const next = await reader?.read()
        if (next?.value === undefined) return new Error('The gateway has closed the connection.')
        clearTimeout(timer)
        timer = setTimeout(giveUp, SILENCE)
        parser.feed(next.value)
      }
    } catch (error) {
      if (silent) return new Error('The gateway has fallen silent.')
      return error instanceof AdminError ? error : new Error('The connection to the gateway is lost.')
    } finally {
      clearTimeout(timer)
    }
  }

  #take(event: string | undefined, data: string): void {
    if (event === 'history') {
      this.#failures = 0
      this.#listener.connection({ state: 'live' })
      this.#listener.history(JSON.parse(data))
    } else if (event === 'sample') this.#listener.sample(JSON.parse(data))
    else if (event === 'status') this.#listener.status(JSON.parse(data))
  }
}
