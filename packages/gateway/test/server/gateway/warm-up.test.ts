import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { expect, it, onTestFinished } from 'vitest'
import { send, startTestGateway, until } from './running-gateway.js'

/** Starts a model with a readiness endpoint. */
async function startModel() {
  const state = { ready: false, requests: 0 }
  const server = createServer((_request, response) => {
    state.requests++
    response.writeHead(state.ready ? 200 : 503).end()
  })
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done))
  onTestFinished(() => {
    server.closeAllConnections()
    server.close()
  })
  return Object.assign(state, { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/healthz` })
}

const warmUpConfig = (url: string, over: string) =>
  `
routes:
  - match: POST /predict
    limits: [{ limit: 50/hour, algorithm: fixed-window, by: "headers['x-user']" }]
    warm_up: { ready: '${url}', from: 0.2, over: ${over} }
`

async function reportedLimit(url: string, user: string): Promise<number> {
  const { headers } = await send(url, '/predict', { headers: { 'x-user': user } })
  return Number(/q=(\d+)/.exec(String(headers['ratelimit-policy']))?.[1])
}

it('a warm-up raises the limits of a route once its model is ready, and lowers them when it is no longer ready', async () => {
  const upstream = await startModel()
  const { url } = await startTestGateway(warmUpConfig(upstream.url, '100ms'))
  await until(() => upstream.requests > 0)
  const countAdmitted = async () => {
    let count = 0
    for (let call = 0; call < 60; call++)
      if ((await send(url, '/predict', { headers: { 'x-user': 'a' } })).status === 200) count++
    return count
  }
  expect(await countAdmitted()).toBe(10)
  upstream.ready = true
  await until(async () => (await reportedLimit(url, 'b')) === 50)
  // The ten units that were used before the warm-up stay used.
  expect(await countAdmitted()).toBe(40)
  upstream.ready = false
  await until(async () => (await reportedLimit(url, 'c')) === 10)
})

it('a route stays warm after a reload, even if the reload changes the warm-up', async () => {
  const upstream = await startModel()
  upstream.ready = true
  const { url, gateway, configOf } = await startTestGateway(warmUpConfig(upstream.url, '100ms'))
  await until(async () => (await reportedLimit(url, 'a')) === 50)
  await gateway.apply(configOf(warmUpConfig(upstream.url, '100ms').replace('50/hour', '40/hour')))
  expect(await reportedLimit(url, 'b')).toBe(40)
  await gateway.apply(configOf(warmUpConfig(upstream.url, '1h')))
  await until(async () => (await reportedLimit(url, 'c')) === 50)
})
