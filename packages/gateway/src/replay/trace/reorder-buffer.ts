import type { TraceRequest } from './trace-request.js'

/** Most requests that are held back to be put in order. */
const MAX_HELD = 100_000

/**
 * Puts requests in the order of their times, as far as they are out of order by no more than a given time: logs are written when
 * requests end. What comes later than that is counted, and passed on as it comes. When requests are taken out makes no difference.
 */
export class ReorderBuffer {
  /** In order. What is before `#head` was taken out; what is before `#ready` no request can come before any more. */
  #held: TraceRequest[] = []
  #head = 0
  #ready = 0
  #latest = Number.NEGATIVE_INFINITY
  /** The latest of those that are ready. */
  #passed = Number.NEGATIVE_INFINITY
  #late = 0
  #worst = 0

  /** @param window in milliseconds */
  constructor(private readonly window: number) {}

  /** Requests that came too late to be put in order. */
  get late(): number {
    return this.#late
  }

  /** By how many milliseconds they were out of order at most. */
  get worst(): number {
    return this.#worst
  }

  push(request: TraceRequest): void {
    if (request.at < this.#passed) {
      this.#late++
      this.#worst = Math.max(this.#worst, this.#passed - request.at)
    }
    if (request.at >= this.#latest) {
      this.#latest = request.at
      this.#held.push(request)
    } else {
      this.#held.splice(this.#placeOf(request.at), 0, request)
    }
    this.#pass()
  }

  /** Takes out those that no request which is in time can come before. */
  ready(): readonly TraceRequest[] {
    const ready = this.#held.slice(this.#head, this.#ready)
    this.#head = this.#ready
    if (this.#head > 1024 && this.#head * 2 > this.#held.length) {
      this.#held = this.#held.slice(this.#head)
      this.#head = 0
      this.#ready = 0
    }
    return ready
  }

  /** Takes out all the others. */
  rest(): readonly TraceRequest[] {
    this.#ready = this.#held.length
    return this.ready()
  }

  #pass(): void {
    const until = this.#latest - this.window
    while (this.#ready < this.#held.length) {
      const first = this.#held[this.#ready] as TraceRequest
      if (first.at > until && this.#held.length - this.#ready <= MAX_HELD) break
      this.#passed = Math.max(this.#passed, first.at)
      this.#ready++
    }
  }

  /** Behind those of the same time, which came before. */
  #placeOf(at: number): number {
    let low = this.#ready
    let high = this.#held.length
    while (low < high) {
      const middle = (low + high) >>> 1
      if ((this.#held[middle] as TraceRequest).at <= at) low = middle + 1
      else high = middle
    }
    return low
  }
}
