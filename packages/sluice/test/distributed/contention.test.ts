import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createLimiter } from '../../src/limiter/limiter.js'
import { BACKENDS, type Backend, startBackend, storeOn } from './backends.js'
import { type CallCounts, HOUR, rulesOf, sumCounts } from './calls.js'
import { ProcessPool } from './process-pool.js'

const PROCESSES = 8
const CALLS = 2000
const LIMIT = 1000
const PREFIX = 'contention:'

const RULES = [
  ...rulesOf(LIMIT),
  [
    'token-bucket with a penalty',
    {
      limit: { algorithm: 'token-bucket', limit: 1, period: HOUR, burst: LIMIT },
      penalty: '1h',
      penaltyGrowth: 2,
      penaltyMax: '1d',
    },
  ],
] as const

/** Clients that the processes use in rotation; undefined is the store's own connection. */
const CLIENTS = [undefined, 'ioredis', 'node-redis'] as const

describe.each(BACKENDS)('%s under contention', (name) => {
  let backend: Backend
  let pool: ProcessPool<CallCounts>

  beforeAll(async () => {
    backend = await startBackend(name)
    const clients = name === 'Memcached' ? [undefined] : CLIENTS
    pool = await ProcessPool.start(
      new URL('workers/concurrent-calls.js', import.meta.url),
      Array.from({ length: PROCESSES }, (_, index) => ({
        url: backend.url,
        prefix: PREFIX,
        client: clients[index % clients.length],
      })),
    )
  })

  afterAll(async () => {
    await pool?.stop()
    await backend?.stop()
  })

  it.each(RULES)(
    `admits exactly ${LIMIT} of ${PROCESSES} × ${CALLS} simultaneous calls on one key under the %s rule`,
    async (algorithm, rule) => {
      const results = await pool.run({ name: algorithm, rule, calls: CALLS, concurrency: CALLS })
      const { took, ...counts } = sumCounts(results)
      const refused = PROCESSES * CALLS - LIMIT
      expect(counts).toEqual({ admitted: LIMIT, refused, failed: 0, failure: '' })
      console.log(
        `${name}, ${PROCESSES} × ${CALLS} calls at once, ${algorithm}: ` +
          `${counts.admitted} of ${LIMIT} admitted in ${took.toFixed(0)} ms`,
      )
    },
  )

  it.each(RULES)(
    `admits exactly ${LIMIT} of 10,000 simultaneous calls of one process under the %s rule`,
    async (algorithm, rule) => {
      const store = storeOn(backend, PREFIX)
      try {
        const limiter = createLimiter({ store, name: `one process, ${algorithm}`, rules: [rule] })
        const calls = Array.from({ length: 10_000 }, () => limiter.admit('one key'))
        const decisions = await Promise.all(calls)
        expect(decisions.filter(({ allowed }) => allowed)).toHaveLength(LIMIT)
      } finally {
        await store.close()
      }
    },
  )

  it('admits every call of a sustained load within the limit', async () => {
    const capacity = 20_000
    const limit = { algorithm: 'token-bucket', limit: 1, period: HOUR, burst: capacity } as const
    const request = { name: 'sustained', rule: { limit, name: 'requests' }, calls: CALLS, concurrency: 20 }
    const { took, ...counts } = sumCounts(await pool.run(request))
    const admitted = PROCESSES * CALLS
    expect(counts).toEqual({ admitted, refused: 0, failed: 0, failure: '' })
    const store = storeOn(backend, PREFIX)
    try {
      const charge = { scope: 'sustained\nrequests', key: 'one key', limit, cost: 0 }
      expect(await store.peek([charge])).toMatchObject([{ remaining: capacity - admitted }])
    } finally {
      await store.close()
    }
    console.log(
      `${name}, ${PROCESSES} × 20 callers, ${admitted} takes from one key: all admitted in ${took.toFixed(0)} ms`,
    )
  })
})
