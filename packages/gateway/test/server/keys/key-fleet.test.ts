import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { keyDigest } from 'sluice/identity'
import { afterAll, afterEach, beforeAll, describe, expect, it, onTestFinished } from 'vitest'
import { type RedisServer, startRedis } from '../../../../sluice/test/stores/servers/redis.js'
import type { ListedKey } from '../../../src/server/admin/api/admin-keys.js'
import { fleetOf, type GatewayProcess, READ_TOKEN, untilWithin } from '../acts/fleet.js'
import { changeKeys, createKeyOn, readKeys, statusWith } from './key-api.js'

let redis: RedisServer
beforeAll(async () => {
  redis = await startRedis()
})
afterEach(async () => {
  await redis.cli('flushall')
})
afterAll(() => redis?.stop())

/** The time within which a change must hold on every gateway. */
const PROMISED_MS = 2000

const fleetWithKeys = (settings = '') =>
  fleetOf(
    `store: redis://127.0.0.1:${redis.port}/0\nroutes: [{ match: POST /predict, limits: [100000/hour] }]\n${settings}`,
    'identity: { api_keys: store }\n',
  )

describe('two gateways with keys in one Redis', () => {
  it('accept a new key at once, and refuse it on both within two seconds of its revocation', async () => {
    const fleet = await fleetWithKeys()
    const [one, other] = await Promise.all([fleet.start(), fleet.start()])
    const { key, id } = await createKeyOn(one, { client: 'acme' })
    expect([await statusWith(one, key), await statusWith(other, key)]).toEqual([200, 200])
    const { body } = await changeKeys(one, `/${id}/revoke`, {})
    expect(body).toMatchObject({ ok: true, done: `key ${id} of client acme revoked` })
    expect(await statusWith(one, key)).toBe(401)
    await untilWithin(PROMISED_MS, async () => (await statusWith(other, key)) === 401)
    expect(await readKeys(other)).toEqual({ kept: 'store', keys: [] })
  })

  it('revoke the keys of a client that is forgotten, and no others', async () => {
    const fleet = await fleetWithKeys()
    const [one, other] = await Promise.all([fleet.start(), fleet.start()])
    const create = (client: string) => createKeyOn(one, { client, limits: { requests: 2 } })
    const [first, kept, second] = [await create('acme'), await create('other'), await create('acme')]
    const forgotten = await one.act({ act: 'forget', client: 'acme' })
    expect(forgotten).toEqual({ status: 200, text: expect.stringContaining('2 keys in the store revoked') })
    expect((await readKeys(other)).keys.map(({ client }) => client)).toEqual(['other'])
    for (const { key } of [first, second]) {
      expect(await statusWith(one, key)).toBe(401)
      await untilWithin(PROMISED_MS, async () => (await statusWith(other, key)) === 401)
    }
    expect(await statusWith(one, kept.key)).toBe(200)
    expect(await redis.cli('zcard', 'sluice:keys:v1:{keys}:limited')).toBe('1')
  })

  it('accept a key within two seconds that they knew as unknown', async () => {
    const fleet = await fleetWithKeys()
    const [one, other] = await Promise.all([fleet.start(), fleet.start()])
    const { key, id } = await createKeyOn(one, { client: 'acme' })
    const record = await redis.cli('hget', `sluice:keys:v1:{keys}:key:${keyDigest(key)}`, 'record')
    await changeKeys(one, `/${id}/revoke`, {})
    await untilWithin(PROMISED_MS, async () => (await statusWith(other, key)) === 401)
    await redis.cli('hset', `sluice:keys:v1:{keys}:key:${keyDigest(key)}`, 'record', record)
    await redis.cli('zadd', 'sluice:keys:v1:{keys}:changes', '1000', keyDigest(key))
    await redis.cli('hset', 'sluice:keys:v1:{keys}:meta', 'version', '1000')
    await untilWithin(PROMISED_MS, async () => (await statusWith(other, key)) === 200)
  })

  it('rotate a key under load without a failed request, and end the old one after its grace', async () => {
    const fleet = await fleetWithKeys('workers: 2\n')
    const [one, other] = await Promise.all([fleet.start(), fleet.start()])
    const first = await createKeyOn(one, { client: 'acme' })
    let key = first.key
    let id = first.id
    const statuses: number[] = []
    let isOver = false
    const load = [one, other, one, other].map(async (gateway) => {
      while (!isOver) statuses.push(await statusWith(gateway, key))
    })
    for (let round = 0; round < 5; round++) {
      const before = statuses.length
      await untilWithin(60_000, async () => statuses.length > before + 40)
      const { body } = await changeKeys(round % 2 === 0 ? one : other, `/${id}/rotate`, { grace: '1h' })
      key = body.key as string
      id = body.listed.id
    }
    isOver = true
    await Promise.all(load)
    expect(new Set(statuses)).toEqual(new Set([200]))
    expect(await statusWith(other, first.key)).toBe(200)
    const askAll = () => Promise.all(Array.from({ length: 10 }, () => statusWith(other, key)))
    expect(new Set(await askAll())).toEqual(new Set([200]))
    expect((await changeKeys(one, `/${id}/rotate`, { grace: '0s' })).status).toBe(200)
    await untilWithin(PROMISED_MS, async () => (await askAll()).every((status) => status === 401))
    expect((await readKeys(other)).keys).toHaveLength(7)
  })

  it('show the minute of the last use, which all workers report', async () => {
    const fleet = await fleetWithKeys('workers: 2\n')
    const one = await fleet.start()
    const { key, id } = await createKeyOn(one, { client: 'acme' })
    const unused = await createKeyOn(one, { client: 'acme' })
    const before = Math.floor(Date.now() / 60_000) * 60_000
    expect(await statusWith(one, key)).toBe(200)
    await untilWithin(60_000, async () => (await readKeys<ListedKey>(one, `/${id}`)).lastUsed !== undefined)
    expect((await readKeys<ListedKey>(one, `/${id}`)).lastUsed).toBeGreaterThanOrEqual(before)
    expect(await readKeys<ListedKey>(one, `/${unused.id}`)).not.toHaveProperty('lastUsed')
    await one.stop()
  })

  it('keep known keys valid while Redis is away, and answer 503 to others, never as anonymous', async () => {
    const fleet = await fleetWithKeys('on_store_failure: open\n')
    const gateway = await fleet.start()
    const known = await createKeyOn(gateway, { client: 'acme' })
    const unknown = await createKeyOn(gateway, { client: 'bolt' })
    expect(await statusWith(gateway, known.key)).toBe(200)
    await redis.crash()
    try {
      for (let count = 0; count < 5; count++) {
        expect(await statusWith(gateway, known.key)).toBe(200)
        expect(await statusWith(gateway, unknown.key)).toBe(503)
      }
      const { status, body } = await changeKeys(gateway, '', { client: 'core' })
      expect([status, body.error]).toEqual([503, expect.stringContaining('did not confirm the change')])
      await untilWithin(30_000, async () => gateway.log().includes('cannot read the keys in the store'))
    } finally {
      await redis.startAgain()
    }
    // Without persistence, the server starts empty, so the keys are lost.
    await untilWithin(30_000, async () => (await statusWith(gateway, known.key)) === 401)
    const again = await createKeyOn(gateway, { client: 'acme' })
    expect(await statusWith(gateway, again.key)).toBe(200)
  })
})

describe('two gateways with labels and limits of keys in one Redis', () => {
  const fleetWithPool = () =>
    fleetOf(
      `store: redis://127.0.0.1:${redis.port}/0
limits: [{ name: org, limit: 7/hour, by: client.org, algorithm: fixed-window }]
routes: [{ match: POST /predict, limits: [{ limit: 2/hour, algorithm: fixed-window }] }]
workers: 2
`,
      'identity: { api_keys: store }\n',
    )
  /** Waits until as many requests are admitted, since each worker follows changes by itself. */
  const untilAdmitted = async (gateway: GatewayProcess, key: string, wanted: number) => {
    let count = 0
    await untilWithin(PROMISED_MS, async () => {
      if ((await statusWith(gateway, key)) === 200) count++
      return count === wanted
    })
  }
  const admitted = async (gateway: GatewayProcess, key: string) => {
    let count = 0
    while (count < 20 && (await statusWith(gateway, key)) === 200) count++
    return count
  }

  it('apply the limits of a key on both, count by its labels, and end the limits with the key', async () => {
    const fleet = await fleetWithPool()
    const [one, other] = await Promise.all([fleet.start(), fleet.start()])
    const labels = { org: 'acme' }
    const { key, id } = await createKeyOn(one, { client: 'ada', labels, limits: { requests: '5/hour' } })
    const plain = await createKeyOn(one, { client: 'ada', labels })
    const bob = await createKeyOn(one, { client: 'bob', labels, limits: { requests: 'unlimited' } })
    const zoe = await createKeyOn(one, { client: 'zoe' })
    expect(await admitted(one, zoe.key)).toBe(2)
    await untilAdmitted(other, key, 5)
    expect([await statusWith(one, plain.key), await statusWith(other, key)]).toEqual([429, 429])
    // The organization has used 5 of its 7 requests.
    expect(await admitted(other, bob.key)).toBe(2)
    await changeKeys(one, `/${id}/rotate`, { grace: '0s' })
    const larger = { client: 'ada', limits: { requests: '8/hour' } }
    const newest = await createKeyOn(one, larger)
    await untilAdmitted(other, newest.key, 3)
    expect(await statusWith(other, newest.key)).toBe(429)
    await changeKeys(other, `/${bob.id}/revoke`, {})
    const bare = await createKeyOn(other, { client: 'bob' })
    expect(await statusWith(other, bare.key)).toBe(200)
    await untilWithin(PROMISED_MS, async () => (await statusWith(one, bare.key)) === 429)
  })

  it('start with the limits of keys, and ignore those that their configuration has no rule for', async () => {
    const one = await (await fleetWithPool()).start()
    const { key } = await createKeyOn(one, { client: 'ada', limits: { requests: 'unlimited' } })
    const again = await (await fleetWithPool()).start()
    expect(await admitted(again, key)).toBe(20)
    const other = await (await fleetWithKeys('')).start()
    expect(await statusWith(other, key)).toBe(200)
    expect(other.log()).not.toContain('limits of keys have no effect')
    const settings = `store: redis://127.0.0.1:${redis.port}/0\nroutes: [{ match: POST /predict, limits: [{ name: calls, limit: 1/hour }] }]\n`
    const unfit = await (await fleetOf(settings, 'identity: { api_keys: store }\n')).start()
    expect(await admitted(unfit, key)).toBe(1)
    expect(unfit.log()).toContain("there is no rule 'requests'")
  })
})

it('the limits in a keys file change in all workers without a restart', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'sluice-keys-'))
  onTestFinished(() => rm(folder, { recursive: true }))
  const file = join(folder, 'keys.yaml')
  const write = (limit: string) =>
    writeFile(
      file,
      `keys: [{ sha256: ${keyDigest('the key of ada')}, client: ada, limits: { requests: ${limit} } }]\n`,
    )
  await write('1/hour')
  const fleet = await fleetOf(
    'routes: [{ match: POST /predict, limits: [{ limit: 2/hour, algorithm: fixed-window }] }]\nworkers: 2\n',
    `identity: { api_keys: ${file} }\n`,
  )
  const gateway = await fleet.start()
  expect(await statusWith(gateway, 'the key of ada')).toBe(200)
  expect(await statusWith(gateway, 'the key of ada')).toBe(429)
  await write('unlimited')
  const askAll = () => Promise.all(Array.from({ length: 10 }, () => statusWith(gateway, 'the key of ada')))
  await untilWithin(30_000, async () => (await askAll()).every((status) => status === 200))
})

it('a gateway whose Redis hangs answers requests with known keys, and 503 to others', async () => {
  const fleet = await fleetWithKeys('on_store_failure: open\n')
  const gateway = await fleet.start()
  const known = await createKeyOn(gateway, { client: 'acme' })
  const unknown = await createKeyOn(gateway, { client: 'bolt' })
  expect(await statusWith(gateway, known.key)).toBe(200)
  redis.process.kill('SIGSTOP')
  try {
    expect(await statusWith(gateway, known.key)).toBe(200)
    expect(await statusWith(gateway, unknown.key)).toBe(503)
    expect((await changeKeys(gateway, `/${known.id}/revoke`, {})).status).toBe(503)
  } finally {
    redis.process.kill('SIGCONT')
  }
  await untilWithin(30_000, async () => (await statusWith(gateway, unknown.key)) === 200)
})

describe('the admin API of keys', () => {
  it('needs the role `act` and a reason for changes, and writes who did what into the audit log', async () => {
    const fleet = await fleetWithKeys()
    const gateway = await fleet.start()
    expect((await changeKeys(gateway, '', { client: 'acme' }, 'wrong')).status).toBe(401)
    expect((await changeKeys(gateway, '', { client: 'acme' }, READ_TOKEN)).body.error).toContain(
      "'eve' may only read",
    )
    expect((await changeKeys(gateway, '', { client: 'acme', reason: undefined })).body.error).toContain(
      "'reason' is required",
    )
    expect((await readKeys(gateway)).keys).toEqual([])
    const created = await changeKeys(gateway, '', {
      client: 'acme',
      labels: { team: 'red' },
      reason: 'new team',
    })
    expect(created.headers['cache-control']).toBe('no-store')
    const { key = '', listed } = created.body
    await changeKeys(gateway, `/${listed.id}/label`, { labels: { team: null, org: 'acme' } })
    expect((await readKeys(gateway, '?label=org=acme')).keys).toMatchObject([
      { createdBy: 'ada', labels: { org: 'acme' } },
    ])
    const log = gateway.log()
    expect(log).toContain(
      '"who":"ada","act":{"act":"create-key","client":"acme","labels":{"team":"red"},"reason":"new team"},"outcome":"done"',
    )
    expect(log).toContain(`"act":"label-key","id":"${listed.id}"`)
    expect(log).not.toContain(key)
  })

  it('answers bad requests with one clear error', async () => {
    const fleet = await fleetWithKeys()
    const gateway = await fleet.start()
    const { id } = await createKeyOn(gateway, { client: 'acme' })
    const errors = [
      ['', { client: '' }, 400, "'client' must be a string of 1 to 256 characters"],
      ['', { client: 'a', owner: 'b' }, 400, "unknown member 'owner'"],
      [
        '',
        { client: 'a', labels: { Team: 'b' } },
        400,
        'the name of a label must be 1 to 64 lower-case letters',
      ],
      ['', { client: 'a', limits: { requests: true } }, 400, "'limits.requests' must be a limit such as"],
      ['', { client: 'a', limits: { request: 2 } }, 400, "no rule 'request'; did you mean 'requests'?"],
      ['', { client: 'a', limits: { requests: '1/s; 2/m' } }, 400, 'must be a single limit such as'],
      ['', { client: 'a', expires: 'soon' }, 400, "'expires' must be a date"],
      ['/zzzz/revoke', {}, 400, 'the ID of a key is its first 8 hexadecimal digits'],
      [`/${id}/rotate`, { grace: 'ever' }, 400, 'the grace period is invalid'],
      [`/${id}/rotate`, { grace: '9000d' }, 400, 'at most a year'],
      [`/${id}/label`, { labels: { team: 7 } }, 400, "'labels.team' must be a string, or a list of strings"],
      [`/${id}/explode`, {}, 404, 'not found'],
      ['/%ZZ/revoke', {}, 400, 'the ID of a key is'],
    ] as const
    for (const [path, change, status, message] of errors) {
      const answer = await changeKeys(gateway, path, change)
      expect([answer.status, answer.body.error]).toEqual([status, expect.stringContaining(message)])
    }
    expect(await readKeys(gateway, '?limit=0')).toMatchObject({ error: expect.stringContaining("'limit'") })
    expect(await readKeys(gateway, '?after=x')).toMatchObject({ error: expect.stringContaining("'after'") })
    expect((await readKeys(gateway)).keys).toHaveLength(1)
  })
})
