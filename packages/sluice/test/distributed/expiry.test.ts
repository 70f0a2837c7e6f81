import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { capacityOf, type Limit } from '../../src/limits/limit.js'
import { storeKey as memcachedKey } from '../../src/stores/memcached/memcached-key.js'
import { storeKey as redisKey } from '../../src/stores/redis/redis-key.js'
import type { Charge, Store } from '../../src/stores/store.js'
import { until } from '../stores/servers/redis.js'
import { BACKENDS, type Backend, startBackend, storeOn } from './backends.js'
import { HOUR } from './calls.js'
import { type Expiry, expiriesOn } from './expiries.js'
import { ProcessPool } from './process-pool.js'

const PROCESSES = 4
const CALLS = 1500
const PREFIX = 'expiry:'
const DAY = 24 * HOUR

/** Maximum time that a key may exist after its limit has recovered, in milliseconds. */
const GRACE_MS = 2000

/**
 * Maximum difference between the clocks of two processes on Memcached, in milliseconds. A key with
 * an absolute expiry may expire this much later: keys of calendar windows, and keys that expire in
 * more than 30 days (see `expiryOf`).
 */
const CLOCK_DIFFERENCE_MS = 1000
/** Maximum difference between the clocks of processes that share a key, in milliseconds. */
const ROUND_TRIP_MS = 100

const PERIODS = [700, 2500, HOUR, 40 * DAY]

/** Limits of each algorithm and period, and two calendar limits. */
const LIMITS: readonly Limit[] = [
  ...PERIODS.flatMap((period): Limit[] => [
    { algorithm: 'token-bucket', limit: 10, period, burst: 15 },
    { algorithm: 'fixed-window', limit: 10, period },
    { algorithm: 'sliding-window', limit: 10, period },
    { algorithm: 'sliding-log', limit: 10, period },
    { algorithm: 'concurrency', limit: 10, lease: period },
  ]),
  { algorithm: 'fixed-window', limit: 10, period: HOUR, align: 'calendar' },
  { algorithm: 'fixed-window', limit: 10, period: DAY, align: 'calendar', timeZone: 'Asia/Kathmandu' },
]

const CHARGES: readonly Charge[] = LIMITS.flatMap((limit) =>
  ['a', 'b'].map((key) => ({ scope: JSON.stringify(limit), key, limit, cost: 0, lease: 'peek' })),
)

interface Refill extends Expiry {
  /** True if the limit is in use, in which case the key must exist. */
  readonly isUsed: boolean
}

interface Count {
  readonly taken: number
  readonly refused: number
  readonly settled: number
  readonly reset: number
}

describe.each(BACKENDS)('%s', (name) => {
  let backend: Backend
  let store: Store

  beforeAll(async () => {
    backend = await startBackend(name)
    store = storeOn(backend, PREFIX)
  })

  afterAll(async () => {
    await store?.close()
    await backend?.stop()
  })

  it(`expires every key after its limit has recovered, at most ${GRACE_MS} ms later`, async () => {
    const counts = await mixedCalls(backend, store)
    const refills = await refillsOf(backend, store)
    const expiries = await allExpiries(backend, refills)
    const permanent = [...expiries].filter(([, { to }]) => to === Number.POSITIVE_INFINITY)
    expect(permanent).toEqual([])

    const delays: number[] = []
    for (const [key, expiry] of expiries) {
      // Keys of recovered limits may still exist, so `refills` contains all limits.
      const refill = refills.get(key)
      if (refill === undefined) throw new Error(`unexpected key '${key}'`)
      expect(expiry.to, key).toBeGreaterThanOrEqual(refill.from)
      expect(expiry.from, key).toBeLessThanOrEqual(
        refill.to + GRACE_MS + clockDifference(backend, key, refill),
      )
      delays.push(expiry.from - refill.to)
    }
    expect(expiries.size).toBeGreaterThan(CHARGES.length / 3)
    console.log(
      `${name}, ${PROCESSES} processes, ${JSON.stringify(counts)}: ${expiries.size} keys, ` +
        `all with an expiry at most ${Math.max(...delays).toFixed(0)} ms after the refill`,
    )
  })
})

/** Returns how far the clock of the writing process may be ahead of this one, in milliseconds. */
function clockDifference({ memcached }: Backend, key: string, { to }: Refill): number {
  if (memcached === undefined) return 0
  return key.includes('calendar') || to > Date.now() + 30 * DAY ? CLOCK_DIFFERENCE_MS : ROUND_TRIP_MS
}

async function mixedCalls(backend: Backend, store: Store): Promise<Count> {
  const options = { url: backend.url, prefix: PREFIX }
  const pool = await ProcessPool.start<Count>(
    new URL('workers/mixed-calls.js', import.meta.url),
    Array.from({ length: PROCESSES }, () => options),
  )
  try {
    // Processes that decide by their own clocks synchronize them through the keys that they share.
    await pool.run({ charges: CHARGES, calls: CALLS / 5 })
    await store.peek(CHARGES)
    for (const { scope, key } of CHARGES) await store.reset(scope, key)
    for (const charge of CHARGES) await store.take([{ ...charge, cost: 1 }])
    const counts = await pool.run({ charges: CHARGES, calls: CALLS })
    const sum = (name: keyof Count) => counts.reduce((total, count) => total + count[name], 0)
    return { taken: sum('taken'), refused: sum('refused'), settled: sum('settled'), reset: sum('reset') }
  } finally {
    await pool.stop()
  }
}

/**
 * Returns the expiries of all keys, including every key in use. A server may omit items that it
 * moves during the listing, so the listing is repeated until it is complete.
 */
async function allExpiries(backend: Backend, refills: Map<string, Refill>): Promise<Map<string, Expiry>> {
  const all = new Map<string, Expiry>()
  const inUse = [...refills].filter(([, { isUsed, from }]) => isUsed && from > Date.now() + HOUR / 2)
  await until(async () => {
    for (const [key, expiry] of await expiriesOn(backend)) all.set(key, expiry)
    return inUse.every(([key]) => all.has(key))
  })
  return all
}

/** Returns bounds of the time at which each limit recovers, by the machine's wall clock. */
async function refillsOf({ memcached }: Backend, store: Store): Promise<Map<string, Refill>> {
  const keyOf = memcached === undefined ? redisKey : memcachedKey
  const refills = new Map<string, Refill>()
  for (const charge of CHARGES) {
    const before = Date.now()
    const [verdict] = await store.peek([charge])
    const resetAfter = verdict?.resetAfter ?? 0
    const isUsed = (verdict?.remaining ?? 0) < capacityOf(charge.limit)
    const refill = { from: before + resetAfter, to: Date.now() + 1 + resetAfter, isUsed }
    refills.set(keyOf(PREFIX, charge.scope, charge.key), refill)
  }
  return refills
}
