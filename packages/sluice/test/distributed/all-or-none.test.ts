import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Limit } from '../../src/limits/limit.js'
import type { Charge } from '../../src/stores/store.js'
import { BACKENDS, type Backend, startBackend, storeOn } from './backends.js'
import { HOUR } from './calls.js'
import { ProcessPool } from './process-pool.js'

const PROCESSES = 6
const CAPACITY = 600
/** Requests of each kind per process. Together they exceed the limits. */
const REQUESTS_PER_KIND = 120

/**
 * Requests of one process: those admitted, by kind, and those after which the limits had different
 * quotas left.
 */
interface RequestCounts {
  readonly admitted: readonly number[]
  readonly unequal: number
}

const LIMITS: readonly Limit[] = [
  { algorithm: 'token-bucket', limit: 1, period: HOUR, burst: CAPACITY },
  { algorithm: 'fixed-window', limit: CAPACITY, period: HOUR },
  { algorithm: 'sliding-window', limit: CAPACITY, period: 24 * HOUR },
  { algorithm: 'sliding-log', limit: CAPACITY, period: HOUR },
  { algorithm: 'concurrency', limit: CAPACITY, lease: HOUR },
]

const fits = chargesThatCost([1, 1, 1, 1, 1])
/** Kinds of requests that a single limit always refuses, one kind for each limit. */
const refused = LIMITS.map((_, refusing) =>
  chargesThatCost(LIMITS.map((_, index) => (index === refusing ? CAPACITY + 1 : 2))),
)
/** The second kind has the charges in reverse order, so that sequential takes interleave. */
const REQUEST_KINDS: readonly (readonly Charge[])[] = [fits, [...fits].reverse(), ...refused]

describe.each(BACKENDS)('%s', (name) => {
  let backend: Backend
  let pool: ProcessPool<RequestCounts>

  beforeAll(async () => {
    backend = await startBackend(name)
    const options = { url: backend.url, prefix: 'five:' }
    pool = await ProcessPool.start(
      new URL('workers/multi-limit-requests.js', import.meta.url),
      Array.from({ length: PROCESSES }, () => options),
    )
  })

  afterAll(async () => {
    await pool?.stop()
    await backend?.stop()
  })

  it('takes from all five limits of a request or from none while other processes contend', async () => {
    const results = await pool.run({ kinds: REQUEST_KINDS, times: REQUESTS_PER_KIND, concurrency: 20 })
    const admitted = REQUEST_KINDS.map((_, kind) =>
      results.reduce((sum, result) => sum + (result.admitted[kind] ?? 0), 0),
    )
    const [forward = 0, reverse = 0, ...none] = admitted
    expect(none).toEqual(refused.map(() => 0))
    expect(forward + reverse).toBeLessThanOrEqual(CAPACITY)

    const store = storeOn(backend, 'five:')
    try {
      const left = async () =>
        (await store.peek(chargesThatCost([0, 0, 0, 0, 0]))).map(({ remaining }) => remaining)
      // Every admitted request took from all five limits, and no other request took anything.
      expect(await left()).toEqual(LIMITS.map(() => CAPACITY - forward - reverse))
      // The quota that was only taken temporarily is available again.
      for (let request = forward + reverse; request < CAPACITY; request++) {
        const verdicts = await store.take(fits.map((charge) => ({ ...charge, lease: `rest ${request}` })))
        expect(verdicts.every(({ allowed }) => allowed)).toBe(true)
      }
      expect(await left()).toEqual(LIMITS.map(() => 0))
    } finally {
      await store.close()
    }

    const unequal = results.reduce((sum, result) => sum + result.unequal, 0)
    if (name === 'Redis') {
      // Redis decides atomically: all limits had the same quota left, and no fitting request was
      // refused.
      expect(unequal).toBe(0)
      expect(forward + reverse).toBe(CAPACITY)
    }
    const requests = PROCESSES * REQUESTS_PER_KIND * REQUEST_KINDS.length
    console.log(
      `${name}, ${PROCESSES} processes, ${requests} requests on the same five limits of ${CAPACITY}: ` +
        `${forward + reverse} admitted, ${requests - forward - reverse} refused; each limit has ${CAPACITY - forward - reverse} left`,
    )
  })
})

function chargesThatCost(costs: readonly number[]): Charge[] {
  return LIMITS.map((limit, index) => ({
    scope: limit.algorithm,
    key: 'shared',
    limit,
    cost: costs[index] ?? 0,
    lease: 'peek',
  }))
}
