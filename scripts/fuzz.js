/**
 * Runs the fuzz tests of test/fuzz: `npm run test:fuzz -- [--full] [--seed N] [--seconds N] [NAME
 * …]`.
 *
 * --full       runs as many cases as before a release (minutes). Default: as many as `npm test`
 * --seed N     repeats the run with this seed, which is printed at the start. Default: random
 * --seconds N  stops each test after N seconds
 * NAME         runs only the files whose name contains NAME
 */
import { spawnSync } from 'node:child_process'
import { randomInt } from 'node:crypto'
import { parseArgs } from 'node:util'

const { values, positionals } = parseArgs({
  options: { full: { type: 'boolean' }, seed: { type: 'string' }, seconds: { type: 'string' } },
  allowPositionals: true,
})

const seed = wholeNumber('--seed', values.seed) ?? randomInt(1, 2 ** 31)
const seconds = wholeNumber('--seconds', values.seconds)
console.log(`seed ${seed}${values.full ? ', full' : ''}${seconds ? `, ${seconds} s per test` : ''}`)

const filters = positionals.length > 0 ? positionals.map((name) => `test/fuzz/${name}`) : ['test/fuzz']
const { status } = spawnSync(
  process.execPath,
  [
    ...['node_modules/vitest/vitest.mjs', 'run', '--reporter=verbose', '--testTimeout=7200000'],
    ...['--maxWorkers=1', ...filters],
  ],
  {
    stdio: 'inherit',
    env: {
      ...process.env,
      SLUICE_FUZZ: values.full ? 'full' : 'short',
      SLUICE_FUZZ_SEED: String(seed),
      ...(seconds && { SLUICE_FUZZ_SECONDS: String(seconds) }),
    },
  },
)
process.exit(status ?? 1)

/**
 * Parses the value of an option; exits with 2 if it is not a whole number.
 *
 * @param {string} option
 * @param {string | undefined} text
 */
function wholeNumber(option, text) {
  if (text === undefined) return undefined
  if (/^[0-9]{1,10}$/.test(text)) return Number(text)
  console.error(`${option} must be a whole number, as in ${option} 7, not '${text}'`)
  process.exit(2)
}
