import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { BACKENDS, type Backend, startBackend, storeOn } from './backends.js'
import { type Called, HOUR, rulesOf, together } from './calls.js'
import { Crew } from './process-pool.js'

const PROCESSES = 8
const CALLS = 2000
const LIMIT = 1000

describe.each(BACKENDS)('%s', (name) => {
  let backend: Backend
  let crew: Crew<Called>

  beforeAll(async () => {
    backend = await startBackend(name)
    crew = await Crew.start(
      new URL('workers/caller.js', import.meta.url),
      Array.from({ length: PROCESSES }, () => ({ url: backend.url, prefix: 'crowd:' })),
    )
  })

  afterAll(async () => {
    await crew?.stop()
    await backend?.stop()
  })

  it(`${PROCESSES} processes with ${CALLS} calls at once on one key are let in ${LIMIT} times`, async () => {
    const figures: string[] = []
    for (const [algorithm, rule] of rulesOf(LIMIT)) {
      const answers = await crew.ask({ name: algorithm, rule, calls: CALLS, atOnce: CALLS })
      const { took, ...counted } = together(answers)
      const refused = PROCESSES * CALLS - LIMIT
      expect(counted, algorithm).toEqual({ admitted: LIMIT, refused, failed: 0, failure: '' })
      figures.push(`${algorithm} ${counted.admitted} in ${took.toFixed(0)} ms`)
    }
    console.log(`${name}, ${PROCESSES} × ${CALLS} calls at once, limit ${LIMIT}: ${figures.join('; ')}`)
  })

  it('calls that all take, from all processes for as long as they last, are all decided', async () => {
    const capacity = 20_000
    const limit = { algorithm: 'token-bucket', limit: 1, period: HOUR, burst: capacity } as const
    const question = { name: 'lasting', rule: { limit, name: 'requests' }, calls: CALLS, atOnce: 20 }
    const { took, ...counted } = together(await crew.ask(question))
    const admitted = PROCESSES * CALLS
    expect(counted).toEqual({ admitted, refused: 0, failed: 0, failure: '' })
    const store = storeOn(backend, 'crowd:')
    try {
      const charge = { scope: 'lasting\nrequests', key: 'one key', limit, cost: 0 }
      expect(await store.peek([charge])).toMatchObject([{ remaining: capacity - admitted }])
    } finally {
      await store.close()
    }
    console.log(
      `${name}, ${PROCESSES} × 20 callers, ${admitted} takes from one key: all decided in ${took.toFixed(0)} ms`,
    )
  })
})
