import { createHash } from 'node:crypto'
import { EventEmitter, once } from 'node:events'
import { mkdtemp, rename, rm, writeFile } from 'node:fs/promises'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest'
import { sluice } from '../../packages/gateway/test/cli/program.js'
import { type RedisServer, startRedis } from '../../packages/sluice/test/stores/servers/redis.js'
import { fuzzPlan } from './plan.js'
import { type Random, seededRandom } from './random.js'
import { type LoadRequest, RequestLoad } from './request-load.js'

// Reloads the configuration under load. No request may fail because the configuration, the keys
// file or a limit changes.

const RELOADS = fuzzPlan({ short: 3, full: 100 }).runs
const PER_SECOND = fuzzPlan({ short: 20, full: 500 }).runs
const { seed } = fuzzPlan({ short: 1, full: 1 })

/** Generous, since a gateway starts slowly on a busy machine. */
const TIMEOUT_MS = 120_000

const TOKEN = 'a-token-for-the-reload-test'
const KEYS = ['a-key-of-the-first-client', 'a-key-of-the-second-client']

const sha256 = (text: string) => createHash('sha256').update(text).digest('hex')

async function startUpstream(): Promise<Server> {
  const server = createServer(async (request, response) => {
    for await (const _ of request);
    // Long enough for requests to queue.
    setTimeout(() => response.end('fine'), request.url === '/waiting' ? 20 : 1)
  }).listen(0, '127.0.0.1')
  // Otherwise the upstream could close an idle connection while a request arrives.
  server.keepAliveTimeout = 600_000
  await once(server, 'listening')
  onTestFinished(() => {
    server.closeAllConnections()
    server.close()
  })
  return server
}

const connectionsOf = (server: Server) =>
  new Promise<number>((resolve) => server.getConnections((_, count) => resolve(count)))

/** Replaces a file by renaming a new one, as editors and orchestrators do. */
async function replace(file: string, text: string): Promise<void> {
  await writeFile(`${file}.new`, text)
  await rename(`${file}.new`, file)
}

const keysText = (tier: string) =>
  `keys:\n${KEYS.map((key, index) => `  - { client: client-${index}, sha256: ${sha256(key)}, tier: ${tier} }\n`).join('')}`

/**
 * Returns the configuration with the given index. Consecutive configurations differ in everything
 * that a reload can change.
 */
function configText(index: number, { workers, store, upstreams, folder }: Setup): string {
  const { port } = (upstreams[index % upstreams.length] as Server).address() as AddressInfo
  return `listen: 127.0.0.1:0
admin: { listen: 127.0.0.1:0, token_sha256: ${sha256(TOKEN)} }
workers: ${workers}
store: ${store}
on_store_failure: { policy: closed, deadline: 60s }
upstream: http://127.0.0.1:${port}
timeouts: { drain: 0, connect: ${60 + (index % 3)}s, body_start: 10m, headers: ${5 + (index % 2)}m, request: ${6 + (index % 5)}m }
identity:
  api_keys: ${folder}/keys-${index % 2}.yaml
  forward_credentials: ${index % 4 < 2}
  trusted_proxies: [10.${index % 7}.0.0/16]
tiers: { slow: 1, fast: ${2 + (index % 3)} }
server: { max_connections: ${10_000 + index} }
routes:
  - match: POST /rows
    limits: [{ limit: ${1_000_000 + index}/second, of: rows, cost: size(body.data), name: rows }]
  - match: POST /waiting
    limits: [{ concurrent: ${8 + (index % 5)}, by: everyone, wait: 10m, queue: 10000, name: slots }]
  - match: POST /refused
    limits: [${1 + (index % 3)}/hour]
default: { limits: [{ limit: ${1_000_000 + index}/minute, tiers: { fast: ${1 + (index % 2)} } }] }
`
}

interface Setup {
  readonly workers: number
  readonly store: string
  readonly upstreams: readonly Server[]
  readonly folder: string
}

/**
 * Returns a random request.
 *
 * @param reloaded resolves with the next reload
 */
function requestOf(random: Random, reloaded: () => Promise<unknown>): LoadRequest {
  const key = random.pick(KEYS)
  const body = { data: Array.from({ length: 1 + random.below(50) }, (_, row) => row) }
  const post = { method: 'POST', key, body, expected: [200] } as const
  switch (random.below(8)) {
    case 0:
    case 1:
      return { ...post, path: '/waiting' }
    case 2:
      return { ...post, path: '/refused', expected: [200, 429] }
    case 3:
    case 4:
      return { ...post, path: '/rows' }
    case 5: {
      const isSlow = random.chance(0.1)
      const path = random.chance(0.5) ? '/rows' : '/streamed'
      return { ...post, path, ...(isSlow && { secondHalf: reloaded() }) }
    }
    default:
      return { method: 'GET', key, path: '/plain', expected: [200] }
  }
}

describe.each(['memory', 'redis'])('a gateway with its state in %s', { timeout: 600_000 }, (kind) => {
  let redis: RedisServer | undefined
  beforeAll(async () => {
    redis = kind === 'redis' ? await startRedis() : undefined
  })
  afterAll(() => redis?.stop())

  it.each([1, 2])(
    `fails no request during ${RELOADS} reloads under load, with workers: %i`,
    async (workers) => {
      await redis?.cli('flushall')
      const folder = await mkdtemp(join(tmpdir(), 'sluice-reload-'))
      onTestFinished(() => rm(folder, { recursive: true }))
      const setup: Setup = {
        ...{ workers, folder },
        store: redis === undefined ? 'memory' : `redis://127.0.0.1:${redis.port}/0`,
        upstreams: [await startUpstream(), await startUpstream()],
      }
      for (const index of [0, 1]) await replace(join(folder, `keys-${index}.yaml`), keysText('slow'))
      const file = join(folder, 'gateway.yaml')
      await replace(file, configText(0, setup))
      const { child, output, ended } = sluice('serve', file)
      await expect.poll(() => output.out + output.err, { timeout: TIMEOUT_MS }).toMatch(/health|sluice: /)
      expect(output.err).toBe('')
      const [url = '', , admin = ''] = output.out.match(/http:\/\/127\.0\.0\.1:\d+/g) ?? []
      const reloads = () => output.err.split('configuration reloaded').length - 1
      const keyReloads = () => output.err.split('keys file reloaded').length - 1
      const nextReload = new EventEmitter().setMaxListeners(0)
      const random = seededRandom(seed)
      const load = new RequestLoad(url, PER_SECOND, () =>
        requestOf(random, () => once(nextReload, 'reloaded')),
      )

      for (let index = 1; index <= RELOADS; index++) {
        const before = keyReloads()
        await replace(file, configText(index, setup))
        child.kill('SIGHUP')
        await expect.poll(reloads, { timeout: TIMEOUT_MS }).toBe(index)
        nextReload.emit('reloaded')
        expect(await override(admin, index)).toBe(200)
        if (index % 10 !== 5) continue
        await replace(join(folder, `keys-${index % 2}.yaml`), keysText(index % 20 === 5 ? 'fast' : 'slow'))
        await expect.poll(keyReloads, { timeout: TIMEOUT_MS }).toBe(before + 1)
      }
      const stopped = load.stop()
      nextReload.emit('reloaded')
      expect({ failed: await stopped, log: errorsIn(output.err) }).toEqual({ failed: {}, log: [] })
      expect(load.sent).toBeGreaterThan(0)
      // The connections to the previous upstream close after its last request.
      const retired = setup.upstreams[(RELOADS + 1) % 2] as Server
      await expect.poll(() => connectionsOf(retired), { timeout: TIMEOUT_MS }).toBe(0)
      child.kill('SIGTERM')
      expect((await ended)[0]).toBe(0)
    },
  )
})

/** Changes or resets a limit or a slot count through the admin API. */
async function override(admin: string, index: number): Promise<number> {
  const waiting = { route: 'POST /waiting', rule: 'slots' }
  const rows = { route: 'POST /rows', rule: 'rows' }
  const acts = [
    { act: 'limit', ...waiting, limit: '4' },
    { act: 'limit', ...rows, limit: '2000000/second' },
    { act: 'undo', ...waiting },
    { act: 'undo', ...rows },
  ]
  const response = await fetch(new URL('/api/actions', admin), {
    method: 'POST',
    headers: { authorization: `Bearer ${TOKEN}`, 'content-type': 'application/json' },
    body: JSON.stringify({ ...acts[(index - 1) % acts.length], reason: 'a test' }),
  })
  await response.text()
  return response.status
}

function errorsIn(log: string): string[] {
  return log.split('\n').filter((line) => line !== '' && !/"level":("?(info|warn)"?|30|40)\b/.test(line))
}
