import { Agent, request as httpRequest, type ServerResponse } from 'node:http'
import { createLimiter, memoryStore } from 'sluice'
import { describe, expect, it } from 'vitest'
import { GatewayMetrics } from '../../../../src/server/observability/metrics/gateway-metrics.js'
import { NO_LOAD } from '../../../../src/server/observability/server-load.js'
import { openStore } from '../../../../src/server/store/open-store.js'
import { send, startTestGateway } from '../../gateway/running-gateway.js'
import { parseMetrics, sumOf } from './prometheus-text.js'

async function metricsOf(adminUrl: string) {
  const response = await fetch(`${adminUrl}/metrics`)
  expect(response.headers.get('content-type')).toContain('text/plain; version=0.0.4')
  return parseMetrics(await response.text())
}

describe('the metrics', () => {
  it('count 10,000 requests exactly', async () => {
    const { url, adminUrl } = await startTestGateway(`
default: deny
routes:
  - match: POST /limited
    limits: [{ name: hourly, limit: 1000/hour, algorithm: fixed-window }]
  - match: POST /watched
    limits: [{ name: trial, limit: 500/hour, algorithm: fixed-window, enforce: false }]
  - match: POST /weighed
    limits: [{ limit: 100000/hour, of: rows, cost: body.rows }]
  - match: POST /premium
    require: client.tier == 'premium'
  - match: POST /free`)
    const agent = new Agent({ keepAlive: true, maxSockets: 20 })
    const seen = new Map<string, number>()
    const post = (path: string, body: string) =>
      new Promise<void>((resolve, reject) => {
        const { hostname, port } = new URL(url)
        const headers = { 'content-type': 'application/json' }
        const request = httpRequest({ hostname, port, agent, path, headers, method: 'POST' }, (response) => {
          const key = `${path} ${response.statusCode}`
          seen.set(key, (seen.get(key) ?? 0) + 1)
          response.resume().once('end', resolve)
        })
        request.once('error', reject).end(body)
      })
    const kinds = [
      ['/limited', ''],
      ['/watched', ''],
      ['/weighed', '{"rows":3}'],
      ['/weighed', '{"rows":"many"}'],
      ['/premium', ''],
      ['/free', ''],
      ['/nowhere', ''],
      ['/%zz', ''],
    ] as const
    const posts = Array.from({ length: 10_000 }, (_, index) => {
      const [path, body] = kinds[index % kinds.length] ?? kinds[0]
      return post(path, body)
    })
    await Promise.all(posts)
    agent.destroy()

    expect(Object.fromEntries(seen)).toEqual({
      '/limited 200': 1000,
      '/limited 429': 250,
      '/watched 200': 1250,
      '/weighed 200': 1250,
      '/weighed 400': 1250,
      '/premium 403': 1250,
      '/free 200': 1250,
      '/nowhere 404': 1250,
      '/%zz 400': 1250,
    })
    const samples = await metricsOf(adminUrl)
    const requests = (labels: Record<string, string>) => sumOf(samples, 'sluice_requests_total', labels)
    expect(requests({})).toBe(10_000)
    expect(requests({ route: 'POST /limited', outcome: 'allowed' })).toBe(1000)
    expect(requests({ route: 'POST /limited', outcome: 'refused' })).toBe(250)
    expect(requests({ route: 'POST /weighed', outcome: 'invalid' })).toBe(1250)
    expect(requests({ route: 'POST /premium', outcome: 'forbidden' })).toBe(1250)
    expect(requests({ outcome: 'unrouted' })).toBe(1250)
    expect(requests({ route: '', outcome: 'invalid' })).toBe(1250)
    expect(sumOf(samples, 'sluice_refusals_total', { rule: 'hourly', reason: 'exceeded' })).toBe(250)
    expect(sumOf(samples, 'sluice_shadow_refusals_total', { rule: 'trial' })).toBe(750)
    expect(sumOf(samples, 'sluice_cost_units_total', { resource: 'rows' })).toBe(3750)
    expect(sumOf(samples, 'sluice_decision_seconds_count')).toBe(1250 * 3)
    expect(sumOf(samples, 'sluice_upstream_seconds_count')).toBe(1000 + 1250 * 3)
    expect(sumOf(samples, 'sluice_in_flight_requests')).toBe(0)
    expect(sumOf(samples, 'sluice_store_up')).toBe(1)

    const summary = await (await fetch(`${adminUrl}/metrics.json`)).json()
    expect(summary).toMatchObject({
      total_requests: 10_000,
      limited_requests: 250,
      endpoints: {
        'POST /limited': {
          total_requests: 1250,
          limited_requests: 250,
          outcomes: { allowed: 1000, refused: 250 },
        },
        none: { total_requests: 2500, limited_requests: 0 },
      },
    })
  })

  it('report requests in flight and waiting, settlements and warm-ups', async () => {
    const pending: ServerResponse[] = []
    const { url, adminUrl } = await startTestGateway(
      `
routes:
  - match: POST /slots
    limits: [{ concurrent: 1, wait: 20s }]
  - match: POST /chat
    llm: openai-completions
    limits: [{ name: tokens, limit: 1000/hour, of: tokens }]
    warm_up: { ready: http://127.0.0.1:1/, from: 0.5, over: 1m }`,
      (request, response) => {
        request.resume()
        if (request.url === '/slots') pending.push(response)
        else
          response
            .setHeader('content-type', 'application/json')
            .end('{"choices":[],"usage":{"prompt_tokens":1,"completion_tokens":4}}')
      },
    )
    const slots = [send(url, '/slots'), send(url, '/slots')]
    const value = async (name: string, labels = {}) => sumOf(await metricsOf(adminUrl), name, labels)
    await expect.poll(() => value('sluice_in_flight_requests', { route: 'POST /slots' })).toBe(1)
    await expect.poll(() => value('sluice_waiting_requests', { route: 'POST /slots' })).toBe(1)
    pending[0]?.end()
    await expect.poll(() => pending.length).toBe(2)
    pending[1]?.end()
    await Promise.all(slots)
    await expect.poll(() => value('sluice_in_flight_requests')).toBe(0)
    expect(await value('sluice_waiting_requests')).toBe(0)

    expect((await send(url, '/chat', { body: '{"prompt":"x","max_tokens":50}' })).status).toBe(200)
    await expect.poll(() => value('sluice_settled_returned_units_total', { rule: 'tokens' })).toBe(46)
    expect(await value('sluice_warm_up_scale_ratio', { route: 'POST /chat' })).toBe(0.5)
    expect(await value('sluice_effective_limit_units', { rule: 'tokens' })).toBe(500)
  })
})

it('the metrics have no more series for 100,000 clients with invented tiers than for one', async () => {
  const metrics = new GatewayMetrics()
  metrics.setTiers(['pro'])
  const limiter = createLimiter<{ id: string; tier?: string }>({
    store: memoryStore(),
    client: (client) => client,
    rules: [{ limit: '1/minute' }],
    listener: (event) => metrics.onLimiterEvent('POST /predict', event),
  })
  const opened = await openStore(
    { store: { kind: 'memory', maxKeys: 1 }, onStoreFailure: { policy: 'local' } },
    { info() {}, warn() {}, error() {}, upstreamFailed() {}, crashed() {} },
  )
  const sources = {
    store: opened.stats,
    load: () => NO_LOAD,
    warmUps: () => [],
  }
  const seriesAfter = async (clients: number, first: number) => {
    for (let client = first; client < first + clients; client++) {
      const id = `client ${client}`
      for (const tier of [{}, { tier: 'pro' }, { tier: `tier ${client}` }]) limiter.admit({ id, ...tier })
    }
    return parseMetrics(await metrics.text(sources))
  }
  const few = await seriesAfter(1, 0)
  const many = await seriesAfter(100_000, 1)
  expect(many.length).toBe(few.length)
  expect(sumOf(many, 'sluice_decisions_total')).toBe(3 * 100_001)
  expect(sumOf(many, 'sluice_decisions_total', { tier: 'other' })).toBe(100_001)
})
