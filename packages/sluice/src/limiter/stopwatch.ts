import type { RequestBody } from './limiter-types.js'

/** Measures how long a decision takes, the wait for the body of its request left out. */
export class Stopwatch {
  readonly #begun = performance.now()
  #leftOut = 0

  /** Milliseconds since it was made, without what was left out. */
  get elapsed(): number {
    return performance.now() - this.#begun - this.#leftOut
  }

  /** A body whose reception is not measured. */
  leavingOut(body: RequestBody): RequestBody {
    return {
      isHere: body.isHere,
      receive: (held) => {
        const from = performance.now()
        const received = body.receive(held)
        if (!(received instanceof Promise)) return received
        return received.finally(() => {
          this.#leftOut = performance.now() - from
        })
      },
    }
  }
}
