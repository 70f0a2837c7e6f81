import { expect, it } from 'vitest'
import type { Limit } from '../../src/limits/limit.js'
import { type Charge, type Store, type StoreVerdict, settlementOf } from '../../src/stores/store.js'
import { until } from '../stores/servers/redis.js'
import { BACKENDS, startBackend, storeOn } from './backends.js'
import { ProcessPool } from './process-pool.js'

const PROCESSES = 4
const CAPACITY = 50
const PERIOD_MS = 4000
/**
 * Duration of the load of refused requests by the store's clock, in milliseconds; shorter than any
 * recovery.
 */
const REFUSING_MS = 1000

/** The requests of one process, all of which should be refused. */
interface RefusedCounts {
  readonly admitted: number
  readonly refused: number
}

const LIMITS: readonly Limit[] = [
  { algorithm: 'token-bucket', limit: CAPACITY, period: PERIOD_MS, burst: CAPACITY },
  { algorithm: 'fixed-window', limit: CAPACITY, period: PERIOD_MS },
  { algorithm: 'sliding-window', limit: CAPACITY, period: PERIOD_MS },
  { algorithm: 'sliding-log', limit: CAPACITY, period: PERIOD_MS },
  { algorithm: 'concurrency', limit: CAPACITY, lease: 60_000 },
]

it.concurrent.each(BACKENDS)('a refused request consumes nothing on %s', async (name) => {
  const backend = await startBackend(name)
  const options = { url: backend.url, prefix: 'refused:' }
  const store = storeOn(backend, options.prefix)
  const processes = Array.from({ length: PROCESSES }, () => options)
  const pool = await ProcessPool.start<RefusedCounts>(
    new URL('workers/refused-requests.js', import.meta.url),
    processes,
  )
  try {
    await expectNothingConsumed(name, pool, store)
  } finally {
    await pool.stop()
    await store.close()
    await backend.stop()
  }
})

async function expectNothingConsumed(
  name: string,
  pool: ProcessPool<RefusedCounts>,
  store: Store,
): Promise<void> {
  const full = await store.take(charges('full', CAPACITY))
  expectAllTaken(full)
  // Each request charges one unit to an unused limit and 50 to the exhausted one, which refuses it.
  const [others, exhausted] = [charges('other', 1), charges('full', CAPACITY)]
  const results = pool.run({ requests: exhausted.map((charge, index) => [others[index], charge]) })
  await untilPassed(store, full, REFUSING_MS)
  pool.signal('stop')
  const counts = await results
  const refused = counts.reduce((sum, each) => sum + each.refused, 0)
  expect(counts.map(({ admitted }) => admitted)).toEqual(counts.map(() => 0))
  expect(refused).toBeGreaterThan(100)

  // The other limits are still unused, and at each moment the exhausted ones have recovered exactly
  // what is due.
  expect(await leftOf(store, 'other')).toEqual(LIMITS.map(() => CAPACITY))
  for (const moment of [REFUSING_MS, PERIOD_MS, 1.5 * PERIOD_MS, 2 * PERIOD_MS]) {
    await untilPassed(store, full, moment)
    await expectRefilled(store, full)
  }
  // Released slots are available at once; after the last release, the whole capacity is free.
  const [slots, held] = [charges('full', CAPACITY)[4], full[4]] as [Charge, StoreVerdict]
  await store.settle([settlementOf(slots, held, 20)])
  expect((await leftOf(store, 'full'))[4]).toBe(CAPACITY - 20)
  await store.settle([settlementOf({ ...slots, cost: 20 }, held, 0)])
  expectAllTaken(await store.take(charges('full', CAPACITY, 'again')))
  console.log(
    `${name}, ${PROCESSES} processes: ${refused} refused requests on exhausted limits of each algorithm consumed nothing; ` +
      `${CAPACITY} of ${CAPACITY} units recovered when they were due`,
  )
}

function expectAllTaken(verdicts: readonly StoreVerdict[]): void {
  expect(verdicts.map(({ allowed, remaining }) => ({ allowed, remaining }))).toEqual(
    LIMITS.map(() => ({ allowed: true, remaining: 0 })),
  )
}

async function leftOf(store: Store, key: string): Promise<number[]> {
  return (await store.peek(charges(key, 0))).map(({ remaining }) => remaining)
}

/**
 * Waits until, by the store's clock, this many milliseconds have passed since each limit was
 * exhausted.
 */
async function untilPassed(store: Store, full: readonly StoreVerdict[], time: number): Promise<void> {
  await until(async () => {
    const now = await store.peek(charges('full', 0))
    return now.every(({ at }, index) => at >= (full[index]?.at ?? 0) + time)
  })
}

/**
 * Checks that each limit has recovered what is due by now. Slots recover only when released.
 */
async function expectRefilled(store: Store, full: readonly StoreVerdict[]): Promise<void> {
  const now = await store.peek(charges('full', 0))
  const [bucket = 0, fixed = 0, sliding = 0, log = 0] = now.map(
    ({ at }, index) => at - (full[index]?.at ?? 0),
  )
  expect(now.map(({ remaining }) => remaining)).toEqual([
    recovered((CAPACITY * bucket) / PERIOD_MS),
    fixed < PERIOD_MS ? 0 : CAPACITY,
    recovered((CAPACITY * (sliding - PERIOD_MS)) / PERIOD_MS),
    log < PERIOD_MS ? 0 : CAPACITY,
    0,
  ])
}

function recovered(units: number): number {
  return Math.floor(Math.min(CAPACITY, Math.max(0, units)) + 1e-9)
}

function charges(key: string, cost: number, lease = 'first'): Charge[] {
  return LIMITS.map((limit) => ({ scope: limit.algorithm, key, limit, cost, lease }))
}
