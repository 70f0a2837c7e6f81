const SLOTS = 60
const SLOT_MS = 60_000

/**
 * The most calls of a client that were in flight at a time in the last hour. The current
 * minute does not count, so a burst does not raise the number that bounds it. Takes 122 bytes.
 */
export class InFlightPeak {
  /** The peak of each slot, by its number modulo the length. The current slot is one more. */
  readonly #peaks = new Uint16Array(SLOTS + 1)
  #inFlight = 0
  #slot: number

  /** @param now monotonic milliseconds */
  constructor(now: number) {
    this.#slot = Math.floor(now / SLOT_MS)
  }

  get inFlight(): number {
    return this.#inFlight
  }

  /** Returns the peak. @param now monotonic milliseconds, not before those of earlier calls */
  before(now: number): number {
    this.#moveTo(now)
    const current = this.#slot % this.#peaks.length
    return this.#peaks.reduce((most, peak, index) => (index === current ? most : Math.max(most, peak)), 0)
  }

  enter(now: number): void {
    this.#moveTo(now)
    this.#inFlight += 1
    const current = this.#slot % this.#peaks.length
    this.#peaks[current] = Math.max(this.#peaks[current] as number, this.#inFlight)
  }

  leave(now: number): void {
    this.#moveTo(now)
    this.#inFlight -= 1
  }

  #moveTo(now: number): void {
    const slot = Math.floor(now / SLOT_MS)
    const passed = Math.min(slot - this.#slot, this.#peaks.length)
    for (let back = passed - 1; back >= 0; back -= 1)
      this.#peaks[(slot - back) % this.#peaks.length] = this.#inFlight
    if (slot > this.#slot) this.#slot = slot
  }
}
