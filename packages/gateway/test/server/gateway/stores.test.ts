import type { ServerResponse } from 'node:http'
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest'
import { startMemcached } from '../../../../sluice/test/stores/servers/memcached.js'
import {
  type RedisServer,
  startRedis,
  startRedisCluster,
  startRedisSentinels,
} from '../../../../sluice/test/stores/servers/redis.js'
import { countAllowed, gatewayOn, storeLines } from './on-store.js'
import { send, until } from './running-gateway.js'

/** A deadline that even a busy machine meets, so that the store makes every decision. */
const LONG_DEADLINE = 'on_store_failure: { policy: closed, deadline: 20s }'

const limited = (limits: string) =>
  `routes: [{ match: POST /predict, limits: [${limits}] }, { match: /free }]`

const HOURLY = limited('{ limit: 50/hour, algorithm: fixed-window }')

const servers = {
  async redis() {
    const { port, stop } = await startRedis()
    return { url: `redis://127.0.0.1:${port}/2`, stop }
  },
  cluster: startRedisCluster,
  sentinel: startRedisSentinels,
  memcached: () => startMemcached(),
}

describe.each(['redis', 'cluster', 'sentinel', 'memcached'] as const)('a gateway on %s', (kind) => {
  let server: { readonly url: string; stop(): Promise<void> }
  beforeAll(async () => {
    server = await servers[kind]()
  })
  afterAll(() => server?.stop())

  it('shares a limit exactly between two gateways and a third that starts later', async () => {
    const text = `store: ${server.url}\n${LONG_DEADLINE}\n${HOURLY}`
    const [one, other] = await Promise.all([gatewayOn(text), gatewayOn(text)])
    const statuses = await Promise.all([one.predict(60), other.predict(60)])
    expect(countAllowed(statuses.flat())).toBe(50)
    expect(new Set(statuses.flat())).toEqual(new Set([200, 429]))

    await one.gateway.close()
    const third = await gatewayOn(text)
    expect(await third.predict(3)).toEqual([429, 429, 429])
    expect(await third.readiness()).toEqual({ status: 200, body: { status: 'ready', store: 'answers' } })
    expect([...one.lines, ...other.lines, ...third.lines]).toEqual([])
  })

  it('frees the slots of requests that it aborts when it stops', async () => {
    const responses: ServerResponse[] = []
    const slot = limited('{ concurrent: 1, lease: 1h, name: slot }')
    const text = `store: ${server.url}\n${LONG_DEADLINE}\ntimeouts: { shutdown: 10ms }\n${slot}`
    const stopped = await gatewayOn(text, (_request, response) => {
      response.write('endless')
      responses.push(response)
    })
    const other = await gatewayOn(text)
    const aborted = send(stopped.url, '/predict').catch((error: NodeJS.ErrnoException) => error.code)
    await until(() => responses.length === 1)
    expect(await other.predict(1)).toEqual([429])
    await stopped.gateway.close()
    expect(await aborted).toBe('ECONNRESET')
    expect(await other.predict(1)).toEqual([200])
  })

  it('charges either all limits of a request or none', async () => {
    const { url, predict } = await gatewayOn(
      `store: ${server.url}\n${LONG_DEADLINE}\n${limited(
        '{ name: wide, limit: 5/hour, algorithm: sliding-log, of: a }, { name: narrow, limit: 2/hour, of: b }',
      )}`,
    )
    for (const status of [200, 200, 429, 429]) expect(await predict(1)).toEqual([status])
    const { headers } = await send(url, '/predict')
    expect(headers['ratelimit-policy']).toContain('"wide";q=5')
    expect(headers.ratelimit).toMatch(/^"narrow";r=0/)
    expect(headers.ratelimit).not.toContain('wide')
  })
})

describe('a gateway on one Redis server', () => {
  let redis: RedisServer
  let store = ''
  beforeAll(async () => {
    redis = await startRedis(['--rdbcompression', 'no'])
    store = `store: redis://127.0.0.1:${redis.port}\n${LONG_DEADLINE}\n`
  })
  afterAll(() => redis?.stop())

  it('stores the value of a header key only as a digest', async () => {
    const { predict } = await gatewayOn(
      store +
        limited(
          '{ limit: 1/hour, by: "header:x-api-key" }, { limit: 9/hour, by: [route, "header:x-api-key"] }',
        ),
    )
    expect(await predict(1, { 'x-api-key': 'sk-of-acme' })).toEqual([200])
    expect(await predict(1, { 'x-api-key': 'sk-of-acme' })).toEqual([429])
    expect(await predict(1, { 'x-api-key': 'sk-of-another' })).toEqual([200])
    const keys = (await redis.cli('--scan')).split('\n')
    const values = await Promise.all(keys.map((key) => redis.cli('dump', key)))
    const everything = [...keys, ...values].join('\n')
    expect(everything).toContain('POST+/predict')
    expect(everything).not.toMatch(/sk-of|acme|another/)
  })

  it('keeps usage across a reload, and requires a restart to change the store', async () => {
    const rules = (limit: string) => limited(`{ limit: ${limit}, algorithm: fixed-window, name: reloaded }`)
    const { gateway, predict, configOf } = await gatewayOn(store + rules('2/hour'))
    expect(countAllowed(await predict(3))).toBe(2)
    await gateway.apply(configOf(store + rules('2/hour')))
    expect(await predict(1)).toEqual([429])
    const moved = configOf(`store: redis://:s3cret@127.0.0.1:1\n${LONG_DEADLINE}\n${rules('9/hour')}`)
    await expect(gateway.apply(moved)).rejects.toThrow(/^a change to 'store' requires a restart;(?!.*s3cret)/)
    const opened = configOf(
      `store: redis://127.0.0.1:${redis.port}\non_store_failure: open\n${rules('9/hour')}`,
    )
    await expect(gateway.apply(opened)).rejects.toThrow("a change to 'on_store_failure' requires a restart")
    expect(await predict(1)).toEqual([429])
  })

  it('closes the connections to the store when it stops', async () => {
    const connections = async () => (await redis.cli('client', 'list', 'type', 'normal')).split('\n').length
    const before = await connections()
    const { gateway, predict } = await gatewayOn(store + HOURLY)
    await predict(1)
    expect(await connections()).toBeGreaterThan(before)
    await gateway.close()
    await until(async () => (await connections()) === before)
  })

  it('holds no slot for a client that disconnects while the store decides', async () => {
    const { url, predict } = await gatewayOn(store + limited('{ concurrent: 1, lease: 1h, name: left }'))
    redis.process.kill('SIGSTOP')
    const controller = new AbortController()
    const pending = fetch(`${url}/predict`, { method: 'POST', signal: controller.signal })
    // A later request has received its response, so the store call of the first one is pending.
    expect((await send(url, '/free')).status).toBe(200)
    controller.abort()
    await expect(pending).rejects.toThrow()
    redis.process.kill('SIGCONT')
    await until(async () => (await predict(1))[0] === 200)
  })
})

it('the gateway logs neither an accepted nor a rejected password', async () => {
  const redis = await startRedis()
  onTestFinished(() => redis.stop())
  await redis.cli('config', 'set', 'requirepass', 'r1ght')
  const storeWith = (password: string) =>
    `store: redis://:${password}@127.0.0.1:${redis.port}\non_store_failure: { deadline: 2s }\n${HOURLY}`
  const right = await gatewayOn(storeWith('r1ght'))
  expect(await right.predict(1)).toEqual([200])
  expect(right.lines).toEqual([])
  const wrong = await gatewayOn(storeWith('wr0ng'))
  expect(await wrong.predict(2)).toEqual([200, 200])
  expect(storeLines(wrong)).toEqual([
    {
      level: 'error',
      message: 'store does not respond; this gateway decides by itself, with its share of each limit',
      fields: {
        store: `redis://127.0.0.1:${redis.port}`,
        policy: 'local',
        reason: expect.stringContaining('WRONGPASS'),
      },
    },
  ])
  expect(JSON.stringify(wrong.lines)).not.toContain('wr0ng')
})
