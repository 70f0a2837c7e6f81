import { afterAll, beforeAll, expect, it } from 'vitest'
import type { Limit } from '../../../src/limits/limit.js'
import { memcachedStore } from '../../../src/stores/memcached/index.js'
import { type MemcachedServer, startMemcached } from '../servers/memcached.js'

const HOUR = 3_600_000

let server: MemcachedServer

beforeAll(async () => {
  server = await startMemcached()
})
afterAll(() => server?.stop())

it('ten Memcached stores that contend take from all three keys of a request or from none', async () => {
  const limit: Limit = { algorithm: 'token-bucket', limit: 1, period: HOUR, burst: 60 }
  const stores = Array.from({ length: 10 }, () => memcachedStore({ url: server.url, prefix: 'three:' }))
  const keys = ['a', 'b', 'c']
  try {
    const calls = Array.from({ length: 300 }, (_, call) => {
      // The calls start with different keys, and every third call exceeds the limit of key c.
      const order = keys.map((_, index) => keys[(index + call) % 3] as string)
      return stores[call % 10]?.take(
        order.map((key) => ({ scope: 's', key, limit, cost: call % 3 === 0 && key === 'c' ? 61 : 1 })),
      )
    })
    const admitted = (await Promise.all(calls)).filter((verdicts) =>
      verdicts?.every(({ allowed }) => allowed),
    )
    expect(admitted).toHaveLength(60)
    const left = await stores[0]?.peek(keys.map((key) => ({ scope: 's', key, limit, cost: 0 })))
    expect(left?.map(({ remaining }) => remaining)).toEqual([0, 0, 0])
  } finally {
    await Promise.all(stores.map((store) => store.close()))
  }
})
