import fc from 'fast-check'
import { it } from 'vitest'
import { clockedStores, STORE_KINDS } from './clocked-stores.js'
import { moneyTraces, playMoney } from './money-levels.js'

const storeOf = clockedStores()

it('the memory, Redis and Memcached stores reserve, settle and refuse the money of organizations, teams and clients like a slow model', async () => {
  await fc.assert(
    fc.asyncProperty(moneyTraces, (trace) =>
      playMoney(trace, (clock) => STORE_KINDS.map((kind) => storeOf(kind, clock))),
    ),
    { seed: 20_261_203, numRuns: 40 },
  )
})
