import { describe, expect, it, onTestFinished } from 'vitest'
import { startMemcached } from '../../../../sluice/test/stores/servers/memcached.js'
import { freePort, startRedis } from '../../../../sluice/test/stores/servers/redis.js'
import { countAllowed, type GatewayOnStore, gatewayOn, storeLines } from './on-store.js'
import { send, until } from './running-gateway.js'

const ROUTES =
  'routes: [{ match: POST /predict, limits: [{ limit: 4/hour, algorithm: fixed-window }] }, { match: /free }]'

const DOWN_MESSAGES = {
  local: 'store does not respond; this gateway decides by itself, with its share of each limit',
  open: 'store does not respond; requests are admitted without being counted',
  closed: 'store does not respond; limited requests are refused with 503',
}

/** Sends consecutive requests until a condition holds, and returns their statuses. */
async function predictUntil({ predict }: GatewayOnStore, condition: () => boolean): Promise<number[]> {
  const statuses: number[] = []
  while (!condition()) statuses.push(...(await predict(1)))
  return statuses
}

const hasRecovered = ({ lines }: GatewayOnStore, times = 1) =>
  lines.filter(({ message }) => message === 'store responds again').length === times

describe('a store that is unreachable at the start', () => {
  it.each([
    ['{ policy: local, peers: 2 }', 'local', [200, 200, 429, 429, 429, 429], 200],
    ['open', 'open', [200, 200, 200, 200, 200, 200], 200],
    ['closed', 'closed', [503, 503, 503, 503, 503, 503], 503],
  ] as const)(
    'is logged, and the gateway starts with the policy %s',
    async (setting, policy, expected, ready) => {
      const port = await freePort()
      const text = `store: redis://me:s3cret@127.0.0.1:${port}\non_store_failure: ${setting}\n${ROUTES}`
      const gateway = await gatewayOn(text)
      const store = `redis://127.0.0.1:${port}`
      const reason = `not connected: connect ECONNREFUSED 127.0.0.1:${port}`
      const logLine = { level: 'error', message: DOWN_MESSAGES[policy], fields: { store, policy, reason } }
      expect(storeLines(gateway)).toEqual([logLine])

      const statuses: number[] = []
      for (const _ of expected) statuses.push(...(await gateway.predict(1)))
      expect(statuses).toEqual(expected)
      expect((await send(gateway.url, '/free')).status).toBe(200)
      const status = ready === 200 ? 'ready' : 'without its store'
      expect(await gateway.readiness()).toEqual({ status: ready, body: { status, store: 'lost', policy } })
      expect(storeLines(gateway)).toEqual([logLine])
    },
  )

  it('causes a 503 with a retry time and without details of the store', async () => {
    const port = await freePort()
    const { url } = await gatewayOn(
      `store: memcached://127.0.0.1:${port}\non_store_failure: closed\n${ROUTES}`,
    )
    const { status, headers, text } = await send(url, '/predict', { body: 'x'.repeat(100_000) })
    expect(status).toBe(503)
    expect(headers['retry-after']).toBe('1')
    expect(headers['content-type']).toBe('application/problem+json')
    expect(JSON.parse(text)).toMatchObject({
      type: 'https://iana.org/assignments/http-problem-types#temporary-reduced-capacity',
      status: 503,
    })
    expect(text).not.toMatch(/memcached|ECONNREFUSED|127\.0\.0\.1/)
  })

  it('makes the gateway ready once a probe reaches the store, without a request', async () => {
    const port = await freePort()
    const failure = 'on_store_failure: { policy: closed, deadline: 2s }'
    const gateway = await gatewayOn(`store: memcached://127.0.0.1:${port}\n${failure}\n${ROUTES}`)
    expect((await gateway.readiness()).status).toBe(503)
    const server = await startMemcached(port)
    onTestFinished(() => server.stop())
    await until(async () => (await gateway.readiness()).status === 200)
    expect(await gateway.readiness()).toEqual({ status: 200, body: { status: 'ready', store: 'answers' } })
    expect(await gateway.predict(1)).toEqual([200])
    expect(hasRecovered(gateway)).toBe(true)
  })
})

describe('a store that goes down under load', () => {
  const HOURLY = 'routes: [{ match: POST /predict, limits: [{ limit: 30/hour, algorithm: fixed-window }] }]'

  it('is replaced by the local share of the limit until it responds again', async () => {
    let redis = await startRedis()
    onTestFinished(() => redis.stop())
    const { port } = redis
    // The deadline allows for a busy machine. A refused connection fails immediately.
    const failure = 'on_store_failure: { policy: local, peers: 3, deadline: 2s }'
    const gateway = await gatewayOn(`store: redis://127.0.0.1:${port}\n${failure}\n${HOURLY}`)
    // No request is refused before the outage, because the refusal cache would outlive the store.
    expect(countAllowed(await gateway.predict(30))).toBe(30)

    await redis.stop()
    const duringOutage = await predictUntil(gateway, () => storeLines(gateway).length > 0)
    for (let request = 0; request < 20; request++) duringOutage.push(...(await gateway.predict(1)))
    expect(new Set(duringOutage)).toEqual(new Set([200, 429]))
    expect(countAllowed(duringOutage)).toBe(10)

    redis = await startRedis([], port)
    const duringRecovery = await predictUntil(gateway, () => hasRecovered(gateway))
    // The store was empty, so the limit is available once more.
    const after = [...duringRecovery, ...(await gateway.predict(40))]
    expect(countAllowed(after)).toBe(30)
    expect(new Set(after)).toEqual(new Set([200, 429]))

    const decidedWithout = duringOutage.length + duringRecovery.length - 1
    expect(storeLines(gateway)).toEqual([
      expect.objectContaining({ level: 'error', message: DOWN_MESSAGES.local }),
      {
        level: 'info',
        message: 'store responds again',
        fields: { store: `redis://127.0.0.1:${port}`, policy: 'local', decidedWithout, answeredWith503: 0 },
      },
    ])
  })

  it('is treated as down if it hangs', async () => {
    const redis = await startRedis()
    onTestFinished(() => redis.stop())
    const gateway = await gatewayOn(
      `store: redis://127.0.0.1:${redis.port}\non_store_failure: closed\n${HOURLY}`,
    )
    redis.process.kill('SIGSTOP')
    expect(await gateway.predict(5)).toEqual([503, 503, 503, 503, 503])
    expect(storeLines(gateway)).toEqual([
      expect.objectContaining({
        message: DOWN_MESSAGES.closed,
        fields: expect.objectContaining({ policy: 'closed' }),
      }),
    ])
    expect((await gateway.readiness()).status).toBe(503)
    redis.process.kill('SIGCONT')
    expect((await predictUntil(gateway, () => hasRecovered(gateway))).at(-1)).toBe(200)
    await until(async () => (await gateway.readiness()).status === 200)
  })

  it('does not keep the gateway from stopping if it hangs', async () => {
    const redis = await startRedis()
    onTestFinished(() => redis.stop())
    const pending: (() => void)[] = []
    const gateway = await gatewayOn(
      `store: redis://127.0.0.1:${redis.port}\nroutes: [{ match: POST /predict, limits: [{ concurrent: 2 }] }]`,
      (_request, response) => pending.push(() => response.end()),
    )
    const inFlight = gateway.predict(1)
    await until(() => pending.length === 1)
    redis.process.kill('SIGSTOP')
    const closed = gateway.gateway.close()
    pending[0]?.()
    expect(await inFlight).toEqual([200])
    await closed
  })
})
