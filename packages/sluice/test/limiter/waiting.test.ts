import { afterEach, describe, expect, it, vi } from 'vitest'
import type { Decision } from '../../src/limiter/decision.js'
import { createLimiter } from '../../src/limiter/limiter.js'
import type { Limiter } from '../../src/limiter/limiter-types.js'
import type { Rule } from '../../src/rules/rule.js'
import { memoryStore } from '../../src/stores/memory/memory-store.js'
import type { Store } from '../../src/stores/store.js'
import { systemTimers } from '../../src/time/timers.js'
import type { StoreWithLines } from '../../src/waiting/lines.js'
import { LocalLines } from '../../src/waiting/local-lines.js'
import { manualTimers } from './manual-timers.js'

const nextTurn = () => new Promise((done) => setImmediate(done))

function allowed(decision: Decision) {
  if (!decision.allowed) throw new Error(`refused: ${decision.refusal.reason}`)
  return decision.permit
}

/** Creates a store that responds asynchronously, like a remote store. */
function remoteStore(store = memoryStore()): Store {
  return {
    take: async (charges) => store.take(charges),
    peek: async (charges) => store.peek(charges),
    settle: async (settlements) => store.settle(settlements),
    reset: async (scope, key) => store.reset(scope, key),
    close: async () => store.close(),
  }
}

describe.each([
  ['a synchronous store', () => memoryStore()],
  ['an asynchronous store', () => remoteStore()],
])('a limiter with a wait queue and %s', (_kind, store) => {
  const limiterOf = (...rules: Rule<string>[]) => createLimiter({ rules, store: store() })

  it('serves waiting requests in the order of their arrival', async () => {
    const limiter = limiterOf({ concurrent: 1, wait: '10s' })
    const holder = allowed(await limiter.admit('a'))
    const order: number[] = []
    const waiting = [1, 2, 3].map(async (number) => {
      const permit = allowed(await limiter.admit('a'))
      order.push(number)
      await nextTurn()
      await permit.release()
    })
    await nextTurn()
    expect(order).toEqual([])
    await holder.release()
    await Promise.all(waiting)
    expect(order).toEqual([1, 2, 3])
    expect((await limiter.peek('a')).allowed).toBe(true)
  })

  it('lets no request overtake the queue of its key', async () => {
    const limiter = limiterOf({
      concurrent: 2,
      cost: (name) => (name === 'two' ? 2 : 1),
      by: 'everyone',
      wait: '10s',
    })
    const holder = allowed(await limiter.admit('one'))
    const order: string[] = []
    const two = Promise.resolve(limiter.admit('two')).then((decision) => {
      order.push('two')
      return allowed(decision)
    })
    await nextTurn()
    const one = Promise.resolve(limiter.admit('one')).then((decision) => {
      order.push('one')
      return allowed(decision)
    })
    await nextTurn()
    expect(order).toEqual([])
    await holder.release()
    await (await two).release()
    await (await one).release()
    expect(order).toEqual(['two', 'one'])
  })

  it("refuses a request that timed out in the queue with reason 'busy' and a retryAfter", async () => {
    const limiter = limiterOf({ concurrent: 1, wait: 20, lease: '60s' })
    const holder = allowed(await limiter.admit('a'))
    const decision = await limiter.admit('a')
    expect(decision).toMatchObject({ allowed: false, refusal: { reason: 'busy', violated: ['concurrent'] } })
    if (!decision.allowed) expect(decision.refusal.retryAfter).toBeGreaterThanOrEqual(1_000)
    await holder.release()
    expect((await limiter.admit('a')).allowed).toBe(true)
  })

  it('refuses a request immediately if the queue is full', async () => {
    const limiter = limiterOf({ concurrent: 1, wait: '10s', queue: 2 })
    const holder = allowed(await limiter.admit('a'))
    const waiting = [limiter.admit('a'), limiter.admit('a')]
    await nextTurn()
    expect(await limiter.admit('a')).toMatchObject({ allowed: false, refusal: { reason: 'busy' } })
    await holder.release()
    for (const each of waiting) await allowed(await each).release()
  })

  it('removes a queued request when its client disconnects', async () => {
    const limiter = limiterOf({ concurrent: 1, wait: '10s' })
    const holder = allowed(await limiter.admit('a'))
    const caller = new AbortController()
    const gone = limiter.admit('a', { signal: caller.signal })
    const next = limiter.admit('a')
    await nextTurn()
    caller.abort(new Error('hung up'))
    await expect(gone).rejects.toThrow('hung up')
    await holder.release()
    await allowed(await next).release()
    expect((await limiter.peek('a')).allowed).toBe(true)
  })

  it('refuses a request immediately if another limit is exceeded', async () => {
    const limiter = limiterOf({ concurrent: 1, wait: '10s' }, { limit: '1/hour' })
    const holder = allowed(await limiter.admit('a'))
    expect(await limiter.admit('a')).toMatchObject({ allowed: false, refusal: { reason: 'exceeded' } })
    await holder.release()
  })

  it('immediately refuses a request that can never fit', async () => {
    const limiter = limiterOf({ concurrent: 1, cost: 2, wait: '10s' })
    expect(await limiter.admit('a')).toMatchObject({ allowed: false, refusal: { reason: 'oversized' } })
  })

  it('serves a thousand requests with four slots, never more than four at a time', async () => {
    const limiter = limiterOf({ concurrent: 4, wait: '60s', queue: 1_000 })
    let running = 0
    let maxRunning = 0
    await Promise.all(
      Array.from({ length: 1_000 }, async () => {
        const permit = allowed(await limiter.admit('a'))
        maxRunning = Math.max(maxRunning, ++running)
        await nextTurn()
        running--
        await permit.release()
      }),
    )
    expect(maxRunning).toBe(4)
    expect((await limiter.peek('a')).quotas[0]?.remaining).toBe(3)
  })
})

describe.each([
  ['a synchronous store', () => memoryStore()],
  ['an asynchronous store', () => remoteStore()],
])('limiters that share %s', (_kind, createStore) => {
  const rules: Rule<string>[] = [{ concurrent: 1, wait: '10s' }]

  it('serve requests that wait for the same rule and key in the order of their arrival', async () => {
    const store = createStore()
    const limiters = [1, 2, 3].map(() => createLimiter({ rules, store, name: 'same' }))
    const limiterOf = (number: number) => limiters[number % 3] as Limiter<string>
    const holder = allowed(await limiterOf(0).admit('a'))
    const order: number[] = []
    const waiting = Array.from({ length: 9 }, async (_, number) => {
      const permit = allowed(await limiterOf(number).admit('a'))
      order.push(number)
      await nextTurn()
      await permit.release()
    })
    await nextTurn()
    expect(order).toEqual([])
    await holder.release()
    await Promise.all(waiting)
    expect(order).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8])
  })

  it('wake a request at once when a limiter without waiting requests frees its slot', async () => {
    const store = createStore()
    const timers = manualTimers()
    const here = createLimiter({ rules, store, name: 'same', timers })
    const there = createLimiter({ rules: [{ concurrent: 1 }], store, name: 'same' })
    const holder = allowed(await there.admit('a'))
    const waiting = here.admit('a')
    await nextTurn()
    await holder.release()
    // The timers never fire, so the line does not poll.
    await allowed(await waiting).release()
  })
})

it('limiters on stores with the same lines serve waiting requests in the order of their arrival', async () => {
  const [memory, lines] = [memoryStore(), new LocalLines(systemTimers)]
  const limiters = ['one', 'two'].map(() => {
    const store: StoreWithLines = { ...remoteStore(memory), lines }
    return createLimiter({ rules: [{ concurrent: 1, wait: '10s' }], store, name: 'same' })
  })
  const limiterOf = (index: number) => limiters[index] as Limiter<string>
  const holder = allowed(await limiterOf(0).admit('a'))
  const order: number[] = []
  const waiting = [1, 0, 1, 0].map(async (limiter, number) => {
    const permit = allowed(await limiterOf(limiter).admit('a'))
    order.push(number)
    await permit.release()
  })
  await nextTurn()
  await holder.release()
  await Promise.all(waiting)
  expect(order).toEqual([0, 1, 2, 3])
})

describe('a line of requests for slots that another process may free', () => {
  it('polls the store', async () => {
    const store = memoryStore()
    const timers = manualTimers()
    const here = createLimiter({ rules: [{ concurrent: 1, wait: '10s' }], store, name: 'same', timers })
    const there = createLimiter({ rules: [{ concurrent: 1 }], store: remoteStore(store), name: 'same' })
    const holder = allowed(await there.admit('a'))
    const waiting = here.admit('a')
    await holder.release()
    await nextTurn()
    timers.advance(100)
    await allowed(await waiting).release()
  })
})

describe('the forecast for a timed-out request', () => {
  it('does not remove a queue that formed during the forecast', async () => {
    const store = remoteStore()
    const timers = manualTimers()
    let finishPeek = () => {}
    const peekFinished = new Promise<void>((resolve) => {
      finishPeek = resolve
    })
    const slow: Store = { ...store, peek: (charges) => peekFinished.then(() => store.peek(charges)) }
    const limiter = createLimiter({
      rules: [{ concurrent: 1, wait: '10s', queue: 1 }],
      store: slow,
      timers: { ...systemTimers, ...timers },
    })
    const holder = allowed(await limiter.admit('a'))
    const late = limiter.admit('a')
    await nextTurn()
    timers.advance(10_000)
    const caller = new AbortController()
    const gone = limiter.admit('a', { signal: caller.signal })
    await nextTurn()
    caller.abort(new Error('hung up'))
    await expect(gone).rejects.toThrow('hung up')
    const waiting = limiter.admit('a')
    await nextTurn()
    finishPeek()
    expect(await late).toMatchObject({ allowed: false, refusal: { reason: 'busy' } })
    // The queue holds only one request, so it is full.
    expect(await limiter.admit('a')).toMatchObject({ allowed: false, refusal: { reason: 'busy' } })
    await holder.release()
    await allowed(await waiting).release()
  })
})

describe('createLimiter', () => {
  it.each<[Rule<string>, string]>([
    [{ concurrent: 1, queue: 5 }, "'queue' requires 'wait'"],
    [{ concurrent: 1, wait: 'soon' }, 'soon'],
    [{ concurrent: 1, wait: '30 days' }, '24 days'],
    [{ concurrent: 1, wait: '1s', queue: 0 }, "'queue'"],
    [{ concurrent: 1, wait: '1s', enforce: false }, 'shadow'],
    [{ limit: '1/minute', queue: 5 }, "'queue' requires 'wait'"],
    [{ limit: '1/minute', wait: '1s', enforce: false }, 'shadow'],
  ])('rejects invalid wait options in the rule %j', (rule, message) => {
    expect(() => createLimiter({ rules: [rule] })).toThrow(message)
  })
})

describe('retryAfter of a busy refusal', () => {
  afterEach(() => vi.useRealTimers())

  function sharedLimiter(rule: object) {
    vi.useFakeTimers()
    return createLimiter<{ user: string }>({
      client: ({ user }) => ({ id: user }),
      rules: [{ by: 'everyone', lease: '10m', ...rule } as Rule<{ user: string }>],
    })
  }

  function retryAfter(decision: Decision): number {
    if (decision.allowed) throw new Error('allowed')
    expect(decision.refusal.reason).toBe('busy')
    return decision.refusal.retryAfter
  }

  it('is estimated from recent hold times', async () => {
    const limiter = sharedLimiter({ concurrent: 1, wait: '1s', queue: 10 })
    for (let round = 0; round < 3; round++) {
      const permit = allowed(await limiter.admit({ user: 'a' }))
      await vi.advanceTimersByTimeAsync(4_000)
      await permit.release()
    }
    allowed(await limiter.admit({ user: 'a' }))
    const late = limiter.admit({ user: 'b' })
    await vi.advanceTimersByTimeAsync(1_000)
    expect(retryAfter(await late)).toBeCloseTo(4_000, -1)
  })

  it('is longer for a longer queue and shorter for more slots', async () => {
    const limiter = sharedLimiter({ concurrent: 2, wait: '1m', queue: 8 })
    const permit = allowed(await limiter.admit({ user: 'a' }))
    await vi.advanceTimersByTimeAsync(2_000)
    await permit.release()
    for (const user of ['a', 'b']) allowed(await limiter.admit({ user }))
    const waiting = Array.from({ length: 8 }, (_, index) => limiter.admit({ user: `user ${index}` }))
    await vi.advanceTimersByTimeAsync(0)
    expect(retryAfter(await limiter.admit({ user: 'z' }))).toBeCloseTo(9_000, -1)
    await vi.advanceTimersByTimeAsync(60_000)
    await Promise.all(waiting)
  })

  it('is at least one second and never later than the end of the leases', async () => {
    const limiter = sharedLimiter({ concurrent: 1, wait: '5ms', lease: '3s' })
    const quick = allowed(await limiter.admit({ user: 'a' }))
    await quick.release()
    const slow = allowed(await limiter.admit({ user: 'a' }))
    const first = limiter.admit({ user: 'b' })
    await vi.advanceTimersByTimeAsync(5)
    expect(retryAfter(await first)).toBe(1_000)
    await vi.advanceTimersByTimeAsync(2_000)
    await slow.renew()
    await vi.advanceTimersByTimeAsync(2_500)
    await slow.renew()
    await vi.advanceTimersByTimeAsync(50_000)
    await slow.release()
    allowed(await limiter.admit({ user: 'a' }))
    const late = limiter.admit({ user: 'b' })
    await vi.advanceTimersByTimeAsync(5)
    expect(retryAfter(await late)).toBeLessThanOrEqual(3_000)
  })

  it('is the timeout of the queue until a slot has been freed', async () => {
    const limiter = sharedLimiter({ concurrent: 1, wait: '2s' })
    allowed(await limiter.admit({ user: 'a' }))
    const late = limiter.admit({ user: 'b' })
    await vi.advanceTimersByTimeAsync(2_000)
    expect(retryAfter(await late)).toBe(2_000)
  })
})

describe('a wait queue with several clients', () => {
  const shared = (rule: object) =>
    createLimiter<{ user?: string }>({
      client: ({ user }) => (user === undefined ? undefined : { id: user }),
      rules: [{ concurrent: 1, wait: '1m', queue: 4, by: 'everyone', ...rule } as Rule<{ user?: string }>],
    })

  async function queued(
    limiter: ReturnType<typeof shared>,
    user: string | undefined,
    count: number,
    waiter?: string,
  ) {
    const gone = new AbortController()
    const outcomes: string[] = []
    for (let each = 0; each < count; each++)
      Promise.resolve(
        limiter.admit({ ...(user && { user }) }, { signal: gone.signal, ...(waiter && { waiter }) }),
      ).then(
        (decision) => outcomes.push(decision.allowed ? 'allowed' : decision.refusal.reason),
        () => outcomes.push('left'),
      )
    await nextTurn()
    return { outcomes, leave: () => gone.abort() }
  }

  it('limits one client to half of a shared queue', async () => {
    const limiter = shared({})
    allowed(await limiter.admit({ user: 'a' }))
    const first = await queued(limiter, 'a', 10)
    expect(first.outcomes).toEqual(Array(8).fill('busy'))
    const other = await queued(limiter, 'b', 3)
    expect(other.outcomes).toEqual(['busy'])
    first.leave()
    await nextTurn()
    const again = await queued(limiter, 'a', 3)
    expect(again.outcomes).toEqual(['busy'])
    other.leave()
    again.leave()
  })

  it('limits anonymous requests from one address to half of a shared queue', async () => {
    const limiter = shared({})
    allowed(await limiter.admit({}))
    const first = await queued(limiter, undefined, 4, '203.0.113.1')
    expect(first.outcomes).toEqual(['busy', 'busy'])
    const other = await queued(limiter, undefined, 2, '203.0.113.2')
    expect(other.outcomes).toEqual([])
    first.leave()
    other.leave()
  })

  it('lets a client fill the whole queue if its slots are not shared', async () => {
    const limiter = shared({ by: 'client' })
    allowed(await limiter.admit({ user: 'a' }))
    const own = await queued(limiter, 'a', 5)
    expect(own.outcomes).toEqual(['busy'])
    own.leave()
  })
})
