import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises'
import type { ServerResponse } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { gunzipSync } from 'node:zlib'
import { expect, it, onTestFinished } from 'vitest'
import { parseConfig } from '../../../src/policy/config/load-config.js'
import { replay } from '../../../src/replay/replay.js'
import type { RecordStatus } from '../../../src/server/admin/api/replay-types.js'
import { send, until } from '../gateway/running-gateway.js'
import { parseMetrics } from '../observability/metrics/prometheus-text.js'
import { serveWithWorkers } from './worker-gateway.js'

const fine = (_request: unknown, response: ServerResponse) => response.end('fine')
const LIMITS = 'routes: [{ match: POST /*, limits: [50/hour] }]\n'
const config = parseConfig(`upstream: http://127.0.0.1:1\n${LIMITS}`, 'gateway.yaml')

/** A busy machine starts processes slowly. */
const TIMEOUT = { timeout: 120_000 }

async function startRecordingWorkers(settings = '') {
  const folder = await mkdtemp(join(tmpdir(), 'sluice-worker-record-'))
  onTestFinished(() => rm(folder, { recursive: true, force: true }))
  const file = join(folder, 'traffic.jsonl.gz')
  const gateway = await serveWithWorkers(2, `record: { file: ${file}${settings} }\n${LIMITS}`, fine)
  const replayed = async (query = '', body = '') => {
    const { status, text } = await send(gateway.admin, `/api/replay${query}`, { body })
    return { status, body: JSON.parse(text) }
  }
  return {
    ...gateway,
    ...{ folder, file, replayed },
    /** Returns the number of requests in the record so far. */
    recorded: async (): Promise<number> => (await replayed()).body.requests?.played ?? 0,
    /** Sends requests one after the other, and returns how many got a response. */
    sendAll: async (count: number) => {
      let responses = 0
      for (let request = 0; request < count; request++)
        responses += await gateway.status(`/${request}`).then(
          () => 1,
          () => 0,
        )
      return responses
    },
  }
}

async function linesIn(file: string): Promise<{ readonly time: number; readonly path: string }[]> {
  const lines = gunzipSync(await readFile(file))
    .toString()
    .trimEnd()
    .split('\n')
  return lines.filter((line) => !line.includes('sluice_record')).map((line) => JSON.parse(line))
}

it(
  'records in a file for each worker, by one clock and with one digest for each client',
  TIMEOUT,
  async () => {
    const { folder, file, sendAll, recorded, child, ended } = await startRecordingWorkers()
    expect(await sendAll(40)).toBe(40)
    await expect.poll(recorded, { timeout: 30_000 }).toBe(40)
    child.kill('SIGTERM')
    await ended
    expect((await readdir(folder)).sort()).toEqual(['traffic.worker-1.jsonl.gz', 'traffic.worker-2.jsonl.gz'])
    const files = await Promise.all((await readdir(folder)).map((name) => linesIn(join(folder, name))))
    for (const lines of files) expect(lines.length).toBeGreaterThan(0)
    // Each request was sent after the response to the previous one.
    const sorted = files.flat().sort((a, b) => a.time - b.time)
    expect(sorted.map(({ path }) => path)).toEqual(sorted.map((_, index) => `/${index}`))
    const report = await replay(file, config)
    expect(report.clients.known).toBe(1)
    expect(report.requests).toMatchObject({ played: 40, refused: 0 })
    expect(report.trace).toMatchObject({ bad: { count: 0 }, truncated: false })
  },
)

it('replays the traffic of all workers from the admin port', TIMEOUT, async () => {
  const { admin, sendAll, recorded, replayed } = await startRecordingWorkers()
  expect(await replayed()).toMatchObject({ status: 409, body: { error: 'the trace contains no requests' } })
  const before = Date.now()
  await sendAll(80)
  await expect.poll(recorded, { timeout: 30_000 }).toBe(80)
  const record = (await (await fetch(new URL('/api/record', admin))).json()) as RecordStatus
  expect(record).toMatchObject({ recording: true, files: 2, since: expect.any(Number) })
  if (record.recording) expect(record.since).toBeGreaterThan(before - 1000)
  expect((await replayed('?hours=1')).body.requests).toMatchObject({ allowed: 50, refused: 30 })
  const posted = 'upstream: http://127.0.0.1:1\nroutes: [{ match: POST /*, limits: [20/hour] }]'
  expect((await replayed('', posted)).body.requests).toEqual({
    ...{ both: 20, neither: 30, onlyOne: 30, onlyOther: 0 },
  })
  const query = `?${new URLSearchParams({ suggest: 'refuse at most 0% of requests' })}`
  expect((await replayed(query)).body.granted).toMatchObject({ requests: 80, refused: 0 })
})

it(
  'continues the file of a killed worker, and loses only what the worker had not written',
  TIMEOUT,
  async () => {
    const { folder, file, sendAll, recorded, replayed, pids, status, child, ended } =
      await startRecordingWorkers()
    const replaced = async (before: readonly number[]) => {
      await until(() => pids().length === 2 && !before.every((pid) => pids().includes(pid)))
      await expect.poll(() => status('/').catch(() => 0), { timeout: 30_000 }).toBeGreaterThan(0)
    }
    let responses = await sendAll(40)
    await expect.poll(recorded, { timeout: 30_000 }).toBe(responses)
    // Killed between requests, after all of them were written.
    for (const worker of [0, 1]) {
      const before = pids()
      process.kill(before[worker] as number, 'SIGKILL')
      await replaced(before)
      responses += (await sendAll(20)) + 1
      await expect.poll(recorded, { timeout: 30_000 }).toBeGreaterThanOrEqual(responses)
    }
    // Killed while it handles requests.
    const written = await recorded()
    const before = pids()
    const sending = sendAll(200)
    process.kill(before[0] as number, 'SIGKILL')
    const during = await sending
    await replaced(before)
    const after = await sendAll(10)
    expect(after).toBe(10)
    await expect.poll(recorded, { timeout: 30_000 }).toBeGreaterThanOrEqual(written + after)
    expect(await recorded()).toBeLessThanOrEqual(written + during + after + 10)
    const { body } = await replayed()
    expect(body.notes).not.toContainEqual(expect.stringContaining('damaged'))
    child.kill('SIGTERM')
    await ended
    expect((await readdir(folder)).sort()).toEqual(['traffic.worker-1.jsonl.gz', 'traffic.worker-2.jsonl.gz'])
    const report = await replay(file, config)
    // The replacement of the killed worker repairs its file when it records a request.
    expect(report.trace).toMatchObject({ bad: { count: 0 } })
    expect(report.requests.played).toBe(body.requests.played)
    expect(report.clients.known).toBe(1)
  },
)

it('sums the lines that workers could not record, including those of killed workers', TIMEOUT, async () => {
  const { folder, sendAll, metrics, pids, status } = await startRecordingWorkers()
  await rm(folder, { recursive: true })
  const lost = async () =>
    parseMetrics(await metrics()).find(
      ({ name, labels }) => name === 'sluice_dropped_lines_total' && labels.file === 'record',
    )?.value
  await sendAll(31)
  await expect.poll(lost, { timeout: 30_000 }).toBe(31)
  const before = pids()
  process.kill(before[0] as number, 'SIGKILL')
  await until(() => pids().length === 2 && !pids().includes(before[0] as number))
  let more = 0
  await expect
    .poll(
      async () => {
        const answered = await status('/').catch(() => 0)
        if (answered > 0) more++
        return answered
      },
      { timeout: 30_000 },
    )
    .toBeGreaterThan(0)
  more += await sendAll(10)
  await expect.poll(lost, { timeout: 30_000 }).toBe(31 + more)
})

it('divides the size of the record among the workers', TIMEOUT, async () => {
  const { folder, file, sendAll, status, child, ended } = await startRecordingWorkers(
    ', max_size: 64KiB, files: 2',
  )
  await sendAll(1)
  const rotatedFiles = async () => (await readdir(folder)).filter((name) => name.endsWith('.gz.1'))
  // These paths cannot be compressed.
  const path = () => Array.from({ length: 70 }, () => Math.random().toString(36).slice(2)).join('')
  await expect
    .poll(
      async () => {
        await Promise.all(Array.from({ length: 6 }, () => status(`/${path()}`)))
        return (await rotatedFiles()).length
      },
      { timeout: 90_000, interval: 100 },
    )
    .toBe(2)
  child.kill('SIGTERM')
  await ended
  for (const name of await rotatedFiles()) {
    const { length } = await readFile(join(folder, name))
    expect(length).toBeGreaterThanOrEqual(2 ** 15)
    // A file may exceed its share by what was written in the last second.
    expect(length).toBeLessThan(2 ** 16)
  }
  const names = await readdir(folder)
  expect(names.every((name) => /^traffic\.worker-[12]\.jsonl\.gz(\.1)?$/.test(name))).toBe(true)
  expect((await replay(file, config)).trace).toMatchObject({ bad: { count: 0 }, truncated: false })
})
