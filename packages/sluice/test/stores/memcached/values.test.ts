import { crc32 } from 'node:zlib'
import fc from 'fast-check'
import { MemcacheClient } from 'memcache-client'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { algorithmOf } from '../../../src/algorithms/registry.js'
import type { SlidingLogState } from '../../../src/algorithms/sliding-log.js'
import { type Count, stateUnder } from '../../../src/algorithms/usage-counts.js'
import type { Limit } from '../../../src/limits/limit.js'
import { decodeValue, encodeValue } from '../../../src/stores/memcached/codec.js'
import { memcachedStore, StoredValueError } from '../../../src/stores/memcached/index.js'
import { decodeEntries, encodeEntries, MAX_ENTRY_LENGTH } from '../../../src/stores/memcached/log-entries.js'
import { storeKey } from '../../../src/stores/memcached/memcached-key.js'
import { type MemcachedServer, startMemcached } from '../servers/memcached.js'

const HOUR = 3_600_000
const NOW = Date.UTC(2026, 10, 24) + 0.5

const LIMITS: Limit[] = [
  { algorithm: 'token-bucket', limit: 7, period: HOUR, burst: 2.5 },
  { algorithm: 'fixed-window', limit: 7, period: HOUR },
  { algorithm: 'fixed-window', limit: 7, period: HOUR, align: 'calendar', timeZone: 'Asia/Kolkata' },
  { algorithm: 'sliding-window', limit: 7, period: HOUR },
  { algorithm: 'sliding-log', limit: 7, period: HOUR },
  { algorithm: 'concurrency', limit: 7, lease: HOUR },
]

/** Returns the value of a limit with two charges. */
function storedValue(limit: Limit, key = 'key'): string {
  const { fresh, take, advance } = algorithmOf(limit)
  const once = take(limit, fresh(limit, NOW), 1, 'a lease \ud800 "')
  return encodeValue(key, [{ limit, state: take(limit, advance(limit, once, NOW + 10.25), 1, 'ö') }])
}

describe.each(LIMITS)('a stored value of a $algorithm limit (align: $align)', (limit) => {
  const value = storedValue(limit)

  it('is decoded as it was encoded', () => {
    const [{ state, limit: read }] = decodeValue('key', value).counts as readonly [Count]
    const { judge } = algorithmOf(limit)
    expect(encodeValue('key', [{ limit: read, state }])).toBe(value)
    expect(judge(read, state, 0)).toEqual(judge(limit, state, 0))
    expect(state.at).toBe(NOW + 10.25)
  })

  it('is rejected if a character was changed, removed or added', () => {
    fc.assert(
      fc.property(
        fc.nat(value.length - 1),
        fc.string({ maxLength: 3 }),
        fc.nat(3),
        (at, inserted, removed) => {
          const damaged = value.slice(0, at) + inserted + value.slice(at + removed)
          fc.pre(damaged !== value)
          expect(() => decodeValue('key', damaged)).toThrow(StoredValueError)
        },
      ),
      { seed: 20261124, numRuns: 2000 },
    )
  })

  it('is rejected under another key', () => {
    expect(() => decodeValue('another', value)).toThrow(StoredValueError)
  })
})

describe('a value of the previous version', () => {
  const earlierValue = (parts: unknown) => {
    const json = JSON.stringify(parts)
    return `sluice1 ${crc32(json, crc32('key')).toString(16).padStart(8, '0')} ${json}`
  }
  const ticks = (time: number) => (time * 1024).toString(36)
  const [at, lease] = [NOW, NOW + HOUR]

  it.each<[string, unknown, Limit]>([
    [
      'a token bucket',
      [
        ['t', 7, HOUR, 7],
        [at, 3],
      ],
      { ...LIMITS[0], limit: 70, burst: 70 } as Limit,
    ],
    [
      'a fixed window',
      [
        ['f', 7, HOUR],
        [at, at, at + HOUR, 3],
      ],
      { ...LIMITS[1], limit: 70 } as Limit,
    ],
    [
      'a sliding window',
      [
        ['w', 7, HOUR],
        [at, at, 0, 3],
      ],
      { ...LIMITS[3], limit: 70 } as Limit,
    ],
    [
      'a sliding log',
      [
        ['l', 7, HOUR],
        [at, `${ticks(at - 1000)}*2,${ticks(1000)}`],
      ],
      { ...LIMITS[4], limit: 70 } as Limit,
    ],
    [
      'slots',
      [
        ['c', 7, HOUR],
        [at, 'one', lease, 1, 'two', lease, 2],
      ],
      { ...LIMITS[5], limit: 70 } as Limit,
    ],
  ])('retains its used units when decoded: %s', (_, parts, raised) => {
    const { counts } = decodeValue('key', earlierValue(parts))
    const state = stateUnder(raised, counts, () => NOW)
    expect(algorithmOf(raised).judge(raised, state, 0).remaining).toBe(67)
    expect(encodeValue('key', counts)).toBe(earlierValue(parts))
  })
})

describe('a stored penalty', () => {
  const penalty: Count = {
    limit: { algorithm: 'token-bucket', limit: HOUR, period: HOUR, burst: 25 * HOUR },
    state: { at: NOW, level: 25 * HOUR } as Count['state'],
  }
  const count: Count = {
    limit: { algorithm: 'token-bucket', limit: 7, period: HOUR, burst: 7 },
    state: { at: NOW, level: 3 } as Count['state'],
  }

  it.each([[[]], [[count]], [[count, count, count, count]]])('is kept apart from the counts %#', (counts) => {
    const value = encodeValue('key', counts, [penalty])
    expect(decodeValue('key', value)).toEqual({ counts, penalties: [penalty] })
    expect(decodeValue('key', encodeValue('key', counts))).toEqual({ counts, penalties: [] })
  })

  it('does not make room for another count', () => {
    const value = encodeValue('key', [count, count, count, count, count], [penalty])
    expect(() => decodeValue('key', value)).toThrow(StoredValueError)
  })
})

it('decodeValue rejects values that another program wrote', () => {
  const foreign = fc.oneof(fc.string(), fc.jsonValue(), fc.constant(undefined), fc.uint8Array())
  const property = fc.property(foreign, (value) => {
    expect(() => decodeValue('key', value)).toThrow(StoredValueError)
  })
  fc.assert(property, { seed: 20261124, numRuns: 2000 })
})

it('encodeEntries encodes one log entry per tick with its time and cost, and omits refunded entries', () => {
  const entry = fc.record({ after: fc.nat(5_000_000), cost: fc.nat(3) })
  fc.assert(
    fc.property(fc.array(entry, { maxLength: 40 }), fc.nat(3), (entries, head) => {
      const times: number[] = []
      const sums: number[] = []
      let [tick, sum] = [NOW * 1024, 0]
      for (const { after, cost } of entries) {
        tick += after
        sum += cost
        times.push(tick / 1024)
        sums.push(sum)
      }
      const from = Math.min(head, times.length)
      const byTick = new Map<number, number>()
      for (let index = from; index < times.length; index++) {
        const cost = (sums[index] ?? 0) - (sums[index - 1] ?? 0)
        if (cost > 0) byTick.set(times[index] ?? 0, (byTick.get(times[index] ?? 0) ?? 0) + cost)
      }
      const encoded = encodeEntries({ times, sums, head: from, length: times.length })
      const decoded = decodeEntries(encoded)
      expect(decoded.times).toEqual([...byTick.keys()])
      expect(decoded.sums.at(-1) ?? 0).toBe([...byTick.values()].reduce((all, cost) => all + cost, 0))
      expect(encoded.length).toBeLessThanOrEqual(byTick.size * MAX_ENTRY_LENGTH)
    }),
    { seed: 20261124, numRuns: 500 },
  )
})

describe('the Memcached store on a server', () => {
  let server: MemcachedServer
  let client: MemcacheClient

  beforeAll(async () => {
    server = await startMemcached()
    client = new MemcacheClient({ server: `127.0.0.1:${server.port}` })
  })
  afterAll(async () => {
    client?.shutdown()
    await server?.stop()
  })

  const limit: Limit = { algorithm: 'token-bucket', limit: 1, period: HOUR, burst: 5 }
  const foreign: readonly (readonly [string, string | number | Buffer | Record<string, unknown>])[] = [
    ['a string', 'hello'],
    ['an empty string', ''],
    ['a number', 5],
    ['an object', { level: 0 }],
    ['bytes', Buffer.from([0xff, 0, 0xfe, 13, 10])],
    ['a value of another key', storedValue(limit, 'another')],
    ['a value without its end', storedValue(limit).slice(0, -1)],
    ['a value of a later version', storedValue(limit).replace('sluice1', 'sluice2')],
  ]

  it.each(foreign)(
    'admits no request on a key with %s, and does not overwrite the value',
    async (name, value) => {
      const store = memcachedStore({ client, prefix: 'foreign:' })
      const charge = { scope: 's', key: name, limit, cost: 1 }
      const key = storeKey('foreign:', 's', name)
      await client.set(key, value, { lifetime: 60 })
      const before = await client.get<unknown>(key)
      const taken = { ...charge, at: Date.now(), resetAfter: HOUR }
      await expect(store.take([charge])).rejects.toThrow(StoredValueError)
      await expect(store.take([charge])).rejects.toThrow(key)
      await expect(store.peek([charge])).rejects.toThrow(StoredValueError)
      await expect(store.settle([{ charge, taken, cost: 3 }])).rejects.toThrow(StoredValueError)
      expect((await client.get(key)).value).toEqual(before.value)
      // A request on several keys refunds what it took, so the other key is unchanged.
      const other = { ...charge, key: `other than ${name}` }
      await expect(store.take([other, charge])).rejects.toThrow(StoredValueError)
      expect((await store.peek([{ ...other, cost: 5 }]))[0]).toMatchObject({ allowed: true, remaining: 0 })
      await store.reset('s', name)
      expect((await store.take([charge]))[0]).toMatchObject({ allowed: true, remaining: 4 })
    },
  )

  it('throws a RangeError for a take that would make a log exceed 1 MB, but still peeks', async () => {
    const store = memcachedStore({ client, prefix: 'long:' })
    const log: Limit = { algorithm: 'sliding-log', limit: 1_000_000, period: HOUR }
    const key = storeKey('long:', 's', 'log')
    const times = Array.from({ length: 140_000 }, (_, index) => Date.now() - 1_800_000 + index * 12)
    const sums = times.map((_, index) => 3 * (index + 1))
    const state: SlidingLogState = {
      at: times.at(-1) ?? 0,
      times,
      sums,
      head: 0,
      length: times.length,
      keptFor: HOUR,
      keptUntil: 0,
    }
    const value = encodeValue(key, [{ limit: log, state }])
    expect(value.length).toBeGreaterThan(790_000)
    expect(value.length).toBeLessThan(1_000_000)
    await client.set(key, value, { lifetime: 600 })
    const charge = { scope: 's', key: 'log', limit: log, cost: 1 }
    const both = [store.take([charge]), store.peek([charge])] as const
    await expect(both[0]).rejects.toThrow(
      /^the state of a key would exceed Memcached's maximum of 1 MB.*token-bucket/,
    )
    expect((await both[1])[0]).toMatchObject({ allowed: true, remaining: 579_999 })
  })

  it('throws a RangeError for a take that would make leases exceed 1 MB', async () => {
    const store = memcachedStore({ client, prefix: 'leases:' })
    const slots: Limit = { algorithm: 'concurrency', limit: 1_000_000, lease: HOUR }
    const results = await Promise.allSettled(
      Array.from({ length: 400 }, (_, index) =>
        store.take([{ scope: 's', key: 'k', limit: slots, cost: 1, lease: `${index}`.padEnd(4000, '-') }]),
      ),
    )
    const reasons = results.filter((result) => result.status === 'rejected').map(({ reason }) => reason)
    expect(reasons.length).toBeGreaterThan(150)
    expect(reasons.every((reason) => reason instanceof RangeError)).toBe(true)
    const [left] = await store.peek([{ scope: 's', key: 'k', limit: slots, cost: 0, lease: '' }])
    expect(left?.remaining).toBe(1_000_000 - (400 - reasons.length))
  })
})
