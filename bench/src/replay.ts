/**
 * How fast a trace is replayed, and in how much memory: 1,000,000 requests of 100,000 clients through three rules.
 *
 *     npm run bench:replay
 *
 * Twice as many, in the same heap, show that memory does not grow with the length of the trace.
 */
import { spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { createWriteStream } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseConfig, replay } from 'sluice-gateway/replay'

const CLIENTS = 100_000
const LENGTHS = [1_000_000, 2_000_000]
/** What each may keep, in MiB: that it comes to its end shows that it needs no more. Left to itself, Node takes more than it needs. */
const HEAP = 250
/** Requests of a second of the trace. */
const A_SECOND = 280

const CONFIG = `
upstream: http://127.0.0.1:9000
routes:
  - match: POST /v1/chat/completions
    limits:
      - 10/minute
      - { limit: 100/hour }
      - { limit: 12k/minute, by: everyone }
`

const [trace] = process.argv.slice(2)
if (trace === undefined) await measureAll()
else await measure(trace)

/** Each in a process of its own, whose memory is that of the replay alone. */
async function measureAll(): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'sluice-bench-'))
  try {
    for (const requests of LENGTHS) {
      const file = join(folder, `${requests}.csv`)
      await writeTrace(file, requests)
      const { status } = spawnSync(
        process.execPath,
        [`--max-old-space-size=${HEAP}`, fileURLToPath(import.meta.url), file],
        {
          stdio: 'inherit',
        },
      )
      if (status !== 0) throw new Error(`the replay of ${requests} requests failed`)
    }
  } finally {
    await rm(folder, { recursive: true })
  }
}

async function measure(file: string): Promise<void> {
  const config = parseConfig(CONFIG, 'bench.yaml')
  const begun = performance.now()
  const { requests, clients } = await replay(file, config)
  const seconds = (performance.now() - begun) / 1000
  const { user, system } = process.cpuUsage()
  console.log(
    [
      `${requests.played} requests of ${clients.known} clients, 3 rules, ${requests.refused} refused:`,
      `${seconds.toFixed(2)} s (${((user + system) / 1e6).toFixed(2)} s of CPU), ${Math.round(requests.played / seconds)} requests/s,`,
      `${Math.round(process.resourceUsage().maxRSS / 1024)} MiB at most`,
    ].join(' '),
  )
}

async function writeTrace(file: string, requests: number): Promise<void> {
  const out = createWriteStream(file)
  out.write('time,client,input_tokens,output_tokens\n')
  let state = 1
  const random = (below: number) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    return Math.floor((state / 2 ** 32) * below)
  }
  for (let index = 0; index < requests; index++) {
    const time = 1_700_000_000 + index / A_SECOND
    // Every tenth request is of one client in a hundred: some are refused.
    const client = random(10) === 0 ? random(CLIENTS / 100) : random(CLIENTS)
    const line = `${time.toFixed(4)},client-${client},${random(2000)},${random(500)}\n`
    if (!out.write(line)) await once(out, 'drain')
  }
  out.end()
  await once(out, 'finish')
}
