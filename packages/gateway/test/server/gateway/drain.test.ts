import { once } from 'node:events'
import { Agent, request as httpRequest, type IncomingMessage, type ServerResponse } from 'node:http'
import { describe, expect, it, onTestFinished } from 'vitest'
import { serveWithWorkers } from '../workers/worker-gateway.js'
import { startTestGateway, until } from './running-gateway.js'

/** Starts a request, and returns a function that waits for the `Connection` header of the response. */
function begin(url: string, agent = keepAliveAgent()): () => Promise<string | undefined> {
  const request = httpRequest(new URL('/predict', url), { method: 'POST', agent }).end()
  const responded = once(request, 'response') as Promise<[IncomingMessage]>
  responded.catch(() => {})
  return async () => {
    const [response] = await responded
    expect(response.statusCode).toBe(200)
    await once(response.resume(), 'end')
    return response.headers.connection
  }
}

/** Creates an agent that keeps one connection open. */
function keepAliveAgent(): Agent {
  const agent = new Agent({ keepAlive: true, maxSockets: 1 })
  onTestFinished(() => agent.destroy())
  return agent
}

const probe = async (admin: string) => (await fetch(new URL('/readyz', admin))).status

describe.each([1, 2])('on SIGTERM, a gateway with workers: %i', (workers) => {
  it('fails the readiness probe, accepts requests, and closes each connection after its response', async () => {
    const pending: ServerResponse[] = []
    const { url, admin, child, output, ended, pids } = await serveWithWorkers(
      workers,
      'timeouts: { drain: 10m, shutdown: 10m }\nroutes: [{ match: /predict }]\n',
      (request, response) => {
        if (request.headers['x-hold'] === undefined) response.end('fine')
        else pending.push(response)
      },
    )
    const agents = Array.from({ length: 4 }, keepAliveAgent)
    for (const agent of agents) expect(await begin(url, agent)()).toBe('keep-alive')
    const held = httpRequest(url, { headers: { 'x-hold': '1' }, agent: keepAliveAgent() }).end()
    const responded = once(held, 'response') as Promise<[IncomingMessage]>
    await until(() => pending.length === 1)
    expect(await probe(admin)).toBe(200)

    child.kill('SIGTERM')
    await until(async () => (await probe(admin)) === 503)
    for (let request = 0; request < 4; request++) expect(await begin(url)()).toBe('close')
    for (const agent of agents) expect(await begin(url, agent)()).toBe('close')
    pending[0]?.end('held')
    const [response] = await responded
    expect([response.statusCode, response.headers.connection]).toEqual([200, 'close'])
    response.resume()

    if (workers > 1) {
      const before = pids()
      process.kill(before[0] as number, 'SIGKILL')
      await until(() => pids().length === workers && pids().every((pid) => pid !== before[0]))
      const replaced = () => begin(url)().catch(() => 'no worker listens')
      await expect.poll(replaced, { timeout: 20_000 }).toBe('close')
      for (let request = 0; request < 4; request++) expect(await begin(url)()).toBe('close')
    }
    // A signal within a second of the first one counts as the same signal.
    while (child.exitCode === null) {
      child.kill('SIGTERM')
      await new Promise((resolve) => setTimeout(resolve, 50))
    }
    expect((await ended)[0]).toBe(1)
    expect(output.err).toContain('"stopping"')
  })
})

it('a worker that is replaced without a shutdown leaves the gateway ready and its connections open', async () => {
  const { url, admin, pids } = await serveWithWorkers(2, 'timeouts: { drain: 10m }\n', (_, response) =>
    response.end(),
  )
  const before = pids()
  for (const pid of before) process.kill(pid, 'SIGKILL')
  await until(() => pids().length === 2 && !pids().some((pid) => before.includes(pid)))
  const reuse = () => begin(url)().catch(() => 'no worker listens')
  await expect.poll(reuse, { timeout: 20_000 }).toBe('keep-alive')
  expect(await probe(admin)).toBe(200)
})

it('a drained gateway closes its port, and then finishes the requests in flight', async () => {
  const pending: ServerResponse[] = []
  const { gateway, url } = await startTestGateway('timeouts: { drain: 100ms }', (_request, response) =>
    pending.push(response),
  )
  const first = begin(url)
  await until(() => pending.length === 1)
  const closed = gateway.close()
  const isRefused = async () => {
    const attempt = httpRequest(url, { agent: false })
    const failed = once(attempt, 'error').then(([error]) => error.code === 'ECONNREFUSED')
    const connected = once(attempt, 'socket').then(([socket]) => once(socket, 'connect').then(() => false))
    return Promise.race([failed, connected]).finally(() => attempt.destroy())
  }
  await until(isRefused)
  pending[0]?.end('done')
  expect(await first()).toBe('close')
  await closed
})

it('close({ drain: false }) closes the port without draining', async () => {
  const { gateway, url } = await startTestGateway('timeouts: { drain: 10m }')
  expect(await begin(url)()).toBe('keep-alive')
  await gateway.close({ drain: false })
  await expect(fetch(url)).rejects.toThrow('fetch failed')
})
