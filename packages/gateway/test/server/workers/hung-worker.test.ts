import type { ServerResponse } from 'node:http'
import { describe, expect, it } from 'vitest'
import { send, until } from '../gateway/running-gateway.js'
import { openPinnedConnections } from './pinned-connections.js'
import { serveWithWorkers } from './worker-gateway.js'

/** A worker is considered hung after ten seconds. A busy machine starts replacements slowly. */
const TIMEOUT = { timeout: 180_000 }

const SLOTS = 8

/** Connection limit of the gateway. Each listening worker reports half of it. */
const MAX_CONNECTIONS = 1000

/** Runs a gateway with two workers. Responses to /stream never end. */
async function serveStreams() {
  const served = await serveWithWorkers(
    2,
    `server: { max_connections: ${MAX_CONNECTIONS} }
routes:
  - { match: GET /stream, limits: [{ concurrent: ${SLOTS}, by: everyone, lease: 1s }] }
default: { limits: [1000000/hour] }\n`,
    (request, response: ServerResponse) =>
      request.url === '/stream' ? response.write('endless') : response.end('fine'),
  )
  const openStream = async () => {
    const response = await fetch(new URL('/stream', served.url))
    const ended = response.text().catch(() => {})
    return { status: response.status, ended }
  }
  /** Reports whether two workers other than this one accept connections. */
  const isReplaced = async (pid: number) =>
    !served.pids().includes(pid) && (await served.maxConnections()) === MAX_CONNECTIONS
  return { ...served, openStream, isReplaced }
}

describe('a hung worker', TIMEOUT, () => {
  it('is replaced, and its slots are freed for new requests', async () => {
    const { url, pids, openStream, isReplaced } = await serveStreams()
    const streams = await Promise.all(Array.from({ length: SLOTS }, openStream))
    expect(streams.map(({ status }) => status)).toEqual(Array(SLOTS).fill(200))
    expect((await openStream()).status).toBe(429)
    let interrupted = 0
    for (const { ended } of streams) ended.then(() => interrupted++)

    const [hung = 0] = pids()
    process.kill(hung, 'SIGSTOP')
    // At most one of these requests reaches the hung worker. It fails when the worker is killed.
    const during = await Promise.all(
      Array.from({ length: 8 }, () =>
        send(url, '/').then(
          ({ status }) => status,
          () => 'closed',
        ),
      ),
    )
    expect(during.filter((outcome) => outcome === 'closed').length).toBeLessThanOrEqual(1)
    expect(during.filter((outcome) => outcome === 200).length).toBeGreaterThanOrEqual(7)
    await until(() => isReplaced(hung))
    await until(() => interrupted > 0)
    expect(interrupted).toBeLessThan(SLOTS)

    const after = await Promise.all(Array.from({ length: 20 }, () => send(url, '/')))
    expect(after.map(({ status }) => status)).toEqual(Array(20).fill(200))
    let opened = 0
    await expect
      .poll(
        async () => {
          if ((await openStream()).status === 200) opened++
          return opened
        },
        { timeout: 30_000 },
      )
      .toBe(interrupted)
    expect((await openStream()).status).toBe(429)
  })

  it('is replaced even if the other worker hangs as well', async () => {
    const { url, pids, isReplaced } = await serveStreams()
    const hung = pids()
    for (const pid of hung) process.kill(pid, 'SIGSTOP')
    await Promise.all(Array.from({ length: 4 }, () => send(url, '/').catch(() => {})))
    for (const pid of hung) await until(() => isReplaced(pid))
    await expect
      .poll(
        () =>
          send(url, '/').then(
            ({ status }) => status,
            () => 0,
          ),
        { timeout: 30_000 },
      )
      .toBe(200)
  })

  it('is replaced even if clients use only connections that they opened before', async () => {
    const { url, pids, isReplaced } = await serveStreams()
    const connections = await openPinnedConnections(url, 8)
    const [hung = 0] = pids()
    process.kill(hung, 'SIGSTOP')
    const requests = connections.map((connection) =>
      connection.get('/').then(
        () => 'responded',
        () => 'closed',
      ),
    )
    const outcomes = await Promise.all(requests)
    expect(outcomes.toSorted()).toContain('closed')
    expect(outcomes).toContain('responded')
    await until(() => isReplaced(hung))
    expect((await send(url, '/')).status).toBe(200)
  })
})
