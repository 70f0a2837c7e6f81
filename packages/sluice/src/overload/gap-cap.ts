const MIN_CAP = 4
/** Part of a new gap in the smoothed one. */
const SMOOTHING = 0.3

/**
 * Limits the requests in flight so that the time per output token stays below a target: each request
 * in a server's batch makes every step a little longer. Uncapped until the gap first exceeds the
 * target. Then it is lowered in proportion, but by at most a fifth, and only after the last cut has
 * taken effect; it rises while it binds.
 */
export class GapCap {
  #cap = Number.POSITIVE_INFINITY
  #gapMs: number | undefined
  /** True once the gap has come near the target. */
  #isNear = false

  /** @param targetMs the time per output token */
  constructor(private readonly targetMs: number) {}

  /** The number of requests that may be in flight. At least 4. */
  get limit(): number {
    return this.#cap
  }

  /** Takes the mean gap that was measured in an interval, and the most requests in flight then. */
  update(gapMs: number, inFlight: number): void {
    const gap = this.#gapMs === undefined ? gapMs : this.#gapMs + SMOOTHING * (gapMs - this.#gapMs)
    this.#gapMs = gap
    const target = this.targetMs
    if (gap > 0.7 * target) this.#isNear = true
    if (gap > target) {
      if (inFlight <= this.#cap + 1) this.#cap = Math.max(MIN_CAP, inFlight * Math.max(0.8, target / gap))
    } else if (inFlight >= this.#cap - 1)
      this.#cap = this.#isNear
        ? this.#cap + Math.max(0.25, 0.2 * this.#cap * (1 - gap / target))
        : 1.25 * this.#cap
  }
}
