import { createHash } from 'node:crypto'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it, onTestFinished } from 'vitest'
import type { ClientState } from '../../../src/server/admin/api/client-status.js'
import type { RouteSample, Sample } from '../../../src/server/admin/api/live-samples.js'
import type { RecentRefusals } from '../../../src/server/admin/api/recent-refusals.js'
import { send, startTestGateway, until } from '../gateway/running-gateway.js'
import { chatModel } from '../gateway/tokens/chat-model.js'
import { serveWithWorkers } from '../workers/worker-gateway.js'
import { eventsOf } from './admin-events.js'

const CHAT = '/v1/chat/completions'
const ROUTES = `routes:
  - match: POST ${CHAT}
    llm: openai
    limits: [{ limit: 1M/hour, of: tokens }, { limit: 2/hour, algorithm: fixed-window, name: few }]\n`

const model = () =>
  chatModel({ words: ['one', ' two', ' three'], usage: { prompt_tokens: 7, completion_tokens: 3 } })

const call = (stream: boolean) =>
  JSON.stringify({ model: 'm-1', max_tokens: 50, stream, messages: [{ role: 'user', content: 'count' }] })

async function json<T>(url: string): Promise<T> {
  const response = await fetch(url)
  expect(response.status, await response.clone().text()).toBe(200)
  return (await response.json()) as T
}

/** Sums samples of the live feed until the condition is met. */
async function samplesUntil(adminUrl: string, isMet: (route: RouteSample, sample: Sample) => boolean) {
  const { next } = await eventsOf(`${adminUrl}/api/live`)
  for (;;) {
    const sample = (await next('sample')) as Sample
    const route = sample.routes[`POST ${CHAT}`]
    if (route !== undefined && isMet(route, sample)) return { route, sample }
  }
}

const SERVERS = {
  'one process': async () => startTestGateway(ROUTES, model().listener),
  'two workers': async () => {
    const { url, admin } = await serveWithWorkers(2, ROUTES, model().listener)
    return { url, adminUrl: admin.replace(/\/$/, '') }
  },
}

describe.each(Object.entries(SERVERS))('the admin port of a gateway with %s', (_name, start) => {
  it('shows the tokens and latencies of model calls, and the status of the upstream', async () => {
    const { url, adminUrl } = await start()
    const sampled = samplesUntil(adminUrl, ({ model }) => (model?.firstToken.count ?? 0) > 0)
    expect((await send(url, CHAT, { body: call(true) })).status).toBe(200)
    const { route, sample } = await sampled
    expect(route.statuses).toEqual({ '2xx': 1 })
    expect(route.model).toMatchObject({
      ...{ input: 7, output: 3 },
      ...{ firstToken: { count: 1 }, perOutputToken: { count: 1 } },
    })
    expect(route.model?.firstToken.max).toBeLessThanOrEqual(route.upstream.max)
    expect(sample.models).toEqual({ 'm-1': { input: 7, output: 3 } })
    expect(sample.clients).toEqual({ '127.0.0.1': { input: 7, output: 3 } })
  })

  it('measures no time to first token of a response that is not streamed', async () => {
    const { url, adminUrl } = await start()
    const sampled = samplesUntil(adminUrl, ({ model }) => model !== undefined)
    expect((await send(url, CHAT, { body: call(false) })).status).toBe(200)
    const { route } = await sampled
    expect(route.model).toMatchObject({ input: 7, output: 3, firstToken: { count: 0 } })
    expect(route.model?.perOutputToken.count).toBe(0)
  })

  it('finds a refusal by the request ID that the client got', async () => {
    const { url, adminUrl } = await start()
    for (let n = 0; n < 2; n++) await send(url, CHAT, { body: call(false) })
    const { status, headers } = await send(url, `${CHAT}?secret=1`, { body: call(false) })
    expect(status).toBe(429)
    const id = headers['x-request-id'] as string
    const find = () => json<RecentRefusals>(`${adminUrl}/api/refusals?id=${id}`)
    await until(async () => (await find()).matching > 0)
    const { refusals, kept } = await find()
    expect(refusals).toEqual([
      {
        at: expect.any(Number),
        ...{ route: `POST ${CHAT}`, rule: 'few', reason: 'exceeded', client: '127.0.0.1' },
        ...{ method: 'POST', path: CHAT, id, retryAfter: expect.any(Number) },
      },
    ])
    expect(Math.abs((refusals[0]?.at ?? 0) - Date.now())).toBeLessThan(60_000)
    expect(kept).toBe(1)
    expect((await json<RecentRefusals>(`${adminUrl}/api/refusals?text=nothing-like-it`)).matching).toBe(0)
  })
})

it('the admin port rejects malformed queries for refusals and the history', async () => {
  const { adminUrl } = await startTestGateway(ROUTES)
  expect(await json(`${adminUrl}/api/history`)).toEqual([])
  const long = await fetch(`${adminUrl}/api/refusals?text=${'x'.repeat(1001)}`)
  expect([long.status, await long.json()]).toEqual([
    400,
    { error: "'text' must have at most 1000 characters" },
  ])
  for (const from of ['-1', '1e5', 'yesterday', '1'.repeat(20)]) {
    const response = await fetch(`${adminUrl}/api/history?from=${from}`)
    expect(response.status).toBe(400)
    expect(await response.text()).toContain("'from' must be a time in milliseconds since 1970")
  }
})

it('the admin port shows the tier of a client and every rule that applies to it', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'sluice-client-'))
  onTestFinished(() => rm(folder, { recursive: true }))
  const digest = createHash('sha256').update('acme-key').digest('hex')
  await writeFile(join(folder, 'keys.yaml'), `keys: [{ client: acme, sha256: ${digest}, tier: pro }]\n`)
  const { url, adminUrl } = await startTestGateway(`identity: { api_keys: ${join(folder, 'keys.yaml')} }
tiers: { pro: 2 }
routes:
  - match: POST /a
    limits: [{ limit: 4/hour, algorithm: fixed-window, name: few }]
  - match: POST /b
    limits:
      - { limit: 30/hour, algorithm: fixed-window, name: pool, by: everyone }
      - { limit: 5/hour, algorithm: fixed-window, name: trial, enforce: false }
      - { limit: 6/hour, name: tenants, by: "header:x-tenant" }`)
  expect((await send(url, '/a', { headers: { 'x-api-key': 'acme-key' } })).status).toBe(200)
  expect((await send(url, '/b', { headers: { 'x-tenant': 't' } })).status).toBe(200)
  const find = (search: string) => json<ClientState>(`${adminUrl}/api/client?q=${encodeURIComponent(search)}`)
  const state = await find('client acme')
  expect(state).toMatchObject({ client: 'client acme', tier: 'pro' })
  expect(state.rules).toMatchObject([{ rule: 'few', limit: '8/hour', remaining: 7 }])
  expect(state.others).toMatchObject([
    { rule: 'pool', routes: ['POST /b'], keyedBy: 'everyone', remaining: 29, used: 1 / 30, enforced: true },
    { rule: 'trial', limit: '10/hour', remaining: 10, enforced: false },
  ])
  expect(state.unknown).toEqual([{ routes: ['POST /b'], rule: 'tenants', resource: 'requests' }])
  expect((await find('acme')).tier).toBe('pro')
  const anonymous = await find('127.0.0.1')
  expect(anonymous.tier).toBeUndefined()
  expect(anonymous.rules).toMatchObject([{ rule: 'trial', limit: '5/hour' }])
  expect(anonymous.others.map(({ rule }) => rule)).toEqual(['few', 'pool'])
})
