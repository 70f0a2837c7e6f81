/**
 * Compares the speed of decisions between two commits.
 *
 *     npm run bench:compare -- BASE [HEAD] [--rounds N]
 *
 * Both commits are checked out and built in temporary folders. In each round, every case runs in
 * the processes of both commits, one right after the other and in random order, so noise on the
 * machine affects both. Prints the ratio of their times with its 95 % confidence interval, appends
 * it to `bench/results/history.jsonl`, and plots the history in
 * `docs/design/performance-history.svg`.
 *
 * Exits with 1 if any case became slower by more than 3 % with 95 % confidence.
 */
import { type ChildProcess, execFileSync, fork } from 'node:child_process'
import { once } from 'node:events'
import { appendFile, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { parseArgs } from 'node:util'
import { type Comparison, plotHistory, readHistory } from './compare/history.js'

const HISTORY = new URL('../results/history.jsonl', import.meta.url)
const PLOT = new URL('../../docs/design/performance-history.svg', import.meta.url)
const DEFAULT_ROUNDS = 30
/** Number of uncounted rounds at the start, in which the code is compiled. */
const WARM_UP_ROUNDS = 3
const MAX_SLOWDOWN = 1.03
/** The 97.5th percentile of the normal distribution. */
const Z = 1.96

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { rounds: { type: 'string' } },
})
const [base, head = 'HEAD'] = positionals
const rounds = Number(values.rounds ?? DEFAULT_ROUNDS)
if (base === undefined || positionals.length > 2 || !Number.isInteger(rounds) || rounds < 2) {
  console.error('usage: npm run bench:compare -- BASE [HEAD] [--rounds N], with at least 2 rounds')
  process.exit(2)
}

interface Commit {
  readonly id: string
  readonly folder: string
  readonly process: ChildProcess
  readonly cases: readonly string[]
}

/** Checks out and builds a commit, and starts its process. */
async function startCommit(name: string): Promise<Commit> {
  const id = git('rev-parse', '--verify', `${name}^{commit}`)
  const folder = await mkdtemp(join(tmpdir(), 'sluice-compare-'))
  process.stderr.write(`building ${name} (${id.slice(0, 7)})\n`)
  git('worktree', 'add', '--detach', '--force', folder, id)
  execFileSync('npm', ['ci', '--no-audit', '--no-fund', '--prefer-offline'], {
    cwd: folder,
    stdio: ['ignore', 'ignore', 'inherit'],
  })
  const library = pathToFileURL(join(folder, 'packages/sluice/dist/index.js')).href
  const child = fork(new URL('./compare/measure.js', import.meta.url), [library])
  const [cases] = (await once(child, 'message')) as [readonly string[]]
  return { id, folder, process: child, cases }
}

/** Returns the nanoseconds per decision of one run of a case. */
async function measure({ process: child }: Commit, name: string): Promise<number> {
  child.send(name)
  const [nanoseconds] = (await once(child, 'message')) as [number]
  return nanoseconds
}

/** Computes the comparison of a case from the ratios of its rounds. */
function comparisonOf(name: string, ratios: readonly number[], from: Commit, to: Commit): Comparison {
  const logs = ratios.map(Math.log)
  const mean = logs.reduce((sum, each) => sum + each, 0) / logs.length
  const variance = logs.reduce((sum, each) => sum + (each - mean) ** 2, 0) / (logs.length - 1)
  const margin = Z * Math.sqrt(variance / logs.length)
  const [ratio, low, high] = [mean, mean - margin, mean + margin].map((log) =>
    Number(Math.exp(log).toFixed(3)),
  )
  const { id: baseId } = from
  const date = new Date().toISOString()
  return { date, base: baseId, head: to.id, case: name, ratio, low, high } as Comparison
}

function git(...args: readonly string[]): string {
  return execFileSync('git', args, { encoding: 'utf8' }).trim()
}

const commits: Commit[] = []
try {
  for (const name of [base, head]) commits.push(await startCommit(name))
  const [from, to] = commits as [Commit, Commit]
  const ratios = new Map<string, number[]>(to.cases.map((name) => [name, []]))
  for (let round = -WARM_UP_ROUNDS; round < rounds; round++) {
    process.stderr.write(`\rround ${Math.max(0, round + 1)} of ${rounds}`)
    for (const [name, list] of ratios) {
      const isBaseFirst = Math.random() < 0.5
      const first = await measure(isBaseFirst ? from : to, name)
      const second = await measure(isBaseFirst ? to : from, name)
      if (round >= 0) list.push(isBaseFirst ? second / first : first / second)
    }
  }
  process.stderr.write('\n')
  const comparisons = [...ratios].map(([name, list]) => comparisonOf(name, list, from, to))
  for (const { case: name, ratio, low, high } of comparisons)
    console.log(`${name.padEnd(26)} ${ratio.toFixed(3)} × (${low.toFixed(3)} to ${high.toFixed(3)})`)
  await appendFile(HISTORY, comparisons.map((each) => `${JSON.stringify(each)}\n`).join(''))
  await writeFile(PLOT, plotHistory(await readHistory(HISTORY)))
  if (comparisons.some(({ low }) => low > MAX_SLOWDOWN)) process.exitCode = 1
} finally {
  for (const { process: child, folder } of commits) {
    child.disconnect()
    git('worktree', 'remove', '--force', folder)
    await rm(folder, { recursive: true, force: true })
  }
}
