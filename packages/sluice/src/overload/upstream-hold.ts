/** The longest time in which nothing is sent, in milliseconds. */
const MAX_HOLD_MS = 30_000
const FIRST_HOLD_MS = 1_000
/** Server errors count once they are half of the last 20 responses. */
const ERRORS_JUDGED = 20
const MIN_ERRORS = 10

/**
 * Why an upstream did not answer a request. `overloaded`: it said so with 429, 503 or 529, or refused
 * or reset the connection, or timed out before the response began. `error`: 500 or 502, which count
 * only if they are many.
 */
export type Rejection = 'overloaded' | 'error'

/**
 * Stops sending for a while after an upstream has said that it is overloaded: for its `Retry-After`,
 * or for 1 s, doubling up to 30 s. Afterwards one request is sent alone, until a response begins.
 */
export class UpstreamHold {
  #until = Number.NEGATIVE_INFINITY
  #backoffMs = FIRST_HOLD_MS
  #isTesting = false
  readonly #errors = new Uint8Array(ERRORS_JUDGED)
  #errorCount = 0
  #responses = 0
  #lastSignalAt = Number.NEGATIVE_INFINITY

  /** When requests may be sent again. */
  get until(): number {
    return this.#until
  }

  /** True if only one request may be in flight, because none has begun since the hold. */
  get isTesting(): boolean {
    return this.#isTesting
  }

  /** @param sentAt when the request was sent whose response began */
  onBegun(sentAt: number): void {
    this.#record(0)
    if (sentAt < this.#until) return
    this.#isTesting = false
    this.#backoffMs = FIRST_HOLD_MS
  }

  /**
   * Takes a rejection. All rejections of requests that were sent together are one signal.
   *
   * @param spanMs how far apart two signals are at least
   * @returns true if the window must shrink
   */
  onRejection(kind: Rejection, now: number, spanMs: number, retryAfterMs: number | undefined): boolean {
    if (kind === 'error') {
      this.#record(1)
      if (this.#errorCount < MIN_ERRORS) return false
    }
    // Also false for a number that could not be read.
    const isStated = retryAfterMs !== undefined && retryAfterMs >= 0
    if (isStated) this.#until = Math.max(this.#until, now + Math.min(MAX_HOLD_MS, retryAfterMs))
    if (now - this.#lastSignalAt < Math.max(FIRST_HOLD_MS, spanMs)) return false
    this.#lastSignalAt = now
    this.#isTesting = true
    if (!isStated) {
      this.#until = Math.max(this.#until, now + this.#backoffMs)
      this.#backoffMs = Math.min(MAX_HOLD_MS, 2 * this.#backoffMs)
    }
    return true
  }

  #record(error: 0 | 1): void {
    const place = this.#responses++ % ERRORS_JUDGED
    this.#errorCount += error - (this.#errors[place] as number)
    this.#errors[place] = error
  }
}
