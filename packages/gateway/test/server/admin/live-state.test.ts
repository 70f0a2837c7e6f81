import { createHash } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import type { ClientState, TopClients } from '../../../src/server/admin/api/client-status.js'
import type { Status } from '../../../src/server/admin/api/gateway-status.js'
import type { Sample } from '../../../src/server/admin/api/live-samples.js'
import { echo, send, startTestGateway } from '../gateway/running-gateway.js'
import { eventsOf } from './admin-events.js'

const TOKEN = 'a-token-of-some-length'
const ADMIN = `{ listen: 127.0.0.1:0, token_sha256: ${createHash('sha256').update(TOKEN).digest('hex')} }`

const RULES = `
routes:
  - match: POST /predict
    limits:
      - { name: few, limit: 2/hour, algorithm: fixed-window }
      - { name: trial, limit: 1/hour, algorithm: fixed-window, enforce: false }
  - match: POST /tenant
    limits: [{ name: tenant, limit: 10/hour, by: "header:x-tenant" }]`

async function json<T>(url: string): Promise<T> {
  const response = await fetch(url)
  expect(response.status).toBe(200)
  return (await response.json()) as T
}

describe('the live feed', () => {
  it('sends the history immediately, then a sample every second', async () => {
    const { url, adminUrl } = await startTestGateway(RULES)
    const { response, next } = await eventsOf(`${adminUrl}/api/live`)
    expect(response.headers.get('content-type')).toBe('text/event-stream')
    expect(await next('history')).toEqual([])
    const status = (await next('status')) as Status
    expect(status.routes.map(({ route }) => route)).toEqual(['POST /predict', 'POST /tenant', 'default'])
    for (let n = 0; n < 3; n++) await send(url, '/predict')
    let sample = (await next('sample')) as Sample
    const sums = { allowed: 0, refused: 0, shadowRefused: 0, decisions: 0 }
    while (sums.allowed + sums.refused < 3) {
      const route = sample.routes['POST /predict']
      sums.allowed += route?.allowed ?? 0
      sums.refused += route?.refused ?? 0
      sums.shadowRefused += route?.shadowRefused ?? 0
      sums.decisions += route?.decision.count ?? 0
      if (route?.refused) expect(route.refusals).toEqual({ few: { exceeded: route.refused } })
      sample = (await next('sample')) as Sample
    }
    expect(sums).toEqual({ allowed: 2, refused: 1, shadowRefused: 2, decisions: 3 })
    const later = await eventsOf(`${adminUrl}/api/live`)
    const history = (await later.next('history')) as Sample[]
    expect(history.some(({ routes }) => routes['POST /predict']?.refused === 1)).toBe(true)
  })

  it('accepts at most 32 clients', async () => {
    const { adminUrl } = await startTestGateway(RULES)
    for (let n = 0; n < 32; n++) expect((await eventsOf(`${adminUrl}/api/live`)).response.status).toBe(200)
    expect((await eventsOf(`${adminUrl}/api/live`)).response.status).toBe(503)
  })
})

it('the status lists the keys with the highest usage of each rule', async () => {
  const { url, adminUrl } = await startTestGateway(RULES)
  for (let n = 0; n < 3; n++) await send(url, '/predict')
  await send(url, '/tenant', { headers: { 'x-tenant': 'a secret' } })
  const status = await json<Status>(`${adminUrl}/api/status`)
  expect(status).toMatchObject({
    acts: 'off',
    store: { kind: 'memory', state: 'answers' },
    clientsTracked: 3,
  })
  const [predict, tenant] = status.routes
  expect(predict?.rules).toMatchObject([
    {
      rule: 'few',
      limit: '2/hour',
      effective: '2/hour',
      enforced: true,
      keyedBy: 'client',
      fullness: [{ key: '127.0.0.1', id: '127.0.0.1', used: 1, remaining: 0 }],
      allowed: 2,
      refused: 1,
    },
    { rule: 'trial', enforced: false, allowed: 1, refused: 0, wouldHaveRefused: 2 },
  ])
  expect(predict?.rules[0]?.fullness[0]?.retryAfter).toBeGreaterThan(3_500_000)
  expect(tenant?.rules[0]?.fullness[0]?.key).toMatch(/^#[\w-]{12}$/)
  expect(JSON.stringify(status)).not.toContain('a secret')
})

it('the admin port finds a client by address or by the digest of its key', async () => {
  const { url, adminUrl } = await startTestGateway(RULES)
  for (let n = 0; n < 3; n++) await send(url, '/predict')
  await send(url, '/tenant', { headers: { 'x-tenant': 'a secret' } })
  const state = await json<ClientState>(`${adminUrl}/api/client?q=127.0.0.1`)
  expect(state.rules).toMatchObject([
    { route: 'POST /predict', rule: 'few', limit: '2/hour', remaining: 0, used: 1, allowed: 2, refused: 1 },
    { rule: 'trial', enforced: false, allowed: 1, refused: 2 },
  ])
  const part = await json<ClientState>(`${adminUrl}/api/client?q=127.0`)
  expect(part.rules).toHaveLength(2)
  const status = await json<Status>(`${adminUrl}/api/status`)
  const digest = status.routes[1]?.rules[0]?.fullness[0]?.id as string
  const tenant = await json<ClientState>(`${adminUrl}/api/client?q=${encodeURIComponent(digest)}`)
  expect(tenant.rules).toMatchObject([{ rule: 'tenant', remaining: 9 }])
  expect((await fetch(`${adminUrl}/api/client?q=10.1.1.1`)).status).toBe(404)
  expect((await fetch(`${adminUrl}/api/client`)).status).toBe(400)
})

it('the admin port serves the top clients and the configuration without secrets', async () => {
  const { url, adminUrl } = await startTestGateway(RULES, echo, ADMIN)
  for (let n = 0; n < 3; n++) await send(url, '/predict')
  const clients = await json<TopClients>(`${adminUrl}/api/talkers`)
  expect(clients.heaviest).toEqual([{ client: '127.0.0.1', count: 3, error: 0 }])
  expect(clients.refused).toEqual([{ client: '127.0.0.1', count: 1, error: 0 }])
  const config = await (await fetch(`${adminUrl}/api/config`)).text()
  expect(config).toContain('2/hour (fixed-window) by client')
  expect(config).not.toContain(createHash('sha256').update(TOKEN).digest('hex'))
})
