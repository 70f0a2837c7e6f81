import { describe, expect, it } from 'vitest'
import type { Decision } from '../../src/limiter/decision.js'
import type { LimiterEvent } from '../../src/limiter/event.js'
import { createLimiter } from '../../src/limiter/limiter.js'
import type { Permit } from '../../src/limiter/permit.js'
import { memoryStore } from '../../src/stores/memory/memory-store.js'
import { manualClock } from '../../src/time/clock.js'
import { countingStore } from './counting-store.js'

type Allowed = Extract<Decision, { readonly allowed: true }>

describe('slots of a busy key', () => {
  it('stay prepared when a permit is released after the end of its lease', () => {
    const clock = manualClock(1e6)
    const { store, counts } = countingStore({ clock })
    const limiter = createLimiter({ store, rules: [{ concurrent: 100, lease: '10s', by: 'everyone' }] })
    const admit = () => (limiter.admit('a') as Allowed).permit
    const late = admit()
    clock.advance(9_000)
    admit()
    clock.advance(2_000)
    late.release()
    counts.prepared = 0
    for (let request = 0; request < 50; request++) admit()
    expect(counts).toMatchObject({ prepared: 50, general: 0 })
    expect((limiter.peek('a') as Decision).quotas[0]?.remaining).toBe(100 - 52)
  })

  it('are prepared again after the clock was set back', () => {
    const clock = manualClock(1e6)
    const { store, counts } = countingStore({ clock })
    const limiter = createLimiter({ store, rules: [{ concurrent: 100, by: 'everyone' }] })
    const admit = () => (limiter.admit('a') as Allowed).permit
    const held = [admit(), admit()]
    clock.advance(-1)
    held.push(admit())
    counts.prepared = 0
    for (let request = 0; request < 50; request++) admit()
    expect(counts.prepared).toBe(50)
    for (const permit of held) permit.release()
    expect((limiter.peek('a') as Decision).quotas[0]?.remaining).toBe(100 - 51)
  })

  it('are refused with the time until enough of many leases end', () => {
    const clock = manualClock(1e6)
    const limiter = createLimiter({
      store: memoryStore({ clock }),
      rules: [{ concurrent: 1000, lease: '10s', by: 'everyone', cost: (request) => Number(request) }],
    })
    for (let request = 0; request < 1000; request++) {
      limiter.admit('1')
      clock.advance(1)
    }
    const [one, three] = ['1', '3'].map((cost) => limiter.admit(cost) as Decision)
    expect(one).toMatchObject({ allowed: false, refusal: { retryAfter: 9_000 } })
    expect(three).toMatchObject({ allowed: false, refusal: { retryAfter: 9_002 } })
  })
})

describe('the store of prepared charges', () => {
  it('deletes a bucket earlier if its limit has become faster', () => {
    const clock = manualClock(1e6)
    const store = memoryStore({ clock, maxKeys: 1 })
    let limit = '10/day'
    const limiter = createLimiter({ store, rules: [{ limit: () => limit, by: (request) => request }] })
    limiter.admit('a')
    limit = '10/second'
    limiter.admit('a')
    clock.advance(2_000)
    limiter.admit('b')
    limiter.admit('b')
    expect([store.keys, store.overflowed]).toEqual([1, 0])
  })

  it('deletes a window at once if a refund is made after its end', () => {
    const clock = manualClock(1e6)
    const store = memoryStore({ clock })
    const limiter = createLimiter({ store, rules: [{ limit: '10/second', algorithm: 'fixed-window' }] })
    const { permit } = limiter.admit('a') as Allowed
    clock.advance(1_000)
    permit.settle({ requests: 0 })
    expect(store.keys).toBe(0)
  })

  it('counts thousands of entries of a log exactly, and refunds any of them', () => {
    const clock = manualClock(1e6)
    const limiter = createLimiter({
      store: memoryStore({ clock }),
      rules: [{ limit: '5000/10s', algorithm: 'sliding-log' }],
    })
    const permits: Permit[] = []
    for (let request = 0; request < 5000; request++) {
      permits.push((limiter.admit('a') as Allowed).permit)
      clock.advance(1)
    }
    expect(limiter.admit('a')).toMatchObject({ allowed: false, refusal: { retryAfter: 5_000 } })
    for (const index of [0, 2500, 4999]) permits[index]?.settle({ requests: 0 })
    for (let request = 0; request < 3; request++) expect(limiter.admit('a')).toMatchObject({ allowed: true })
    expect(limiter.admit('a')).toMatchObject({ allowed: false, refusal: { retryAfter: 5_001 } })
    clock.advance(5_001)
    expect(limiter.admit('a')).toMatchObject({ allowed: true })
  })

  it('calls its observer for every take and every settlement', () => {
    const { store, counts } = countingStore()
    const limiter = createLimiter({ store, rules: [{ limit: '9/minute' }, { concurrent: 2 }] })
    const { permit } = limiter.admit('a') as Allowed
    permit.settle({ requests: 0 })
    permit.renew()
    permit.release()
    expect(counts).toEqual({ prepared: 1, general: 0, settled: 3 })
  })
})

describe('an allowed event of a prepared decision', () => {
  const listen = (listener: (event: LimiterEvent<string>) => void) =>
    createLimiter({
      store: memoryStore({ clock: manualClock() }),
      rules: [{ limit: '10/minute' }, { limit: '10/minute', of: 'tokens', cost: () => 7 }],
      listener,
    })

  it('can be cloned and serialized', () => {
    const events: LimiterEvent<string>[] = []
    listen((event) => void events.push(event)).admit('a')
    expect(structuredClone(events[0])).toMatchObject({ type: 'allowed', request: 'a' })
    expect(JSON.parse(JSON.stringify(events[0]))).toMatchObject({
      type: 'allowed',
      quotas: [{ remaining: 9 }, { remaining: 3 }],
    })
  })

  it('keeps the costs of a settlement if the listener cancels the permit', () => {
    let permit: Permit | undefined
    const limiter = listen((event) => {
      if (event.type === 'settled') void permit?.cancel()
    })
    permit = (limiter.admit('a') as Allowed).permit
    permit.settle({ requests: 2, tokens: 9 })
    expect((limiter.peek('a') as Decision).quotas.map(({ remaining }) => remaining)).toEqual([8, 1])
  })
})

describe('clients', () => {
  it('keep their own keys if the application reuses one object for all', async () => {
    const shared = { id: '' }
    const limiter = createLimiter<string>({
      store: memoryStore(),
      rules: [
        { limit: '9/minute', by: 'client' },
        { concurrent: 2, by: 'client' },
      ],
      client: (request) => Object.assign(shared, { id: request }),
    })
    const body = () => ({ isHere: false, receive: () => Promise.resolve() })
    const decisions = await Promise.all(['a', 'b'].map((id) => limiter.admit(id, { body: body() })))
    expect(decisions.map(({ quotas }) => quotas.map(({ key }) => key))).toEqual([
      ['client a', 'client a'],
      ['client b', 'client b'],
    ])
  })

  it('cause an event for a change of tier, even after many other clients', () => {
    const changes: LimiterEvent<string>[] = []
    const tiers = new Map([['a', 'free']])
    const limiter = createLimiter<string>({
      store: memoryStore(),
      rules: [{ limit: '9/minute', by: 'client' }],
      client: (id) => ({ id, tier: tiers.get(id) ?? 'free' }),
      listener: (event) => event.type === 'tier-changed' && changes.push(event),
    })
    limiter.admit('a')
    for (let other = 0; other < 9_998; other++) limiter.admit(`other ${other}`)
    for (const id of ['a', 'x', 'y']) limiter.admit(id)
    tiers.set('a', 'pro')
    limiter.admit('a')
    expect(changes).toEqual([{ type: 'tier-changed', client: 'a', from: 'free', to: 'pro' }])
  })

  it('are rejected if their body cannot be received, even if no rule needs it', async () => {
    const limiter = createLimiter<string>({ store: memoryStore(), rules: [{ limit: '9/minute' }] })
    const body = {
      isHere: false,
      receive: async () => {
        throw new Error('the body is too large')
      },
    }
    await expect(limiter.admit('a', { body })).rejects.toThrow('the body is too large')
  })
})
