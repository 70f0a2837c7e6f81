import { spawn } from 'node:child_process'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, it, onTestFinished } from 'vitest'
import { startTestGateway, until } from '../../packages/gateway/test/server/gateway/running-gateway.js'
import { peerProgram } from '../../scripts/peers.js'
import { listingOf } from '../migrate/pages.js'
import { type Reply, sideAt, sideBySide } from '../migrate/side-by-side.js'
import { freePort } from './free-port.js'

// Runs the files of docs/migrate/slowapi.md next to each other.

/** Runs an app of the page until the end of the test, and returns its port. */
async function startApp(name: string): Promise<number> {
  const folder = await mkdtemp(join(tmpdir(), 'sluice-slowapi-'))
  onTestFinished(() => rm(folder, { recursive: true }))
  await writeFile(join(folder, `${name}.py`), await listingOf('slowapi', `${name}.py`))
  const port = await freePort()
  const args = ['--port', `${port}`, '--log-level', 'critical', `${name}:app`]
  const child = spawn(peerProgram('uvicorn'), args, { cwd: folder, stdio: 'ignore' })
  onTestFinished(() => {
    child.kill()
  })
  const url = `http://127.0.0.1:${port}/health`
  await until(() => fetch(url).then(Boolean, () => child.exitCode !== null))
  expect(child.exitCode).toBe(null)
  return port
}

/** Starts slowapi, and the gateway in front of the app without limits. */
async function startSides() {
  const config = (await listingOf('slowapi', 'gateway.yaml')).replace(/^(listen|upstream): .*\n/gm, '')
  const { gateway } = await startTestGateway(config, `http://127.0.0.1:${await startApp('after')}`)
  return [sideAt(await startApp('before')), sideAt(gateway.address.port)] as const
}

const seconds = (reply: Reply) => Number(reply.headers['x-ratelimit-reset'])

it('the gateway admits the same requests as slowapi, with the same numbers', async () => {
  const [before, after] = await startSides()
  const start = Date.now()
  const statuses = new Set<number>()
  await sideBySide(
    {
      requests: 100,
      clients: ['127.0.0.1', '127.0.0.2', '127.0.0.3'],
      paths: ['/home', '/home', '/health', '/missing'],
      windowMs: 60_000,
      steps: 'windows',
      passes: 0,
    },
    before,
    after,
    () => {},
    (one, other) => {
      expect(other.status).toBe(one.status)
      statuses.add(other.status)
      for (const name of ['x-ratelimit-limit', 'x-ratelimit-remaining'])
        expect(other.headers[name]).toBe(one.headers[name])
      if (one.headers['x-ratelimit-limit'] === undefined) return
      // slowapi adds a second. The two windows start a moment apart.
      const passed = (Date.now() - start) / 1000
      expect(Math.abs(seconds(one) - 1 - seconds(other))).toBeLessThanOrEqual(1 + passed)
      expect(one.headers['retry-after']).toBeDefined()
      expect(other.headers['retry-after'] !== undefined).toBe(other.status === 429)
    },
  )
  expect([...statuses].sort()).toEqual([200, 404, 429])
})

it('the gateway limits a route as a whole, and slowapi each path of it', async () => {
  const sides = await startSides()
  const statuses: number[][] = []
  for (let item = 0; item < 10; item++) {
    const request = { client: '127.0.0.1', path: `/items/${item}` }
    statuses.push((await Promise.all(sides.map((side) => side(request)))).map(({ status }) => status))
  }
  expect(statuses).toEqual([...Array(5).fill([200, 200]), ...Array(5).fill([200, 429])])
})
