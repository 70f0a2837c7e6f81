import { createHash } from 'node:crypto'
import { mkdtemp, rename, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, it, onTestFinished } from 'vitest'
import { send, until } from '../gateway/running-gateway.js'
import { openPinnedConnections, type PinnedConnection } from './pinned-connections.js'
import { serveWithWorkers } from './worker-gateway.js'

/** A change to the keys file is applied at the second poll, which is slow on a busy machine. */
const TIMEOUT = { timeout: 120_000 }

const KEY = 'a-key-whose-client-changes'
const credentials = { 'x-api-key': KEY }

/**
 * Runs a gateway with two workers and a versioned keys file. In version `n`, the client is named
 * `n`. The upstream responds with the client that the gateway forwards.
 */
async function serveVersionsOfKeys() {
  const folder = await mkdtemp(join(tmpdir(), 'sluice-keys-'))
  onTestFinished(() => rm(folder, { recursive: true }))
  const file = join(folder, 'keys.yaml')
  const sha256 = createHash('sha256').update(KEY).digest('hex')
  const replaceKeys = async (version: number) => {
    await writeFile(`${file}.new`, `keys: [{ client: '${version}', sha256: ${sha256} }]\n`)
    await rename(`${file}.new`, file)
  }
  await replaceKeys(0)
  const served = await serveWithWorkers(
    2,
    `identity: { api_keys: ${file}, forward: { client: x-client } }\ndefault: { limits: [1000000/hour] }\n`,
    (request, response) => response.end(request.headers['x-client'] ?? 'none'),
  )
  /** Returns the number of reloads that the gateway has logged. */
  const reloads = () => served.output.err.split('keys file reloaded').length - 1
  /** Returns the versions in use, according to requests on many new connections. */
  const versionsInUse = async () => {
    const responses = Array.from({ length: 16 }, () => send(served.url, '/', { headers: credentials }))
    return [...new Set((await Promise.all(responses)).map(({ text }) => Number(text)))].toSorted()
  }
  return { ...served, replaceKeys, reloads, versionsInUse }
}

/**
 * Watches the versions in use through connections that are each pinned to one worker. The watch of
 * a connection ends if its worker is replaced, which can happen on a busy machine.
 *
 * @returns a function that ends the watch and returns the versions of each connection, in order and
 * without repetitions
 */
function watchVersions(connections: readonly PinnedConnection[]): () => Promise<number[][]> {
  let isOver = false
  const histories = connections.map(async (connection) => {
    const history: number[] = []
    for (let isLast = false; !isLast; ) {
      isLast = isOver
      const response = await connection.get('/', credentials).catch(() => undefined)
      if (response === undefined) break
      const version = Number(response.text)
      if (version !== history.at(-1)) history.push(version)
    }
    return history
  })
  return () => {
    isOver = true
    return Promise.all(histories)
  }
}

const ascending = (history: readonly number[]) => history.toSorted((one, other) => one - other)

it(
  'the gateway uses the newest keys in all workers after quick changes, and never returns to earlier ones',
  TIMEOUT,
  async () => {
    const { url, replaceKeys, reloads, versionsInUse } = await serveVersionsOfKeys()
    const endWatch = watchVersions(await openPinnedConnections(url, 6))
    let version = 0
    for (let round = 1; round <= 4; round++) {
      const before = reloads()
      await replaceKeys(++version)
      // In every second round the gateway already uses the first of the two changes.
      if (round % 2 === 0) await until(() => reloads() > before)
      await replaceKeys(++version)
      await expect.poll(versionsInUse, { timeout: 30_000 }).toEqual([version])
    }
    for (const history of await endWatch()) {
      expect(history).toEqual(ascending(history))
      expect(history.at(-1)).toBe(version)
    }
    expect(await versionsInUse()).toEqual([version])
  },
)

it('a worker that was suspended during changes to the keys applies them in order', TIMEOUT, async () => {
  const { url, pids, replaceKeys, reloads, versionsInUse } = await serveVersionsOfKeys()
  const connections = await openPinnedConnections(url, 6)
  const [pid = 0] = pids()
  process.kill(pid, 'SIGSTOP')
  for (const version of [1, 2]) {
    await replaceKeys(version)
    await until(() => reloads() === version)
  }
  process.kill(pid, 'SIGCONT')
  const endWatch = watchVersions(connections)
  await expect.poll(versionsInUse, { timeout: 30_000 }).toEqual([2])
  // A worker that returned to the first version would do so before the third.
  await replaceKeys(3)
  await expect.poll(versionsInUse, { timeout: 30_000 }).toEqual([3])
  for (const history of await endWatch()) expect(history).toEqual(ascending(history))
})

it('the gateway starts replacement workers with the newest keys', TIMEOUT, async () => {
  const { pids, replaceKeys, reloads, versionsInUse } = await serveVersionsOfKeys()
  const killAll = async () => {
    const before = pids()
    for (const pid of before) process.kill(pid, 'SIGKILL')
    await until(() => pids().length === 2 && !pids().some((pid) => before.includes(pid)))
  }
  const expectVersion = (version: number) =>
    expect
      .poll(() => versionsInUse().catch(() => 'no worker listens'), { timeout: 30_000 })
      .toEqual([version])
  await replaceKeys(1)
  await until(() => reloads() === 1)
  await replaceKeys(2)
  // These replacements start while the keys change. Those below start after the change.
  await killAll()
  await until(() => reloads() === 2)
  await expectVersion(2)
  await killAll()
  await expectVersion(2)
})

it('all workers apply limits that change in the keys file', TIMEOUT, async () => {
  const folder = await mkdtemp(join(tmpdir(), 'sluice-keys-'))
  onTestFinished(() => rm(folder, { recursive: true }))
  const file = join(folder, 'keys.yaml')
  const sha256 = createHash('sha256').update(KEY).digest('hex')
  const replaceLimit = async (limit: string) => {
    await writeFile(
      `${file}.new`,
      `keys: [{ client: ada, sha256: ${sha256}, limits: { requests: ${limit} } }]\n`,
    )
    await rename(`${file}.new`, file)
  }
  await replaceLimit('1/hour')
  const { url } = await serveWithWorkers(
    2,
    `identity: { api_keys: ${file} }\ndefault: { limits: [{ limit: 2/hour, algorithm: fixed-window }] }\n`,
    (_request, response) => response.end(),
  )
  const statuses = async () => {
    const responses = Array.from({ length: 16 }, () => send(url, '/', { headers: credentials }))
    return [...new Set((await Promise.all(responses)).map(({ status }) => status))].toSorted()
  }
  expect(await statuses()).toEqual([200, 429])
  expect(await statuses()).toEqual([429])
  await replaceLimit('unlimited')
  await expect.poll(statuses, { timeout: 30_000 }).toEqual([200])
  await replaceLimit('1/hour')
  await expect.poll(statuses, { timeout: 30_000 }).toEqual([429])
})
