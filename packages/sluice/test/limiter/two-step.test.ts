import { describe, expect, it } from 'vitest'
import type { Decision } from '../../src/limiter/decision.js'
import type { LimiterEvent } from '../../src/limiter/event.js'
import { createLimiter, type RequestBody } from '../../src/limiter/limiter.js'
import { RequestError } from '../../src/rules/request-error.js'
import type { Rule } from '../../src/rules/rule.js'
import { memoryStore } from '../../src/stores/memory/memory-store.js'
import type { Store } from '../../src/stores/store.js'

/** A request whose rows are in its body. */
class Asked {
  #rows: number | undefined
  constructor(readonly client = 'ann') {}

  arrive(rows: number): void {
    this.#rows = rows
  }

  get rows(): number {
    if (this.#rows === undefined) throw new RequestError('the body is not here')
    return this.#rows
  }
}

const ROWS: Rule<Asked> = { name: 'rows', limit: '10/hour', of: 'rows', cost: ({ rows }) => rows }
const SLOTS: Rule<Asked> = { name: 'slots', concurrent: 1 }

/** A store whose answers take a while, like one on another machine. */
function remote(): Store {
  const store = memoryStore()
  return {
    take: async (charges) => store.take(charges),
    peek: async (charges) => store.peek(charges),
    settle: async (settlements) => store.settle(settlements),
    reset: async (scope, key) => store.reset(scope, key),
    close: async () => store.close(),
  }
}

function arriving(request: Asked, rows: number, isHere = false): RequestBody {
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
  ['in this process', () => memoryStore()],
  ['elsewhere', remote],
])('a decision in two steps, with a store %s', (_where, makeStore) => {
  function setUp(rules: readonly Rule<Asked>[], more: object = {}) {
    const events: LimiterEvent<Asked>[] = []
    const limiter = createLimiter<Asked>({
      rules,
      store: makeStore(),
      client: ({ client }) => client,
      needsBody: { rule: ({ cost }) => typeof cost === 'function' },
      listener: (event) => events.push(event),
      ...more,
    })
    const remaining = async () => {
      const request = new Asked()
      request.arrive(0)
      return Object.fromEntries(
        (await limiter.peek(request)).quotas.map((quota) => [quota.rule, quota.remaining]),
      )
    }
    const told = (type: LimiterEvent['type']) => events.filter((event) => event.type === type).length
    return { limiter, remaining, told, events }
  }
  const admit = (limiter: ReturnType<typeof setUp>['limiter'], rows: number, isHere = false) => {
    const request = new Asked()
    return limiter.admit(request, { body: arriving(request, rows, isHere) })
  }

  it.each([false, true])(
    'charges every rule once and in order, with the body here already: %s',
    async (isHere) => {
      const { limiter, remaining, told } = setUp([ROWS, { limit: '5/hour' }, SLOTS])
      const decision = await admit(limiter, 4, isHere)
      expect(decision.quotas.map(({ rule, cost, remaining }) => [rule, cost, remaining])).toEqual([
        ['rows', 4, 6],
        ['requests', 1, 4],
        ['slots', 1, 0],
      ])
      const permit = allowed(decision)
      // A look that is refused, as by the slot here, tells what is left as if it had not come.
      expect(await remaining()).toEqual({ rows: 6, requests: 4, slots: 0 })
      expect([told('allowed'), told('refused')]).toEqual([1, 0])
      await permit.settle({ rows: 1 })
      await permit.release()
      expect([told('settled'), told('released')]).toEqual([1, 1])
    },
  )

  it('asks for no body where the first rules refuse, and tells how the others stand', async () => {
    const { limiter, told } = setUp([{ limit: '1/hour' }, ROWS, SLOTS])
    await allowed(await admit(limiter, 3)).release()
    const received: number[] = []
    const decision = await limiter.admit(new Asked(), {
      body: { isHere: false, receive: () => void received.push(1) },
    })
    expect(received).toEqual([])
    if (decision.allowed) return expect.fail('it was let in')
    expect(decision.refusal.violated).toEqual(['requests'])
    expect(decision.quotas.map(({ rule, cost, remaining }) => [rule, cost, remaining])).toEqual([
      ['requests', 1, 0],
      ['rows', 0, 7],
      ['slots', 0, 1],
    ])
    expect([told('allowed'), told('refused')]).toEqual([1, 1])
  })

  it.each([false, true])(
    'takes nothing where a later rule refuses, with the body here already: %s',
    async (isHere) => {
      const { limiter, remaining, told } = setUp([{ limit: '5/hour' }, ROWS, SLOTS])
      const decision = await admit(limiter, 11, isHere)
      if (decision.allowed) return expect.fail('it was let in')
      expect(decision.refusal).toMatchObject({ rule: 'rows', reason: 'oversized', violated: ['rows'] })
      expect(decision.quotas.map(({ rule, remaining }) => [rule, remaining])).toEqual([
        ['requests', 5],
        ['rows', 10],
        ['slots', 1],
      ])
      expect(await remaining()).toMatchObject({ rows: 10, requests: 4 })
      expect([told('allowed'), told('refused'), told('settled')]).toEqual([0, 1, 0])
    },
  )

  it.each([
    ['still to come', failing],
    ['here already', { ...failing, isHere: true }],
    ['here already, and read at once', { isHere: true, receive: () => void JSON.parse('{') } as RequestBody],
  ])('leaves the first rules charged for a body that cannot be read and is %s', async (_how, body) => {
    const { limiter, remaining } = setUp([{ limit: '3/hour' }, ROWS, SLOTS])
    for (let sent = 0; sent < 3; sent++)
      await expect(async () => limiter.admit(new Asked(), { body })).rejects.toThrow(/JSON/)
    // A look costs one request, which is not left.
    expect(await remaining()).toMatchObject({ requests: 0, rows: 10, slots: 1 })
    expect(await limiter.admit(new Asked(), { body })).toMatchObject({
      allowed: false,
      refusal: { rule: 'requests' },
    })
  })

  it('takes nothing where the first rules lack something themselves', async () => {
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
        limiter.admit(new Asked('bob'), { body: { ...failing, isHere } }),
      ).rejects.toThrow('no header')
    expect(await remaining()).toEqual({ requests: 2, header: 2, rows: 10 })
  })

  it('gives back what is held when the receiver cancels it, as where the client is not at fault', async () => {
    const { limiter, remaining } = setUp([{ limit: '3/hour' }, ROWS])
    const body: RequestBody = {
      isHere: false,
      async receive(held) {
        await held?.cancel()
        throw new Error('no memory')
      },
    }
    await expect(async () => limiter.admit(new Asked(), { body })).rejects.toThrow('no memory')
    expect(await remaining()).toMatchObject({ requests: 2 })
  })

  it('gives everything back to a client that leaves while it waits for a slot', async () => {
    const { limiter, remaining } = setUp([{ limit: '5/hour' }, ROWS, { ...SLOTS, wait: '1m' }])
    const first = allowed(await admit(limiter, 1))
    const gone = new AbortController()
    const request = new Asked()
    const waiting = limiter.admit(request, { body: arriving(request, 2), signal: gone.signal })
    await new Promise((resolve) => setImmediate(resolve))
    gone.abort(new Error('gone'))
    await expect(waiting).rejects.toThrow('gone')
    expect(await remaining()).toMatchObject({ requests: 4, rows: 9 })
    await first.release()
    expect((await admit(limiter, 1)).allowed).toBe(true)
  })

  it('waits for a slot after the body is here, and is then charged by every rule', async () => {
    const { limiter, remaining, told } = setUp([{ limit: '5/hour' }, ROWS, { ...SLOTS, wait: '1m' }])
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
    expect(told('allowed')).toBe(2)
  })

  it('gives the first rules their charge back where the store fails at the second step', async () => {
    const store = remote()
    let calls = 0
    const flaky: Store = {
      ...store,
      take: (charges) => (++calls === 2 ? Promise.reject(new Error('away')) : store.take(charges)),
    }
    const { limiter, remaining } = setUp([{ limit: '5/hour' }, ROWS], { store: flaky })
    await expect(async () => admit(limiter, 1)).rejects.toThrow('away')
    expect(await remaining()).toMatchObject({ requests: 4, rows: 10 })
  })

  it('asks the later rules alone where no rule can be decided first', async () => {
    const { limiter } = setUp([ROWS])
    const held: unknown[] = []
    const request = new Asked()
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

  it('checks a requirement that reads the body after the body, and any other before anything is taken', async () => {
    const require = (request: Asked) => request.rows < 5
    const late = setUp([{ limit: '5/hour' }], { require, needsBody: { rule: () => false, require: true } })
    await expect(async () => admit(late.limiter, 7)).rejects.toThrow('Forbidden')
    expect((await admit(late.limiter, 1)).quotas).toMatchObject([{ remaining: 3 }])
    const early = setUp([{ limit: '5/hour' }], { require: () => false })
    await expect(async () => admit(early.limiter, 1)).rejects.toThrow('Forbidden')
  })

  it('leaves a shadow rule out that cannot read the body, and refuses nobody by it', async () => {
    const { limiter, told } = setUp([{ limit: '5/hour' }, { ...ROWS, enforce: false }])
    const body: RequestBody = { isHere: false, receive() {} }
    const decision = await limiter.admit(new Asked(), { body })
    expect(decision.allowed).toBe(true)
    expect(decision.quotas.map(({ rule, cost }) => [rule, cost])).toEqual([
      ['requests', 1],
      ['rows', 0],
    ])
    expect((await admit(limiter, 11)).allowed).toBe(true)
    expect(told('shadow-refused')).toBe(1)
  })
})
