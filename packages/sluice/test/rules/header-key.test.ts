import { expect, it } from 'vitest'
import { createLimiter } from '../../src/limiter/limiter.js'

interface TestRequest {
  readonly address: string
  readonly key?: string
}

const limiter = createLimiter<TestRequest>({
  rules: [{ limit: '5/minute', by: 'header:x-api-key' }],
  keys: { ip: ({ address }) => address, route: () => 'GET /', header: ({ key }) => key },
})

function keyOf(request: TestRequest): string | undefined {
  const forecast = limiter.peek(request)
  if (forecast instanceof Promise) throw new TypeError('the memory store is synchronous')
  return forecast.quotas[0]?.key
}

it('a rule by header counts by the digest of the header, or of the address if the header is missing', () => {
  const keys = [
    keyOf({ address: '192.0.2.1' }),
    keyOf({ address: '192.0.2.2' }),
    keyOf({ address: '192.0.2.1', key: 'secret' }),
    // An address sent as a key is not counted with the requests from that address.
    keyOf({ address: '192.0.2.9', key: '192.0.2.1' }),
  ]
  expect(new Set(keys).size).toBe(keys.length)
  for (const key of keys) expect(key).not.toMatch(/192|secret/)
  expect(keyOf({ address: '192.0.2.7', key: 'secret' })).toBe(keys[2])
  expect(keyOf({ address: '192.0.2.1' })).toBe(keys[0])
})
