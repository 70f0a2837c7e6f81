import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { createLimiter } from '../../src/limiter/limiter.js'
import type { Rule } from '../../src/rules/rule.js'
import { memoryStore } from '../../src/stores/memory/memory-store.js'
import { manualClock } from '../../src/time/clock.js'

const CALLS = 10_000

/** A rule of each algorithm. */
const ALGORITHMS: readonly [name: string, rule: (limit: number) => Rule<string>][] = [
  ['token-bucket', (limit) => ({ limit: `${limit}/hour` })],
  ['fixed-window', (limit) => ({ limit: `${limit}/hour`, algorithm: 'fixed-window' })],
  ['sliding-window', (limit) => ({ limit: `${limit}/hour`, algorithm: 'sliding-window' })],
  ['sliding-log', (limit) => ({ limit: `${limit}/hour`, algorithm: 'sliding-log' })],
  ['concurrency', (limit) => ({ concurrent: limit })],
]

describe.each(ALGORITHMS)('a %s limit with 10,000 concurrent calls on one key', (_name, ruleOf) => {
  // An asynchronous client function interleaves the calls.
  it.each([
    ['no client function', undefined],
    ['an asynchronous client function', async (key: string) => key],
  ])('admits exactly the limit at any cost per call, with %s', (_how, client) =>
    fc.assert(
      fc.asyncProperty(
        fc.integer({ min: 1, max: 500 }),
        fc.integer({ min: 1, max: 7 }),
        async (limit, cost) => {
          const limiter = createLimiter<string>({
            rules: [{ ...ruleOf(limit), cost }],
            store: memoryStore({ clock: manualClock() }),
            ...(client && { client }),
          })
          const decisions = await Promise.all(Array.from({ length: CALLS }, () => limiter.admit('key')))
          const admitted = decisions.filter(({ allowed }) => allowed)
          expect(admitted).toHaveLength(Math.floor(limit / cost))
          expect((await limiter.peek('key')).quotas[0]?.remaining).toBe(limit % cost)
          const other = await limiter.admit('another key')
          expect(other.allowed).toBe(cost <= limit)
        },
      ),
      { seed: 20261126, numRuns: 5 },
    ),
  )
})
