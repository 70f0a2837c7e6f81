/** The weight of the latest hold time in the moving average. */
const WEIGHT = 0.2

/** A moving average of slot hold times, one per scope. */
export class HoldTimes {
  readonly #averages = new Map<string, number>()

  /** Records that a slot was held for `heldMs` milliseconds. */
  add(scope: string, heldMs: number): void {
    const average = this.#averages.get(scope)
    this.#averages.set(scope, average === undefined ? heldMs : average + WEIGHT * (heldMs - average))
  }

  /**
   * Estimates how long `count` consecutive holds last. Undefined until the first hold has ended.
   */
  estimateMs(scope: string, count: number): number | undefined {
    const average = this.#averages.get(scope)
    return average === undefined ? undefined : average * count
  }
}
