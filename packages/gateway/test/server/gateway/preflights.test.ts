import { expect, it } from 'vitest'
import { echo, send, startTestGateway } from './running-gateway.js'

const PREFLIGHT = { origin: 'https://app.example', 'access-control-request-method': 'POST' }
const LIMITED = 'routes: [{ match: POST /predict, limits: [1/hour] }]'

it('a preflight is passed to the upstream and never counted or refused, by the route of the request that follows it', async () => {
  const { url } = await startTestGateway(`${LIMITED}\ndefault: deny`, echo)
  for (let count = 0; count < 1000; count++)
    expect((await send(url, '/predict', { method: 'OPTIONS', headers: PREFLIGHT })).status).toBe(200)
  expect((await send(url, '/predict')).status).toBe(200)
  expect((await send(url, '/predict')).status).toBe(429)
  const { status, text } = await send(url, '/predict', { method: 'OPTIONS', headers: PREFLIGHT })
  expect([status, JSON.parse(text).method]).toEqual([200, 'OPTIONS'])
  expect((await send(url, '/other', { method: 'OPTIONS', headers: PREFLIGHT })).status).toBe(404)
})

it('an OPTIONS request that is no preflight, or that has a body, is counted', async () => {
  const { url } = await startTestGateway('default: { limits: [2/hour] }', echo)
  const status = async (headers: object, body = '') =>
    (
      await send(url, '/', {
        method: 'OPTIONS',
        headers: { ...headers, 'content-length': body.length },
        body,
      })
    ).status
  expect(await status({ origin: PREFLIGHT.origin })).toBe(200)
  expect(await status(PREFLIGHT, '{}')).toBe(200)
  expect(await status({ origin: PREFLIGHT.origin })).toBe(429)
  expect(await status(PREFLIGHT, '{}')).toBe(429)
  expect(await status({ ...PREFLIGHT, 'access-control-request-method': 'no method' })).toBe(429)
  expect(await status(PREFLIGHT)).toBe(200)
})
