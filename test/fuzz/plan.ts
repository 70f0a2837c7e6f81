/** How much a fuzz test does: a little in `npm test`, and as much as asked for in `npm run test:fuzz`. */
export interface FuzzPlan {
  /** Every random choice of the test comes from this seed. */
  readonly seed: number
  /** How many cases to run. */
  readonly runs: number
  /** Whether the time budget is used up: the test stops after the case at hand, and says how many it ran. */
  isOver(): boolean
}

/**
 * Reads the seed, the size and the time budget from the environment that `scripts/fuzz.js` sets.
 *
 * @param short how many cases run in `npm test`
 * @param full how many run with `npm run test:fuzz -- --full`
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
