/** What a request takes from a server, in tokens or other units. */
export interface Work {
  readonly input: number
  readonly output: number
}

/**
 * Output takes about twice as long as input: the weights of Sheng et al., "Fairness in Serving Large
 * Language Models" (OSDI 2024).
 */
export const DEFAULT_COUNTS: Work = { input: 1, output: 2 }

/** Returns the weighted sum of input and output. @param counts what one unit of each weighs */
export function serviceOf({ input, output }: Work, counts: Work): number {
  return counts.input * input + counts.output * output
}

/**
 * Checks reported work.
 *
 * @throws TypeError, RangeError for an amount that is no number, negative or not finite.
 */
export function checkWork(work: Partial<Work>): void {
  for (const part of ['input', 'output'] as const) {
    const amount = work[part]
    if (amount === undefined) continue
    if (typeof amount !== 'number') throw new TypeError(`'${part}' must be a number, not ${typeof amount}`)
    if (!(amount >= 0 && Number.isFinite(amount)))
      throw new RangeError(`'${part}' must be finite and at least 0, not ${amount}`)
  }
}
