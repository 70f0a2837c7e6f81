import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { Decision } from '../../src/limiter/decision.js'
import { createLimiter } from '../../src/limiter/limiter.js'
import type { AdmitOptions, Limiter } from '../../src/limiter/limiter-types.js'
import type { Limit } from '../../src/limits/limit.js'
import type { Rule } from '../../src/rules/rule.js'
import { memoryStore } from '../../src/stores/memory/memory-store.js'
import type { Store, StoreVerdict } from '../../src/stores/store.js'
import { manualClock } from '../../src/time/clock.js'
import { manualTimers } from './manual-timers.js'

const nextTurn = () => new Promise((done) => setImmediate(done))

interface TestRequest {
  readonly key: string
  readonly cost?: number
}

/** A limiter in virtual time that records the time and order of decisions. */
function virtualLimiter(...rules: Rule<TestRequest>[]) {
  const clock = manualClock(0)
  const timers = manualTimers()
  const limiter = createLimiter<TestRequest>({
    rules: rules.map((rule) => ({ by: ({ key }) => key, cost: ({ cost = 1 }) => cost, ...rule })),
    store: memoryStore({ clock }),
    timers,
  })
  const decided: { readonly id: number; readonly at: number; readonly outcome: string }[] = []
  const decisions: Decision[] = []
  let now = 0
  return {
    limiter,
    decided,
    decisions,
    timers,
    async admit(id: number, request: TestRequest, options: AdmitOptions = {}) {
      const record = (outcome: string) => decided.push({ id, at: now, outcome })
      Promise.resolve(limiter.admit(request, options)).then(
        (decision) => {
          decisions[id] = decision
          record(decision.allowed ? 'allowed' : decision.refusal.reason)
        },
        () => record('left'),
      )
    },
    async advance(milliseconds: number) {
      for (let step = 0; step < milliseconds; step++) {
        now++
        clock.advance(1)
        timers.advance(1)
        await nextTurn()
      }
    },
  }
}

const rate: Rule<TestRequest> = { limit: { algorithm: 'token-bucket', limit: 1, period: 10, burst: 1 } }

describe('waiting for a rate', () => {
  it('admits waiting requests at the rate of the limit, in the order of their arrival', async () => {
    const { admit, advance, decided } = virtualLimiter({ ...rate, wait: '1s' })
    for (let id = 0; id < 5; id++) await admit(id, { key: 'a' })
    await nextTurn()
    await advance(40)
    expect(decided.map(({ id, at }) => [id, at])).toEqual([0, 1, 2, 3, 4].map((id) => [id, 10 * id]))
  })

  it('does not let a request overtake one that was refused while a remote store decided on both', async () => {
    const clock = manualClock(0)
    const timers = manualTimers()
    const local = memoryStore({ clock })
    const replies: (() => void)[] = []
    const store: Store = {
      take: (charges) =>
        new Promise((resolve) => replies.push(() => resolve(local.take(charges) as StoreVerdict[]))),
      peek: (charges) => local.peek(charges),
      settle: async (settlements) => local.settle(settlements),
      reset: (scope, key) => local.reset(scope, key),
      close: () => local.close(),
    }
    const reply = async () => {
      replies.shift()?.()
      await nextTurn()
    }
    const limit: Limit = { algorithm: 'token-bucket', limit: 1, period: 10, burst: 1 }
    const events: string[] = []
    const limiter = createLimiter<string>({
      ...{ rules: [{ limit, wait: '1s' }], store, timers },
      listener: ({ type }) => void events.push(type),
    })
    const admitted: number[] = []
    for (const id of [0, 1, 2])
      Promise.resolve(limiter.admit('a')).then(({ allowed }) => admitted.push(allowed ? id : Number.NaN))
    // The store admits the first request, refuses the second and admits the third.
    await reply()
    await reply()
    clock.advance(10)
    await reply()
    expect(admitted).toEqual([0])
    // The third was refunded, which wakes the second.
    await reply()
    expect(admitted).toEqual([0, 1])
    // The third is now the head: it is refused at first, and then waits for a unit.
    await reply()
    clock.advance(10)
    timers.advance(10)
    await reply()
    expect(admitted).toEqual([0, 1, 2])
    // The refund belongs to no admitted request.
    expect(events).toEqual(['allowed', 'allowed', 'allowed'])
  })

  it('does not let small requests overtake a large one', async () => {
    const { admit, advance, decided } = virtualLimiter({
      limit: { algorithm: 'token-bucket', limit: 1, period: 10, burst: 5 },
      wait: '1s',
    })
    for (const [id, cost] of [3, 5, 1, 1].entries()) await admit(id, { key: 'a', cost })
    await advance(50)
    expect(decided.map(({ id, at }) => [id, at])).toEqual([
      [0, 0],
      [1, 30],
      [2, 40],
      [3, 50],
    ])
  })

  it('waits for any rule if the call has a wait, and leaves other calls as they are', async () => {
    const { admit, advance, decided } = virtualLimiter({ ...rate })
    await admit(0, { key: 'a' })
    await admit(1, { key: 'a' }, { wait: '1s' })
    await admit(2, { key: 'a' })
    await advance(10)
    expect(decided).toEqual([
      { id: 0, at: 0, outcome: 'allowed' },
      { id: 2, at: 0, outcome: 'exceeded' },
      { id: 1, at: 10, outcome: 'allowed' },
    ])
  })

  it('refuses at once if a rule without a wait refuses, even behind other requests', async () => {
    const { admit, advance, decided } = virtualLimiter(
      { ...rate, by: 'everyone', wait: '1s' },
      { limit: '1/hour', name: 'quota' },
    )
    await admit(0, { key: 'a' })
    await admit(1, { key: 'b' })
    await admit(2, { key: 'a' })
    await nextTurn()
    expect(decided).toEqual([
      { id: 0, at: 0, outcome: 'allowed' },
      { id: 2, at: 0, outcome: 'exceeded' },
    ])
    await advance(10)
    expect(decided.at(-1)).toEqual({ id: 1, at: 10, outcome: 'allowed' })
  })

  it('never queues an oversized request', async () => {
    const { admit, decided } = virtualLimiter({ ...rate, wait: '1s' })
    await admit(0, { key: 'a' })
    await admit(1, { key: 'a' })
    await admit(2, { key: 'a', cost: 2 })
    await nextTurn()
    expect(decided.at(-1)).toEqual({ id: 2, at: 0, outcome: 'oversized' })
  })

  it('refuses with the predicted time when the queue is full, after the timeout, and if the wait is too short', async () => {
    const { admit, advance, decided, decisions } = virtualLimiter({ ...rate, wait: 15, queue: 2 })
    for (let id = 0; id < 4; id++) await admit(id, { key: 'a' })
    await admit(4, { key: 'b' })
    await admit(5, { key: 'b' }, { wait: 5 })
    await advance(15)
    const retryAfter = (id: number) => {
      const decision = decisions[id] as Decision
      return decision.allowed ? undefined : decision.refusal.retryAfter
    }
    const byTime = decided.toSorted((one, other) => one.at - other.at || one.id - other.id)
    expect(byTime.map(({ id, at, outcome }) => [id, at, outcome])).toEqual([
      [0, 0, 'allowed'],
      [3, 0, 'exceeded'],
      [4, 0, 'allowed'],
      [5, 0, 'exceeded'],
      [1, 10, 'allowed'],
      [2, 15, 'exceeded'],
    ])
    expect([3, 5, 2].map(retryAfter)).toEqual([30, 10, 5])
  })

  it('admits the next request when an earlier one is refunded', async () => {
    const { admit, advance, decided, decisions } = virtualLimiter({
      limit: { algorithm: 'token-bucket', limit: 1, period: 10, burst: 4 },
      of: 'tokens',
      wait: '1s',
    })
    await admit(0, { key: 'a', cost: 4 })
    await admit(1, { key: 'a', cost: 4 })
    await advance(5)
    const first = decisions[0] as Decision
    if (first.allowed) await first.permit.settle({ tokens: 0 })
    await nextTurn()
    expect(decided.at(-1)).toEqual({ id: 1, at: 5, outcome: 'allowed' })
  })

  it.each([
    ['refunded', (limiter: Limiter<TestRequest>) => limiter.refund({ key: 'a' }, 4)],
    ['deleted', (limiter: Limiter<TestRequest>) => limiter.reset({ key: 'a' })],
  ])('admits the next request when the usage of its key is %s', async (_, free) => {
    const { limiter, admit, advance, decided } = virtualLimiter({
      limit: { algorithm: 'token-bucket', limit: 1, period: 10, burst: 4 },
      wait: '1s',
    })
    await admit(0, { key: 'a', cost: 4 })
    await admit(1, { key: 'a', cost: 4 })
    await advance(5)
    await free(limiter)
    await nextTurn()
    expect(decided.at(-1)).toEqual({ id: 1, at: 5, outcome: 'allowed' })
  })

  it('does not let a client that waits for its own limit block a shared limit', async () => {
    const { admit, advance, decided } = virtualLimiter(
      { ...rate, by: 'everyone', name: 'all', wait: '1s' },
      { limit: '1/second', wait: '2s' },
    )
    for (const [id, key] of ['a', 'a', 'b', 'c'].entries()) await admit(id, { key })
    await advance(20)
    expect(decided.map(({ id, at }) => [id, at])).toEqual([
      [0, 0],
      [2, 10],
      [3, 20],
    ])
    await advance(980)
    expect(decided.at(-1)).toEqual({ id: 1, at: 1000, outcome: 'allowed' })
  })

  it('frees the places of 5,000 aborted requests at once, and keeps one attempt at a time', async () => {
    const { admit, advance, decided, timers } = virtualLimiter({ ...rate, wait: '24h', queue: 10_000 })
    const callers = Array.from({ length: 10_001 }, () => new AbortController())
    for (const [id, { signal }] of callers.entries()) await admit(id, { key: 'a' }, { signal })
    await admit(20_000, { key: 'a' })
    await nextTurn()
    expect(decided.map(({ outcome }) => outcome)).toEqual(['allowed', 'exceeded'])
    // A timeout for each request, and one attempt.
    expect(timers.running).toBe(10_001)
    for (const caller of callers.slice(1, 5_001)) caller.abort(new Error('left'))
    await nextTurn()
    expect(decided.filter(({ outcome }) => outcome === 'left')).toHaveLength(5_000)
    expect(timers.running).toBe(5_001)
    for (let id = 30_000; id < 35_000; id++) await admit(id, { key: 'a' })
    await admit(40_000, { key: 'a' })
    await nextTurn()
    expect(decided.slice(5_002).map(({ id, outcome }) => [id, outcome])).toEqual([[40_000, 'exceeded']])
    await advance(20)
    expect(decided.slice(-2).map(({ id }) => id)).toEqual([5_001, 5_002])
  })

  it('admits as a slow model of one queue does', async () => {
    const arrival = fc.record({ gap: fc.nat(30), cost: fc.integer({ min: 1, max: 4 }) })
    await fc.assert(
      fc.asyncProperty(fc.array(arrival, { minLength: 1, maxLength: 12 }), async (arrivals) => {
        const { admit, advance, decided } = virtualLimiter({
          limit: { algorithm: 'token-bucket', limit: 1, period: 10, burst: 4 },
          wait: '1h',
        })
        // The model: units of 1/10, one more each millisecond, given to the oldest request.
        let units = 40
        let now = 0
        const waiting: { readonly id: number; readonly cost: number }[] = []
        const expected: (readonly [number, number])[] = []
        const serve = () => {
          for (let first = waiting[0]; first !== undefined && units >= first.cost * 10; first = waiting[0]) {
            units -= first.cost * 10
            expected.push([first.id, now])
            waiting.shift()
          }
        }
        const pass = async (milliseconds: number) => {
          for (let step = 0; step < milliseconds; step++) {
            now++
            units = Math.min(40, units + 1)
            serve()
          }
          await advance(milliseconds)
        }
        for (const [id, { gap, cost }] of arrivals.entries()) {
          await pass(gap)
          waiting.push({ id, cost })
          serve()
          await admit(id, { key: 'a', cost })
          await nextTurn()
        }
        await pass(500)
        expect(decided.map(({ id, at }) => [id, at])).toEqual(expected)
      }),
      { seed: 20261202, numRuns: 60 },
    )
  })

  it.each([{ wait: 'soon' }, { wait: '30 days' }, { queue: 5 }, { wait: '1s', queue: 0 }])(
    'rejects the call options %j',
    (options) => {
      const limiter = createLimiter('1/minute')
      expect(() => limiter.admit('a', options)).toThrow(/wait|queue|soon/)
    },
  )
})
