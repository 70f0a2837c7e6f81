import { createHash } from 'node:crypto'
import { existsSync } from 'node:fs'
import { appendFile, readdir } from 'node:fs/promises'
import { constants, gzipSync } from 'node:zlib'
import { parseConfig, replay } from 'sluice-gateway/replay'
import { expect, it } from 'vitest'
import type { ReportPage } from '../../../src/replay/html/fill-template.js'
import type { RecordStatus, ReplayProgress } from '../../../src/server/admin/api/replay-types.js'
import { echo, send, startTestGateway } from '../gateway/running-gateway.js'
import { startRecordingGateway, writeYesterdaysRecord } from './recording.js'

const LIMITS = 'routes: [{ match: POST /predict, limits: [3/minute] }]'

async function startReplayGateway() {
  const { url, adminUrl, recorded, pid } = await startRecordingGateway(LIMITS)
  const post = (query: string, body: string, headers: object) =>
    send(adminUrl, `/api/replay${query}`, { body, headers })
  const postReplay = async (body = '', headers = {}, query = '') => {
    const { status, text } = await post(query, body, headers)
    return { status, body: JSON.parse(text) }
  }
  /** Requests a replay with progress, which arrives as lines of JSON. */
  const streamReplay = async (query = '', body = '') => {
    const { status, headers, text } = await post(query, body, { accept: 'application/x-ndjson' })
    const lines = text.trimEnd().split('\n')
    return { status, type: headers['content-type'], lines: lines.map((line) => JSON.parse(line)) }
  }
  const record = async () => (await fetch(`${adminUrl}/api/record`)).json() as Promise<RecordStatus>
  return { url, adminUrl, recorded, pid, postReplay, streamReplay, record }
}

/** Sends requests and waits until they are recorded, which may be after their responses. */
async function sendAndRecord(
  { url, postReplay }: Awaited<ReturnType<typeof startReplayGateway>>,
  count: number,
) {
  for (let request = 0; request < count; request++) await send(url, '/predict')
  await expect.poll(async () => (await postReplay()).body.requests?.played).toBe(count)
}

it('the admin port replays recorded traffic with the running limits, and compares them with posted ones', async () => {
  const { url, postReplay } = await startReplayGateway()
  expect(await postReplay()).toMatchObject({ status: 409, body: { error: 'the trace contains no requests' } })
  for (let request = 0; request < 5; request++) await send(url, '/predict')
  // A request may be recorded after the client receives its response.
  await expect.poll(async () => (await postReplay()).body.requests?.played).toBe(5)
  expect((await postReplay()).body.requests).toMatchObject({ allowed: 3, refused: 2 })
  const posted = 'upstream: http://127.0.0.1:1\nroutes: [{ match: POST /predict, limits: [1/minute] }]'
  expect((await postReplay(posted)).body.requests).toEqual({ both: 1, neither: 2, onlyOne: 2, onlyOther: 0 })
  for (const headers of [{}, { accept: 'application/x-ndjson' }])
    expect(await postReplay('routes: [{}]', headers)).toMatchObject({
      status: 400,
      body: { error: expect.stringContaining("a route requires 'match'") },
    })
  expect(await postReplay('', { origin: 'http://elsewhere.example' })).toMatchObject({ status: 403 })
})

it('the admin port replays only the last hours, or all files of the record', async () => {
  const gateway = await startReplayGateway()
  await sendAndRecord(gateway, 5)
  await writeYesterdaysRecord(`${gateway.recorded}.1`, 40)
  const playedRequests = async (query: string) =>
    (await gateway.postReplay('', {}, query)).body.requests?.played
  expect(await playedRequests('?hours=1')).toBe(5)
  expect(await playedRequests('?hours=24.5')).toBe(45)
  expect(await playedRequests('')).toBe(45)
  expect(await gateway.postReplay('', {}, '?hours=0.000001')).toMatchObject({
    status: 409,
    body: { error: 'no requests were recorded in the last 0.000001 hours' },
  })
  expect(await gateway.postReplay('', {}, '?hours=many')).toMatchObject({
    status: 400,
    body: { error: expect.stringContaining("'hours' must be a number above 0") },
  })
})

it('the admin port describes the record and its limits without secrets', async () => {
  const gateway = await startReplayGateway()
  expect(await gateway.record()).toMatchObject({ recording: true, since: null })
  const before = Date.now()
  await sendAndRecord(gateway, 1)
  const status = await gateway.record()
  expect(status).toMatchObject({
    recording: true,
    files: 1,
    yaml: expect.stringContaining('limits: [ 3/minute ]'),
    rules: [{ route: 'POST /predict', rule: 'requests', limit: '3/minute' }],
  })
  if (!status.recording) return
  expect(status.yaml).not.toContain('admin')
  expect(status.since).toBeGreaterThan(before - 1000)
  expect(status.since).toBeLessThan(Date.now() + 1000)
})

it('the admin port streams the progress of a replay, then the report page', async () => {
  const gateway = await startReplayGateway()
  await sendAndRecord(gateway, 5)
  await writeYesterdaysRecord(`${gateway.recorded}.1`, 100_000)
  const { status, type, lines } = await gateway.streamReplay()
  expect([status, type]).toEqual([200, 'application/x-ndjson'])
  const progress = lines.slice(0, -1).map(({ progress }) => progress as ReplayProgress)
  expect(progress.length).toBeGreaterThan(0)
  for (const { part, requests, rounds } of progress) {
    expect(part).toBeGreaterThan(0)
    expect(part).toBeLessThanOrEqual(1)
    expect(requests).toBeLessThanOrEqual(100_005)
    expect(rounds).toBe(0)
  }
  const { page } = lines.at(-1) as { page: ReportPage }
  expect(page.trace).toBe('all recorded traffic')
  expect(page.report.requests).toMatchObject({ played: 100_005 })
  expect(page.report.trace).toMatchObject({ truncated: false, bad: { count: 0 } })
  const file = await replay(
    `${gateway.recorded}.1`,
    parseConfig(`upstream: http://127.0.0.1:1\n${LIMITS}`, ''),
  )
  expect(page.report.requests.refused).toBe(file.requests.refused + 2)
})

it('the admin port suggests a limit that meets an objective, and compares it with the running one', async () => {
  const gateway = await startReplayGateway()
  await sendAndRecord(gateway, 5)
  const query = `?${new URLSearchParams({ suggest: 'refuse at most 0% of requests', rule: 'requests', hours: '1' })}`
  const { body } = await gateway.postReplay('', {}, query)
  expect(body.granted.text).toBe((await gateway.postReplay('', {}, query)).body.granted.text)
  const { page } = (await gateway.streamReplay(query)).lines.at(-1) as { page: ReportPage }
  expect(page).toMatchObject({
    trace: 'the last hour',
    names: ['3/minute', body.granted.text],
    comparison: { one: { requests: { refused: 2 } }, other: { requests: { refused: 0 } } },
    suggestion: { current: '3/minute' },
    yaml: expect.stringContaining(body.granted.text),
  })
  const noRule = await gateway.streamReplay('?suggest=refuse at most 0%25&rule=many'.replaceAll(' ', '+'))
  expect(noRule.lines).toEqual([{ error: expect.stringContaining("no rule 'many'") }])
  expect(await gateway.postReplay('', {}, '?suggest=peace')).toMatchObject({ status: 400 })
})

it('the admin port runs one replay at a time, and stops a replay when its client disconnects', async () => {
  const gateway = await startReplayGateway()
  await writeYesterdaysRecord(`${gateway.recorded}.1`, 300_000)
  const controller = new AbortController()
  const response = await fetch(`${gateway.adminUrl}/api/replay`, {
    method: 'POST',
    headers: { accept: 'application/x-ndjson' },
    signal: controller.signal,
  })
  expect(response.status).toBe(200)
  expect(await gateway.postReplay()).toMatchObject({
    status: 503,
    body: { error: 'another replay is running; try again later' },
  })
  controller.abort()
  await expect
    .poll(async () => (await gateway.postReplay('', {}, '?hours=1')).status, { timeout: 30_000 })
    .toBe(409)
})

it.skipIf(!existsSync('/proc/self/fd'))(
  'a replay that is stopped immediately leaves no file open',
  async () => {
    const gateway = await startReplayGateway()
    await writeYesterdaysRecord(`${gateway.recorded}.1`, 10)
    const openFiles = async () => (await readdir(`/proc/${gateway.pid}/fd`)).length
    await gateway.postReplay()
    const before = await openFiles()
    for (let attempt = 0; attempt < 10; attempt++) {
      const signal = AbortSignal.timeout(20 * attempt)
      await fetch(`${gateway.adminUrl}/api/replay`, { method: 'POST', signal }).catch(() => {})
      // A stopped replay ends once its thread has loaded.
      await expect.poll(async () => (await gateway.postReplay()).status, { timeout: 30_000 }).toBe(200)
    }
    // Allows for connections that open and close meanwhile.
    expect(await openFiles()).toBeLessThan(before + 20)
  },
)

it('the admin port reports a damaged record file, and replays the readable part', async () => {
  const gateway = await startReplayGateway()
  await sendAndRecord(gateway, 2)
  // Data appended to an unfinished gzip member cannot be read.
  await writeYesterdaysRecord(`${gateway.recorded}.1`, 5000, constants.Z_SYNC_FLUSH)
  await appendFile(`${gateway.recorded}.1`, gzipSync('{"sluice_record":1}\n'))
  const { body } = await gateway.postReplay()
  expect(body.notes).toContainEqual(expect.stringContaining('is damaged'))
  expect(body.requests.played).toBeGreaterThan(2)
})

it('the admin port responds with 404 to a replay if recording is off', async () => {
  const { adminUrl } = await startTestGateway(LIMITS)
  expect(await send(adminUrl, '/api/replay')).toMatchObject({ status: 404 })
  expect(await (await fetch(`${adminUrl}/api/record`)).json()).toEqual({ recording: false })
})

it('the admin port requires the token for a replay if read access requires it', async () => {
  const hash = createHash('sha256').update('a token').digest('hex')
  const { adminUrl } = await startTestGateway(LIMITS, echo, `{ listen: '0.0.0.0:0', token_sha256: ${hash} }`)
  for (const [method, path] of [
    ['POST', '/api/replay'],
    ['GET', '/api/record'],
    ['GET', '/api/report-page'],
  ] as const)
    expect((await send(adminUrl, path, { method })).status).toBe(401)
})
