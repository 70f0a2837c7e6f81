import { describe, expect, it } from 'vitest'
import { createLimiter } from '../../src/limiter/limiter.js'
import { createWarmUp } from '../../src/rules/warm-up.js'
import { memoryStore } from '../../src/stores/memory/memory-store.js'
import { manualClock } from '../../src/time/clock.js'

const store = () => memoryStore({ clock: manualClock() })

describe('a shared rule', () => {
  it('shares its state only with shared rules of the same name on the same store', async () => {
    const shared = store()
    const limiter = (name: string, rule: object) =>
      createLimiter({ store: shared, name, rules: [{ limit: '3/minute', name: 'all', ...rule }] })
    const one = limiter('one', { shared: true })
    const two = limiter('two', { shared: true })
    const own = limiter('three', {})
    const allowed = []
    for (const each of [one, two, own, one, two, own]) allowed.push((await each.admit('key')).allowed)
    expect(allowed).toEqual([true, true, true, true, false, true])
  })

  it('is not scaled by the warm-up of one limiter', async () => {
    const warmUp = createWarmUp({ from: 0.1, over: '1m' })
    const rules = [{ limit: '10/minute', name: 'all', shared: true }, { limit: '50/minute' }]
    const decision = await createLimiter({ store: store(), name: 'one', warmUp, rules }).admit('key')
    expect(decision.quotas.map(({ limit }) => limit.limit)).toEqual([10, 5])
  })

  it.each([
    [
      'if it has a function as its key and no name',
      { limit: '3/minute', shared: true, by: () => 'key' },
      "needs a 'name'",
    ],
    [
      'if it has a wait queue',
      { concurrent: 3, name: 'all', shared: true, wait: '1s' },
      "a shared rule with 'concurrent' cannot have 'wait'",
    ],
  ])('is rejected %s', (_, rule, message) => {
    expect(() => createLimiter({ rules: [rule] })).toThrow(message)
  })

  it('has a scope that cannot collide with a limiter name, because names cannot contain line breaks', () => {
    expect(() => createLimiter({ name: '\n', rules: [{ limit: '3/minute' }] })).toThrow(
      'a string without line breaks',
    )
  })
})
