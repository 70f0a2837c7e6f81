import { once } from 'node:events'
import { readdirSync } from 'node:fs'
import { createServer, type ServerResponse } from 'node:http'
import { type AddressInfo, connect } from 'node:net'
import { expect, it, onTestFinished } from 'vitest'
import type { UsageReport } from '../../../src/policy/usage/usage-report.js'
import { until } from '../gateway/running-gateway.js'
import { parseMetrics } from '../observability/metrics/prometheus-text.js'
import { serveWithWorkers } from './worker-gateway.js'

const fine = (_request: unknown, response: ServerResponse) => response.end('fine')
const limited = (limit: string) => `routes: [{ match: POST /predict, limits: ['${limit}'] }]\n`

async function countStatuses(statuses: Promise<number>[]): Promise<Record<number, number>> {
  const counts: Record<number, number> = {}
  for (const status of await Promise.all(statuses)) counts[status] = (counts[status] ?? 0) + 1
  return counts
}

it('a gateway with several workers admits exactly as many requests as with one, and sums their metrics', async () => {
  const { status, metrics, pids } = await serveWithWorkers(3, limited('100/hour'), fine)
  expect(pids()).toHaveLength(3)
  const statuses = Array.from({ length: 600 }, () => status())
  expect(await countStatuses(statuses)).toEqual({ 200: 100, 429: 500 })
  const outcomes = async () =>
    parseMetrics(await metrics())
      .filter(({ name }) => name === 'sluice_requests_total')
      .map(({ labels, value }) => [labels.outcome, value])
      .toSorted()
  await expect.poll(outcomes).toEqual([
    ['allowed', 100],
    ['refused', 500],
  ])
})

it('a gateway with workers replaces killed workers, keeps the usage of clients, and frees their slots after a lease', async () => {
  const open: ServerResponse[] = []
  const { status, metrics, pids, url } = await serveWithWorkers(
    2,
    `routes:
  - { match: POST /predict, limits: [10/hour] }
  - { match: POST /stream, limits: [{ concurrent: 4, lease: 1s }] }\n`,
    (request, response) => {
      if (request.url !== '/stream') return response.end('fine')
      open.push(response)
      return response.write('endless')
    },
  )
  expect(await countStatuses(Array.from({ length: 20 }, () => status()))).toEqual({ 200: 10, 429: 10 })
  const streams = await Promise.all(
    Array.from({ length: 4 }, () => fetch(new URL('/stream', url), { method: 'POST' })),
  )
  const interrupted = streams.map((stream) => stream.text().then(failOnCompletion, () => 'interrupted'))
  expect(await status('/stream')).toBe(429)

  const before = pids()
  for (const pid of before) process.kill(pid, 'SIGKILL')
  expect(await Promise.all(interrupted)).toEqual(Array(4).fill('interrupted'))
  await until(() => pids().length === 2 && !pids().some((pid) => before.includes(pid)))
  await expect.poll(() => status().catch(() => 'no worker listens'), { timeout: 20_000 }).toBe(429)
  const opened = async () => {
    const { status, body } = await fetch(new URL('/stream', url), { method: 'POST' })
    await body?.cancel()
    return status
  }
  await expect.poll(opened, { timeout: 20_000 }).toBe(200)
  // The requests of the killed workers are no longer in flight.
  const inFlight = async () =>
    parseMetrics(await metrics()).find(
      ({ name, labels }) => name === 'sluice_in_flight_requests' && labels.route === 'POST /predict',
    )?.value
  await expect.poll(inFlight).toBe(0)
})

it('a gateway with workers reloads the configuration in all workers without refilling a limit', async () => {
  const { status, write, output } = await serveWithWorkers(2, limited('4/hour'), fine)
  expect(await countStatuses(Array.from({ length: 10 }, () => status()))).toEqual({ 200: 4, 429: 6 })
  await write(`${limited('4/hour')}default: deny\n`)
  await until(() => output.err.includes('configuration reloaded'))
  expect(await countStatuses(Array.from({ length: 20 }, () => status('/other')))).toEqual({ 404: 20 })
  expect(await countStatuses(Array.from({ length: 10 }, () => status()))).toEqual({ 429: 10 })
  await write('routes: [{ match: POST /predict, limits: [4/hourly] }]\n')
  await until(() => output.err.includes('configuration rejected'))
  expect(await status()).toBe(429)
})

it('a gateway with workers finishes the requests in flight in all workers when it stops', async () => {
  const open: ServerResponse[] = []
  const { child, output, ended, url, pids } = await serveWithWorkers(
    2,
    limited('100/hour'),
    (_request, response) => {
      open.push(response)
    },
  )
  const responses = Array.from({ length: 8 }, () => fetch(new URL('/predict', url), { method: 'POST' }))
  await until(() => open.length === 8)
  child.kill('SIGTERM')
  await until(() => output.err.includes('stopping'))
  for (const response of open) response.end('fine')
  expect(await Promise.all(responses.map(async (response) => (await response).text()))).toEqual(
    Array(8).fill('fine'),
  )
  expect((await ended)[0]).toBe(0)
  expect(pids()).toEqual([])
})

it('a gateway with workers closes connections that are passed to a worker while it exits, and leaks no descriptor', async () => {
  const { child, url, pids, status } = await serveWithWorkers(2, limited('1000/hour'), fine)
  const descriptors = () => readdirSync(`/proc/${child.pid}/fd`).length
  await status()
  const stopped = pids()
  for (const pid of stopped) process.kill(pid, 'SIGSTOP')
  // Counts only now, because a running worker could still confirm the connection of the request.
  const before = descriptors()
  const { hostname, port } = new URL(url)
  const sockets = Array.from({ length: 2 }, () => connect(Number(port), hostname))
  const closed = sockets.map((socket) =>
    once(
      socket.on('error', () => {}),
      'close',
    ),
  )
  await until(() => descriptors() >= before + 2)
  for (const pid of stopped) process.kill(pid, 'SIGKILL')
  await Promise.all(closed)
  await expect.poll(() => status().catch(() => 0), { timeout: 30_000 }).toBe(200)
  await expect.poll(descriptors, { timeout: 10_000 }).toBeLessThanOrEqual(before + 2)
})

it('a gateway with workers logs once why replacement workers cannot start, and starts them when they can', async () => {
  const { url, pids, output, status } = await serveWithWorkers(2, limited('1000/hour'), fine)
  for (const pid of pids()) process.kill(pid, 'SIGKILL')
  // Binds the port before a replacement does.
  const occupying = createServer()
  onTestFinished(() => void occupying.close())
  const { hostname, port } = new URL(url)
  while (!occupying.listening) {
    occupying.listen(Number(port), hostname)
    await Promise.race([once(occupying, 'listening'), once(occupying, 'error')]).catch(() => {})
  }
  const failures = () => output.err.split('\n').filter((line) => line.includes('cannot start'))
  await until(() => failures().length > 0)
  expect(failures()[0]).toContain(`port ${port} on ${hostname} is already in use`)
  occupying.close()
  await expect.poll(() => status().catch(() => 'no worker listens'), { timeout: 30_000 }).toBe(200)
  expect(failures()).toHaveLength(1)
})

it('a gateway with workers reports with a one-line error that a port is in use', async () => {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  onTestFinished(() => void server.close())
  const { port } = server.address() as AddressInfo
  const { output, ended } = await serveWithWorkers(2, limited('1/hour'), fine, `127.0.0.1:${port}`)
  expect((await ended)[0]).toBe(1)
  expect(output.err).toMatch(new RegExp(`^sluice: port ${port} on 127\\.0\\.0\\.1 is already in use; .*\n$`))
})

function failOnCompletion(): never {
  throw new Error('the response was not interrupted')
}

it('a gateway with several workers reports the usage of a client as one count', async () => {
  const { status, url, metrics } = await serveWithWorkers(2, `usage: /v1/usage\n${limited('100/hour')}`, fine)
  await Promise.all(Array.from({ length: 30 }, () => status()))
  const answers = await Promise.all(
    Array.from({ length: 10 }, async () => {
      const { rules } = (await (await fetch(new URL('/v1/usage', url))).json()) as UsageReport
      return rules
    }),
  )
  expect(answers.map(([rule]) => [rule?.used, rule?.left])).toEqual(Array(10).fill([30, 70]))
  await expect.poll(metrics).toContain('sluice_requests_total{route="usage",outcome="allowed"} 10')
})
