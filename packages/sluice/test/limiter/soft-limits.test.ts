import { describe, expect, it } from 'vitest'
import { createLimiter } from '../../src/limiter/limiter.js'
import { memoryStore } from '../../src/stores/memory/memory-store.js'
import type { MaybePromise, Store, StoreVerdict } from '../../src/stores/store.js'
import { manualClock } from '../../src/time/clock.js'

const FAILURES: Readonly<Record<string, () => MaybePromise<never>>> = {
  throws: () => {
    throw new Error('the store is away')
  },
  rejects: () => Promise.reject(new Error('the store is away')),
}

describe('a soft limit whose store fails after the take', () => {
  it.each(Object.keys(FAILURES))('admits the request and keeps its permit if the store %s', async (kind) => {
    const { limiter, local, fail } = limiterOn()
    await limiter.admit('one')
    for (const method of ['settle', 'peek'] as const) {
      fail(method, FAILURES[kind] as () => MaybePromise<never>)
      const decision = await limiter.admit('one')
      expect(decision.allowed, method).toBe(true)
      expect(decision.quotas.map(({ rule, overrun }) => [rule, overrun])).toEqual([
        ['soft', undefined],
        ['slots', undefined],
      ])
      if (decision.allowed) await decision.permit.release()
    }
    fail(undefined)
    // Only the first request still holds its slot.
    const { rules } = await limiter.usage('one')
    expect(rules.find(({ rule }) => rule === 'slots')).toMatchObject({ used: 1, left: 1 })
    await local.close()
  })

  it('reports no use above the limit from a verdict of a failure policy', async () => {
    const { limiter, local, fail } = limiterOn()
    await limiter.admit('one')
    fail('peek', (charges) =>
      (local.peek(charges) as StoreVerdict[]).map((verdict) => ({
        ...verdict,
        remaining: 0,
        degraded: 'local',
      })),
    )
    const { allowed, degraded, quotas } = await limiter.admit('one')
    await local.close()
    expect([allowed, degraded]).toEqual([true, 'local'])
    expect(quotas[0]?.overrun).toBeUndefined()
  })
})

type Method = 'settle' | 'peek'

/** A limiter with a soft limit of one request and two slots, on a store that can be made to fail. */
function limiterOn() {
  const local = memoryStore({ clock: manualClock(0) })
  let failing: Method | undefined
  let failure: Store['peek'] = () => []
  const store: Store = {
    take: (charges) => local.take(charges),
    peek: (charges) => (failing === 'peek' ? failure(charges) : local.peek(charges)),
    settle: (settlements) => {
      if (failing !== 'settle') return local.settle(settlements)
      // Slots are freed even while the use above the limit cannot be counted.
      if (settlements.every(({ taken }) => taken.lease !== undefined)) return local.settle(settlements)
      return failure([]) as MaybePromise<never>
    },
    reset: (scope, key) => local.reset(scope, key),
    close: () => local.close(),
  }
  const limiter = createLimiter<string>({
    name: 'soft',
    store,
    rules: [
      { name: 'soft', limit: '1/hour', algorithm: 'fixed-window', soft: true, by: (key) => key },
      { name: 'slots', concurrent: 2, by: (key) => key },
    ],
  })
  return {
    limiter,
    local,
    fail(method: Method | undefined, call: Store['peek'] = () => []) {
      failing = method
      failure = call
    },
  }
}
