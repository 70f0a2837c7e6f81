import { once } from 'node:events'
import { Agent, createServer, request as httpRequest, type IncomingMessage } from 'node:http'
import type { AddressInfo } from 'node:net'
import express from 'express'
import fc from 'fast-check'
import { expect, it, onTestFinished } from 'vitest'
import { parseConfig } from '../../packages/gateway/src/config/load.js'
import { startGateway } from '../../packages/gateway/src/gateway.js'
import { type AmbiguousRequest, ambiguousRequest } from './ambiguous-requests.js'
import { fuzzPlan } from './plan.js'

const PLAN = fuzzPlan({ short: 300, full: 20_000 })
const LIMITS = `
routes:
  - match: POST /rows
    limits: [{ limit: 1G/hour, cost: size(body.data) + int(query.n), by: everyone, algorithm: fixed-window }]`

it('charges no less than Express runs', async () => {
  const app = express()
    .use(express.json({ type: () => true, strict: false }))
    .post('/rows', (request, response) => {
      const { data } = Object(request.body)
      const asked = [request.query.n, request.query['n[]']].flat().map((n) => Number(n ?? 0))
      response.json({ run: (Array.isArray(data) ? data.length : 0) + Math.max(...asked) })
    })
  const upstream = createServer(app).listen(0, '127.0.0.1')
  await once(upstream, 'listening')
  const { port } = upstream.address() as AddressInfo
  const config = parseConfig(
    `listen: 127.0.0.1:0\nadmin: off\nupstream: http://127.0.0.1:${port}${LIMITS}`,
    'f',
  )
  const log = { upstreamFailed: () => {}, crashed: () => {}, info: () => {}, warn: () => {}, error: () => {} }
  const gateway = await startGateway(config, log)
  const agent = new Agent({ keepAlive: true })
  onTestFinished(async () => {
    agent.destroy()
    await gateway.close()
    upstream.close()
  })

  let left = 1e9
  let [ran, refused] = [0, 0]
  await fc.assert(
    fc.asyncProperty(ambiguousRequest, async (sent) => {
      if (PLAN.isOver()) return
      const { status, ratelimit, text } = await ask(gateway.address.port, agent, sent)
      if (status !== 200) {
        refused++
        return
      }
      ran++
      const now = Number(/;r=(\d+)/.exec(ratelimit)?.[1])
      expect(left - now).toBeGreaterThanOrEqual(JSON.parse(text).run)
      left = now
    }),
    { seed: PLAN.seed, numRuns: PLAN.runs, endOnFailure: true },
  )
  console.log(`seed ${PLAN.seed}: Express ran ${ran} requests, ${refused} were refused`)
  expect(ran).toBeGreaterThan(0)
  expect(refused).toBeGreaterThan(0)
})

async function ask(port: number, agent: Agent, { query, headers, body }: AmbiguousRequest) {
  const request = httpRequest({
    ...{ host: '127.0.0.1', port, agent, method: 'POST', path: `/rows?${query}` },
    headers: { ...Object.fromEntries(headers), 'content-length': body.length },
  })
  request.end(body)
  const [response] = (await once(request, 'response')) as [IncomingMessage]
  let text = ''
  for await (const chunk of response.setEncoding('utf8')) text += chunk
  return { status: response.statusCode, ratelimit: String(response.headers.ratelimit), text }
}
