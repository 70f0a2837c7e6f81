import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { closeSync, constants, createReadStream, openSync, writeSync } from 'node:fs'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, it, onTestFinished } from 'vitest'
import { freePorts } from '../stack.js'
import { fuzzPlan } from './plan.js'

/**
 * Runs gateways whose log, audit log and record are written to full disks, pipes without readers or
 * closed pipes.
 */

const PROGRAM = fileURLToPath(new URL('../../packages/gateway/bin/sluice.js', import.meta.url))
const TOKEN = 'a-token-for-the-chaos-test'
const TOKEN_HASH = createHash('sha256').update(TOKEN).digest('hex')
/** Number of actions. Their log lines exceed a megabyte, so that some must be dropped. */
const ACTIONS = fuzzPlan({ short: 700, full: 7000 }).runs
/** The short run uses two workers, which covers the code of a single process. */
const WORKERS = fuzzPlan({ short: 1, full: 2 }).runs === 1 ? [2] : [1, 2]

interface Chaos {
  readonly workers: number
  /** Standard error: a descriptor, or a socket that the test does not read. */
  readonly stderr: number | 'pipe'
  readonly audit?: string
  readonly record?: string
}

async function emptyFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'sluice-chaos-'))
  onTestFinished(() => rm(folder, { recursive: true }))
  return folder
}

/** Creates a full named pipe whose only reader never reads. */
async function fullPipe() {
  const path = join(await emptyFolder(), 'pipe')
  execFileSync('mkfifo', [path])
  const fd = openSync(path, constants.O_RDWR | constants.O_NONBLOCK)
  try {
    for (;;) writeSync(fd, 'x'.repeat(512))
  } catch {
    // The pipe is full.
  }
  return { path, fd }
}

async function gatewayWith({ workers, stderr, audit, record }: Chaos) {
  const upstream = createServer((request, response) => {
    if (request.url === '/broken') request.socket.destroy()
    else response.end('fine')
  }).listen(0, '127.0.0.1')
  await once(upstream, 'listening')
  onTestFinished(() => {
    upstream.closeAllConnections()
    upstream.close()
  })
  const [port, adminPort] = await freePorts(2)
  const file = join(await emptyFolder(), 'gateway.yaml')
  await writeFile(
    file,
    `listen: 127.0.0.1:${port}
admin: { listen: 127.0.0.1:${adminPort}, token_sha256: ${TOKEN_HASH}${audit ? `, audit: ${audit}` : ''} }
workers: ${workers}
timeouts: { drain: 0 }
upstream: http://127.0.0.1:${(upstream.address() as AddressInfo).port}
${record ? `record: ${record}\n` : ''}routes: [{ match: POST /limited, limits: [1/hour] }, { match: POST /broken, limits: [1000/minute] }]
`,
  )
  const child: ChildProcess = spawn(process.execPath, [PROGRAM, 'serve', file], {
    stdio: ['ignore', 'ignore', stderr],
  })
  onTestFinished(() => void child.kill('SIGKILL'))
  const url = (path: string) => `http://127.0.0.1:${port}${path}`
  const adminUrl = (path: string) => `http://127.0.0.1:${adminPort}${path}`
  const ready = async () => (await fetch(adminUrl('/readyz')).catch(() => undefined))?.ok
  await expect.poll(ready, { timeout: 120_000 }).toBe(true)
  return {
    child,
    status: async (path: string) => (await fetch(url(path), { method: 'POST' })).status,
    isHealthy: async () => (await fetch(adminUrl('/healthz'))).ok,
    /** Requests an action, which logs about two kilobytes whatever its result. */
    act: async () => {
      const body = JSON.stringify({
        act: 'reset',
        route: 'POST /limited',
        key: 'x'.repeat(900),
        reason: 'a test',
      })
      const headers = { authorization: `Bearer ${TOKEN}`, 'content-type': 'application/json' }
      return (await fetch(adminUrl('/api/actions'), { method: 'POST', headers, body })).status
    },
    async fillLog() {
      // Well below the 64 connections of the admin port, which closes idle ones beyond that.
      for (let sent = 0; sent < ACTIONS; sent += 20) await Promise.all(Array.from({ length: 20 }, this.act))
    },
    dropped: async (name: string) => {
      const text = await (await fetch(adminUrl('/metrics'))).text()
      return Number(
        new RegExp(`^sluice_dropped_lines_total\\{file="${name}"\\} (\\d+)$`, 'm').exec(text)?.[1],
      )
    },
  }
}

const expectWorking = async ({ status, isHealthy }: Awaited<ReturnType<typeof gatewayWith>>) => {
  for (let request = 0; request < 5; request++) {
    expect(await status('/limited')).toBeOneOf([200, 429])
    expect(await status('/broken')).toBe(502)
  }
  expect(await isHealthy()).toBe(true)
}

describe.each(WORKERS)('a gateway with `workers: %i`', { timeout: 300_000 }, (workers) => {
  it('responds while its log is not read, and reports the dropped lines afterwards', async () => {
    const pipe = await fullPipe()
    const gateway = await gatewayWith({ workers, stderr: pipe.fd })
    await expectWorking(gateway)
    await gateway.fillLog()
    await expectWorking(gateway)
    expect(await gateway.dropped('log')).toBeGreaterThan(0)
    let text = ''
    for await (const chunk of createReadStream(pipe.path, { encoding: 'utf8' })) {
      text += chunk
      if (text.includes('log lines were dropped')) break
    }
    expect(text).toMatch(/"dropped":\d+,"msg":"log lines were dropped/)
    gateway.child.kill('SIGTERM')
    expect(await once(gateway.child, 'exit')).toEqual([0, null])
  })

  it('responds and stops gracefully while the reader of its log socket is blocked', async () => {
    const gateway = await gatewayWith({ workers, stderr: 'pipe' })
    await gateway.fillLog()
    await expectWorking(gateway)
    expect(await gateway.dropped('log')).toBeGreaterThan(0)
    gateway.child.kill('SIGTERM')
    expect(await once(gateway.child, 'exit')).toEqual([0, null])
  })

  it('keeps running after the reader of its log has closed the pipe', async () => {
    const gateway = await gatewayWith({ workers, stderr: 'pipe' })
    gateway.child.stderr?.destroy()
    await expectWorking(gateway)
    gateway.child.kill('SIGTERM')
    expect(await once(gateway.child, 'exit')).toEqual([0, null])
  })

  it('keeps running with its log on a full disk', async () => {
    const full = openSync('/dev/full', 'w')
    onTestFinished(() => closeSync(full))
    const gateway = await gatewayWith({ workers, stderr: full })
    await expectWorking(gateway)
    await gateway.fillLog()
    expect(await gateway.dropped('log')).toBeGreaterThan(0)
    gateway.child.kill('SIGTERM')
    expect(await once(gateway.child, 'exit')).toEqual([0, null])
  })

  it.each(['/dev/full', 'a pipe without a reader', 'a full pipe'])(
    'performs actions and stops gracefully while its audit log and record are written to %s',
    async (target) => {
      const unread = join(await emptyFolder(), 'pipe')
      execFileSync('mkfifo', [unread])
      const path =
        target === '/dev/full' ? target : target === 'a full pipe' ? (await fullPipe()).path : unread
      const gateway = await gatewayWith({
        ...{ workers, stderr: 'pipe', audit: path },
        ...(workers === 1 && { record: path }),
      })
      gateway.child.stderr?.resume()
      expect(await gateway.act()).toBeLessThan(500)
      await expectWorking(gateway)
      expect(await gateway.act()).toBeLessThan(500)
      gateway.child.kill('SIGTERM')
      expect(await once(gateway.child, 'exit')).toEqual([0, null])
    },
  )
})
