import type { ServerResponse } from 'node:http'
import { expect, it } from 'vitest'
import { listRules } from '../../../dashboard/src/panels/rule-list.js'
import { parseConfig } from '../../../src/policy/config/load-config.js'
import { replay } from '../../../src/replay/replay.js'
import type { Status } from '../../../src/server/admin/api/gateway-status.js'
import { streamOf } from '../../replay/traces.js'
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

it('the gateway counts routes together that share a limit, and keeps its state across a reload', async () => {
  const shared = (limit: string) => `
routes:
  - { match: POST /a, limits: [{ limit: ${limit}, algorithm: fixed-window, shared: llm }] }
  - { match: POST /b, limits: [{ shared: llm, algorithm: fixed-window, limit: ${limit} }, 100/minute] }
  - { match: POST /c, limits: [{ limit: 1/hour, algorithm: fixed-window, name: llm }] }`
  const { url, adminUrl, gateway, configOf } = await startTestGateway(shared('3/hour'))
  const statuses = async (...targets: string[]) => {
    const all = []
    for (const target of targets) all.push((await send(url, target)).status)
    return all
  }
  expect(await statuses('/a', '/b', '/b', '/a', '/b')).toEqual([200, 200, 200, 429, 429])
  expect(await statuses('/c', '/c', '/elsewhere')).toEqual([200, 429, 200])
  expect((await send(url, '/b')).headers.ratelimit).toContain('"llm";r=0')
  await gateway.apply(configOf(shared('5/hour')))
  expect(await statuses('/b', '/a', '/b')).toEqual([200, 200, 429])

  const status = (await (await fetch(`${adminUrl}/api/status`)).json()) as Status
  const rules = listRules(status.routes).map(({ shownRoute, rule }) => `${rule.rule} on ${shownRoute}`)
  expect(rules).toEqual(['llm on several routes', 'requests on POST /b', 'llm on POST /c'])
})

it('a replay shows a limit once that several routes share, and counts the routes together', async () => {
  const limit = '[{ limit: 2/hour, algorithm: fixed-window, shared: llm }]'
  const trace = ['time,path', '1700000000,/predict', '1700000001,/b', '1700000002,/b', '1700000003,/predict']
  const config = parseConfig(
    `{ upstream: "http://127.0.0.1:1", routes: [{ match: /predict, limits: ${limit} }, { match: /b, limits: ${limit} }] }`,
    'shared.yaml',
  )
  const report = await replay(streamOf(trace.join('\n')), config)
  expect(report.requests).toMatchObject({ allowed: 2, refused: 2 })
  expect(report.rules.map(({ route, rule, refused }) => [route, rule, refused])).toEqual([
    ['(several routes)', 'llm', 2],
  ])
})
