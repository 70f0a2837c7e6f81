/** How much of the average the last hold makes. */
const WEIGHT = 0.2

/** For how long slots were held lately, by rule: a moving average for each, as many as there are rules. */
export class HoldTimes {
  readonly #averages = new Map<string, number>()

  /** A slot was held for so long. */
  add(scope: string, heldMs: number): void {
    const average = this.#averages.get(scope)
    this.#averages.set(scope, average === undefined ? heldMs : average + WEIGHT * (heldMs - average))
  }

  /** Milliseconds until so many holds in a row have ended; undefined before the first one has. */
  timeFor(scope: string, turns: number): number | undefined {
    const average = this.#averages.get(scope)
    return average === undefined ? undefined : average * turns
  }
}
