import { describe, expect, it } from 'vitest'
import { createLimiter } from '../../src/limiter/limiter.js'
import type { Permit } from '../../src/limiter/permit.js'
import type { Rule } from '../../src/rules/rule.js'
import type { Settlement } from '../../src/stores/store.js'
import { recordingStore } from './recording-store.js'

interface Costs {
  readonly tokens: number
  readonly rows: number
  readonly slots: number
}

const COSTS: Costs = { tokens: 60, rows: 10, slots: 1 }

const RULES: Rule<Costs>[] = [
  { limit: '100/hour', of: 'tokens', by: 'everyone', cost: ({ tokens }) => tokens },
  { limit: '100/hour', of: 'rows', by: 'everyone', cost: ({ rows }) => rows },
  { concurrent: 2, by: 'everyone', cost: ({ slots }) => slots },
]

/** Issues permits and reads the remaining units of each limit. */
function permits(settle?: (settlements: readonly Settlement[]) => Promise<void>) {
  const recording = recordingStore(settle)
  const limiter = createLimiter({ store: recording.store, rules: RULES })
  const permit = (costs: Costs = COSTS): Permit => {
    const decision = limiter.admit(costs)
    if (decision instanceof Promise || !decision.allowed) throw new Error('expected an allowed decision')
    recording.calls.length = 0
    return decision.permit
  }
  const left = async () => {
    const { quotas } = await limiter.peek({ tokens: 0, rows: 0, slots: 0 })
    return quotas.map(({ remaining }) => remaining)
  }
  return { ...recording, permit, left }
}

describe('settle', () => {
  it('refunds a lower actual cost and charges a higher one, even beyond the limit', async () => {
    const { permit, left, settled } = permits()
    await permit().settle({ tokens: 15, rows: 500 })
    expect(settled).toEqual([15, 500])
    expect(await left()).toEqual([85, 0, 1])
  })

  it('settles each resource once', async () => {
    const { permit, settled } = permits()
    const one = permit()
    await one.settle({ tokens: 15 })
    await one.settle({ tokens: 0, rows: 3 })
    await one.settle({ tokens: 99, rows: 99 })
    expect(settled).toEqual([15, 3])
  })

  it('does not call the store if the actual cost equals the charged cost', async () => {
    const { permit, calls } = permits()
    const one = permit()
    await one.settle({ tokens: 60 })
    await one.settle({})
    // The resource still counts as settled.
    await one.settle({ tokens: 0 })
    expect(calls).toEqual([])
  })

  it('rejects a resource that no rule counts, and suggests a similar name', async () => {
    const { permit, calls, settled } = permits()
    const one = permit()
    expect(one.resources).toEqual(['tokens', 'rows', 'concurrent'])
    expect(() => one.settle({ rows: 3, token: 812 })).toThrow(
      new TypeError(
        "no rule counts 'token'; did you mean 'tokens'? The rules count tokens, rows, concurrent",
      ),
    )
    expect(() => one.settle({ gpu_seconds: 1 })).toThrow(
      new TypeError("no rule counts 'gpu_seconds'; the rules count tokens, rows, concurrent"),
    )
    for (const name of ['__proto__', 'constructor', '', 'Tokens'])
      expect(() => one.settle(JSON.parse(`{"${name}":0}`))).toThrow(`no rule counts '${name}'`)
    expect(calls).toEqual([])
    await one.settle({ rows: 3 })
    expect(settled).toEqual([3])
  })

  it('ignores a resource that a skipped shadow rule counts', async () => {
    const fails = () => {
      throw new Error('on purpose')
    }
    const limiter = createLimiter<Costs>({
      rules: [...RULES, { limit: '1/hour', of: 'pages', cost: fails, enforce: false }],
    })
    const decision = await limiter.admit(COSTS)
    if (!decision.allowed) throw new Error('expected an allowed decision')
    expect(decision.quotas).toHaveLength(3)
    await decision.permit.settle({ pages: 3, tokens: 1 })
    await decision.permit.cancel()
    expect((await limiter.peek(COSTS)).quotas.map(({ remaining }) => remaining)).toEqual([39, 90, 1])
  })

  it.each([-1, Number.NaN, Number.POSITIVE_INFINITY, '5' as never, undefined as never])(
    'rejects a settlement with the cost %s, settles nothing and can be called again',
    async (wrong) => {
      const { permit, calls, settled } = permits()
      const one = permit()
      expect(() => one.settle({ rows: 3, tokens: wrong })).toThrow(/a cost must be/)
      expect(calls).toEqual([])
      await one.settle({ rows: 3, tokens: 5 })
      expect(settled).toEqual([5, 3])
    },
  )

  it('ignores inherited properties of the costs', async () => {
    const { permit, calls } = permits()
    await permit().settle(Object.create({ tokens: 1 }))
    expect(calls).toEqual([])
  })

  it('settles a permit after it was released', async () => {
    const { permit, settled } = permits()
    const one = permit()
    await one.release()
    await one.settle({ tokens: 1 })
    expect(settled).toEqual([0, 1])
  })
})

describe('release', () => {
  it('frees the slots once and does not refund the charged units', async () => {
    const { permit, left, calls } = permits()
    const one = permit()
    expect(one.holdsSlots).toBe(true)
    for (let call = 0; call < 3; call++) await one.release()
    expect(one.holdsSlots).toBe(false)
    expect(calls).toEqual(['settle'])
    expect(await left()).toEqual([40, 90, 2])
  })

  it('does not call the store to release a permit without slots', () => {
    const { store, calls } = recordingStore()
    const decision = createLimiter({ store, rules: [{ limit: '5/minute' }] }).admit('key')
    if (decision instanceof Promise || !decision.allowed) throw new Error('expected an allowed decision')
    expect(decision.permit.holdsSlots).toBe(false)
    decision.permit.release()
    decision.permit.keepRenewed()
    decision.permit.renew()
    expect(calls).toEqual(['take'])
  })

  it("releases a permit at the end of a 'using' block, even if the block throws", () => {
    const { permit, settled } = permits()
    const block = (fails: boolean) => {
      using held = permit({ ...COSTS, tokens: 1 })
      if (fails) throw new Error(`holds slots: ${held.holdsSlots}`)
    }
    block(false)
    expect(() => block(true)).toThrow('holds slots: true')
    expect(settled).toEqual([0, 0])
  })

  it("waits for the store at the end of an 'await using' block", async () => {
    let finishSettle = () => {}
    const { permit } = permits(() => new Promise((resolve) => (finishSettle = resolve)))
    let over = false
    const block = (async () => {
      await using _held = permit()
    })().then(() => {
      over = true
    })
    await new Promise((resolve) => setImmediate(resolve))
    expect(over).toBe(false)
    finishSettle()
    await block
    expect(over).toBe(true)
  })

  it('rejects with the error of the store, which Symbol.dispose ignores', async () => {
    const { permit } = permits(() => Promise.reject(new Error('unreachable')))
    await expect(permit().release()).rejects.toThrow('unreachable')
    // An unhandled rejection would fail the test run.
    permit({ ...COSTS, tokens: 1 })[Symbol.dispose]()
    await new Promise((resolve) => setImmediate(resolve))
  })
})

describe('refund', () => {
  it('refunds every unsettled charge and keeps the slots', async () => {
    const limiter = createLimiter({
      rules: [{ limit: '9/hour' }, { limit: '9/hour', of: 'rows', cost: 5 }, { concurrent: 3 }],
    })
    const decision = await limiter.admit('user')
    if (!decision.allowed) throw new Error('refused')
    await decision.permit.settle({ rows: 4 })
    await decision.permit.refund()
    await decision.permit.refund()
    const left = (await limiter.peek('user')).quotas.map(({ cost, remaining }) => cost + remaining)
    expect(left).toEqual([9, 5, 2])
    expect(decision.permit.holdsSlots).toBe(true)
  })
})

describe('cancel', () => {
  it('refunds every charge that was not settled', async () => {
    const { permit, left } = permits()
    await permit().cancel()
    expect(await left()).toEqual([100, 100, 2])
    const other = permit()
    await other.settle({ tokens: 50 })
    await other.cancel()
    await other.cancel()
    expect(await left()).toEqual([50, 100, 2])
  })
})

describe('renew', () => {
  it('renews the lease of the slots until they are released', async () => {
    const { permit, left, clock } = permits()
    const one = permit()
    for (let call = 0; call < 5; call++) {
      clock.advance(29_000)
      await one.renew()
    }
    expect((await left())[2]).toBe(1)
    clock.advance(30_000)
    expect((await left())[2]).toBe(2)
    await one.release()
    await one.renew()
    expect((await left())[2]).toBe(2)
  })
})
