import { mkdtemp, readdir, readFile, rm, stat } from 'node:fs/promises'
import { Agent, request as httpRequest } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { gunzipSync } from 'node:zlib'
import { expect, it, onTestFinished, vi } from 'vitest'
import { replay } from '../../src/replay/replay.js'
import { send, startTestGateway } from '../server/gateway/running-gateway.js'
import { serveWithWorkers } from '../server/workers/worker-gateway.js'
import { configOf, streamOf } from './traces.js'

/** Factor by which the load is sped up. All periods are shortened by the same factor. */
const SPEED_UP = 60
const REQUESTS = 1500
const MINUTES = 8
const CLIENTS = 10

/** A line of the record, which describes one request. */
interface Line {
  readonly time: number
  readonly client: string
  readonly outcome: string
  readonly duration?: number
}

const limits = (minute: string) => `
routes:
  - match: POST /predict
    limits:
      - { limit: 20/${minute}, algorithm: fixed-window }
      - { limit: 30/${minute} burst 15 }
      - { limit: 18/${minute}, algorithm: sliding-window }
      - { concurrent: 2 }
`

it('a replay of the record refuses the same requests as the gateway did in real time', {
  timeout: 120_000,
}, async () => {
  const folder = await mkdtemp(join(tmpdir(), 'sluice-record-'))
  onTestFinished(() => rm(folder, { recursive: true }))
  const file = join(folder, 'traffic.jsonl.gz')
  const { url, gateway, configOf } = await startTestGateway(
    [
      `record: ${file}`,
      'identity: { trusted_proxies: [127.0.0.1], proxy_headers: { client: X-Client-Id } }',
      limits(`${60_000 / SPEED_UP} ms`),
    ].join('\n'),
    (request, response) => {
      request.resume()
      setTimeout(() => response.end(), Number(request.headers['x-duration-ms']))
    },
  )
  freezeTimeWithinTasks()
  const statuses = await sendLoad(url)
  await gateway.close()

  const text = gunzipSync(await readFile(file)).toString()
  const [head, ...rest] = text.trimEnd().split('\n')
  expect(JSON.parse(head ?? '')).toEqual({ sluice_record: 1 })
  const lines = rest.map((line) => JSON.parse(line) as Line).sort((a, b) => a.time - b.time)
  expect(lines).toHaveLength(REQUESTS)
  const refused = lines.filter(({ outcome }) => outcome === 'refused').length
  expect(refused).toBe(statuses.filter((status) => status === 429).length)
  expect(refused).toBeGreaterThan(REQUESTS / 10)
  expect(refused).toBeLessThan((REQUESTS * 9) / 10)
  // The record does not reveal the clients.
  expect(text).not.toMatch(/client-\d|127\.0\.0\.1/)
  expect(new Set(lines.map(({ client }) => client)).size).toBe(CLIENTS)
  expect((await stat(file)).mode & 0o077).toBe(0)

  // Replays the record as it is, and slowed down to full-length periods.
  const [{ time: first }] = lines as [Line]
  const slowed = lines.map(({ time, duration = 0, ...line }) =>
    JSON.stringify({
      ...line,
      time: first + (time - first) * SPEED_UP,
      duration: duration * SPEED_UP,
      path: '/predict',
    }),
  )
  const traces = [
    [file, `${60_000 / SPEED_UP} ms`],
    [streamOf(slowed.join('\n'), 10_000), 'minute'],
  ] as const
  for (const [trace, minute] of traces) {
    const differing: number[] = []
    await replay(trace, configOf(limits(minute)), {
      onDecision({ number, outcome }) {
        if (outcome.kind !== lines[number]?.outcome) differing.push(number)
      },
    })
    expect(differing.length / REQUESTS).toBeLessThanOrEqual(0.005)
  }
})

/**
 * Stops the clock while a request is decided and while one ends. The recorded time is then exactly
 * that of the store's decision, even if a busy machine pauses in between. A pause of 10 ms would
 * correspond to more than half a second of the load, and one changed refusal changes later ones.
 */
function freezeTimeWithinTasks(): void {
  const real = performance.now.bind(performance)
  let now: number | undefined
  const clock = vi.spyOn(performance, 'now').mockImplementation(() => {
    if (now === undefined) {
      now = real()
      queueMicrotask(() => {
        now = undefined
      })
    }
    return now
  })
  onTestFinished(() => clock.mockRestore())
}

/** Sends requests that take up to 8 s (before the speed-up), some in quick succession. */
async function sendLoad(url: string): Promise<number[]> {
  const agent = new Agent({ keepAlive: true })
  onTestFinished(() => agent.destroy())
  let state = 7
  const random = () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    return state / 2 ** 32
  }
  const length = (MINUTES * 60_000) / SPEED_UP
  const load = Array.from({ length: REQUESTS }, () => ({
    at: random() ** 1.5 * length,
    client: `client-${Math.floor(random() ** 2 * CLIENTS)}`,
    durationMs: Math.ceil((random() * 8000) / SPEED_UP),
  })).sort((a, b) => a.at - b.at)
  const startedAt = performance.now()
  const sent: Promise<number>[] = []
  for (const { at, client, durationMs } of load) {
    const wait = at - (performance.now() - startedAt)
    if (wait > 1) await new Promise((resolve) => setTimeout(resolve, wait))
    sent.push(sendRequest(url, agent, { 'x-client-id': client, 'x-duration-ms': String(durationMs) }))
  }
  return Promise.all(sent)
}

function sendRequest(url: string, agent: Agent, headers: Record<string, string>): Promise<number> {
  return new Promise((resolve, reject) => {
    const request = httpRequest(`${url}/predict`, { method: 'POST', agent, headers }, (response) => {
      response.resume().on('end', () => resolve(response.statusCode ?? 0))
    })
    request.on('error', reject).end()
  })
}

it('refuses the same requests in a replay of the records of several workers as they did together', {
  timeout: 120_000,
}, async () => {
  const folder = await mkdtemp(join(tmpdir(), 'sluice-record-'))
  onTestFinished(() => rm(folder, { recursive: true }))
  const file = join(folder, 'traffic.jsonl.gz')
  // In these periods, a few milliseconds between arrival and decision change no decision.
  const rules = `
      - { limit: 22/hour, algorithm: fixed-window }
      - { limit: 20/hour burst 18 }
      - { limit: 20/hour, algorithm: sliding-window }
      - { concurrent: 1 }
`
  const { url, child, ended } = await serveWithWorkers(
    2,
    [
      `record: ${file}`,
      'identity: { trusted_proxies: [127.0.0.1], proxy_headers: { client: X-Client-Id } }',
      `routes:\n  - match: POST /predict\n    limits:${rules}`,
    ].join('\n'),
    (request, response) => {
      request.resume()
      setTimeout(() => response.end(), Number(request.headers['x-runs']))
    },
  )
  const agent = new Agent()
  const statuses: number[] = []
  const sendAs = async (client: string, runs: number) => {
    statuses.push(await sendRequest(url, agent, { 'x-client-id': client, 'x-runs': String(runs) }))
  }
  /** Sends requests one after the other, and some while another one is in flight. */
  const sendClient = async (client: string) => {
    for (let round = 0; round < 40; round++) {
      const long = round % 5 === 0 ? sendAs(client, 300) : undefined
      if (long !== undefined) await delay(100)
      await sendAs(client, 5)
      await long
      // The slot is free once the store has received its release.
      await delay(30)
    }
  }
  await Promise.all(Array.from({ length: CLIENTS }, (_, index) => sendClient(`client-${index}`)))
  child.kill('SIGTERM')
  await ended

  const names = await readdir(folder)
  expect(names.sort()).toEqual(['traffic.worker-1.jsonl.gz', 'traffic.worker-2.jsonl.gz'])
  const records = await Promise.all(
    names.map(async (name) => {
      const text = gunzipSync(await readFile(join(folder, name))).toString()
      return text
        .trimEnd()
        .split('\n')
        .slice(1)
        .map((line) => JSON.parse(line) as Line)
    }),
  )
  // Each worker has served every client, and both name it by the same digest.
  for (const record of records) expect(new Set(record.map(({ client }) => client)).size).toBe(CLIENTS)
  const lines = records.flat().sort((a, b) => a.time - b.time)
  expect(new Set(lines.map(({ client }) => client)).size).toBe(CLIENTS)
  expect(lines).toHaveLength(statuses.length)
  const refused = lines.filter(({ outcome }) => outcome === 'refused').length
  expect(refused).toBe(statuses.filter((status) => status === 429).length)
  expect(refused).toBeGreaterThan(CLIENTS * 10)

  const differing: number[] = []
  const report = await replay(file, configOf(rules), {
    onDecision({ number, outcome }) {
      if (outcome.kind !== lines[number]?.outcome) differing.push(number)
    },
  })
  expect(report.trace).toMatchObject({ requests: lines.length, late: 0, truncated: false, bad: { count: 0 } })
  expect(differing.length / lines.length).toBeLessThanOrEqual(0.01)
})

it('bounds the size of the record by rotating full files and deleting the oldest', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'sluice-record-'))
  onTestFinished(() => rm(folder, { recursive: true }))
  const file = join(folder, 'traffic.jsonl.gz')
  const { url, gateway } = await startTestGateway(
    `record: { file: ${file}, max_size: 64KiB, files: 2 }\nroutes:\n  - match: POST /*\n    limits: [1000000/minute]\n`,
  )
  const sizeOf = async (name: string) => (await stat(name).catch(() => undefined))?.size ?? 0
  let sent = 0
  const flood = async () => {
    // Random paths compress poorly, so the record grows fast.
    const path = Array.from({ length: 24 }, () => Math.random().toString(36).slice(2)).join('')
    await Promise.all(Array.from({ length: 20 }, () => send(url, `/${path.slice(sent++ % 7)}`)))
  }
  await expect
    .poll(
      async () => {
        await flood()
        return (await sizeOf(`${file}.1`)) > 0
      },
      { timeout: 60_000 },
    )
    .toBe(true)
  await gateway.close()
  expect(await sizeOf(`${file}.2`)).toBe(0)
  const report = await replay(
    `${file}.1`,
    (await startTestGateway('default: { limits: [1/minute] }')).configOf('default: { limits: [1/minute] }'),
  )
  expect(report.trace).toMatchObject({ format: 'jsonl', bad: { count: 0 }, truncated: false })
  expect(report.clients.known).toBe(1)
}, 90_000)
