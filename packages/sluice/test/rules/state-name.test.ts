import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  createLimiter,
  type KeySpec,
  type Limiter,
  memoryStore,
  type Rule,
  type Store,
} from '../../src/index.js'

/** Tests that the state of a rule depends on what the rule counts and not on its position. */

const sources = {
  ip: (request: Request) => request.ip,
  route: () => 'POST /predict',
  header: () => undefined,
}
interface Request {
  readonly ip: string
}
const someone: Request = { ip: '192.0.2.1' }

function limiterOf(rules: readonly Rule<Request>[], store: Store = memoryStore()): Limiter<Request> {
  return createLimiter({ name: 'route', rules, store, keys: sources })
}

function scopes(rules: readonly Rule<Request>[]): string[] {
  return limiterOf(rules).rules.map(({ scope }) => scope)
}

/** Returns how many requests of one client are admitted, 200 at most. */
async function admitted(limiter: Limiter<Request>): Promise<number> {
  for (let count = 0; count < 200; count++) if (!(await limiter.admit(someone)).allowed) return count
  return 200
}

describe('the state of an unnamed rule', () => {
  it('stays with the rule when another rule is inserted or removed', async () => {
    const store = memoryStore()
    const day: Rule<Request> = { limit: '20/day' }
    const minute: Rule<Request> = { limit: '5/minute' }
    expect(await admitted(limiterOf([day], store))).toBe(20)
    expect(await admitted(limiterOf([minute, day], store))).toBe(0)
    expect(await admitted(limiterOf([day, minute], store))).toBe(0)
    // A rule that is new to the client starts unused.
    expect(await admitted(limiterOf([minute], store))).toBe(5)
    expect(await admitted(limiterOf([day], store))).toBe(0)
  })

  it('stays when the capacity, cost, tiers, shadow mode or position of the rule changes', () => {
    const [before] = scopes([{ limit: '10/minute', by: 'ip' }])
    for (const rule of [
      { limit: '99/minute', by: 'ip' },
      { limit: '10/minute burst 30', by: 'ip' },
      { limit: '10 per 60 seconds', by: 'ip' },
      { limit: '10/minute', by: 'ip', cost: 3 },
      { limit: '10/minute', by: 'ip', enforce: false },
      { limit: '10/minute', by: 'ip', tiers: { premium: 5 } },
      { limit: '10/minute', by: ['ip'] },
      { limit: '10/minute', algorithm: 'token-bucket', by: 'ip' },
    ] satisfies Rule<Request>[]) {
      expect(scopes([{ concurrent: 4 }, { limit: '1/second' }, rule])[2]).toBe(before)
    }
  })

  it.each<[string, Rule<Request>]>([
    ['period', { limit: '10/hour', by: 'ip' }],
    ['algorithm', { limit: '10/minute', algorithm: 'sliding-log', by: 'ip' }],
    ['resource', { limit: '10/minute', by: 'ip', of: 'tokens' }],
    ['key', { limit: '10/minute', by: 'everyone' }],
    ['combined key', { limit: '10/minute', by: ['ip', 'route'] }],
    ['header', { limit: '10/minute', by: 'header:x-tenant' }],
  ])('changes if the rule has another %s', (_, rule) => {
    expect(scopes([rule])).not.toEqual(scopes([{ limit: '10/minute', by: 'ip' }]))
  })

  it('is the same for limits joined in one rule as for separate rules', () => {
    expect(scopes([{ limit: '10/minute;100/hour' }])).toEqual(
      scopes([{ limit: '10/minute' }, { limit: '100/hour' }]),
    )
  })

  it('is numbered among rules that count the same requests', () => {
    const twice = scopes([{ limit: '10/minute' }, { limit: '5/second' }, { limit: '20/minute', cost: 2 }])
    expect(new Set(twice).size).toBe(3)
    expect(twice[2]).toBe(`${twice[0]}\n2`)
  })

  it("ignores the case of a header name, and treats a missing 'by' as 'client'", () => {
    expect(scopes([{ limit: '10/minute', by: 'header:X-Tenant' }])).toEqual(
      scopes([{ limit: '10/minute', by: 'header:x-tenant' }]),
    )
    expect(scopes([{ limit: '10/minute' }])).toEqual(scopes([{ limit: '10/minute', by: 'client' }]))
  })

  it('is distinguished by the source of a compiled key', () => {
    const byText = (source: string) => Object.assign(() => 'key', { source })
    const of = (source: string) => scopes([{ limit: '10/minute', by: byText(source) }])
    expect(of('params.model')).toEqual(of('params.model'))
    expect(of('params.model')).not.toEqual(of('params.tenant'))
    expect(of('x'.repeat(500))).not.toEqual(of('x'.repeat(501)))
    expect(of('ip')).not.toEqual(scopes([{ limit: '10/minute', by: 'ip' }]))
  })

  it('does not affect the names in headers and metrics', () => {
    const { rules } = limiterOf([{ limit: '10/minute' }, { limit: '100/hour' }, { concurrent: 4 }])
    expect(rules.map(({ name }) => name)).toEqual(['requests', 'requests-2', 'concurrent'])
  })
})

describe('the state of a named rule', () => {
  it('stays when any other option of the rule changes', () => {
    const [before] = scopes([{ limit: '10/minute', name: 'few' }])
    for (const rule of [
      { limit: '1000/day', name: 'few' },
      { limit: '10/minute', name: 'few', algorithm: 'sliding-log', by: 'everyone' },
    ] satisfies Rule<Request>[]) {
      expect(scopes([{ limit: '1/second' }, rule])[1]).toBe(before)
    }
  })

  it('stays with each of several joined limits when another of them is removed', () => {
    const [minute, hour, day] = scopes([{ limit: '10/minute;100/hour;200/day', name: 'few' }])
    expect(scopes([{ limit: '50/day;20/minute', name: 'few' }])).toEqual([day, minute])
    expect(new Set([minute, hour, day]).size).toBe(3)
  })

  it('is never shared with another rule of the limiter', () => {
    const kinds: fc.Arbitrary<Rule<Request>> = fc.record(
      {
        limit: fc.constantFrom('1/second', '2/second', '1/minute', '1/second;1/minute'),
        of: fc.constantFrom('requests', 'tokens', 'requests-2', 'a b'),
        by: fc.constantFrom<KeySpec<Request>>('ip', 'client', ['ip', 'route'], 'header:a+ip', 'header:a'),
        algorithm: fc.constantFrom('token-bucket', 'fixed-window', 'sliding-log'),
      },
      { requiredKeys: ['limit'] },
    )
    fc.assert(
      fc.property(fc.array(kinds, { minLength: 1, maxLength: 6 }), (rules) => {
        const named = rules.map((rule, index) => (index % 2 ? { ...rule, name: `requests ${index}` } : rule))
        const all = scopes(named)
        expect(new Set(all).size).toBe(all.length)
        // The order affects only the numbering of rules that count the same requests.
        expect(new Set(scopes([...named].reverse()))).toEqual(new Set(all))
      }),
      { seed: 11 },
    )
  })
})

describe('a shared rule without a name', () => {
  it('is identified by what it counts', async () => {
    const store = memoryStore()
    const rule: Rule<Request> = { limit: '5/minute', by: 'everyone', shared: true }
    const one = createLimiter({ name: 'one', rules: [rule], store, keys: sources })
    const other = createLimiter({ name: 'other', rules: [{ concurrent: 2 }, rule], store, keys: sources })
    expect(await admitted(one)).toBe(5)
    expect(await admitted(other)).toBe(0)
    expect(one.rules[0]?.name).toBe('all requests')
  })

  it('is separate from rules of the limiter that count the same requests', async () => {
    const store = memoryStore()
    const rule: Rule<Request> = { limit: '5/minute', shared: true }
    const limits = (...own: string[]) => own.map((limit): Rule<Request> => ({ limit }))
    const one = createLimiter({ name: 'one', rules: [...limits('9/minute'), rule], store, keys: sources })
    const other = createLimiter({ name: 'other', rules: [rule, ...limits('9/minute')], store, keys: sources })
    const alone = createLimiter({ name: 'alone', rules: [rule], store, keys: sources })
    expect(await admitted(one)).toBe(5)
    expect(await admitted(other)).toBe(0)
    expect(await admitted(alone)).toBe(0)
    // The two rules share no state.
    expect(await admitted(limiterOf(limits('9/minute'), store))).toBe(9)
  })

  it('is identified independently of its cost', () => {
    const rule: Rule<Request> = { limit: '5/minute', shared: true }
    expect(scopes([{ ...rule, cost: () => 3 }])).toEqual(scopes([rule]))
  })

  it('requires a name if its key is a function', () => {
    expect(() => limiterOf([{ limit: '5/minute', by: () => 'key', shared: true }])).toThrow("needs a 'name'")
  })
})
