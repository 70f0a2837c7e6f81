import { createHash } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type RedisServer, startRedis } from '../../../../sluice/test/stores/servers/redis.js'
import { serveWithWorkers } from '../workers/worker-gateway.js'
import { echo, send, startTestGateway, until } from './running-gateway.js'

const TOKEN = 'a-token-of-some-length'
const ADMIN = `{ listen: 127.0.0.1:0, token_sha256: ${createHash('sha256').update(TOKEN).digest('hex')} }`

/** A deadline that even a busy machine meets, so that the store makes every decision. */
const LONG_DEADLINE = 'on_store_failure: { policy: closed, deadline: 20s }'

const RULE = { route: 'POST /predict', rule: 'requests' }

const limited = (limit: string) =>
  `routes: [{ match: POST /predict, limits: [{ ${limit} }] }, { match: POST /look, limits: [{ limit: 1/hour, cost: 0 }] }]\n`

interface ReloadableGateway {
  readonly url: string
  readonly adminUrl: string
  /** Applies another configuration, and waits until every process uses it. */
  reload(text: string): Promise<void>
}

let redis: RedisServer
beforeAll(async () => {
  redis = await startRedis()
})
afterAll(() => redis?.stop())

const inOneProcess =
  (store: () => string) =>
  async (text: string): Promise<ReloadableGateway> => {
    const { gateway, url, adminUrl, configOf } = await startTestGateway(store() + text, echo, ADMIN)
    return { url, adminUrl, reload: (next) => gateway.apply(configOf(store() + next)) }
  }

const inTwoProcesses = async (text: string): Promise<ReloadableGateway> => {
  const { url, admin, write, output } = await serveWithWorkers(2, text, echo, undefined, ADMIN)
  let reloads = 0
  return {
    url,
    adminUrl: admin,
    async reload(next) {
      await write(next)
      reloads++
      await until(() => output.out.split(RELOADED).length + output.err.split(RELOADED).length > reloads + 1)
    },
  }
}

const RELOADED = 'configuration reloaded'

const SETUPS: Readonly<Record<string, (text: string) => Promise<ReloadableGateway>>> = {
  'in memory': inOneProcess(() => ''),
  'on Redis': inOneProcess(() => `store: redis://127.0.0.1:${redis.port}\n${LONG_DEADLINE}\n`),
  'in memory, with two workers': inTwoProcesses,
}

/** Sends `tries` requests in batches, and returns the number of admitted ones. */
async function countAdmitted(
  { url }: ReloadableGateway,
  tries: number,
  headers: object = {},
): Promise<number> {
  let count = 0
  for (let sent = 0; sent < tries; sent += 20) {
    const batch = Array.from({ length: Math.min(20, tries - sent) }, () => send(url, '/predict', { headers }))
    for (const { status } of await Promise.all(batch)) if (status === 200) count++
  }
  return count
}

async function changeLimit({ adminUrl }: ReloadableGateway, limit: string): Promise<void> {
  const { status } = await send(adminUrl, '/api/acts', {
    headers: { authorization: `Bearer ${TOKEN}`, 'content-type': 'application/json' },
    body: JSON.stringify({ act: 'limit', ...RULE, limit, reason: 'a test' }),
  })
  expect(status).toBe(200)
}

describe.each(Object.entries(SETUPS))('a gateway with limits %s', (_setup, start) => {
  const startWith = async (text: string) => {
    await redis.cli('flushall')
    return start(text)
  }

  it.each([
    ['a fixed window', ', algorithm: fixed-window', 0],
    // A bucket of 60 per hour refills one unit per minute.
    ['a token bucket', '', 1],
  ])(
    'grants the additional units immediately when a reload raises the limit of %s',
    async (_, more, extra) => {
      const gateway = await startWith(limited(`limit: 6/hour${more}`))
      expect(await countAdmitted(gateway, 8)).toBe(6)
      await gateway.reload(limited(`limit: 60/hour${more}`))
      const after = await countAdmitted(gateway, 60)
      expect(after).toBeGreaterThanOrEqual(54)
      expect(after).toBeLessThanOrEqual(54 + extra)
    },
  )

  it('grants the additional units of an override immediately, and refunds nothing when it is lowered', async () => {
    const gateway = await startWith(limited('limit: 6/hour, algorithm: fixed-window'))
    expect(await countAdmitted(gateway, 8)).toBe(6)
    await changeLimit(gateway, '60/hour')
    expect(await countAdmitted(gateway, 20)).toBe(20)
    await changeLimit(gateway, '6/hour')
    expect(await countAdmitted(gateway, 2)).toBe(0)
    await changeLimit(gateway, '60/hour')
    expect(await countAdmitted(gateway, 40)).toBe(34)
  })

  it.each([
    ['fixed windows', ', algorithm: fixed-window'],
    ['token buckets', ''],
  ])('does not refuse for a day after a named rule changes to a day and back (%s)', async (_, more) => {
    const gateway = await startWith(limited(`name: requests, limit: 10/minute${more}`))
    const before = await countAdmitted(gateway, 14)
    expect(before).toBeGreaterThanOrEqual(10)
    await gateway.reload(limited(`name: requests, limit: 1000/day${more}`))
    expect(await countAdmitted(gateway, 40)).toBe(40)
    await gateway.reload(limited(`name: requests, limit: 10/minute${more}`))
    const { status, headers } = await send(gateway.url, '/predict')
    expect(status).toBe(429)
    // A bucket of 50 units drains at 10 per minute.
    expect(Number(headers['retry-after'])).toBeLessThanOrEqual(more === '' ? 300 : 60)
  })

  it('does not refill a long limit when a short one refuses a request', async () => {
    const gateway = await startWith(
      limited('name: requests, limit: 20 per 10 minutes, algorithm: fixed-window'),
    )
    expect(await countAdmitted(gateway, 22)).toBe(20)
    await gateway.reload(limited('name: requests, limit: 3 per 300 ms, algorithm: fixed-window'))
    await countAdmitted(gateway, 1)
    await gateway.reload(limited('name: requests, limit: 20 per 10 minutes, algorithm: fixed-window'))
    expect(await countAdmitted(gateway, 2)).toBe(0)
  })

  it('admits clients of two tiers behind one address up to the larger limit together', async () => {
    const gateway = await startWith(
      `tiers: { premium: 5 }
identity: { trusted_proxies: [127.0.0.0/8], proxy_headers: { client: X-Client-Id, tier: X-Tier } }
${limited('limit: 20/hour, algorithm: fixed-window, by: ip')}`,
    )
    const anonymous = { 'x-forwarded-for': '203.0.113.7' }
    const premium = { ...anonymous, 'x-client-id': 'acme', 'x-tier': 'premium' }
    expect(await countAdmitted(gateway, 22, anonymous)).toBe(20)
    expect(await countAdmitted(gateway, 30, premium)).toBe(30)
    expect(await countAdmitted(gateway, 2, anonymous)).toBe(0)
    expect(await countAdmitted(gateway, 52, premium)).toBe(50)
  })
})
