import { describe, expect, it } from 'vitest'
import type { Decision } from '../../src/limiter/decision.js'
import type { LimiterEvent } from '../../src/limiter/event.js'
import { createLimiter, type RequestBody } from '../../src/limiter/limiter.js'
import { RequestError } from '../../src/rules/request-error.js'
import type { Rule } from '../../src/rules/rule.js'
import { memoryStore } from '../../src/stores/memory/memory-store.js'
import type { Store } from '../../src/stores/store.js'

/** A request whose body contains its number of rows. */
class RowRequest {
  #rows: number | undefined
  constructor(readonly client = 'ann') {}

  arrive(rows: number): void {
    this.#rows = rows
  }

  get rows(): number {
    if (this.#rows === undefined) throw new RequestError('the body has not arrived')
    return this.#rows
  }
}

const ROWS: Rule<RowRequest> = { name: 'rows', limit: '10/hour', of: 'rows', cost: ({ rows }) => rows }
const SLOTS: Rule<RowRequest> = { name: 'slots', concurrent: 1 }

/** Creates a store that responds asynchronously, like a remote store. */
function remoteStore(): Store {
  const store = memoryStore()
  return {
    take: async (charges) => store.take(charges),
    peek: async (charges) => store.peek(charges),
    settle: async (settlements) => store.settle(settlements),
    reset: async (scope, key) => store.reset(scope, key),
    close: async () => store.close(),
  }
}

function bodyOf(request: RowRequest, rows: number, isHere = false): RequestBody {
  const arrive = () => request.arrive(rows)
  return { isHere, receive: isHere ? arrive : async () => arrive() }
}

const failing: RequestBody = {
  isHere: false,
  receive: () => Promise.reject(new RequestError('no JSON')),
}

function allowed(decision: Decision) {
  if (!decision.allowed) throw new Error(`refused: ${decision.refusal.rule}`)
  return decision.permit
}

describe.each([
  ['a synchronous store', () => memoryStore()],
  ['an asynchronous store', remoteStore],
])('a two-step decision with %s', (_kind, makeStore) => {
  function setUp(rules: readonly Rule<RowRequest>[], options: object = {}) {
    const events: LimiterEvent<RowRequest>[] = []
    const limiter = createLimiter<RowRequest>({
      rules,
      store: makeStore(),
      client: ({ client }) => client,
      needsBody: { rule: ({ cost }) => typeof cost === 'function' },
      listener: (event) => events.push(event),
      ...options,
    })
    const remaining = async () => {
      const request = new RowRequest()
      request.arrive(0)
      return Object.fromEntries(
        (await limiter.peek(request)).quotas.map((quota) => [quota.rule, quota.remaining]),
      )
    }
    const countEvents = (type: LimiterEvent['type']) => events.filter((event) => event.type === type).length
    return { limiter, remaining, countEvents, events }
  }
  const admit = (limiter: ReturnType<typeof setUp>['limiter'], rows: number, isHere = false) => {
    const request = new RowRequest()
    return limiter.admit(request, { body: bodyOf(request, rows, isHere) })
  }

  it.each([
    ['has not arrived', false],
    ['has arrived', true],
  ])('charges the request to every rule once and in order if the body %s', async (_state, isHere) => {
    const { limiter, remaining, countEvents } = setUp([ROWS, { limit: '5/hour' }, SLOTS])
    const decision = await admit(limiter, 4, isHere)
    expect(decision.quotas.map(({ rule, cost, remaining }) => [rule, cost, remaining])).toEqual([
      ['rows', 4, 6],
      ['requests', 1, 4],
      ['slots', 1, 0],
    ])
    const permit = allowed(decision)
    // The peek is refused because no slot is free, so the remaining units exclude its own cost.
    expect(await remaining()).toEqual({ rows: 6, requests: 4, slots: 0 })
    expect([countEvents('allowed'), countEvents('refused')]).toEqual([1, 0])
    await permit.settle({ rows: 1 })
    await permit.release()
    expect([countEvents('settled'), countEvents('released')]).toEqual([1, 1])
  })

  it('does not read the body if the first rules refuse, but reports the quotas of all rules', async () => {
    const { limiter, countEvents } = setUp([{ limit: '1/hour' }, ROWS, SLOTS])
    await allowed(await admit(limiter, 3)).release()
    const received: number[] = []
    const decision = await limiter.admit(new RowRequest(), {
      body: { isHere: false, receive: () => void received.push(1) },
    })
    expect(received).toEqual([])
    if (decision.allowed) return expect.fail('expected a refusal')
    expect(decision.refusal.violated).toEqual(['requests'])
    expect(decision.quotas.map(({ rule, cost, remaining }) => [rule, cost, remaining])).toEqual([
      ['requests', 1, 0],
      ['rows', 0, 7],
      ['slots', 0, 1],
    ])
    expect([countEvents('allowed'), countEvents('refused')]).toEqual([1, 1])
  })

  it.each([
    ['has not arrived', false],
    ['has arrived', true],
  ])('charges nothing if a later rule refuses and the body %s', async (_state, isHere) => {
    const { limiter, remaining, countEvents } = setUp([{ limit: '5/hour' }, ROWS, SLOTS])
    const decision = await admit(limiter, 11, isHere)
    if (decision.allowed) return expect.fail('expected a refusal')
    expect(decision.refusal).toMatchObject({ rule: 'rows', reason: 'oversized', violated: ['rows'] })
    expect(decision.quotas.map(({ rule, remaining }) => [rule, remaining])).toEqual([
      ['requests', 5],
      ['rows', 10],
      ['slots', 1],
    ])
    expect(await remaining()).toMatchObject({ rows: 10, requests: 4 })
    expect([countEvents('allowed'), countEvents('refused'), countEvents('settled')]).toEqual([0, 1, 0])
  })

  it.each([
    ['has not arrived', failing],
    ['has arrived', { ...failing, isHere: true }],
    [
      'has arrived and is parsed synchronously',
      { isHere: true, receive: () => void JSON.parse('{') } as RequestBody,
    ],
  ])('keeps the charges of the first rules if the body is invalid and %s', async (_state, body) => {
    const { limiter, remaining } = setUp([{ limit: '3/hour' }, ROWS, SLOTS])
    for (let sent = 0; sent < 3; sent++)
      await expect(async () => limiter.admit(new RowRequest(), { body })).rejects.toThrow(/JSON/)
    // The peek costs one request, and none is left.
    expect(await remaining()).toMatchObject({ requests: 0, rows: 10, slots: 1 })
    expect(await limiter.admit(new RowRequest(), { body })).toMatchObject({
      allowed: false,
      refusal: { rule: 'requests' },
    })
  })

  it('charges nothing if a key of the first rules cannot be determined', async () => {
    const { limiter, remaining } = setUp([
      { limit: '3/hour' },
      {
        name: 'header',
        limit: '3/hour',
        by: ({ client }) => {
          if (client === 'bob') throw new RequestError('no header')
          return client
        },
      },
      ROWS,
    ])
    for (const isHere of [false, true])
      await expect(async () =>
        limiter.admit(new RowRequest('bob'), { body: { ...failing, isHere } }),
      ).rejects.toThrow('no header')
    expect(await remaining()).toEqual({ requests: 2, header: 2, rows: 10 })
  })

  it('refunds the charges of the first rules if the receiver of the body cancels their permit', async () => {
    const { limiter, remaining } = setUp([{ limit: '3/hour' }, ROWS])
    const body: RequestBody = {
      isHere: false,
      async receive(held) {
        await held?.cancel()
        throw new Error('no memory')
      },
    }
    await expect(async () => limiter.admit(new RowRequest(), { body })).rejects.toThrow('no memory')
    expect(await remaining()).toMatchObject({ requests: 2 })
  })

  it('refunds every rule if the client disconnects while it waits for a slot', async () => {
    const { limiter, remaining } = setUp([{ limit: '5/hour' }, ROWS, { ...SLOTS, wait: '1m' }])
    const first = allowed(await admit(limiter, 1))
    const gone = new AbortController()
    const request = new RowRequest()
    const waiting = limiter.admit(request, { body: bodyOf(request, 2), signal: gone.signal })
    await new Promise((resolve) => setImmediate(resolve))
    gone.abort(new Error('gone'))
    await expect(waiting).rejects.toThrow('gone')
    expect(await remaining()).toMatchObject({ requests: 4, rows: 9 })
    await first.release()
    expect((await admit(limiter, 1)).allowed).toBe(true)
  })

  it('waits for a slot after the body has arrived and then charges the request to every rule', async () => {
    const { limiter, remaining, countEvents } = setUp([{ limit: '5/hour' }, ROWS, { ...SLOTS, wait: '1m' }])
    const first = allowed(await admit(limiter, 1))
    const waiting = admit(limiter, 2)
    await new Promise((resolve) => setImmediate(resolve))
    await first.release()
    const second = await waiting
    expect(second.quotas.map(({ rule, remaining }) => [rule, remaining])).toEqual([
      ['requests', 3],
      ['rows', 7],
      ['slots', 0],
    ])
    await allowed(second).cancel()
    expect(await remaining()).toMatchObject({ requests: 3, rows: 9 })
    expect(countEvents('allowed')).toBe(2)
  })

  it('refunds the charges of the first rules if the store fails at the second step', async () => {
    const store = remoteStore()
    let calls = 0
    const flaky: Store = {
      ...store,
      take: (charges) => (++calls === 2 ? Promise.reject(new Error('unreachable')) : store.take(charges)),
    }
    const { limiter, remaining } = setUp([{ limit: '5/hour' }, ROWS], { store: flaky })
    await expect(async () => admit(limiter, 1)).rejects.toThrow('unreachable')
    expect(await remaining()).toMatchObject({ requests: 4, rows: 10 })
  })

  it('decides once, after the body has arrived, if every rule needs the body', async () => {
    const { limiter } = setUp([ROWS])
    const held: unknown[] = []
    const request = new RowRequest()
    const decision = await limiter.admit(request, {
      body: {
        isHere: false,
        receive(permit) {
          held.push(permit)
          request.arrive(3)
        },
      },
    })
    expect(held).toEqual([undefined])
    expect(decision.quotas).toMatchObject([{ rule: 'rows', remaining: 7 }])
  })

  it('delays a requirement until the body has arrived only if the requirement reads the body', async () => {
    const require = (request: RowRequest) => request.rows < 5
    const late = setUp([{ limit: '5/hour' }], { require, needsBody: { rule: () => false, require: true } })
    await expect(async () => admit(late.limiter, 7)).rejects.toThrow('Forbidden')
    expect((await admit(late.limiter, 1)).quotas).toMatchObject([{ remaining: 3 }])
    const early = setUp([{ limit: '5/hour' }], { require: () => false })
    await expect(async () => admit(early.limiter, 1)).rejects.toThrow('Forbidden')
  })

  it('skips a shadow rule that cannot read the body, and never refuses because of a shadow rule', async () => {
    const { limiter, countEvents } = setUp([{ limit: '5/hour' }, { ...ROWS, enforce: false }])
    const body: RequestBody = { isHere: false, receive() {} }
    const decision = await limiter.admit(new RowRequest(), { body })
    expect(decision.allowed).toBe(true)
    expect(decision.quotas.map(({ rule, cost }) => [rule, cost])).toEqual([
      ['requests', 1],
      ['rows', 0],
    ])
    expect((await admit(limiter, 11)).allowed).toBe(true)
    expect(countEvents('shadow-refused')).toBe(1)
  })
})
