import type { RequestBody } from './limiter-types.js'

/**
 * Measures how long a decision takes, excluding the time spent receiving the body of the request.
 */
export class Stopwatch {
  readonly #startedAt = performance.now()
  #excludedMs = 0

  /** Milliseconds since this object was created, minus the excluded time. */
  get elapsedMs(): number {
    return performance.now() - this.#startedAt - this.#excludedMs
  }

  /** Wraps a body so that the time spent receiving it is excluded. */
  excluding(body: RequestBody): RequestBody {
    return {
      isHere: body.isHere,
      receive: (held) => {
        const from = performance.now()
        const received = body.receive(held)
        if (!(received instanceof Promise)) return received
        return received.finally(() => {
          this.#excludedMs = performance.now() - from
        })
      },
    }
  }
}
