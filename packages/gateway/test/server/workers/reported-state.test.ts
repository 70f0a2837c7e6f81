import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { describe, expect, it, onTestFinished } from 'vitest'
import { startRedis } from '../../../../sluice/test/stores/servers/redis.js'
import { until } from '../gateway/running-gateway.js'
import { serveWithWorkers } from './worker-gateway.js'

/** A busy machine restarts servers slowly. */
const TIMEOUT = { timeout: 120_000 }

it('GET /readyz reports when the workers lose the store and when they reach it again', TIMEOUT, async () => {
  const redis = await startRedis()
  onTestFinished(() => redis.stop())
  const { admin, status } = await serveWithWorkers(
    2,
    `store: redis://127.0.0.1:${redis.port}\non_store_failure: closed\ndefault: { limits: [1000/hour] }`,
    (_request, response) => response.end(),
  )
  const readiness = async () => {
    const response = await fetch(new URL('/readyz', admin))
    return [response.status, ((await response.json()) as { store: string }).store]
  }
  expect(await status()).toBe(200)
  expect(await readiness()).toEqual([200, 'answers'])
  await redis.crash()
  // A refusal shows that a worker has noticed. The next readiness check includes its state.
  await until(async () => (await status()) === 503)
  await until(async () => (await readiness())[0] === 503)
  expect(await readiness()).toEqual([503, 'lost'])
  await redis.startAgain()
  await until(async () => (await readiness())[0] === 200)
  await until(async () => (await status()) === 200)
  expect(await readiness()).toEqual([200, 'answers'])
})

describe.each([1, 2])('a gateway with `workers: %d`', (workers) => {
  it('logs one line for each change of the readiness of a model', TIMEOUT, async () => {
    const model = { ready: false, requests: 0 }
    const server = createServer((_request, response) => {
      model.requests++
      response.writeHead(model.ready ? 200 : 503).end()
    })
    await new Promise<void>((done) => server.listen(0, '127.0.0.1', done))
    onTestFinished(() => void server.close().closeAllConnections())
    const ready = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`
    const { output } = await serveWithWorkers(
      workers,
      `default: { limits: [50/hour], warm_up: { ready: '${ready}', from: 0.2, over: 50ms } }`,
      (_request, response) => response.end(),
    )
    const loggedStates = () =>
      output.err
        .split('\n')
        .filter((line) => line.includes('"model"'))
        .map((line) => (/not ready/.test(line) ? 'not ready' : 'ready'))
    await until(() => model.requests >= 2 * workers)
    model.ready = true
    await until(() => loggedStates().includes('ready'))
    model.ready = false
    await until(() => loggedStates().at(-1) === 'not ready')
    model.ready = true
    await until(() => loggedStates().at(-1) === 'ready')
    const requests = model.requests
    await until(() => model.requests >= requests + 2 * workers)
    expect(loggedStates().slice(-3)).toEqual(['ready', 'not ready', 'ready'])
    expect(loggedStates().length).toBeLessThanOrEqual(4)
  })
})
