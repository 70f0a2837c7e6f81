/** Extent of a fuzz test: small in `npm test`, configurable in `npm run test:fuzz`. */
export interface FuzzPlan {
  /** Seed of all random choices. */
  readonly seed: number
  /** Number of cases. */
  readonly runs: number
  /**
   * Returns true if the time budget is used up. The test then stops after the current case and
   * reports the number of cases.
   */
  isOver(): boolean
}

/**
 * Reads the seed, the size and the time budget from the environment that `scripts/fuzz.js` sets.
 *
 * @param short number of cases in `npm test`
 * @param full number of cases in `npm run test:fuzz -- --full`
 */
export function fuzzPlan({ short, full }: { readonly short: number; readonly full: number }): FuzzPlan {
  const { SLUICE_FUZZ, SLUICE_FUZZ_SEED, SLUICE_FUZZ_SECONDS } = process.env
  const deadline = performance.now() + Number(SLUICE_FUZZ_SECONDS ?? Number.POSITIVE_INFINITY) * 1000
  return {
    seed: Number(SLUICE_FUZZ_SEED ?? 1),
    runs: SLUICE_FUZZ === 'full' ? full : short,
    isOver: () => performance.now() > deadline,
  }
}
