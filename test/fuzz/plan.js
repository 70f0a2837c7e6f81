/**
 * Reads the seed, the size and the time budget from the environment that `scripts/fuzz.js` sets.
 *
 * @param short how many cases run in `npm test`
 * @param full how many run with `npm run test:fuzz -- --full`
 */
export function fuzzPlan({ short, full }) {
    const { SLUICE_FUZZ, SLUICE_FUZZ_SEED, SLUICE_FUZZ_SECONDS } = process.env;
    const deadline = performance.now() + Number(SLUICE_FUZZ_SECONDS ?? Number.POSITIVE_INFINITY) * 1000;
    return {
        seed: Number(SLUICE_FUZZ_SEED ?? 1),
        runs: SLUICE_FUZZ === 'full' ? full : short,
        isOver: () => performance.now() > deadline,
    };
}
