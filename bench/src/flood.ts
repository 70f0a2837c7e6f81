/**
 * Measures the time to the first token of ten tenants of the example model server while one of them floods it,
 * with and without `fair`, and draws it.
 *
 *     npm run bench -- flood
 *
 * The model server and the gateway are processes of their own. The model server answers eight chats at once. The
 * flood asks for four times that, and nine other tenants for 0.6 times.
 */
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { chat } from './flood/chat.js'
import { type Arrival, drawFlood } from './flood/picture.js'
import { freePorts } from './harness/ports.js'
import { type ServerProcess, startServer } from './harness/server-process.js'
import { quantile } from './harness/statistics.js'

const RUNNING = 8
const TOKENS = 25
const TOKEN_INTERVAL_MS = 20
/** Chats that the server completes per second. */
const CAPACITY = (RUNNING * 1_000) / (TOKENS * TOKEN_INTERVAL_MS)
const FLOOD_LOAD = 4
const OTHERS = 9
const OTHERS_LOAD = 0.6
const DURATION_MS = 40_000
const WAIT_S = 20
const PLACES = 200

const MODEL_SERVER = fileURLToPath(new URL('../../examples/model-server/dist/main.js', import.meta.url))
const GATEWAY = fileURLToPath(new URL('../../packages/gateway/dist/cli/main.js', import.meta.url))
const PICTURE = new URL('../../docs/images/fair-flood.svg', import.meta.url)

export const title = 'A flood of the example model server'

export async function runFlood(onProgress: (line: string) => void): Promise<string> {
  const panels: { readonly title: string; readonly arrivals: readonly Arrival[] }[] = []
  for (const [name, fair] of [
    ['First come, first served', ''],
    ['fair: header:x-tenant', ', fair: header:x-tenant'],
  ] as const) {
    onProgress(`${name}, ${DURATION_MS / 1_000} s`)
    panels.push({ title: name, arrivals: await measure(fair) })
  }
  await writeFile(PICTURE, drawFlood(panels, DURATION_MS))
  const rows = panels.flatMap(({ title, arrivals }) =>
    [true, false].map((isFlood) => {
      const own = arrivals.filter((arrival) => arrival.isFlood === isFlood)
      const served = own.flatMap(({ firstTokenMs }) => firstTokenMs ?? [])
      const refused = own.length - served.length
      const [p50, p99] = [0.5, 0.99].map((fraction) => Math.round(quantile(served, fraction)))
      const who = isFlood ? 'the flood' : 'nine others'
      return `| ${[title, who, own.length, refused, `${p50} ms`, `${p99} ms`].join(' | ')} |`
    }),
  )
  return [
    '| order | tenants | requests | refused | first token, median | 99th percentile |',
    '| --- | --- | ---: | ---: | ---: | ---: |',
    ...rows,
  ].join('\n')
}

async function measure(fair: string): Promise<readonly Arrival[]> {
  const folder = await mkdtemp(join(tmpdir(), 'sluice-flood-'))
  const servers: ServerProcess[] = []
  try {
    const [modelPort = 0, port = 0] = await freePorts(2)
    const env = {
      MODEL_PORT: `${modelPort}`,
      MAX_RUNNING: `${RUNNING}`,
      TOKEN_INTERVAL_MS: `${TOKEN_INTERVAL_MS}`,
    }
    servers.push(await startServer(process.execPath, [MODEL_SERVER], modelPort, { env }))
    const file = join(folder, 'gateway.yaml')
    await writeFile(
      file,
      `listen: 127.0.0.1:${port}
admin: off
upstream: http://127.0.0.1:${modelPort}
limits: [{ concurrent: ${RUNNING}, by: everyone, wait: ${WAIT_S}s, queue: ${PLACES}${fair} }]
routes: [{ match: POST /v1/chat/completions, llm: { shape: openai, default_output: ${TOKENS} } }]
`,
    )
    servers.push(await startServer(process.execPath, [GATEWAY, 'serve', file], port))
    const url = `http://127.0.0.1:${port}/v1/chat/completions`
    while ((await chat(url, 'nobody', 1)).firstTokenMs === undefined) await delay(200)
    return await load(url)
  } finally {
    for (const server of servers.reverse()) await server.stop()
    await rm(folder, { recursive: true })
  }
}

/** Sends the requests of all tenants when they are due, whether or not earlier ones have ended. */
async function load(url: string): Promise<readonly Arrival[]> {
  const due: { readonly at: number; readonly tenant: string }[] = []
  const add = (tenant: string, perSecond: number, offset: number) => {
    for (let at = offset; at < DURATION_MS; at += 1_000 / perSecond) due.push({ at, tenant })
  }
  add('flood', FLOOD_LOAD * CAPACITY, 0)
  for (let index = 0; index < OTHERS; index++)
    add(`tenant ${index + 1}`, (OTHERS_LOAD * CAPACITY) / OTHERS, 37 + 101 * index)
  due.sort((one, other) => one.at - other.at)
  const startedAt = performance.now()
  const answers: Promise<Arrival>[] = []
  for (const { at, tenant } of due) {
    await delay(Math.max(0, startedAt + at - performance.now()))
    const answer = chat(url, tenant, TOKENS)
    answers.push(answer.then(({ firstTokenMs }) => ({ at, isFlood: tenant === 'flood', firstTokenMs })))
  }
  return Promise.all(answers)
}
