import { expect, it } from 'vitest'
import { send, startTestGateway } from './running-gateway.js'

const ROUTES = 'default: { limits: [{ limit: 1/hour, algorithm: fixed-window }] }'

it('the gateway sends the headers of the configured draft', async () => {
  const { url } = await startTestGateway(
    `headers: { fields: draft-7, retry_after: false, x_rate_limit: epoch }\n${ROUTES}`,
  )
  const admitted = await send(url, '/predict')
  expect(admitted.headers['ratelimit-policy']).toBe('1;w=3600')
  expect(admitted.headers.ratelimit).toMatch(/^limit=1, remaining=0, reset=\d+$/)
  expect(Number(admitted.headers['x-ratelimit-reset'])).toBeGreaterThan(1_700_000_000)
  const refused = await send(url, '/predict')
  expect([refused.status, refused.headers['retry-after']]).toEqual([429, undefined])
})

it.each(['off', 'false'])('the gateway sends no RateLimit headers with %s', async (fields) => {
  const { url } = await startTestGateway(`headers: { fields: ${fields} }\n${ROUTES}`)
  await send(url, '/predict')
  const { status, headers } = await send(url, '/predict')
  expect(status).toBe(429)
  expect([headers.ratelimit, headers['ratelimit-policy']]).toEqual([undefined, undefined])
  expect(Number(headers['retry-after'])).toBeGreaterThan(0)
})
