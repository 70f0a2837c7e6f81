import { describe, expect, it } from 'vitest'
import type { Decision } from '../../src/limiter/decision.js'
import { createLimiter, type LimiterOptions } from '../../src/limiter/limiter.js'
import { RequestError } from '../../src/rules/request-error.js'
import { memoryStore } from '../../src/stores/memory/memory-store.js'
import { manualClock } from '../../src/time/clock.js'
import { recordingStore } from './recording-store.js'

interface Call {
  readonly user: string
  readonly tokens?: number
}

function limiterOf<Request = string>(options: LimiterOptions<Request>) {
  const clock = manualClock()
  const limiter = createLimiter<Request>({ store: memoryStore({ clock }), ...options })
  const admit = (request: Request) => limiter.admit(request) as Decision
  const left = (request: Request) => {
    const forecast = limiter.peek(request)
    if (forecast instanceof Promise) throw new Error('the memory store is synchronous')
    return forecast.quotas.map(({ remaining }) => remaining)
  }
  return { clock, limiter, admit, left }
}

describe('admit', () => {
  it('decides synchronously with the memory store, and calls the store once', () => {
    const { store, calls } = recordingStore()
    const limiter = createLimiter({
      store,
      rules: [{ limit: '1/s; 10/minute; 100/hour' }, { concurrent: 2 }],
    })
    const decision = limiter.admit('a')
    expect(decision).not.toBeInstanceOf(Promise)
    expect(decision).toMatchObject({ allowed: true })
    expect(calls).toEqual(['take'])
  })

  it('reports the rule with the longest wait, all rules that refuse, and retryAfter', () => {
    const { clock, admit } = limiterOf({
      rules: [
        { name: 'burst', limit: '2/second', algorithm: 'fixed-window' },
        { name: 'day', limit: '2/day', algorithm: 'fixed-window' },
        { name: 'wide', limit: '100/minute' },
      ],
    })
    admit('a')
    clock.advance(250)
    admit('a')
    expect(admit('a')).toMatchObject({
      allowed: false,
      refusal: {
        rule: 'day',
        resource: 'requests',
        key: 'a',
        limit: { limit: 2, period: 86_400_000 },
        cost: 1,
        remaining: 0,
        retryAfter: 86_399_750,
        reason: 'exceeded',
        violated: ['burst', 'day'],
      },
    })
    clock.advance(86_399_749)
    expect(admit('a').allowed).toBe(false)
    clock.advance(1)
    expect(admit('a').allowed).toBe(true)
  })

  it('reports the quota of each rule in the order of the rules', () => {
    const { admit } = limiterOf<Call>({
      rules: [
        { limit: '10/minute', by: ({ user }) => user },
        { limit: '1k/hour', of: 'tokens', by: 'everyone', cost: ({ tokens = 0 }) => tokens },
        { concurrent: 4, by: ({ user }) => user, enforce: false },
      ],
    })
    expect(admit({ user: 'a', tokens: 300 }).quotas).toMatchObject([
      {
        rule: 'requests',
        key: 'a',
        cost: 1,
        remaining: 9,
        resetAfter: 6000,
        moreAfter: 6000,
        enforced: true,
      },
      { rule: 'tokens', key: 'everyone', cost: 300, remaining: 700, allowed: true, retryAfter: 0 },
      { rule: 'concurrent', key: 'a', cost: 1, remaining: 3, enforced: false },
    ])
  })

  it('refuses a request as oversized if its cost exceeds the capacity', () => {
    const { admit, left } = limiterOf<Call>({
      rules: [{ limit: '100/minute', of: 'tokens', by: 'everyone', cost: ({ tokens = 0 }) => tokens }],
    })
    expect(admit({ user: 'a', tokens: 101 })).toMatchObject({
      allowed: false,
      refusal: { reason: 'oversized', retryAfter: Number.POSITIVE_INFINITY, remaining: 100 },
    })
    // A smaller request is still allowed afterwards.
    expect(admit({ user: 'a', tokens: 100 }).allowed).toBe(true)
    expect(left({ user: 'a', tokens: 1 })).toEqual([0])
  })

  it('charges nothing if any rule refuses', () => {
    const names = ['first', 'second', 'third']
    for (const refusing of names) {
      const { admit, left } = limiterOf({
        rules: names.map((name) => ({ name, limit: name === refusing ? '1/hour' : '5/hour' })),
      })
      expect(admit('a').allowed).toBe(true)
      const before = left('a')
      for (let request = 0; request < 20; request++)
        expect(admit('a')).toMatchObject({
          allowed: false,
          refusal: { rule: refusing, violated: [refusing] },
        })
      expect(left('a')).toEqual(before)
    }
  })

  it('charges nothing if a function of a rule throws or returns an invalid value', () => {
    const broken: [rule: object, error: unknown][] = [
      [{ limit: '5/hour', by: 'everyone', cost: () => Number.NaN }, RequestError],
      [{ limit: '5/hour', by: 'everyone', cost: () => -1 }, RequestError],
      [{ limit: '5/hour', by: 'everyone', cost: () => '3' as never }, RequestError],
      [{ limit: () => 'often', by: 'everyone' }, 'expected'],
      [{ limit: '5/hour', by: () => Number.NaN }, "'by' returned NaN"],
      [{ limit: '5/hour', by: () => true as never }, "'by' returned boolean"],
      [{ limit: '5/hour', by: () => null as never }, "'by' returned null"],
      [
        {
          limit: '5/hour',
          by: () => {
            throw new Error('on purpose')
          },
        },
        'on purpose',
      ],
    ]
    for (const [rule, error] of broken) {
      const { store, calls } = recordingStore()
      const rules = [{ limit: '5/hour' }, { name: 'broken', ...rule }] as never
      const limiter = createLimiter({ store, rules })
      expect(() => limiter.admit('a')).toThrow(error as string)
      expect(() => limiter.peek('a')).toThrow(error as string)
      expect(calls).toEqual([])
    }
  })

  it("requires a string key if a rule has no 'by'", () => {
    const { limiter } = limiterOf({ rules: [{ limit: '5/hour' }] })
    for (const wrong of [undefined, null, 7, {}])
      expect(() => limiter.admit(wrong as never)).toThrow(
        "without 'by', the request must be the key itself (a string)",
      )
  })

  it('admits every request if there are no rules', () => {
    expect(limiterOf({ rules: [] }).admit('a')).toMatchObject({ allowed: true, quotas: [] })
  })
})

describe('a shadow rule', () => {
  it('counts requests, but never refuses one', () => {
    const { admit } = limiterOf({
      rules: [
        { name: 'shadow', limit: '2/hour', enforce: false },
        { name: 'real', limit: '4/hour' },
      ],
    })
    const decisions = Array.from({ length: 6 }, () => admit('a'))
    expect(decisions.map(({ allowed }) => allowed)).toEqual([true, true, true, true, false, false])
    const shadow = decisions.map(({ quotas }) => quotas[0])
    expect(shadow.map((quota) => quota?.allowed)).toEqual([true, true, false, false, false, false])
    expect(decisions.at(-1)).toMatchObject({ refusal: { rule: 'real', violated: ['real'] } })
  })

  it('does not count a request that another rule refuses', () => {
    const { admit, left } = limiterOf({
      rules: [
        { name: 'shadow', limit: '100/hour', enforce: false },
        { name: 'real', limit: '1/hour' },
      ],
    })
    for (let request = 0; request < 10; request++) admit('a')
    expect(left('a')).toEqual([99, 0])
  })

  it('is skipped if its own function fails', () => {
    const { admit } = limiterOf({
      rules: [
        { name: 'real', limit: '1/hour' },
        {
          name: 'shadow',
          limit: '1/hour',
          enforce: false,
          cost: () => {
            throw new Error('on purpose')
          },
        },
      ],
    })
    expect(admit('a')).toMatchObject({ allowed: true, quotas: [{ rule: 'real' }] })
    expect(admit('a').allowed).toBe(false)
  })
})

describe('peek', () => {
  it('returns the decision that admit would make, without charging anything', () => {
    const { limiter, admit } = limiterOf({ rules: [{ limit: '2/minute' }, { concurrent: 2 }] })
    for (let request = 0; request < 4; request++) {
      const forecasts = Array.from({ length: 10 }, () => limiter.peek('a'))
      const { allowed, quotas, ...rest } = admit('a')
      for (const forecast of forecasts) {
        expect(forecast).toMatchObject({ allowed, quotas })
        expect(forecast).not.toHaveProperty('permit')
        if ('refusal' in rest) expect(forecast).toMatchObject({ refusal: rest.refusal })
      }
    }
  })
})

describe('reset', () => {
  it('resets one key in every rule and leaves other keys unchanged', () => {
    const { limiter, admit, left } = limiterOf({ rules: [{ limit: '2/minute' }, { concurrent: 2 }] })
    for (const key of ['a', 'a', 'b', 'b']) admit(key)
    expect([left('a'), left('b')]).toEqual([
      [0, 0],
      [0, 0],
    ])
    expect(limiter.reset('a')).toBeUndefined()
    expect([left('a'), left('b')]).toEqual([
      [1, 1],
      [0, 0],
    ])
  })

  it('waits for an asynchronous store to reset every limit', async () => {
    const { store } = recordingStore()
    let resets = 0
    const reset = async () => {
      await new Promise((resolve) => setImmediate(resolve))
      resets++
    }
    const limiter = createLimiter({ store: { ...store, reset }, rules: [{ limit: '1/s; 5/minute' }] })
    await limiter.reset('a')
    expect(resets).toBe(2)
  })
})

describe('a limiter with a store', () => {
  it('closes a store that it created, but never one that was passed in', () => {
    const { store, calls } = recordingStore()
    createLimiter({ store, rules: [] }).close()
    expect(calls).toEqual([])
    expect(createLimiter({ rules: [] }).close()).toBeUndefined()
  })

  it('requires a name if another limiter on the same store has none', () => {
    const { store } = recordingStore()
    createLimiter({ store, rules: [] })
    expect(() => createLimiter({ store, rules: [] })).toThrow('two limiters without a')
    createLimiter({ store, name: 'other', rules: [] })
  })

  it('throws or rejects with the error of the store', async () => {
    const { store } = recordingStore()
    const rules = [{ limit: '10/minute' }]
    const throwing = {
      ...store,
      take: () => {
        throw new Error('synchronous')
      },
    }
    expect(() => createLimiter({ store: throwing, rules }).admit('a')).toThrow('synchronous')
    const rejecting = { ...store, take: async () => Promise.reject(new Error('asynchronous')) }
    await expect(createLimiter({ store: rejecting, rules, name: 'other' }).admit('a')).rejects.toThrow(
      'asynchronous',
    )
  })
})

describe('createLimiter', () => {
  it.each<[string, object, string]>([
    ['an unknown option', { rules: [], rates: [] }, "no option 'rates'; its options are rules, store"],
    ['missing rules', {}, "'rules' must be a list"],
    ['a rule that is a string', { rules: ['10/minute'] }, 'rules[0]: a rule must be an object'],
    ['a rule without a limit', { rules: [{ by: 'everyone' }] }, "rules[0]: a rule needs a 'limit'"],
    [
      'an unknown option of a rule',
      { rules: [{ limit: '1/s', cots: 2 }] },
      "rules[0]: a rule has no option 'cots'",
    ],
    [
      'a limit with an unknown unit',
      { rules: [{ limit: '1/s' }, { limit: '1/x' }] },
      "rules[1]: '1/x': unknown unit 'x'",
    ],
    ['a limit of zero', { rules: [{ limit: '0/minute' }] }, 'rules[0]'],
    ['zero slots', { rules: [{ concurrent: 0 }] }, 'rules[0]'],
    ['a fractional number of slots', { rules: [{ concurrent: 1.5 }] }, 'rules[0]'],
    ['a negative cost', { rules: [{ limit: '1/s', cost: -1 }] }, "'cost' must be finite and at least 0"],
    ["'concurrent' as a resource", { rules: [{ limit: '1/s', of: 'concurrent' }] }, '{ concurrent: 4 }'],
    ['an unknown key', { rules: [{ limit: '1/s', by: 'ip' }] }, "'by: ip' works only with an HTTP adapter"],
    ['an empty list of keys', { rules: [{ limit: '1/s', by: [] }] }, "'by' is an empty list"],
    ['a name with a line break', { rules: [], name: 'a\nb' }, 'a string without line breaks'],
    ['a rule name that is not ASCII', { rules: [{ limit: '1/s', name: 'größe' }] }, 'printable ASCII'],
    ['a rule name that is too long', { rules: [{ limit: '1/s', name: 'n'.repeat(65) }] }, '1 to 64'],
    [
      'a duplicate rule name',
      {
        rules: [
          { limit: '1/s', name: 'a' },
          { limit: '2/s', name: 'a' },
        ],
      },
      "two rules are called 'a'",
    ],
  ])('rejects %s with a clear error', (_what, options, message) => {
    expect(() => createLimiter(options as never)).toThrow(message)
  })
})

describe('createLimiter with a limit string', () => {
  it('limits each key separately, and rejects other values', async () => {
    const limiter = createLimiter('1/minute')
    expect([(await limiter.admit('a')).allowed, (await limiter.admit('a')).allowed]).toEqual([true, false])
    expect((await limiter.admit('b')).allowed).toBe(true)
    for (const wrong of [['1/minute'], undefined, null, 10])
      expect(() => createLimiter(wrong as never)).toThrow("takes a limit such as '10/minute'")
    expect(() => createLimiter({ rule: [] } as never)).toThrow("did you mean 'rules'?")
  })
})
