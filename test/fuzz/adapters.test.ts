import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { describe, expect, it, onTestFinished } from 'vitest'
import { fuzzPlan } from './plan.js'
import { runRawHttp } from './raw-http.js'
import type { Target } from './raw-request.js'

/** Resources in use, as a server reports them. */
interface State {
  readonly taken: number
  readonly freed: number
  readonly unhandled: number
  readonly descriptors: number
  readonly connections: number
  /** Heap in bytes, after a garbage collection. */
  readonly memory: number
}

// Excludes `fetch` on @hono/node-server: on Node 20 and 22, pipelined requests for streams crash
// the process with an internal assertion, even without a limiter.
const APPS = ['express4', 'express5', 'fastify', 'koa', 'hono', 'fetchAlone', 'nestExpress', 'nestFastify']
const SERVER = new URL('../../packages/sluice/test/adapters/servers/chaos-server.js', import.meta.url)

const paths = ['/now', '/later', '/queued', '/refused', '/failing-client', '/failing-handler']
const body = JSON.stringify({ data: Array.from({ length: 40 }, (_, row) => row) })
const targets: readonly Target[] = paths.flatMap((path) => [
  { method: 'GET', path },
  { method: 'HEAD', path },
  { method: 'POST', path, body },
])

/** Allowed memory growth of a process in bytes, for compiled code and bounded caches. */
const MAX_GROWTH_BYTES = 40 * 2 ** 20

describe('under raw HTTP traffic', () => {
  it.each(APPS)(
    'a server with the %s adapter leaks no slot, descriptor or memory and stays up',
    async (name) => {
      const plan = fuzzPlan({ short: 200, full: 100_000 })
      const server = fork(SERVER, [name], {
        execArgv: ['--expose-gc'],
        stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
      })
      onTestFinished(() => void server.kill('SIGKILL'))
      const [{ port }] = (await once(server, 'message')) as [{ readonly port: number }]
      const run = (seed: number, runs: number) => runRawHttp({ ...plan, port, targets, seed, runs })
      // The first requests compile code and fill caches.
      await run(plan.seed + 1, Math.ceil(plan.runs / 20))
      await expect.poll(() => stateOf(server), { timeout: 30_000 }).toMatchObject({ connections: 0 })
      const before = await stateOf(server)
      const counts = await run(plan.seed, plan.runs)
      console.log(`${name}, seed ${plan.seed}: ${JSON.stringify(counts)}`)
      expect(counts.connections).toBeGreaterThan(0)
      expect(Object.keys(counts.statuses)).toEqual(expect.arrayContaining(['200', '400', '429', '500']))
      await expect
        .poll(() => stateOf(server), { timeout: 30_000 })
        .toMatchObject({ connections: 0, unhandled: 0, descriptors: before.descriptors })
      await expect.poll(async () => slotsInUse(await stateOf(server)), { timeout: 30_000 }).toBe(0)
      // All slots are free except that of this request.
      for (const [path, left] of [
        ['/now', 39],
        ['/later', 39],
        ['/queued', 1],
      ])
        await expect.poll(() => slotsLeft(port, path), { timeout: 30_000 }).toContain(`r=${left}`)
      const { memory } = await stateOf(server)
      expect(memory - before.memory).toBeLessThan(MAX_GROWTH_BYTES)
      expect([server.exitCode, server.signalCode]).toEqual([null, null])
    },
  )
})

/** Returns the RateLimit header of a response, which contains the remaining slots. */
async function slotsLeft(port: number, path: unknown): Promise<string> {
  const response = await fetch(`http://127.0.0.1:${port}${path}`, { headers: { connection: 'close' } })
  await response.arrayBuffer()
  return response.headers.get('ratelimit') ?? ''
}

async function stateOf(server: ChildProcess): Promise<State> {
  server.send('state')
  const [state] = (await once(server, 'message')) as [State]
  return state
}

function slotsInUse({ taken, freed }: State): number {
  return taken - freed
}
