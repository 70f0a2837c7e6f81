import { BoundedCache } from '../bounded-cache.js'

/** The weight of the latest hold time in the moving average. */
const WEIGHT = 0.2

/** Scopes of rules that no longer exist are forgotten with all others, which are soon known again. */
const MAX_SCOPES = 10_000

/** A moving average of slot hold times, one per scope. */
export class HoldTimes {
  readonly #averages = new BoundedCache<string, { ms: number }>(MAX_SCOPES)

  /** Records that a slot was held for `heldMs` milliseconds. */
  add(scope: string, heldMs: number): void {
    const average = this.#averages.get(scope)
    if (average === undefined) this.#averages.set(scope, { ms: heldMs })
    else average.ms += WEIGHT * (heldMs - average.ms)
  }

  /** Returns the average in milliseconds. Undefined until the first hold has ended. */
  averageMs(scope: string): number | undefined {
    return this.#averages.get(scope)?.ms
  }
}
