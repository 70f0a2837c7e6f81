/**
 * Runs the named benchmarks, or all that install nothing.
 *
 *     npm run bench -- memory http
 *
 * Each run adds a file to `bench/results/NAME`, named after the time, and updates the tables in
 * `docs/performance.md`; `scheduling`, in `docs/scheduling.md`. `--rounds N` sets the number of rounds. `--case STRING` runs only the
 * cases whose name contains the string. With either option, the result is printed but not
 * written.
 */
import { mkdir, writeFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { title as floodTitle, runFlood } from './flood.js'
import type { Bench } from './harness/bench.js'
import { thisMachine } from './harness/machine.js'
import { updatePage } from './harness/page.js'
import { race } from './harness/race.js'
import { report } from './harness/report.js'
import { type BenchResult, resultOf } from './harness/result.js'
import { runScheduling, title as schedulingTitle } from './scheduling.js'

const BENCHES = [
  'memory',
  'algorithms',
  'scaling',
  'redis',
  'http',
  'gateway',
  'observability-overhead',
  'replay',
  'tiny-chunks',
]
/** Benchmarks that run only when they are named: one installs other programs, the other simulates for minutes. */
const ON_REQUEST = ['peers', 'scheduling', 'flood']
const RESULTS = new URL('../results/', import.meta.url)
const PAGE = new URL('../../docs/performance.md', import.meta.url)
const SCHEDULING_PAGE = new URL('../../docs/scheduling.md', import.meta.url)

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    rounds: { type: 'string' },
    case: { type: 'string' },
    traces: { type: 'string', default: fileURLToPath(new URL('../../../shared/traces', import.meta.url)) },
    only: { type: 'string' },
  },
})
const rounds = values.rounds === undefined ? undefined : parseRounds(values.rounds)
const unknown = positionals.find((name) => ![...BENCHES, ...ON_REQUEST].includes(name))
if (unknown !== undefined)
  fail(`unknown benchmark '${unknown}'; expected one of ${[...BENCHES, ...ON_REQUEST].join(', ')}`)

for (const name of positionals.length > 0 ? positionals : BENCHES) {
  if (name === 'flood') {
    const table = await runFlood((line) => console.error(line))
    console.log(`## ${floodTitle}\n\n${table}\n`)
    await updatePage(SCHEDULING_PAGE, 'flood', table)
    continue
  }
  if (name === 'scheduling') {
    await simulateScheduling()
    continue
  }
  const result = await runBench(name)
  const tables = report(result)
  console.log(`## ${result.title}\n\n${tables}\n`)
  if (rounds !== undefined || values.case !== undefined) continue
  await keep(name, result)
  await updatePage(PAGE, name, tables)
}

/** Adds a file with a result. */
async function keep<T extends { readonly date: string }>(name: string, result: T): Promise<void> {
  const folder = new URL(`${name}/`, RESULTS)
  await mkdir(folder, { recursive: true })
  const file = `${result.date.slice(0, 16).replace(':', '')}.json`
  await writeFile(new URL(file, folder), `${JSON.stringify(result, null, 2)}\n`)
}

async function simulateScheduling(): Promise<void> {
  const { traces, only } = values
  const onProgress = (line: string) => console.error(line)
  const { text, ...result } = runScheduling({ traces, only: only?.split(','), onProgress })
  console.log(`## ${schedulingTitle}\n\n${text}\n`)
  if (only !== undefined) return
  const [date, machine] = [new Date().toISOString(), thisMachine()]
  await keep('scheduling', { title: schedulingTitle, date, machine, ...result })
  await updatePage(SCHEDULING_PAGE, 'scheduling', text)
}

async function runBench(name: string): Promise<BenchResult> {
  const file = new URL(`./${name}.js`, import.meta.url).href
  const { default: bench } = (await import(file)) as { default: Bench }
  const machine = thisMachine()
  const cases = []
  for (const [index, benchCase] of bench.cases.entries()) {
    if (values.case !== undefined && !benchCase.name.includes(values.case)) continue
    for (const { table, figures } of await race(benchCase, index, file, rounds))
      cases.push(resultOf(table, figures))
  }
  return { title: bench.title, date: new Date().toISOString(), machine, cases }
}

function parseRounds(value: string): number {
  const number = Number(value)
  return Number.isInteger(number) && number > 0
    ? number
    : fail(`--rounds must be a whole number of at least 1, as in --rounds 7, not '${value}'`)
}

function fail(message: string): never {
  console.error(message)
  process.exit(2)
}
