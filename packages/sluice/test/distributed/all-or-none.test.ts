import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Limit } from '../../src/limits/limit.js'
import type { Charge } from '../../src/stores/store.js'
import { BACKENDS, type Backend, startBackend, storeOn } from './backends.js'
import { HOUR } from './calls.js'
import { Crew } from './process-pool.js'

const PROCESSES = 6
const CAPACITY = 600
/** Requests of each kind that a process makes; all processes together want more than there is. */
const TIMES = 120

/** What a process says: how many of each kind were let in, and of how many the five limits had not the same left. */
interface Requested {
  readonly admitted: readonly number[]
  readonly torn: number
}

const FIVE: readonly Limit[] = [
  { algorithm: 'token-bucket', limit: 1, period: HOUR, burst: CAPACITY },
  { algorithm: 'fixed-window', limit: CAPACITY, period: HOUR },
  { algorithm: 'sliding-window', limit: CAPACITY, period: 24 * HOUR },
  { algorithm: 'sliding-log', limit: CAPACITY, period: HOUR },
  { algorithm: 'concurrency', limit: CAPACITY, lease: HOUR },
]

const fits = chargesThatCost([1, 1, 1, 1, 1])
/** In each, another of the five refuses whatever is left. */
const refused = FIVE.map((_, place) =>
  chargesThatCost(FIVE.map((_, index) => (index === place ? CAPACITY + 1 : 2))),
)
/** The same five the other way round, so that those who take in turn meet in the middle. */
const KINDS: readonly (readonly Charge[])[] = [fits, [...fits].reverse(), ...refused]

describe.each(BACKENDS)('%s', (name) => {
  let backend: Backend
  let crew: Crew<Requested>

  beforeAll(async () => {
    backend = await startBackend(name)
    const options = { url: backend.url, prefix: 'five:' }
    crew = await Crew.start(
      new URL('workers/requester.js', import.meta.url),
      Array.from({ length: PROCESSES }, () => options),
    )
  })

  afterAll(async () => {
    await crew?.stop()
    await backend?.stop()
  })

  it('a request with five limits takes from all or from none, whoever else takes from them', async () => {
    const answers = await crew.ask({ kinds: KINDS, times: TIMES, atOnce: 20 })
    const admitted = KINDS.map((_, kind) =>
      answers.reduce((sum, answer) => sum + (answer.admitted[kind] ?? 0), 0),
    )
    const [some = 0, others = 0, ...none] = admitted
    expect(none).toEqual(refused.map(() => 0))
    expect(some + others).toBeLessThanOrEqual(CAPACITY)

    const store = storeOn(backend, 'five:')
    try {
      const left = async () =>
        (await store.peek(chargesThatCost([0, 0, 0, 0, 0]))).map(({ remaining }) => remaining)
      // Nothing was taken but by those who were let in, and nobody was let in who did not take from all five.
      expect(await left()).toEqual(FIVE.map(() => CAPACITY - some - others))
      // Whatever was refused only because others had taken for a moment, is there now.
      for (let request = some + others; request < CAPACITY; request++) {
        const verdicts = await store.take(fits.map((charge) => ({ ...charge, lease: `rest ${request}` })))
        expect(verdicts.every(({ allowed }) => allowed)).toBe(true)
      }
      expect(await left()).toEqual(FIVE.map(() => 0))
    } finally {
      await store.close()
    }

    const torn = answers.reduce((sum, answer) => sum + answer.torn, 0)
    if (name === 'Redis') {
      // One step for all: everybody saw the same left of each, and nobody was refused who fitted.
      expect(torn).toBe(0)
      expect(some + others).toBe(CAPACITY)
    }
    const requests = PROCESSES * TIMES * KINDS.length
    console.log(
      `${name}, ${PROCESSES} processes, ${requests} requests on the same five limits of ${CAPACITY}: ` +
        `${some + others} let in, ${requests - some - others} refused; each limit has ${CAPACITY - some - others} left`,
    )
  })
})

function chargesThatCost(costs: readonly number[]): Charge[] {
  return FIVE.map((limit, index) => ({
    scope: limit.algorithm,
    key: 'shared',
    limit,
    cost: costs[index] ?? 0,
    lease: 'nobody',
  }))
}
