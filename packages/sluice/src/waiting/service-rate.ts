/** Dispatches after which the rate is known. */
const MIN_DISPATCHES = 50

/** The time in which requests waited after which older measurements count half, in milliseconds. */
const HALF_LIFE_MS = 10_000

/**
 * The service that a line dispatches per millisecond while requests wait. When none waits, the rate
 * shows the demand and not the capacity, so that time does not count.
 */
export class ServiceRate {
  #service = 0
  #waitedMs = 0
  #dispatches = 0
  /** Undefined while no request waits. */
  #since: number | undefined
  /** When requests began to wait. */
  #startedAt = 0

  /** Records whether requests wait from now on. */
  setWaiting(isWaiting: boolean, now: number): void {
    this.#advance(now)
    this.#since = isWaiting ? now : undefined
    this.#startedAt = now
  }

  /** Records a dispatch. Has no effect while no request waits, or if it is dispatched as it arrives. */
  onDispatch(service: number, now: number): void {
    if (this.#since === undefined || now <= this.#startedAt) return
    this.#advance(now)
    this.#service += service
    this.#dispatches++
  }

  /** The rate in units per millisecond; undefined until it is known. */
  perMs(now: number): number | undefined {
    this.#advance(now)
    const isKnown = this.#dispatches >= MIN_DISPATCHES && this.#waitedMs > 0
    return isKnown ? this.#service / this.#waitedMs : undefined
  }

  #advance(now: number): void {
    if (this.#since === undefined || now <= this.#since) return
    this.#waitedMs += now - this.#since
    this.#since = now
    // Halved before a new measurement, both keep their ratio.
    while (this.#waitedMs > 2 * HALF_LIFE_MS && this.#dispatches >= 2 * MIN_DISPATCHES) {
      this.#waitedMs /= 2
      this.#service /= 2
      this.#dispatches /= 2
    }
  }
}
