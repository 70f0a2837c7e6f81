import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type Backend, startBackend } from './backends.js'
import { ProcessPool } from './process-pool.js'

interface Result {
  readonly admissions: readonly { readonly id: number; readonly at: number; readonly cost: number }[]
  readonly refused: number
  readonly left: number
  readonly began: number
}

const CALLS = 5_000
const RATE = 5_000
const BURST = 500
const LIMIT = { algorithm: 'token-bucket', limit: RATE, period: 1000, burst: BURST }

describe('10,000 waiting calls on one key of Redis in two processes', () => {
  let backend: Backend
  let pool: ProcessPool<Result>

  beforeAll(async () => {
    backend = await startBackend('Redis')
    const options = { url: backend.url, prefix: 'waiting:' }
    pool = await ProcessPool.start(new URL('workers/waiting-calls.js', import.meta.url), [options, options])
  })

  afterAll(async () => {
    await pool?.stop()
    await backend?.stop()
  })

  it.each([
    { aborted: 0, atOnce: false },
    { aborted: CALLS / 2, atOnce: false },
    { aborted: 0, atOnce: true },
  ])(
    'are all admitted in the order of each process, and never above the limit: $aborted calls of each leave and as many join, all are sent at once: $atOnce',
    async ({ aborted, atOnce }) => {
      const name = `${aborted} leave, ${atOnce}`
      const results = await pool.run({ name, limit: LIMIT, calls: CALLS, aborted, atOnce })
      for (const { admissions, refused, left } of results) {
        expect({ admitted: admissions.length, refused, left }).toEqual({
          // Two calls precede them.
          admitted: CALLS + 2,
          refused: 0,
          left: aborted,
        })
        const order = admissions.map(({ id }) => id)
        expect(order).toEqual(order.toSorted((one, other) => one - other))
      }
      const began = Math.min(...results.map((result) => result.began))
      const admissions = results.flatMap((result) => result.admissions)
      admissions.sort((one, other) => one.at - other.at)
      let taken = 0
      const excess = admissions.map(({ at, cost }) => {
        taken += cost
        return taken - (BURST + (RATE * (at - began)) / 1000)
      })
      expect(Math.max(...excess)).toBeLessThanOrEqual(1)
    },
  )
})
