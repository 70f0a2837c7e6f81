import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { type RedisServer, startRedis } from '../../../../sluice/test/stores/servers/redis.js'
import { send } from '../gateway/running-gateway.js'
import { fleetOf, READ_TOKEN, untilWithin } from './fleet.js'

let redis: RedisServer
beforeAll(async () => {
  redis = await startRedis()
})
afterEach(async () => {
  await redis.cli('flushall')
})
afterAll(() => redis?.stop())

/** The time within which an act must hold on every gateway. */
const PROMISED_MS = 2000

const RULES =
  'routes: [{ match: POST /predict, limits: [{ name: few, limit: 3/hour, algorithm: fixed-window }] }]\n'
const onRedis = (rules = RULES) => `store: redis://127.0.0.1:${redis.port}/0\n${rules}`

describe('two gateways on one Redis', () => {
  it('both refuse a client that was blocked on one of them, also after both restart', async () => {
    const fleet = await fleetOf(onRedis(RULES.replace('3/hour', '1000/hour')))
    let [one, other] = await Promise.all([fleet.start(), fleet.start()])
    expect([await one.statusOf('acme'), await other.statusOf('acme')]).toEqual([200, 200])
    expect((await one.act({ act: 'block', client: 'acme' })).status).toBe(200)
    expect(await one.statusOf('acme')).toBe(403)
    await untilWithin(PROMISED_MS, async () => (await other.statusOf('acme')) === 403)
    expect(await other.statusOf('umbrella')).toBe(200)

    await Promise.all([one.stop(), other.stop('SIGKILL')])
    ;[one, other] = await Promise.all([fleet.start(), fleet.start()])
    expect([await one.statusOf('acme'), await other.statusOf('acme')]).toEqual([403, 403])
    expect((await other.list()).acts).toMatchObject([{ change: 'client acme is blocked', by: 'ada' }])

    expect((await other.act({ act: 'unblock', client: 'acme' })).status).toBe(200)
    expect(await other.statusOf('acme')).toBe(200)
    await untilWithin(PROMISED_MS, async () => (await one.statusOf('acme')) === 200)
  })

  it('both apply overrides, limits and shadow rules that one of them got', async () => {
    const fleet = await fleetOf(onRedis())
    const [one, other] = await Promise.all([fleet.start(), fleet.start()])
    await one.act({ act: 'limit', route: 'POST /predict', rule: 'few', limit: '1/hour' })
    await one.act({ act: 'override', client: 'acme', scale: 5, for: '1h' })
    await untilWithin(PROMISED_MS, async () => (await other.list()).acts.length === 2)
    const statuses = []
    for (let n = 0; n < 6; n++) statuses.push(await other.statusOf('acme'))
    expect(statuses).toEqual([200, 200, 200, 200, 200, 429])
    expect([await other.statusOf('umbrella'), await other.statusOf('umbrella')]).toEqual([200, 429])
    await other.act({ act: 'shadow', route: 'POST /predict', rule: 'few', shadow: true })
    await untilWithin(PROMISED_MS, async () => (await one.statusOf('umbrella')) === 200)
  })

  it('lose no act if both get acts at the same time', async () => {
    const fleet = await fleetOf(onRedis())
    const gateways = await Promise.all([fleet.start(), fleet.start()])
    const clients = Array.from({ length: 20 }, (_, number) => `client-${number}`)
    const results = await Promise.all(
      clients.map((client, index) => gateways[index % 2]?.act({ act: 'block', client })),
    )
    expect(results.map((result) => result?.status)).toEqual(clients.map(() => 200))
    for (const gateway of gateways) {
      await untilWithin(PROMISED_MS, async () => (await gateway.list()).acts.length === clients.length)
      const listed = (await gateway.list()).acts.map(({ client }) => client)
      expect(listed.toSorted()).toEqual(clients.toSorted())
    }
  })

  it('keep the last known acts while Redis is away, and restore them if it lost them', async () => {
    const fleet = await fleetOf(`${onRedis()}on_store_failure: open\n`)
    const gateway = await fleet.start()
    await gateway.act({ act: 'block', client: 'acme' })
    await redis.crash()
    try {
      await untilWithin(10_000, async () => (await gateway.list()).failure !== undefined)
      expect(await gateway.statusOf('acme')).toBe(403)
      const { status, text } = await gateway.act({ act: 'block', client: 'umbrella' })
      expect(status).toBe(503)
      expect(JSON.parse(text).error).toContain('nothing was changed')
      expect(await gateway.statusOf('umbrella')).toBe(200)
    } finally {
      // Without persistence, the server starts empty.
      await redis.startAgain()
    }
    await untilWithin(10_000, async () => (await redis.cli('exists', 'sluice:acts:v1')) === '1')
    expect(await gateway.statusOf('acme')).toBe(403)
    const second = await fleet.start()
    expect(await second.statusOf('acme')).toBe(403)
    expect(gateway.log()).toContain('restored acts that the store had lost')
  })

  it('pass acts to all workers', async () => {
    const fleet = await fleetOf(`workers: 2\n${onRedis()}`)
    const [one, other] = await Promise.all([fleet.start(), fleet.start()])
    await one.act({ act: 'block', address: '192.0.2.0/24' })
    for (let n = 0; n < 10; n++) expect(await one.statusOf('acme', '192.0.2.9')).toBe(403)
    const statuses = () => Promise.all(Array.from({ length: 10 }, () => other.statusOf('acme', '192.0.2.9')))
    await untilWithin(PROMISED_MS, async () => (await statuses()).every((status) => status === 403))
  })
})

describe('a gateway with its state in memory', () => {
  it.each([1, 2])('keeps acts in the file of `state` over a restart, with %i workers', async (workers) => {
    const fleet = await fleetOf(`workers: ${workers}\nstate: acts.json\n${RULES}`)
    let gateway = await fleet.start()
    await gateway.act({ act: 'block', client: 'acme' })
    await gateway.act({ act: 'limit', route: 'POST /predict', rule: 'few', limit: '1/hour' })
    await gateway.stop('SIGKILL')
    gateway = await fleet.start()
    expect(await gateway.statusOf('acme')).toBe(403)
    expect([await gateway.statusOf('umbrella'), await gateway.statusOf('umbrella')]).toEqual([200, 429])
    expect(await gateway.list()).toMatchObject({ kept: 'file', acts: [{ act: 'limit' }, { act: 'block' }] })
  })

  it('refuses to start with a file of acts that it cannot read', async () => {
    const fleet = await fleetOf(`state: acts.json\n${RULES}`)
    await writeFile(join(fleet.folder, 'acts.json'), '{"version":"1:a","acts":[')
    await expect(fleet.start()).rejects.toThrow('acts.json is not an acts file')
  })

  it('leaves a complete file if it is killed at any moment of a change', async () => {
    const fleet = await fleetOf(`state: acts.json\n${RULES}`)
    for (let round = 0; round < 5; round++) {
      const gateway = await fleet.start()
      const before = (await gateway.list()).acts.length
      let confirmed = 0
      const acting = (async () => {
        for (let number = 0; ; number++) {
          await gateway.act({ act: 'block', client: `client-${round}-${number}` })
          confirmed++
        }
      })().catch(() => {})
      await untilWithin(10_000, async () => confirmed >= 3 + round)
      await gateway.stop('SIGKILL')
      await acting
      const { acts } = JSON.parse(await readFile(join(fleet.folder, 'acts.json'), 'utf8'))
      expect([before + confirmed, before + confirmed + 1]).toContain(acts.length)
    }
  })
})

it('a token with the role `read` may read the acts, but not act', async () => {
  const fleet = await fleetOf(`state: acts.json\n${RULES}`)
  const gateway = await fleet.start()
  const { status, text } = await gateway.act({ act: 'block', client: 'acme' }, READ_TOKEN)
  expect([status, JSON.parse(text).error]).toEqual([
    403,
    "the token 'eve' may only read; use one with the role 'act'",
  ])
  expect(await gateway.statusOf('acme')).toBe(200)
  const headers = { authorization: `Bearer ${READ_TOKEN}` }
  expect((await send(gateway.adminUrl, '/api/acts/current', { method: 'GET', headers })).status).toBe(200)
})
