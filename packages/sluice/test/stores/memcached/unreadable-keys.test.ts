import { MemcacheClient } from 'memcache-client'
import { expect, it, onTestFinished } from 'vitest'
import { memcachedStore } from '../../../src/stores/memcached/index.js'
import { storeKey } from '../../../src/stores/memcached/memcached-key.js'
import { withFailurePolicy } from '../../../src/stores/resilience/failure-policy.js'
import { startMemcached } from '../servers/memcached.js'

it('the Memcached store fails only requests to an unreadable key, and its breaker stays closed', async () => {
  const server = await startMemcached()
  const client = new MemcacheClient({ server: `127.0.0.1:${server.port}` })
  const guarded = withFailurePolicy(memcachedStore(`memcached://127.0.0.1:${server.port}`), {
    policy: 'closed',
    deadline: 30_000,
  })
  onTestFinished(async () => {
    await guarded.close()
    client.shutdown()
    await server.stop()
  })
  const charge = (key: string) => ({
    scope: 'alone',
    key,
    limit: { algorithm: 'fixed-window', limit: 10, period: 3_600_000 } as const,
    cost: 1,
  })
  await client.set(storeKey('sluice:', 'alone', 'bad'), 'hello')
  for (let call = 0; call < 8; call++) {
    const [good, bad] = await Promise.allSettled([
      guarded.take([charge('good')]),
      guarded.take([charge('bad')]),
    ])
    expect(good).toMatchObject({ value: [{ allowed: true, remaining: 9 - call }] })
    expect(bad).toMatchObject({ reason: { name: 'StoreUnavailableError' } })
  }
  expect(guarded.stats()).toMatchObject({ state: 'closed', failures: 0, requestErrors: 8 })
})
