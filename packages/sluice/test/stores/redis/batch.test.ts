import fc from 'fast-check'
import { expect, it } from 'vitest'
import type { Limit } from '../../../src/limits/limit.js'
import { Batch } from '../../../src/stores/redis/batch.js'
import { storeKey } from '../../../src/stores/redis/redis-key.js'
import { hasPenalties, type Job, OPERATION } from '../../../src/stores/redis/script-job.js'
import { scriptLimit } from '../../../src/stores/redis/script-limit.js'
import { type Charge, penaltyScopeOf } from '../../../src/stores/store.js'

const LIMITS: Limit[] = [
  { algorithm: 'token-bucket', limit: 5, period: 1000, burst: 5 },
  { algorithm: 'token-bucket', limit: 6, period: 1000, burst: 5 },
  { algorithm: 'sliding-window', limit: 5, period: 1000 },
  { algorithm: 'concurrency', limit: 5, lease: 1000 },
]

const charge: fc.Arbitrary<Charge> = fc.record({
  scope: fc.constantFrom('a', 'b', 'c', '{d'),
  key: fc.constantFrom('one', 'one', 'one', 'two', 'th%ee'),
  limit: fc.constantFrom(...LIMITS),
  cost: fc.constantFrom(0, 1, 1, 1, 2, 0.5),
  enforce: fc.constantFrom(undefined, true, false),
  lease: fc.constantFrom('', 'lease'),
  penalty: fc.constantFrom(
    undefined,
    { durationMs: 100, growth: 1, maxMs: 100 },
    { durationMs: 200, growth: 2, maxMs: 900 },
  ),
})
/** Recurring requests with different keys, as on a route, and other requests. */
const requests = fc.array(fc.array(charge, { minLength: 1, maxLength: 5 }), { minLength: 1, maxLength: 12 })
const jobChoice = fc.record({
  which: fc.nat(11),
  key: fc.option(fc.constantFrom('one', 'two', 'three')),
  operation: fc.constantFrom(
    'take',
    'take',
    'take',
    'peek',
    'settle',
    'reset',
    'takeWithPenalties',
    'peekWithPenalties' as const,
  ),
})

it('a batch encodes every job completely and each key only once', () => {
  fc.assert(
    fc.property(requests, fc.array(jobChoice, { minLength: 1, maxLength: 40 }), (routes, choices) => {
      const jobs = choices.map(({ which, key, operation }): Job => {
        const route = routes[which % routes.length] as Charge[]
        const charges = route.map((each) => (key === null ? each : { ...each, key }))
        const rest = { attempts: 0, resolve: () => {}, reject: () => {} }
        if (operation === 'reset') return { operation, charges: [charges[0] as Charge], ...rest }
        if (operation !== 'settle') return { operation, charges, ...rest }
        return {
          operation,
          charges,
          taken: charges.map(({ cost }) => ({ cost, at: which, resetAfter: 3 })),
          ...rest,
        }
      })
      const batch = new Batch('p:', 0)
      for (const job of jobs) batch.add(job)
      expect(new Set(batch.keys).size).toBe(batch.keys.length)
      expect(decodeBatch(batch)).toEqual(jobs.map(encoded))
    }),
    { seed: 20261126, numRuns: 500 },
  )
})

interface EncodedJob {
  readonly operation: number
  readonly charges: readonly object[]
}

/** Returns the expected encoding of a job. */
function encoded(job: Job): EncodedJob {
  const operation = OPERATION[job.operation]
  if (job.operation === 'reset') {
    const [{ scope, key }] = job.charges
    return { operation, charges: [{ key: storeKey('p:', scope, key) }] }
  }
  const charges = job.charges.map(({ scope, key, limit, cost, enforce, lease, penalty }, index) => ({
    key: storeKey('p:', scope, key),
    limit: scriptLimit(limit, undefined),
    cost,
    enforced: enforce === false ? 0 : 1,
    ...(limit.algorithm === 'concurrency' && { lease: lease && `=${lease}` }),
    ...('taken' in job && { taken: job.taken[index] }),
    ...(hasPenalties(job.operation) && {
      penalty: penalty && { key: storeKey('p:', penaltyScopeOf(scope), key), ...penalty },
    }),
  }))
  return { operation, charges }
}

/** Decodes a batch as the script does. */
function decodeBatch(batch: Batch): EncodedJob[] {
  const [, json = '', ...leases] = batch.args('', () => undefined)
  const [limits, templates, row] = JSON.parse(json) as [{ letter: string }[], number[][], number[]]
  const next = () => row.shift() as number
  const keyAt = (position: number) => batch.keys[position - 1]
  const jobs: EncodedJob[] = []
  while (row.length > 0) {
    const operation = next()
    if (operation === OPERATION.reset) {
      jobs.push({ operation, charges: [{ key: keyAt(next()) }] })
      continue
    }
    const template = templates[next() - 1] as number[]
    const first = next()
    const count = template.length / 3
    const positions = Array.from({ length: count }, (_, index) => (first > 0 ? first + index : next()))
    const charges = positions.map((position, index) => {
      const [limitPosition = 0, cost, enforced] = template.slice(3 * index)
      const limit = limits[limitPosition - 1] as { letter: string }
      return {
        key: keyAt(position),
        limit,
        cost,
        enforced,
        ...(limit.letter === 'n' && { lease: leases.shift() }),
      }
    })
    const isSettled = operation === OPERATION.settle
    const taken = () => ({ taken: { cost: next(), at: next(), resetAfter: next() } })
    const isPenalized = operation > OPERATION.reset
    const penalty = () => {
      const [position, durationMs, growth, maxMs] = [next(), next(), next(), next()]
      return { penalty: position === 0 ? undefined : { key: keyAt(position), durationMs, growth, maxMs } }
    }
    jobs.push({
      operation,
      charges: charges.map((each) => ({ ...each, ...(isSettled && taken()), ...(isPenalized && penalty()) })),
    })
  }
  return jobs
}
