import { describe, expect, it } from 'vitest'
import { send, until } from '../gateway/running-gateway.js'
import { openPinnedConnections } from './pinned-connections.js'
import { serveWithWorkers } from './worker-gateway.js'

/** A busy machine starts replacements slowly. */
const TIMEOUT = { timeout: 180_000 }

const ROUNDS = 4

/** Connection limit of the gateway. Each listening worker reports half of it. */
const MAX_CONNECTIONS = 1000

/** Returns a configuration that admits only requests to the route of its version. */
const configuration = (version: number) =>
  `server: { max_connections: ${MAX_CONNECTIONS} }
routes: [{ match: GET /version-${version}, limits: [1000000/hour] }]\ndefault: deny\n`

async function serveVersions() {
  const served = await serveWithWorkers(2, configuration(0), (_request, response) => response.end('fine'))
  const { child, output, pids, url, write, maxConnections } = served
  const reloads = () => output.err.split('configuration reloaded').length - 1
  /** Expects that only this version handles new connections. */
  const expectVersion = async (version: number) => {
    const requests = Array.from({ length: 24 }, async (_, index) => {
      const isOld = index % 2 === 1
      const { status } = await send(url, `/version-${isOld ? version - 1 : version}`, { method: 'GET' })
      return isOld ? { old: status } : { new: status }
    })
    for (const outcome of await Promise.all(requests))
      expect(outcome).toEqual('old' in outcome ? { old: 404 } : { new: 200 })
  }
  return {
    ...{ url, pids, reloads, expectVersion },
    /** Starts a reload. Until it completes, each worker uses the new or the previous version. */
    async reload(version: number) {
      await write(configuration(version))
      child.kill('SIGHUP')
    },
    /** Reports whether two workers other than this one accept connections. */
    isReplaced: async (pid: number) => !pids().includes(pid) && (await maxConnections()) === MAX_CONNECTIONS,
  }
}

describe('a worker that is killed during a reload', TIMEOUT, () => {
  it('does not block the reload, and its replacement uses the new configuration', async () => {
    const { url, pids, reload, reloads, expectVersion, isReplaced } = await serveVersions()
    const connections = await openPinnedConnections(url, 8)
    const [victim = 0] = pids()
    // The worker receives the configuration but cannot apply it.
    process.kill(victim, 'SIGSTOP')
    await reload(1)
    const appliesReload = async (connection: (typeof connections)[number]) => {
      await until(async () => (await connection.get('/version-1')).status === 200)
    }
    await Promise.any(connections.map(appliesReload))
    expect(reloads()).toBe(0)
    process.kill(victim, 'SIGKILL')
    await until(() => reloads() === 1)
    await expectVersion(1)
    await until(() => isReplaced(victim))
    await expectVersion(1)
  })

  it.each([0, 1])(
    'causes no failed request after the reload, whenever it is killed (worker %i)',
    async (index) => {
      const { pids, reload, reloads, expectVersion, isReplaced } = await serveVersions()
      for (let version = 1; version <= ROUNDS; version++) {
        const victim = pids()[index] as number
        // In every second round the replacement starts while the other worker is being configured.
        if (version % 2 === 0) process.kill(victim, 'SIGKILL')
        await reload(version)
        if (version % 2 === 1) process.kill(victim, 'SIGKILL')
        await until(() => reloads() === version)
        await expectVersion(version)
        await until(() => isReplaced(victim))
        await expectVersion(version)
      }
    },
  )
})
