import type { ServerResponse } from 'node:http'
import { expect, it } from 'vitest'
import { send, startTestGateway } from './running-gateway.js'

it('the gateway applies shared limits across all routes, in addition to the limits of each route', async () => {
  const { url } = await startTestGateway(`
limits: [{ limit: 5/hour, algorithm: fixed-window, by: everyone }]
routes:
  - match: POST /a
    limits: [{ limit: 2/hour, algorithm: fixed-window }]
  - match: POST /b`)
  const statuses = []
  // The route refuses the third request to /a, which charges no shared limit.
  for (const target of ['/a', '/a', '/a', '/b', '/elsewhere', '/b', '/b'])
    statuses.push((await send(url, target)).status)
  expect(statuses).toEqual([200, 200, 429, 200, 200, 200, 429])
  expect((await send(url, '/b')).headers.ratelimit).toContain('"all requests";r=0')
})

it('the gateway bounds the requests in flight across all routes', async () => {
  const pending: ServerResponse[] = []
  const { url } = await startTestGateway(
    'limits: [{ concurrent: 2, by: everyone }]\nroutes: [{ match: POST /a, limits: [100/minute] }]',
    (_request, response) => void pending.push(response),
  )
  const responses = [send(url, '/a'), send(url, '/b')]
  await expect.poll(() => pending.length).toBe(2)
  expect((await send(url, '/a')).status).toBe(429)
  expect((await send(url, '/c')).status).toBe(429)
  for (const response of pending.splice(0)) response.end()
  await Promise.all(responses)
  const next = send(url, '/c')
  await expect.poll(() => pending.length).toBe(1)
  pending[0]?.end()
  expect((await next).status).toBe(200)
})

it('the gateway counts a shared token limit only on routes that read tokens', async () => {
  const { url } = await startTestGateway(
    `
limits: [{ limit: 100/hour, of: tokens, algorithm: fixed-window, by: everyone }]
routes:
  - { match: POST /one, llm: openai-completions }
  - { match: POST /two, llm: openai-completions }
  - match: POST /three`,
    (request, response) => {
      request.resume()
      response.setHeader('content-type', 'application/json')
      response.end('{"choices":[],"usage":{"prompt_tokens":10,"completion_tokens":35}}')
    },
  )
  const body = JSON.stringify({ prompt: 'x'.repeat(40), max_tokens: 40 })
  const statuses = []
  for (const target of ['/one', '/two', '/one', '/three'])
    statuses.push((await send(url, target, { body })).status)
  expect(statuses).toEqual([200, 200, 429, 200])
})
