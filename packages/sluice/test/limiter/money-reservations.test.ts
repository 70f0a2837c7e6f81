import { describe, expect, it } from 'vitest'
import { createLimiter } from '../../src/limiter/limiter.js'
import { MAX_MONEY } from '../../src/limits/money.js'
import type { RateRule } from '../../src/rules/rule.js'
import { memoryStore } from '../../src/stores/memory/memory-store.js'
import { manualClock } from '../../src/time/clock.js'

/** A limiter whose requests reserve the cost that they state, in units of 10^-9 USD. */
function limiterOf(options: Partial<RateRule<number>>) {
  const reached: number[] = []
  const limiter = createLimiter<number>({
    store: memoryStore({ clock: manualClock(0) }),
    rules: [{ limit: '10 USD/day', of: 'money', by: 'everyone', cost: (units) => units, ...options }],
    listener: (event) => void (event.type === 'threshold' && reached.push(event.threshold)),
  })
  return { limiter, reached }
}

async function admitted(decision: ReturnType<ReturnType<typeof limiterOf>['limiter']['admit']>) {
  const known = await decision
  if (!known.allowed) throw new Error('expected an allowed decision')
  return known
}

describe('a reservation of money', () => {
  it('counts towards a threshold once it is settled, and only with the settled price', async () => {
    const { limiter, reached } = limiterOf({ warn: ['50%', '80%'] })
    const one = await admitted(limiter.admit(9e9))
    expect(one.quotas[0]).not.toHaveProperty('warning')
    await one.permit.settle({ money: 4_999_999_999 })
    expect(reached).toEqual([])
    const other = await admitted(limiter.admit(5e9))
    expect(reached).toEqual([])
    await other.permit.settle({ money: 3_000_000_003 })
    expect(reached).toEqual([0.5, 0.8])
    expect((await limiter.usage(0)).rules[0]).toMatchObject({ used: 8_000_000_002, left: 1_999_999_998 })
  })

  it('above a soft limit holds at most a million, and is replaced by the settled price', async () => {
    const { limiter, reached } = limiterOf({ soft: true, warn: ['100%', '200%'] })
    const absurd = await admitted(limiter.admit(MAX_MONEY))
    expect(absurd.quotas[0]?.overrun).toBe(2 ** 50 - 10e9)
    const next = await admitted(limiter.admit(1e9))
    await absurd.permit.settle({ money: 10e9 })
    expect(reached).toEqual([1])
    await next.permit.settle({ money: 2e9 })
    expect((await limiter.usage(0)).rules[0]).toMatchObject({ used: 12e9, left: 0 })
    expect(reached).toEqual([1])
  })

  it('is reported as reserved until it is settled, refunded or kept, with and without thresholds', async () => {
    for (const options of [
      {},
      { warn: ['50%'] },
      { soft: true },
      { limit: '10 USD/day', align: 'calendar' },
    ] as const) {
      const { limiter } = limiterOf(options)
      const use = async () => {
        const [rule] = (await limiter.usage(0)).rules
        return [rule?.used, rule?.reserved]
      }
      expect(await use()).toEqual([0, 0])
      const calls = [1_000_000, 2_000_000, 3_000_000_001, 0].map((units) => admitted(limiter.admit(units)))
      const [one, two, three, free] = await Promise.all(calls)
      // A part of a millionth counts as one.
      expect(await use()).toEqual([3_003_000_001, 3_003_000_001])
      await one?.permit.settle({ money: 1_000_000 })
      expect(await use()).toEqual([3_003_000_001, 3_002_001_000])
      await two?.permit.cancel()
      await free?.permit.settle({ money: 0 })
      await three?.permit.settle({ money: 5 })
      expect(await use()).toEqual([1_000_005, 0])
    }
  })

  it('is not reported for costs that are never settled, and other algorithms', async () => {
    const fixed = limiterOf({ cost: 5 }).limiter
    expect((await fixed.usage(0)).rules[0]).not.toHaveProperty('reserved')
    const sliding = limiterOf({ algorithm: 'sliding-window' }).limiter
    expect((await sliding.usage(0)).rules[0]).not.toHaveProperty('reserved')
  })

  it('of more than can be counted is refused by a hard limit with thresholds', async () => {
    const { limiter } = limiterOf({ warn: ['50%'] })
    expect(await limiter.admit(MAX_MONEY)).toMatchObject({ allowed: false, refusal: { reason: 'oversized' } })
    expect(() => limiter.admit(MAX_MONEY + 1)).toThrow('a cost in money must be a whole number of units')
  })
})
