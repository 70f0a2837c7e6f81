import type { TraceRequest } from './trace-request.js'

/** Maximum number of buffered requests. */
const MAX_BUFFERED = 100_000

/**
 * Sorts requests by time within a window. Logs are out of order because they are written when
 * requests end. A request that is late by more than the window is counted and passed on unsorted.
 * The result does not depend on when requests are removed.
 */
export class ReorderBuffer {
  /**
   * Sorted. Requests before `#head` were removed; those before `#ready` are in their final
   * position.
   */
  #buffer: TraceRequest[] = []
  #head = 0
  #ready = 0
  #latest = Number.NEGATIVE_INFINITY
  /** Time of the latest ready request. */
  #passed = Number.NEGATIVE_INFINITY
  #late = 0
  #worst = 0

  /** @param window in milliseconds */
  constructor(private readonly window: number) {}

  /** Number of requests that were too late to be sorted. */
  get late(): number {
    return this.#late
  }

  /** Largest delay of a late request, in milliseconds. */
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
      this.#buffer.push(request)
    } else {
      this.#buffer.splice(this.#insertionIndex(request.at), 0, request)
    }
    this.#advance()
  }

  /** Removes and returns the requests that are in their final position. */
  ready(): readonly TraceRequest[] {
    const ready = this.#buffer.slice(this.#head, this.#ready)
    this.#head = this.#ready
    if (this.#head > 1024 && this.#head * 2 > this.#buffer.length) {
      this.#buffer = this.#buffer.slice(this.#head)
      this.#head = 0
      this.#ready = 0
    }
    return ready
  }

  /** Removes and returns all remaining requests. */
  rest(): readonly TraceRequest[] {
    this.#ready = this.#buffer.length
    return this.ready()
  }

  #advance(): void {
    const until = this.#latest - this.window
    while (this.#ready < this.#buffer.length) {
      const first = this.#buffer[this.#ready] as TraceRequest
      if (first.at > until && this.#buffer.length - this.#ready <= MAX_BUFFERED) break
      this.#passed = Math.max(this.#passed, first.at)
      this.#ready++
    }
  }

  /** Returns the position at which to insert a request: after all requests of the same time. */
  #insertionIndex(at: number): number {
    let low = this.#ready
    let high = this.#buffer.length
    while (low < high) {
      const middle = (low + high) >>> 1
      if ((this.#buffer[middle] as TraceRequest).at <= at) low = middle + 1
      else high = middle
    }
    return low
  }
}
