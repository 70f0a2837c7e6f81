import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { capacityOf, type Limit } from '../../src/limits/limit.js'
import { storeKey as memcachedKey } from '../../src/stores/memcached/memcached-key.js'
import { storeKey as redisKey } from '../../src/stores/redis/redis-key.js'
import type { Charge, Store } from '../../src/stores/store.js'
import { until } from '../stores/servers/redis.js'
import { BACKENDS, type Backend, startBackend, storeOn } from './backends.js'
import { HOUR } from './calls.js'
import { type Expiry, expiriesOn } from './expiries.js'
import { Crew } from './process-pool.js'

const PROCESSES = 4
const CALLS = 1500
const PREFIX = 'expiry:'
const DAY = 24 * HOUR

/** What a state may outlive its use by, in milliseconds. */
const SPARE = 2000

/**
 * How far the clocks of two processes on Memcached may be apart, in milliseconds: so much later expires what ends at a date, of
 * the calendar or because Memcached takes an expiry for one that is more than 30 days away; see `expiryOf`.
 */
const CLOCKS = 1000
/** The same, once they have met on a key. */
const ROUND_TRIP = 100

const PERIODS = [700, 2500, HOUR, 40 * DAY]

/** The limits of one period, by algorithm, and two of the calendar. */
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
  ['a', 'b'].map((key) => ({ scope: JSON.stringify(limit), key, limit, cost: 0, lease: 'nobody' })),
)

interface Refill extends Expiry {
  /** Whether anything is used, so that the key has to be there. */
  readonly counts: boolean
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

  it(`no key is without expiry, none goes before it is refilled, none stays for ${SPARE} ms more`, async () => {
    const done = await mixedCalls(backend, store)
    const refills = await refillsOf(backend, store)
    const expiries = await allExpiries(backend, refills)
    const ever = [...expiries].filter(([, { to }]) => to === Number.POSITIVE_INFINITY)
    expect(ever).toEqual([])

    const stays: number[] = []
    for (const [key, expiry] of expiries) {
      const refill = refills.get(key)
      // What is as good as new may be there for a while; it was last changed before it was looked at.
      if (refill === undefined) throw new Error(`nobody charges for the key '${key}'`)
      expect(expiry.to, key).toBeGreaterThanOrEqual(refill.from)
      expect(expiry.from, key).toBeLessThanOrEqual(refill.to + SPARE + apart(backend, key, refill))
      stays.push(expiry.from - refill.to)
    }
    expect(expiries.size).toBeGreaterThan(CHARGES.length / 3)
    console.log(
      `${name}, ${PROCESSES} processes, ${JSON.stringify(done)}: ${expiries.size} keys, all with expiry, ` +
        `${Math.max(...stays).toFixed(0)} ms after the refill at most`,
    )
  })
})

/** By how much the clock of the process that looks may be behind the one of the process that wrote, in milliseconds. */
function apart({ memcached }: Backend, key: string, { to }: Refill): number {
  if (memcached === undefined) return 0
  return key.includes('calendar') || to > Date.now() + 30 * DAY ? CLOCKS : ROUND_TRIP
}

async function mixedCalls(backend: Backend, store: Store): Promise<Count> {
  const options = { url: backend.url, prefix: PREFIX }
  const crew = await Crew.start<Count>(
    new URL('workers/mixed-calls.js', import.meta.url),
    Array.from({ length: PROCESSES }, () => options),
  )
  try {
    // Where the processes decide by clocks of their own, they meet on the keys and have one time from then on.
    await crew.ask({ charges: CHARGES, calls: CALLS / 5 })
    await store.peek(CHARGES)
    for (const { scope, key } of CHARGES) await store.reset(scope, key)
    for (const charge of CHARGES) await store.take([{ ...charge, cost: 1 }])
    const counts = await crew.ask({ charges: CHARGES, calls: CALLS })
    const sum = (what: keyof Count) => counts.reduce((total, count) => total + count[what], 0)
    return { taken: sum('taken'), refused: sum('refused'), settled: sum('settled'), reset: sum('reset') }
  } finally {
    await crew.stop()
  }
}

/**
 * The expiries of all keys. Those that still count are among them; a server that moves its items about while it lists
 * them may leave one out, and is asked again.
 */
async function allExpiries(backend: Backend, refills: Map<string, Refill>): Promise<Map<string, Expiry>> {
  const all = new Map<string, Expiry>()
  const counting = [...refills].filter(([, { counts, from }]) => counts && from > Date.now() + HOUR / 2)
  await until(async () => {
    for (const [key, expiry] of await expiriesOn(backend)) all.set(key, expiry)
    return counting.every(([key]) => all.has(key))
  })
  return all
}

/** When each key is as good as new, by the store's word, between two moments of this machine's wall time. */
async function refillsOf({ memcached }: Backend, store: Store): Promise<Map<string, Refill>> {
  const keyOf = memcached === undefined ? redisKey : memcachedKey
  const refills = new Map<string, Refill>()
  for (const charge of CHARGES) {
    const before = Date.now()
    const [verdict] = await store.peek([charge])
    const resetAfter = verdict?.resetAfter ?? 0
    const counts = (verdict?.remaining ?? 0) < capacityOf(charge.limit)
    const refill = { from: before + resetAfter, to: Date.now() + 1 + resetAfter, counts }
    refills.set(keyOf(PREFIX, charge.scope, charge.key), refill)
  }
  return refills
}
