import { expect, it } from 'vitest'
import type { Limit } from '../../src/limits/limit.js'
import { type Charge, type Store, type StoreVerdict, settlementOf } from '../../src/stores/store.js'
import { until } from '../stores/servers/redis.js'
import { BACKENDS, startBackend, storeOn } from './backends.js'
import { Crew } from './process-pool.js'

const PROCESSES = 4
const CAPACITY = 50
const PERIOD = 4000
/** How long the refused requests last at least, by the store's clock; less than what any limit needs to come back wholly. */
const HAMMERING = 1000

/** What a process says of requests that were all to be refused. */
interface Hammered {
  readonly admitted: number
  readonly refused: number
}

const LIMITS: readonly Limit[] = [
  { algorithm: 'token-bucket', limit: CAPACITY, period: PERIOD, burst: CAPACITY },
  { algorithm: 'fixed-window', limit: CAPACITY, period: PERIOD },
  { algorithm: 'sliding-window', limit: CAPACITY, period: PERIOD },
  { algorithm: 'sliding-log', limit: CAPACITY, period: PERIOD },
  { algorithm: 'concurrency', limit: CAPACITY, lease: 60_000 },
]

it.concurrent.each(BACKENDS)('%s: refused requests consume nothing', async (name) => {
  const backend = await startBackend(name)
  const options = { url: backend.url, prefix: 'refused:' }
  const store = storeOn(backend, options.prefix)
  const processes = Array.from({ length: PROCESSES }, () => options)
  const crew = await Crew.start<Hammered>(new URL('workers/hammer.js', import.meta.url), processes)
  try {
    await consumesNothing(name, crew, store)
  } finally {
    await crew.stop()
    await store.close()
    await backend.stop()
  }
})

async function consumesNothing(name: string, crew: Crew<Hammered>, store: Store): Promise<void> {
  const full = await store.take(charges('full', CAPACITY))
  expectAllTaken(full)
  // Each asks for one of another limit, and for all of the full one, which refuses.
  const [others, wanted] = [charges('other', 1), charges('full', CAPACITY)]
  const answers = crew.ask({ requests: wanted.map((charge, index) => [others[index], charge]) })
  await untilPassed(store, full, HAMMERING)
  crew.tell('stop')
  const hammered = await answers
  const refused = hammered.reduce((sum, each) => sum + each.refused, 0)
  expect(hammered.map(({ admitted }) => admitted)).toEqual(hammered.map(() => 0))
  expect(refused).toBeGreaterThan(100)

  // Of the other limits nothing was taken. Of the full ones exactly what is due is back, at each moment.
  expect(await leftOf(store, 'other')).toEqual(LIMITS.map(() => CAPACITY))
  for (const moment of [HAMMERING, PERIOD, 1.5 * PERIOD, 2 * PERIOD]) {
    await untilPassed(store, full, moment)
    await expectRefilled(store, full)
  }
  // What was held comes back as it is given back. Then there is as much as ever, and no more.
  const [slots, held] = [charges('full', CAPACITY)[4], full[4]] as [Charge, StoreVerdict]
  await store.settle([settlementOf(slots, held, 20)])
  expect((await leftOf(store, 'full'))[4]).toBe(CAPACITY - 20)
  await store.settle([settlementOf({ ...slots, cost: 20 }, held, 0)])
  expectAllTaken(await store.take(charges('full', CAPACITY, 'again')))
  console.log(
    `${name}, ${PROCESSES} processes: ${refused} refused requests on full limits of each algorithm took nothing; ` +
      `${CAPACITY} of ${CAPACITY} came back when they were due`,
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

/** Waits until the store's clock says for every limit that so many milliseconds passed since all of it was taken. */
async function untilPassed(store: Store, full: readonly StoreVerdict[], time: number): Promise<void> {
  await until(async () => {
    const now = await store.peek(charges('full', 0))
    return now.every(({ at }, index) => at >= (full[index]?.at ?? 0) + time)
  })
}

/** There is what there has to be so long after all was taken; no slot is free before it is given back. */
async function expectRefilled(store: Store, full: readonly StoreVerdict[]): Promise<void> {
  const now = await store.peek(charges('full', 0))
  const [bucket = 0, fixed = 0, sliding = 0, log = 0] = now.map(
    ({ at }, index) => at - (full[index]?.at ?? 0),
  )
  expect(now.map(({ remaining }) => remaining)).toEqual([
    whole((CAPACITY * bucket) / PERIOD),
    fixed < PERIOD ? 0 : CAPACITY,
    whole((CAPACITY * (sliding - PERIOD)) / PERIOD),
    log < PERIOD ? 0 : CAPACITY,
    0,
  ])
}

function whole(units: number): number {
  return Math.floor(Math.min(CAPACITY, Math.max(0, units)) + 1e-9)
}

function charges(key: string, cost: number, lease = 'first'): Charge[] {
  return LIMITS.map((limit) => ({ scope: limit.algorithm, key, limit, cost, lease }))
}
