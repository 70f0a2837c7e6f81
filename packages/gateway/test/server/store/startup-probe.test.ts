import { memoryStore, type Store, StoreRequestError, withFailurePolicy } from 'sluice'
import { redisStore } from 'sluice/redis'
import { describe, expect, it, onTestFinished } from 'vitest'
import { storeKey } from '../../../../sluice/src/stores/redis/redis-key.js'
import { startRedis } from '../../../../sluice/test/stores/servers/redis.js'
import { createLog } from '../../../src/server/logging/log.js'
import { openStore } from '../../../src/server/store/open-store.js'
import { probeUntilBreakerOpens, responds } from '../../../src/server/store/startup-probe.js'

const POLICIES = ['open', 'closed', 'local'] as const

/** Creates a store with a failure policy and failing operations, and counts its reads. */
function failingStore(policy: (typeof POLICIES)[number], error: Error) {
  const counts = { peeks: 0 }
  const remote: Store = {
    ...memoryStore(),
    take: () => Promise.reject(error),
    peek: async () => {
      counts.peeks++
      throw error
    },
    close: async () => {},
  }
  const store = withFailurePolicy(remote, { policy })
  onTestFinished(() => store.close())
  return { store, counts }
}

describe('the probe of a store at startup', () => {
  it.each(POLICIES)('ends if the store responds with a request error, under %s', async (policy) => {
    const { store, counts } = failingStore(
      policy,
      new StoreRequestError('another program wrote the value of the key'),
    )
    await probeUntilBreakerOpens(store)
    expect(counts.peeks).toBe(1)
    expect(await responds(store)).toBe(true)
    expect(store.stats().state).toBe('closed')
  })

  it.each(POLICIES)('ends when the breaker of an unreachable store opens, under %s', async (policy) => {
    const { store, counts } = failingStore(policy, new Error('connect ECONNREFUSED'))
    await probeUntilBreakerOpens(store)
    expect(store.stats().state).not.toBe('closed')
    expect(counts.peeks).toBeLessThan(20)
    expect(await responds(store)).toBe(false)
  })

  it('ends after a bounded number of probes if the breaker never opens', async () => {
    let peeks = 0
    const failingPeek = {
      peek: async () => {
        peeks++
        throw new TypeError('a mistake of the caller')
      },
      stats: () => ({ ...failingStore('open', new Error('unused')).store.stats() }),
    }
    await probeUntilBreakerOpens(failingPeek)
    expect(peeks).toBe(1000)
  })

  it.each(POLICIES)(
    'accepts a Redis store whose probe key contains a value of another program, under the policy %s',
    async (policy) => {
      const redis = await startRedis()
      onTestFinished(() => redis.stop())
      const url = `redis://127.0.0.1:${redis.port}`
      await redisStore(url).close()
      await redis.cli('set', storeKey('sluice:', 'sluice health', ''), 'foreign')
      const opened = await openStore(
        { store: { kind: 'redis', url }, onStoreFailure: { policy } },
        createLog({ write: () => {} }),
      )
      onTestFinished(() => opened.store.close())
      expect(await opened.health()).toEqual({ state: 'answers', policy })
    },
  )
})
