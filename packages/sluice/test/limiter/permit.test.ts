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

const ASKED: Costs = { tokens: 60, rows: 10, slots: 1 }

const RULES: Rule<Costs>[] = [
  { limit: '100/hour', of: 'tokens', by: 'everyone', cost: ({ tokens }) => tokens },
  { limit: '100/hour', of: 'rows', by: 'everyone', cost: ({ rows }) => rows },
  { concurrent: 2, by: 'everyone', cost: ({ slots }) => slots },
]

/** Permits of a limiter, and what is left beside them. */
function permits(settle?: (settlements: readonly Settlement[]) => Promise<void>) {
  const recording = recordingStore(settle)
  const limiter = createLimiter({ store: recording.store, rules: RULES })
  const permit = (asked: Costs = ASKED): Permit => {
    const decision = limiter.admit(asked)
    if (decision instanceof Promise || !decision.allowed) throw new Error('it was not let in')
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
  it('gives back what was taken too much, and charges what was too little, whatever the limit', async () => {
    const { permit, left, settled } = permits()
    await permit().settle({ tokens: 15, rows: 500 })
    expect(settled).toEqual([15, 500])
    expect(await left()).toEqual([85, 0, 1])
  })

  it('counts once, resource by resource', async () => {
    const { permit, settled } = permits()
    const one = permit()
    await one.settle({ tokens: 15 })
    await one.settle({ tokens: 0, rows: 3 })
    await one.settle({ tokens: 99, rows: 99 })
    expect(settled).toEqual([15, 3])
  })

  it('asks the store for nothing where nothing changes', async () => {
    const { permit, calls } = permits()
    const one = permit()
    await one.settle({ tokens: 60 })
    await one.settle({})
    // It is settled all the same.
    await one.settle({ tokens: 0 })
    expect(calls).toEqual([])
  })

  it('takes the resources that a rule counts, and names what another one may have been meant for', async () => {
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

  it('passes over what a rule counts and this request took nothing of', async () => {
    const fails = () => {
      throw new Error('on purpose')
    }
    const limiter = createLimiter<Costs>({
      rules: [...RULES, { limit: '1/hour', of: 'money', cost: fails, enforce: false }],
    })
    const decision = await limiter.admit(ASKED)
    if (!decision.allowed) throw new Error('it was not let in')
    expect(decision.quotas).toHaveLength(3)
    await decision.permit.settle({ money: 3, tokens: 1 })
    await decision.permit.cancel()
    expect((await limiter.peek(ASKED)).quotas.map(({ remaining }) => remaining)).toEqual([39, 90, 1])
  })

  it.each([-1, Number.NaN, Number.POSITIVE_INFINITY, '5' as never, undefined as never])(
    'refuses %s, settles nothing then, and can be called again',
    async (wrong) => {
      const { permit, calls, settled } = permits()
      const one = permit()
      expect(() => one.settle({ rows: 3, tokens: wrong })).toThrow(/a cost must be/)
      expect(calls).toEqual([])
      await one.settle({ rows: 3, tokens: 5 })
      expect(settled).toEqual([5, 3])
    },
  )

  it('is no matter of names that every object has', async () => {
    const { permit, calls } = permits()
    await permit().settle(Object.create({ tokens: 1 }))
    expect(calls).toEqual([])
  })

  it('in whatever order with release', async () => {
    const { permit, settled } = permits()
    const one = permit()
    await one.release()
    await one.settle({ tokens: 1 })
    expect(settled).toEqual([0, 1])
  })
})

describe('release', () => {
  it('frees the slots, once, and leaves what it cost', async () => {
    const { permit, left, calls } = permits()
    const one = permit()
    expect(one.holdsSlots).toBe(true)
    for (let times = 0; times < 3; times++) await one.release()
    expect(one.holdsSlots).toBe(false)
    expect(calls).toEqual(['settle'])
    expect(await left()).toEqual([40, 90, 2])
  })

  it('of a permit without slots asks the store for nothing', () => {
    const { store, calls } = recordingStore()
    const decision = createLimiter({ store, rules: [{ limit: '5/minute' }] }).admit('key')
    if (decision instanceof Promise || !decision.allowed) throw new Error('it was not let in')
    expect(decision.permit.holdsSlots).toBe(false)
    decision.permit.release()
    decision.permit.keepRenewed()
    decision.permit.renew()
    expect(calls).toEqual(['take'])
  })

  it('is what a block does at its end, whatever happens in it', () => {
    const { permit, settled } = permits()
    const block = (fails: boolean) => {
      using held = permit({ ...ASKED, tokens: 1 })
      if (fails) throw new Error(`it held ${held.holdsSlots}`)
    }
    block(false)
    expect(() => block(true)).toThrow('it held true')
    expect(settled).toEqual([0, 0])
  })

  it('by await using waits for the store', async () => {
    let answer = () => {}
    const { permit } = permits(() => new Promise((resolve) => (answer = resolve)))
    let over = false
    const block = (async () => {
      await using _held = permit()
    })().then(() => {
      over = true
    })
    await new Promise((resolve) => setImmediate(resolve))
    expect(over).toBe(false)
    answer()
    await block
    expect(over).toBe(true)
  })

  it('that the store does not do is told to who waits for it, and to nobody else', async () => {
    const { permit } = permits(() => Promise.reject(new Error('away')))
    await expect(permit().release()).rejects.toThrow('away')
    // An unhandled rejection would fail the test run.
    permit({ ...ASKED, tokens: 1 })[Symbol.dispose]()
    await new Promise((resolve) => setImmediate(resolve))
  })
})

describe('cancel', () => {
  it('gives back all that was not settled', async () => {
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
  it('holds the slots for another lease, until they are free', async () => {
    const { permit, left, clock } = permits()
    const one = permit()
    for (let times = 0; times < 5; times++) {
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
