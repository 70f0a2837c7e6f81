import { afterAll, beforeAll, expect, it } from 'vitest'
import { memcachedStore } from '../../../src/stores/memcached/index.js'
import { storeKey } from '../../../src/stores/memcached/memcached-key.js'
import { type StoreVerdict, settlementOf } from '../../../src/stores/store.js'
import { ALL, charge } from '../conformance/harness.js'
import { type MemcachedServer, startMemcached } from '../servers/memcached.js'

const HOUR = 3_600_000
const PREFIX = 'refunds:'

let server: MemcachedServer

beforeAll(async () => {
  server = await startMemcached()
})
afterAll(() => server?.stop())

it.each(ALL)(
  'the Memcached store deletes a fully refunded key of a %s limit at once',
  async (name, limitOf) => {
    const store = memcachedStore({ url: server.url, prefix: PREFIX })
    try {
      const one = charge(limitOf(4, HOUR), 2, name)
      const [taken] = await store.take([one])
      expect(await expirySecondsOf(name)).toBeGreaterThan((Date.now() + HOUR / 3) / 1000)
      await store.settle([settlementOf(one, taken as StoreVerdict, 0)])
      // The server may still list expired keys, and a rounding error may extend a bucket by 1 s.
      expect((await expirySecondsOf(name)) ?? 0).toBeLessThanOrEqual(Date.now() / 1000 + 2)
    } finally {
      await store.close()
    }
  },
)

/** Returns the expiry of a key in seconds since the epoch, or undefined if it does not exist. */
async function expirySecondsOf(key: string): Promise<number | undefined> {
  return (await server.keys()).get(storeKey(PREFIX, 'scope', key))
}
