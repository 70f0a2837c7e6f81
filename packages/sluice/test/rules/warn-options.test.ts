import { describe, expect, it } from 'vitest'
import { createLimiter } from '../../src/limiter/limiter.js'
import type { Rule } from '../../src/rules/rule.js'
import { formatThreshold } from '../../src/rules/warn-options.js'

const window = { limit: '10/day', algorithm: 'fixed-window' } as const

describe("the options 'warn' and 'soft'", () => {
  it.each<[string, object, string]>([
    [
      'a token bucket',
      { limit: '10/day', warn: ['80%'] },
      "'warn' requires a fixed window, in which use starts again at a known time, but this limit uses the algorithm token-bucket; write 'algorithm: fixed-window' beside it",
    ],
    [
      'zero',
      { ...window, warn: [0] },
      "a threshold of 'warn' must be more than 0% and at most 100%, or at most 1000% with 'soft', not 0",
    ],
    [
      'a function without an algorithm',
      { limit: () => '10/day', warn: [0.5] },
      "'warn' requires a fixed window",
    ],
    [
      'a short window',
      { limit: '10 per 500 ms', algorithm: 'fixed-window', warn: [0.5] },
      "'warn' requires a window of at least a second, not of 500 ms",
    ],
    ['slots', { concurrent: 4, warn: ['80%'] }, "'warn' requires a limit over time"],
    ['soft slots', { concurrent: 4, soft: true }, "'soft' requires a limit over time"],
    [
      'no list',
      { ...window, warn: '80%' },
      "'warn' must be a list of one to ten thresholds such as ['80%', '95%']",
    ],
    ['an empty list', { ...window, warn: [] }, "'warn' must be a list of one to ten thresholds"],
    ['a number of percent', { ...window, warn: [80] }, 'more than 0% and at most 100%'],
    [
      'a word',
      { ...window, warn: ['most'] },
      "a threshold of 'warn' must be a percentage such as '80%' or a fraction such as 0.8, not 'most'",
    ],
    ['more than all', { ...window, warn: ['120%'] }, "at most 1000% with 'soft', not '120%'"],
    [
      'a repeated threshold',
      { ...window, warn: ['80%', 0.8] },
      "'warn' has the same threshold twice; remove one",
    ],
    [
      'a penalty',
      { ...window, warn: ['80%'], penalty: '1m' },
      "a rule cannot have both 'warn' and 'penalty'",
    ],
    [
      'a soft penalty',
      { ...window, soft: true, penalty: '1m' },
      "a soft limit never refuses, so it cannot have 'penalty'; remove one",
    ],
    [
      'a soft wait',
      { ...window, soft: true, wait: '1s' },
      "a soft limit never refuses, so it cannot have 'wait'; remove one",
    ],
    ['a soft string', { ...window, soft: 'yes' }, "'soft' must be true or false, not 'yes'"],
  ])('reject %s with a reason', (_, rule, message) => {
    expect(() => createLimiter({ rules: [rule as unknown as Rule<string>] })).toThrow(message)
  })

  it('accept percentages and fractions in any order, and more than 100 % for a soft limit', async () => {
    const reached: number[] = []
    const limiter = createLimiter({
      rules: [{ ...window, soft: true, warn: ['120%', 0.5, '12.5 %'] }],
      listener: (event) => void (event.type === 'threshold' && reached.push(event.threshold)),
    })
    for (let request = 0; request < 12; request++) await limiter.admit('one')
    expect(reached).toEqual([0.125, 0.5, 1.2])
    expect(reached.map(formatThreshold)).toEqual(['12.5%', '50%', '120%'])
  })

  it('keep a shadow rule silent', async () => {
    const types: string[] = []
    const limiter = createLimiter({
      rules: [{ ...window, limit: '1/day', soft: true, warn: [1], enforce: false }],
      listener: ({ type }) => void types.push(type),
    })
    await limiter.admit('one')
    const { quotas } = await limiter.admit('one')
    expect(types).toEqual(['allowed', 'shadow-refused', 'allowed'])
    expect(quotas[0]).not.toHaveProperty('warning')
    expect(quotas[0]).not.toHaveProperty('overrun')
  })

  it('announce a threshold again in no case, however often the use falls below it', async () => {
    const ids: string[] = []
    const limiter = createLimiter({
      rules: [{ ...window, warn: ['50%'] }],
      listener: (event) => void (event.type === 'threshold' && ids.push(event.id)),
    })
    await limiter.charge('one', 5)
    await limiter.refund('one', 5)
    await limiter.charge('one', 6)
    await limiter.charge('two', 5)
    expect(new Set(ids).size).toBe(2)
    expect(ids).toHaveLength(2)
  })
})
