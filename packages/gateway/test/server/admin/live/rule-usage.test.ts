import { createLimiter, type Limit, manualClock, memoryStore, type Quota } from 'sluice'
import { describe, expect, it } from 'vitest'
import { RuleUsage } from '../../../../src/server/admin/live/rule-usage.js'

const SECOND = 1000

/** Tracks the usage of a rule that admits 10 requests per hour. */
function trackedRule(capacity = 1000) {
  const clock = manualClock()
  const usage = new RuleUsage()
  usage.setCapacity(capacity)
  const limiter = createLimiter({
    store: memoryStore({ clock }),
    rules: [{ limit: '10/hour', algorithm: 'fixed-window' }],
    listener: (event) => {
      if (event.type === 'allowed' || event.type === 'refused')
        for (const quota of event.quotas) usage.record(quota, clock.now())
    },
  })
  const send = (key: string, times = 1) => {
    for (let n = 0; n < times; n++) limiter.admit(key)
  }
  return {
    usage,
    clock,
    send,
    topKeys: (max: number) => usage.topKeys(max, clock.now()).map(({ key }) => key),
  }
}

describe('the keys with the highest usage', () => {
  it('are listed first, and are not evicted by 100,000 other keys', () => {
    const { usage, clock, send, topKeys } = trackedRule()
    send('full', 11)
    send('half', 5)
    for (let n = 0; n < 100_000; n++) send(`other ${n}`)
    clock.advance(SECOND)
    send('nearly full', 9)
    expect(topKeys(3)).toEqual(['full', 'nearly full', 'half'])
    expect(usage.keysSeen).toBe(1000)
    expect(usage.keys().length).toBeLessThanOrEqual(1032)
    expect(usage.allowed).toBe(10 + 5 + 9 + 100_000)
    expect(usage.refused).toBe(1)
  })

  it('are replaced once their usage has expired', () => {
    const { clock, send, topKeys } = trackedRule()
    for (let n = 0; n < 32; n++) send(`early ${n}`, 10)
    clock.advance(3600 * SECOND)
    for (let n = 0; n < 32; n++) send(`late ${n}`)
    expect(topKeys(32).every((key) => key.startsWith('late'))).toBe(true)
  })
})

describe('a key that was seen again', () => {
  it('is not evicted by keys that were seen once', () => {
    const { usage, send } = trackedRule(100)
    for (let n = 0; n < 50; n++) send(`regular ${n}`)
    for (let round = 0; round < 20; round++) {
      for (let n = 0; n < 50; n++) send(`regular ${n}`)
      for (let n = 0; n < 40; n++) send(`once ${round} ${n}`)
    }
    const regulars = usage.keys().filter(({ key }) => key.startsWith('regular'))
    expect(regulars).toHaveLength(50)
    for (const { allowed, refused } of regulars)
      expect({ allowed, refused }).toEqual({ allowed: 10, refused: 11 })
  })
})

it('RuleUsage counts the requests that a shadow rule would have refused', () => {
  const usage = new RuleUsage()
  usage.setCapacity(10)
  const quota = {
    key: 'a',
    limit: { algorithm: 'fixed-window', limit: 1, period: 1000 },
    remaining: 0,
    resetAfter: 1,
  }
  usage.record({ ...quota, allowed: false, enforced: false } as Quota, 0)
  expect(usage).toMatchObject({ allowed: 0, refused: 0, wouldHaveRefused: 1 })
})

it('RuleUsage keeps the counts of a changed limit, and drops keys of tiers with their own limit', () => {
  const { usage, send } = trackedRule()
  send('a', 3)
  const { limit } = usage.keys()[0] as { limit: Limit }
  usage.record({ key: 'of a tier', limit: { ...limit, limit: 50 }, allowed: true, remaining: 9 } as Quota, 0)
  usage.onLimitChange(limit, { ...limit, limit: 20 } as Limit)
  expect(usage.keys()).toMatchObject([{ key: 'a', limit: { limit: 20 }, allowed: 3 }])
  expect(usage.topKeys(5, 0).map(({ key }) => key)).toEqual(['a'])
  usage.onLimitChange({ ...limit, limit: 20 } as Limit, undefined)
  expect(usage.keys()).toEqual([])
})
