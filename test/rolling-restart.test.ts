import { once } from 'node:events'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { expect, it, onTestFinished } from 'vitest'
import { sluice } from '../packages/gateway/test/cli/program.js'
import { RequestLoad } from './fuzz/request-load.js'
import { startNginx } from './nginx.js'
import { freePorts } from './stack.js'

const PER_SECOND = 200

/** Starts a model server that counts the requests that it receives. */
async function startModel() {
  const received = { GET: 0, POST: 0 }
  const server = createServer(async (request, response) => {
    for await (const _ of request);
    received[request.method as 'GET' | 'POST']++
    setTimeout(() => response.end('fine'), 5)
  }).listen(0, '127.0.0.1')
  // Otherwise the model could close an idle connection while a request arrives.
  server.keepAliveTimeout = 600_000
  await once(server, 'listening')
  onTestFinished(() => {
    server.closeAllConnections()
    server.close()
  })
  return { port: (server.address() as AddressInfo).port, received }
}

/** A gateway process that can be restarted on the same ports. */
class Gateway {
  #program: ReturnType<typeof sluice> | undefined

  constructor(
    private readonly file: string,
    private readonly probes: number,
  ) {}

  async start(): Promise<void> {
    this.#program = sluice('serve', this.file)
    const isReady = async () => (await this.#get('/readyz'))?.ok
    await expect.poll(isReady, { timeout: 60_000 }).toBe(true)
  }

  /** Returns the exit code. */
  async stop(): Promise<number | null> {
    this.#program?.child.kill('SIGTERM')
    return (await this.#program?.ended)?.[0] ?? null
  }

  /** Returns the number of requests since the start. */
  async served(): Promise<number> {
    const text = (await (await this.#get('/metrics'))?.text()) ?? ''
    const counts = [...text.matchAll(/^sluice_requests_total\{.*\} (\d+)$/gm)]
    return counts.reduce((sum, [, count]) => sum + Number(count), 0)
  }

  #get(path: string): Promise<Response | undefined> {
    return fetch(`http://127.0.0.1:${this.probes}${path}`).catch(() => undefined)
  }
}

it.each([1, 2])(
  'a rolling restart of two gateways behind nginx, with %i workers each, fails no request',
  { timeout: 240_000 },
  async (workers) => {
    const folder = await mkdtemp(join(tmpdir(), 'sluice-rolling-'))
    onTestFinished(() => rm(folder, { recursive: true }))
    const model = await startModel()
    const ports = await freePorts(4)
    const listening = ports.slice(0, 2)
    const gateways: Gateway[] = []
    for (const [index, port] of listening.entries()) {
      const file = join(folder, `gateway-${index}.yaml`)
      const probes = ports[2 + index] as number
      await writeFile(
        file,
        `listen: 127.0.0.1:${port}
admin: off
probes: 127.0.0.1:${probes}
workers: ${workers}
upstream: http://127.0.0.1:${model.port}
timeouts: { drain: 2s }
default: { limits: [1M/minute, { concurrent: 1000 }] }
`,
      )
      const gateway = new Gateway(file, probes)
      await gateway.start()
      gateways.push(gateway)
    }
    const nginx = await startNginx(listening)

    const load = new RequestLoad(nginx.url, PER_SECOND, (index) => ({
      method: index % 2 === 0 ? 'GET' : 'POST',
      path: '/predict',
      key: '',
      expected: [200],
      ...(index % 2 === 1 && { body: { features: [index] } }),
    }))
    for (const gateway of gateways) {
      await expect.poll(() => gateway.served(), { timeout: 30_000 }).toBeGreaterThan(PER_SECOND)
      expect(await gateway.stop()).toBe(0)
      await gateway.start()
      // Only then does nginx know that the gateway is back.
      await expect.poll(() => gateway.served(), { timeout: 30_000 }).toBeGreaterThan(PER_SECOND)
    }
    await pause(1000)
    const failures = await load.stop()
    console.info(`${load.sent} requests at ${PER_SECOND}/s: ${JSON.stringify(failures)} failed`)
    expect(failures, nginx.errors()).toEqual({})
    expect(model.received.GET + model.received.POST).toBe(load.sent)
    expect(model.received.POST).toBe(Math.floor(load.sent / 2))
  },
)
