import { createLimiter, type Limit, manualClock, memoryStore, type Quota } from 'sluice'
import { describe, expect, it } from 'vitest'
import { RuleUsage } from '../../../../src/server/admin/live/rule-usage.js'

const SECOND = 1000

/** A watch over a rule of 10 an hour, by the key that is asked about. */
function watching(mostSeen = 1000) {
  const clock = manualClock()
  const watch = new RuleUsage()
  watch.remember(mostSeen)
  const limiter = createLimiter({
    store: memoryStore({ clock }),
    rules: [{ limit: '10/hour', algorithm: 'fixed-window' }],
    listener: (event) => {
      if (event.type === 'allowed' || event.type === 'refused')
        for (const quota of event.quotas) watch.see(quota, clock.now())
    },
  })
  const ask = (key: string, times = 1) => {
    for (let n = 0; n < times; n++) limiter.admit(key)
  }
  return {
    watch,
    clock,
    ask,
    fullest: (most: number) => watch.fullest(most, clock.now()).map(({ key }) => key),
  }
}

describe('the fullest keys', () => {
  it('come first, however many others there are, and are not forgotten for these', () => {
    const { watch, clock, ask, fullest } = watching()
    ask('full', 11)
    ask('half', 5)
    for (let n = 0; n < 100_000; n++) ask(`stranger ${n}`)
    clock.advance(SECOND)
    ask('nearly full', 9)
    expect(fullest(3)).toEqual(['full', 'nearly full', 'half'])
    expect(watch.keysSeen).toBe(1000)
    expect(watch.keys().length).toBeLessThanOrEqual(1032)
    expect(watch.allowed).toBe(10 + 5 + 9 + 100_000)
    expect(watch.refused).toBe(1)
  })

  it('make room once what they used has come back', () => {
    const { clock, ask, fullest } = watching()
    for (let n = 0; n < 32; n++) ask(`early ${n}`, 10)
    clock.advance(3600 * SECOND)
    for (let n = 0; n < 32; n++) ask(`late ${n}`)
    expect(fullest(32).every((key) => key.startsWith('late'))).toBe(true)
  })
})

describe('keys that came lately', () => {
  it('are kept before those that came but once', () => {
    const { watch, ask } = watching(100)
    for (let n = 0; n < 50; n++) ask(`regular ${n}`)
    for (let round = 0; round < 20; round++) {
      for (let n = 0; n < 50; n++) ask(`regular ${n}`)
      for (let n = 0; n < 40; n++) ask(`once ${round} ${n}`)
    }
    const regulars = watch.keys().filter(({ key }) => key.startsWith('regular'))
    expect(regulars).toHaveLength(50)
    for (const { allowed, refused } of regulars)
      expect({ allowed, refused }).toEqual({ allowed: 10, refused: 11 })
  })
})

it('a shadow rule counts what it would have refused', () => {
  const watch = new RuleUsage()
  watch.remember(10)
  const quota = {
    key: 'a',
    limit: { algorithm: 'fixed-window', limit: 1, period: 1000 },
    remaining: 0,
    resetAfter: 1,
  }
  watch.see({ ...quota, allowed: false, enforced: false } as Quota, 0)
  expect(watch).toMatchObject({ allowed: 0, refused: 0, wouldHaveRefused: 1 })
})

it('goes on under another limit, and forgets who had one of their own', () => {
  const { watch, ask } = watching()
  ask('a', 3)
  const { limit } = watch.keys()[0] as { limit: Limit }
  watch.see({ key: 'of a tier', limit: { ...limit, limit: 50 }, allowed: true, remaining: 9 } as Quota, 0)
  watch.limitChanged(limit, { ...limit, limit: 20 } as Limit)
  expect(watch.keys()).toMatchObject([{ key: 'a', limit: { limit: 20 }, allowed: 3 }])
  expect(watch.fullest(5, 0).map(({ key }) => key)).toEqual(['a'])
  watch.limitChanged({ ...limit, limit: 20 } as Limit, undefined)
  expect(watch.keys()).toEqual([])
})
