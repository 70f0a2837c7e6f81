import { describe, expect, it } from 'vitest'
import { createLimiter } from '../../src/limiter/limiter.js'
import { createWarmUp } from '../../src/rules/warm-up.js'
import { memoryStore } from '../../src/stores/memory/memory-store.js'
import { manualClock } from '../../src/time/clock.js'

const nextTurn = () => new Promise((done) => setImmediate(done))

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

  it('is rejected if it has a function as its key and no name', () => {
    const rule = { limit: '3/minute', shared: true, by: () => 'key' }
    expect(() => createLimiter({ rules: [rule] })).toThrow("needs a 'name'")
  })

  it('lets the requests of all limiters wait for its slots in one line, in the order of their arrival', async () => {
    const shared = store()
    const rules = [{ concurrent: 1, by: 'everyone' as const, shared: true, wait: '10s' }]
    const limiters = ['one', 'two'].map((name) => createLimiter({ store: shared, name, rules }))
    const order: number[] = []
    const waiting = [0, 1, 1, 0, 1, 0].map(async (index, number) => {
      const decision = await limiters[index]?.admit(`client ${number}`)
      order.push(number)
      await nextTurn()
      if (decision?.allowed) await decision.permit.release()
    })
    await Promise.all(waiting)
    expect(order).toEqual([0, 1, 2, 3, 4, 5])
  })

  it('has a scope that cannot collide with a limiter name, because names cannot contain line breaks', () => {
    expect(() => createLimiter({ name: '\n', rules: [{ limit: '3/minute' }] })).toThrow(
      'a string without line breaks',
    )
  })
})
