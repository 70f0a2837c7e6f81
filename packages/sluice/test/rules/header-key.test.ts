import { expect, it } from 'vitest'
import { createLimiter } from '../../src/limiter/limiter.js'

interface Sent {
  readonly address: string
  readonly key?: string
}

const limiter = createLimiter<Sent>({
  rules: [{ limit: '5/minute', by: 'header:x-api-key' }],
  keys: { ip: ({ address }) => address, route: () => 'GET /', header: ({ key }) => key },
})

function keyOf(sent: Sent): string | undefined {
  const forecast = limiter.peek(sent)
  if (forecast instanceof Promise) throw new TypeError('the memory store decides at once')
  return forecast.quotas[0]?.key
}

it('a header is counted by its digest, and by that of the address where it is absent', () => {
  const keys = [
    keyOf({ address: '192.0.2.1' }),
    keyOf({ address: '192.0.2.2' }),
    keyOf({ address: '192.0.2.1', key: 'secret' }),
    // Whoever sends an address as a key is not counted with those who have it.
    keyOf({ address: '192.0.2.9', key: '192.0.2.1' }),
  ]
  expect(new Set(keys).size).toBe(keys.length)
  for (const key of keys) expect(key).not.toMatch(/192|secret/)
  expect(keyOf({ address: '192.0.2.7', key: 'secret' })).toBe(keys[2])
  expect(keyOf({ address: '192.0.2.1' })).toBe(keys[0])
})
