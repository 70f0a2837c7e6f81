/** Consecutive failures after which an address is skipped. */
const MAX_FAILURES = 3
/** Consecutive failed checks after which an address is skipped. */
const MAX_FAILED_CHECKS = 2
/** How long an address is skipped. The time doubles with each failed probe. */
const MIN_SKIP_MS = 1000
const MAX_SKIP_MS = 60_000

/**
 * The health of one address of an upstream. Times are milliseconds of a monotonic clock.
 *
 * After a few consecutive connection errors, the address is skipped for a time. Then one request
 * probes it: a response makes the address available again, and an error doubles the time. Checks, if
 * there are any, also make the address unavailable while they fail.
 */
export class AddressHealth {
  #failures = 0
  #failedChecks = 0
  #skipMs = 0
  #skippedUntil = 0
  #isProbing = false
  #lastFailureAt = Number.NEGATIVE_INFINITY

  /** False if the address is skipped. */
  get isUp(): boolean {
    return this.#skipMs === 0 && this.#failedChecks < MAX_FAILED_CHECKS
  }

  /** Time of the last failure. */
  get lastFailureAt(): number {
    return this.#lastFailureAt
  }

  /** Reports whether a request may be sent to the address, if only to probe it. */
  isAvailable(now: number): boolean {
    if (this.#failedChecks >= MAX_FAILED_CHECKS) return false
    return this.#skipMs === 0 || (now >= this.#skippedUntil && !this.#isProbing)
  }

  /** A request is sent to the address. @returns true if it probes the address */
  onRequest(): boolean {
    if (this.#skipMs === 0 || this.#isProbing) return false
    this.#isProbing = true
    return true
  }

  /** A probe ended without a result, because its client disconnected. */
  onProbeAbandoned(): void {
    this.#isProbing = false
  }

  /** The address responded to a request. */
  onResponse(): void {
    this.#failures = 0
    this.#skipMs = 0
    this.#isProbing = false
  }

  /** A connection to the address failed. @param isProbe as returned by `onRequest` */
  onFailure(now: number, isProbe: boolean): void {
    this.#lastFailureAt = now
    if (isProbe) this.#isProbing = false
    // Other requests that fail while the address is skipped were sent earlier.
    if (this.#skipMs > 0 && !isProbe) return
    this.#failures++
    if (this.#failures < MAX_FAILURES && this.#skipMs === 0) return
    this.#skipMs = Math.min(MAX_SKIP_MS, this.#skipMs === 0 ? MIN_SKIP_MS : this.#skipMs * 2)
    this.#skippedUntil = now + this.#skipMs
  }

  /** A check succeeded or failed. A success ends the skipping of the address. */
  onCheck(now: number, succeeded: boolean): void {
    if (succeeded) {
      this.#failedChecks = 0
      this.onResponse()
    } else {
      this.#failedChecks++
      this.#lastFailureAt = now
    }
  }
}
