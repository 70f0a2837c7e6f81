import { createLimiter, memoryStore } from 'sluice'
import { describe, expect, it } from 'vitest'
import type { LogConfig } from '../../../src/policy/config/config.js'
import { parseConfig } from '../../../src/policy/config/load-config.js'
import type { WeighedRequest } from '../../../src/policy/policy-request.js'
import { startGateway } from '../../../src/server/gateway.js'
import { createLog } from '../../../src/server/logging/log.js'
import { ClientRedaction, createRedactionKey } from '../../../src/server/observability/client-redaction.js'
import { RefusalLog } from '../../../src/server/observability/refusal-log.js'
import { echo, send, startUpstream } from '../gateway/running-gateway.js'

/** Creates a refusal log whose intervals end when the test ends them. */
function refusalLog(config: Partial<LogConfig> = {}) {
  let text = ''
  const timers: (() => void)[] = []
  const used: LogConfig = { refusals: true, clients: 'plain', ...config }
  const redaction = new ClientRedaction(used, createRedactionKey())
  const refusals = new RefusalLog(used, {
    log: createLog({ write: (line) => (text += line) }),
    redaction,
    after(_milliseconds, call) {
      timers.push(call)
      return () => {}
    },
  })
  const limiter = createLimiter<WeighedRequest>({
    store: memoryStore(),
    name: 'POST /predict',
    client: ({ client }) => client,
    keys: { ip: ({ ip }) => ip, route: ({ route }) => route, header: () => undefined },
    rules: [{ name: 'few', limit: '1/hour', algorithm: 'fixed-window' }],
    listener: (event) => refusals.onLimiterEvent('POST /predict', event),
  })
  return {
    refusals,
    configure(next: LogConfig) {
      redaction.configure(next)
      refusals.configure(next)
    },
    request: (ip: string, client?: { id: string; tier?: string }) =>
      limiter.admit({ ip, client, route: 'POST /predict' } as WeighedRequest),
    /** Ends the current interval, if there is one. */
    endInterval: () => timers.splice(0).forEach((end) => void end()),
    bytes: () => text.length,
    lines: () => text.split('\n').flatMap((line) => (line === '' ? [] : [JSON.parse(line)])),
  }
}

describe('a line of the refusal log', () => {
  it('contains the route, rule, client, cost, remaining units and retry time', () => {
    const log = refusalLog()
    log.request('10.0.0.1')
    log.request('10.0.0.1')
    expect(log.lines()).toEqual([
      {
        level: 40,
        time: expect.any(String),
        ...{ route: 'POST /predict', rule: 'few', reason: 'exceeded', resource: 'requests' },
        ...{ client: '10.0.0.1', cost: 1, remaining: 0, retryAfterMs: expect.any(Number) },
        msg: 'request refused',
      },
    ])
  })

  it('redacts the client as configured, even after a change to the configuration', () => {
    const loggedClient = (config: Partial<LogConfig>, ip: string, client?: { id: string }) => {
      const log = refusalLog(config)
      log.request(ip, client)
      log.request(ip, client)
      return log.lines()[0].client
    }
    expect(loggedClient({}, '10.0.0.1', { id: 'alice' })).toBe('client alice')
    expect(loggedClient({ clients: 'masked' }, '10.0.0.1')).toBe('10.0.0.*')
    expect(loggedClient({ clients: 'masked' }, '2001:db8:1:2::/64')).toBe('2001:db8:1:*')
    expect(loggedClient({ clients: 'masked' }, '::1')).toBe('0:0:0:*')
    expect(loggedClient({ clients: 'masked' }, '10.0.0.1', { id: 'alice' })).toBe('client al***')
    const hashed = loggedClient({ clients: 'hashed' }, '10.0.0.1')
    expect(hashed).toMatch(/^#[\w-]{16}$/)
    // Digests differ between processes, so that addresses cannot be recovered by brute force.
    expect(loggedClient({ clients: 'hashed' }, '10.0.0.1')).not.toBe(hashed)

    const log = refusalLog()
    for (let n = 0; n < 2; n++) log.request('10.0.0.1')
    log.configure({ refusals: true, clients: 'hashed' })
    for (let n = 0; n < 2; n++) log.request('10.0.0.1')
    const [plain, first, second] = log.lines().map(({ client }) => client)
    expect(plain).toBe('10.0.0.1')
    expect(first).toMatch(/^#/)
    expect(second).toBe(first)
    log.configure({ refusals: false, clients: 'hashed' })
    log.request('10.0.0.1')
    expect(log.lines()).toHaveLength(3)
  })
})

it('a line about a blocked client contains the reason and the end of the block', () => {
  const log = refusalLog()
  const request = { id: 'a', client: { id: 'acme' }, ip: '10.0.0.1' }
  log.refusals.onBlocked('POST /predict', request, { reason: 'leaked key', until: Date.now() + 60_000 })
  log.refusals.onBlocked('', request, { reason: 'deny', until: undefined })
  const common = { level: 40, time: expect.any(String), msg: 'request refused' }
  const blocked = { reason: 'blocked', client: 'client acme', requestId: 'a' }
  expect(log.lines()).toEqual([
    { ...common, ...blocked, route: 'POST /predict', rule: 'leaked key', retryAfterMs: expect.any(Number) },
    { ...common, ...blocked, route: '', rule: 'deny' },
  ])
  for (let n = 0; n < 20; n++)
    log.refusals.onBlocked('POST /predict', request, { reason: 'deny', until: undefined })
  log.endInterval()
  expect(log.lines()).toHaveLength(11)
  expect(log.lines().at(-1)).toMatchObject({
    more: 12,
    rules: [{ rule: 'deny', reason: 'blocked', count: 12 }],
  })
  log.refusals.configure({ refusals: false, clients: 'plain' })
  log.refusals.onBlocked('POST /predict', request, { reason: 'deny', until: undefined })
  expect(log.lines()).toHaveLength(11)
})

describe('a flood of refusals', () => {
  it('is summarized once a second and when the log closes', () => {
    const log = refusalLog()
    log.request('10.0.0.1')
    for (let n = 0; n < 1253; n++) log.request('10.0.0.1')
    expect(log.lines()).toHaveLength(10)
    log.endInterval()
    expect(log.lines().at(-1)).toMatchObject({
      msg: '1,243 more requests refused in the last second',
      more: 1243,
      rules: [{ route: 'POST /predict', rule: 'few', reason: 'exceeded', count: 1243 }],
      heaviest: [{ client: '10.0.0.1', route: 'POST /predict', rule: 'few', count: 1243 }],
      clients: [{ client: '10.0.0.1', count: 1243 }],
    })
    for (let n = 0; n < 12; n++) log.request('10.0.0.1')
    log.refusals.close()
    expect(log.lines().at(-1)).toMatchObject({ more: 2 })
    log.endInterval()
    expect(log.lines()).toHaveLength(22)
  })

  it('is summarized with pairs of a redacted client and a rule', () => {
    const log = refusalLog({ clients: 'hashed' })
    for (let n = 0; n < 30; n++) log.request('10.0.0.1')
    for (let n = 0; n < 20; n++) log.request('10.0.0.2', { id: 'acme' })
    log.endInterval()
    const { heaviest } = log.lines().at(-1)
    expect(heaviest).toEqual([
      { client: expect.stringMatching(/^#/), route: 'POST /predict', rule: 'few', count: 19 },
      { client: expect.stringMatching(/^#/), route: 'POST /predict', rule: 'few', count: 19 },
    ])
    expect(heaviest[0].client).not.toBe(heaviest[1].client)
  })

  it('produces a log of bounded size that names the heaviest client', () => {
    const log = refusalLog()
    const REQUESTS = 360_000
    let refused = 0
    for (let second = 0; second < 60; second++) {
      for (let n = 0; n < REQUESTS / 60; n++) {
        // One client sends half of the requests. Every other client sends one or two.
        const ip = n % 2 === 0 ? '192.0.2.1' : `10.${second}.${n >> 9}.${(n >> 1) & 255}`
        if (!(log.request(ip) as { allowed: boolean }).allowed) refused++
      }
      log.endInterval()
    }
    const lines = log.lines()
    expect(lines.length).toBeLessThanOrEqual(60 * 11)
    expect(log.bytes()).toBeLessThan(60 * 11 * 500)
    const summaries = lines.filter(({ more }) => more !== undefined)
    const summarized = summaries.reduce((sum, { more }) => sum + more, 0)
    expect(summarized + lines.length - summaries.length).toBe(refused)
    expect(refused).toBeGreaterThan(REQUESTS / 2 - 60)
    for (const { clients, heaviest } of summaries) {
      expect(clients[0].client).toBe('192.0.2.1')
      expect(heaviest[0]).toMatchObject({ client: '192.0.2.1', route: 'POST /predict', rule: 'few' })
      expect(heaviest.length).toBeLessThanOrEqual(5)
    }
  })
})

it('the refusal log contains no headers and no secret keys of rules', async () => {
  let text = ''
  const config = parseConfig(
    `
listen: 127.0.0.1:0
admin: off
upstream: ${await startUpstream(echo)}
timeouts: { drain: 0 }
default: { limits: [{ limit: 1/hour, by: ["header:authorization", "cookie:id"] }] }`,
    'test.yaml',
  )
  const gateway = await startGateway(config, createLog({ write: (line) => (text += line) }))
  const url = `http://127.0.0.1:${gateway.address.port}`
  const headers = { authorization: 'Bearer sesame', cookie: 'id=sesame', 'x-api-key': 'sesame' }
  await send(url, '/predict?key=sesame', { headers })
  expect((await send(url, '/predict?key=sesame', { headers })).status).toBe(429)
  await gateway.close()
  expect(JSON.parse(text.trim())).toMatchObject({ msg: 'request refused', client: '127.0.0.1' })
  expect(text).not.toContain('sesame')
})
