import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { readdirSync, readFileSync } from 'node:fs'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setImmediate as nextTurn, setTimeout as sleep } from 'node:timers/promises'
import { describe, expect, it, onTestFinished, vi } from 'vitest'
import { freePorts, ROOT } from '../stack.js'
import { fuzzPlan } from './plan.js'
import { type RawHttpCounts, runRawHttp } from './raw-http.js'
import type { Target } from './raw-request.js'

/** Routes of every kind: rate limits by request and by body, slots, queues, tokens, unlimited. */
const CONFIGURATION = `
timeouts: { idle: 2s, request: 5s, shutdown: 1s }
routes:
  - match: /plain
    limits: [{ concurrent: 40, by: everyone }]
  - match: /waits
    limits: [{ concurrent: 2, by: everyone, wait: 50ms, queue: 20 }]
  - match: /rows
    limits:
      - { concurrent: 40, by: everyone }
      - { limit: 1000000/second, of: rows, cost: size(body.data), by: everyone }
  - match: /few
    limits: [{ limit: 1/hour, by: everyone }, { concurrent: 40, by: everyone }]
  - match: /v1/chat/completions
    llm: openai
    limits: [{ limit: 1000000000/second, of: tokens, by: everyone }, { concurrent: 40, by: everyone }]
  - match: /unlimited
`

const table = JSON.stringify({ data: Array.from({ length: 40 }, (_, row) => row) })
const chat = (stream: boolean) =>
  JSON.stringify({ model: 'm', stream, max_tokens: 20, messages: [{ role: 'user', content: 'Why?' }] })
const json = ['Content-Type: application/json']
const post = (path: string, body: string, headers = json): Target => ({ method: 'POST', path, headers, body })

const TARGETS: readonly Target[] = [
  ...['/plain', '/waits', '/few', '/unlimited'].flatMap((path) => [
    { method: 'GET', path },
    { method: 'HEAD', path },
    post(path, table),
  ]),
  post('/rows', table),
  post('/rows', '{"data":"cut'),
  post('/rows', table, ['Content-Type: text/plain']),
  post('/v1/chat/completions', chat(false)),
  post('/v1/chat/completions', chat(true)),
  { method: 'POST', path: '/rows' },
]

/** Routes with slots, and the remaining slots while only the request itself holds one. */
const SLOTS = [
  ['GET', '/plain', undefined, 39],
  ['GET', '/waits', undefined, 1],
  ['POST', '/rows', table, 39],
  ['POST', '/v1/chat/completions', chat(false), 39],
] as const

/** Allowed memory growth of all processes in MiB, for compiled code and bounded caches. */
const MAX_GROWTH_MIB = 96

describe('under raw HTTP traffic', () => {
  it.each([
    ['one process', 1, { short: 150, full: 100_000 }],
    ['two workers', 2, { short: 60, full: 20_000 }],
  ])(
    'a gateway with %s leaks no slot, connection, descriptor or memory and stays up',
    async (name, workers, sizes) => {
      const plan = fuzzPlan(sizes)
      const gateway = await startGateway(workers)
      const run = (seed: number, runs: number) =>
        runRawHttp({ ...plan, port: gateway.port, targets: TARGETS, seed, runs })
      // The first requests compile code, fill caches and open upstream connections.
      await run(plan.seed + 1, Math.min(plan.runs, 20_000))
      await untilIdle(gateway)
      const before = gateway.state()
      const counts: RawHttpCounts = await run(plan.seed, plan.runs)
      console.log(`gateway, ${name}, seed ${plan.seed}: ${JSON.stringify(counts)}`)
      expect(counts.connections).toBeGreaterThan(0)
      expect(Object.keys(counts.statuses)).toEqual(expect.arrayContaining(['200', '400']))
      await untilIdle(gateway)
      for (const [method, path, body, left] of SLOTS)
        await vi.waitFor(
          async () => expect(await slotsLeft(gateway.port, method, path, body)).toContain(`r=${left}`),
          {
            timeout: 30_000,
            interval: 100,
          },
        )
      // The number of idle upstream connections varies.
      await vi.waitFor(
        () => expect(gateway.state().descriptors).toBeLessThanOrEqual(before.descriptors + 8),
        {
          timeout: 30_000,
          interval: 200,
        },
      )
      expect(gateway.state().memory - before.memory).toBeLessThan(MAX_GROWTH_MIB)
      expect(gateway.pids()).toEqual(gateway.startedWith)
      expect(gateway.errors()).toEqual([])
    },
  )
})

interface Gateway {
  readonly port: number
  readonly adminPort: number
  /** Process ids after the start. */
  readonly startedWith: readonly number[]
  /** Returns the current process ids. */
  pids(): readonly number[]
  /** Returns the open descriptors and the resident memory in MiB of all processes. */
  state(): { readonly descriptors: number; readonly memory: number }
  /** Returns the log lines about internal errors. */
  errors(): readonly string[]
}

async function startGateway(workers: number): Promise<Gateway> {
  const [port = 0, adminPort = 0] = await freePorts(2)
  const upstream = createServer(respond).listen(0, '127.0.0.1')
  await once(upstream, 'listening')
  const folder = await mkdtemp(join(tmpdir(), 'sluice-fuzz-'))
  const file = join(folder, 'gateway.yaml')
  await writeFile(
    file,
    [
      `listen: 127.0.0.1:${port}`,
      `admin: 127.0.0.1:${adminPort}`,
      `workers: ${workers}`,
      `upstream: http://127.0.0.1:${(upstream.address() as AddressInfo).port}`,
      CONFIGURATION,
    ].join('\n'),
  )
  const child = spawn(process.execPath, [join(ROOT, 'packages/gateway/bin/sluice.js'), 'serve', file], {
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let log = ''
  for (const stream of [child.stdout, child.stderr])
    stream.setEncoding('utf8').on('data', (text: string) => {
      log += text
    })
  onTestFinished(async () => {
    child.kill('SIGKILL')
    upstream.closeAllConnections()
    upstream.close()
    await rm(folder, { recursive: true })
  })
  await vi.waitFor(
    async () => {
      const isReady = await fetch(`http://127.0.0.1:${adminPort}/readyz`).then(
        ({ ok }) => ok,
        () => false,
      )
      if (!isReady) throw new Error(`the gateway is not ready: ${log}`)
    },
    { timeout: 30_000, interval: 100 },
  )
  const pids = () => processesOf(child)
  return {
    port,
    adminPort,
    startedWith: pids(),
    pids,
    state() {
      const all = pids()
      return {
        descriptors: sum(all.map((pid) => readdirSync(`/proc/${pid}/fd`).length)),
        memory: sum(all.map(residentMemory)),
      }
    },
    errors: () =>
      log.split('\n').filter((line) => /"level":"?(50|60|error|fatal)|unhandled|Error:/i.test(line)),
  }
}

/** Returns the ids of a process and its children; an empty list if it is not running. */
function processesOf({ pid = 0 }: ChildProcess): number[] {
  try {
    const children = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim()
    return [pid, ...children.split(' ').filter(Boolean).map(Number)]
  } catch {
    return []
  }
}

function residentMemory(pid: number): number {
  return Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]) / 1024
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, each) => total + each, 0)
}

/**
 * Waits until there are no connections, no requests in flight or queued, and no buffered bodies.
 */
async function untilIdle({ adminPort }: Gateway): Promise<void> {
  const GAUGES = ['in_flight_requests', 'waiting_requests', 'connections', 'body_memory_bytes']
  await vi.waitFor(
    async () => {
      const text = await (await fetch(`http://127.0.0.1:${adminPort}/metrics`)).text()
      for (const gauge of GAUGES)
        for (const [line, value] of text.matchAll(
          new RegExp(`^sluice_${gauge}(?:\\{[^}]*\\})? (\\S+)$`, 'gm'),
        ))
          expect(Number(value), line).toBe(0)
    },
    { timeout: 60_000, interval: 200 },
  )
}

/** Returns the RateLimit header of a response, which contains the remaining slots. */
async function slotsLeft(
  port: number,
  method: string,
  path: string,
  body: string | undefined,
): Promise<string> {
  const response = await fetch(`http://127.0.0.1:${port}${path}`, {
    method,
    headers: { connection: 'close', 'content-type': 'application/json' },
    ...(body !== undefined && { body }),
  })
  await response.arrayBuffer()
  return response.headers.get('ratelimit') ?? ''
}

let responseCount = 0

/** Responds immediately, late, in pieces, partially or not at all. */
async function respond(request: IncomingMessage, response: ServerResponse): Promise<void> {
  const number = responseCount++
  request.on('error', () => {}).resume()
  response.on('error', () => {})
  if (request.url?.startsWith('/v1/')) return respondToChat(response, number)
  if (number % 50 === 0) return void request.socket.destroy()
  if (number % 5 === 0) await sleep(3)
  if (number % 7 !== 0) return void response.end('fine')
  for (let piece = 0; piece < 8 && !response.destroyed; piece++) {
    response.write(Buffer.alloc(4096, 'a'))
    await nextTurn()
    if (number % 49 === 0 && piece === 5) return void request.socket.destroy()
  }
  response.end()
}

async function respondToChat(response: ServerResponse, number: number): Promise<void> {
  const usage = { prompt_tokens: 5, completion_tokens: 3, total_tokens: 8 }
  if (number % 2 === 0) {
    response.setHeader('content-type', 'application/json')
    response.end(JSON.stringify({ choices: [{ message: { content: 'Because.' } }], usage }))
    return
  }
  response.setHeader('content-type', 'text/event-stream')
  for (let event = 0; event < 5 && !response.destroyed; event++) {
    response.write(`data: ${JSON.stringify({ choices: [{ delta: { content: 'word ' } }] })}\n\n`)
    await nextTurn()
  }
  response.end(`data: ${JSON.stringify({ choices: [], usage })}\n\ndata: [DONE]\n\n`)
}
