import { describe, expect, it } from 'vitest'
import {
  createLimiter,
  type KeySources,
  type Limiter,
  type LimiterEvent,
  type LimiterOptions,
} from '../../src/index.js'
import { recordingStore } from './recording-store.js'

interface Request {
  readonly user: string
  readonly ip?: string
}

const keys: KeySources<Request> = {
  ip: ({ ip = '192.0.2.1' }) => ip,
  route: () => 'POST /predict',
  header: () => undefined,
}

function limiterOf(options: Partial<LimiterOptions<Request>>): Limiter<Request> {
  return createLimiter<Request>({
    keys,
    client: ({ user }) => user,
    rules: [{ limit: '10/minute' }],
    ...options,
  })
}

async function left(limiter: Limiter<Request>, user = 'acme'): Promise<Record<string, number>> {
  const { quotas } = await limiter.peek({ user })
  return Object.fromEntries(
    quotas.map(({ rule, allowed, cost, remaining }) => [rule, remaining + (allowed ? cost : 0)]),
  )
}

const ACME: Request = { user: 'acme' }

describe('a charge by request', () => {
  it('applies to every rule with a limit, each under its own key', async () => {
    const rules = [
      { limit: '10/minute; 100/hour' },
      { name: 'all', limit: '50/minute', by: 'everyone' },
      { concurrent: 2 },
    ] as const
    const limiter = limiterOf({ rules })
    await limiter.charge(ACME, 4)
    expect(await left(limiter)).toEqual({ requests: 6, 'requests-2': 96, all: 46, concurrent: 2 })
    expect(await left(limiter, 'other')).toEqual({ requests: 10, 'requests-2': 100, all: 46, concurrent: 2 })
    await limiter.refund(ACME, 1, { rule: 'requests' })
    expect(await left(limiter)).toEqual({ requests: 7, 'requests-2': 97, all: 46, concurrent: 2 })
  })

  it('requires the name of a rule if the rules count different resources', async () => {
    const limiter = limiterOf({ rules: [{ limit: '10/minute' }, { limit: '1k/minute', of: 'tokens' }] })
    await expect(limiter.charge(ACME, 4)).rejects.toThrow(
      "the rules count different resources, so 'rule' must be one of requests, tokens",
    )
    await limiter.charge(ACME, 400, { rule: 'tokens' })
    expect(await left(limiter)).toEqual({ requests: 10, tokens: 600 })
  })

  it('uses the limit of the client, and skips rules that are unlimited for it', async () => {
    const limiter = limiterOf({
      client: ({ user }) => ({ id: user, tier: user }),
      rules: [
        { limit: async () => '10/minute', tiers: { acme: 2 } },
        { name: 'free', limit: '5/minute', tiers: { acme: 'unlimited' } },
      ],
    })
    await limiter.charge(ACME, 15)
    expect(await left(limiter)).toEqual({ requests: 5 })
  })

  it('skips a shadow rule whose function throws', async () => {
    const by = () => {
      throw new Error('on purpose')
    }
    const limiter = limiterOf({
      rules: [{ limit: '10/minute' }, { name: 'trial', limit: '1/minute', by, enforce: false }],
    })
    await limiter.charge(ACME, 4)
    expect(await left(limiter)).toEqual({ requests: 6 })
  })
})

describe('a change by key', () => {
  it('counts for the client or address that the key names', async () => {
    const limiter = limiterOf({})
    await limiter.charge('client acme', 4)
    expect(await left(limiter)).toEqual({ requests: 6 })
    await limiter.refund('client acme', 3)
    expect(await left(limiter)).toEqual({ requests: 9 })
    await limiter.reset('client acme')
    expect(await left(limiter)).toEqual({ requests: 10 })
  })

  it('finds a key of any length and beginning that a function returns', async () => {
    const limiter = limiterOf({ rules: [{ limit: '10/minute', by: ({ user }) => user }] })
    for (const user of ['x'.repeat(200), '\u0001abc', '\u00023:abc']) {
      await limiter.charge(user, 4)
      expect(await left(limiter, user)).toEqual({ requests: 6 })
      await limiter.reset(user)
      expect(await left(limiter, user)).toEqual({ requests: 10 })
    }
  })

  it('requires the name of a rule if the rules count by different keys', async () => {
    const limiter = limiterOf({
      rules: [{ limit: '10/minute' }, { name: 'all', limit: '50/minute', by: 'everyone' }],
    })
    const message =
      "the rules count by different keys, so 'rule' must be one of requests, all; or pass the request"
    await expect(limiter.charge('client acme', 1)).rejects.toThrow(message)
    expect(() => limiter.reset('client acme')).toThrow(message)
    await limiter.charge('everyone', 5, { rule: 'all' })
    await limiter.charge('client acme', 1, { rule: 'requests' })
    expect(await left(limiter)).toEqual({ requests: 9, all: 45 })
    await limiter.reset('everyone', { rule: 'all' })
    expect(await left(limiter)).toEqual({ requests: 9, all: 50 })
  })

  it('needs the request if a function computes the limit', async () => {
    const limiter = limiterOf({ rules: [{ limit: () => '10/minute' }] })
    await expect(limiter.charge('client acme', 1)).rejects.toThrow(
      "a function computes the limit of the rule 'requests', so pass the request, not a key",
    )
  })
})

describe('a change of usage', () => {
  it.each<[call: () => Promise<void>, message: string]>([
    [() => limiterOf({}).charge(ACME, 1, { rule: 'request' }), "no rule 'request'; did you mean 'requests'?"],
    [
      () => limiterOf({}).charge(ACME, 1, { rul: 'requests' } as object),
      "no option 'rul'; did you mean 'rule'?",
    ],
    [() => limiterOf({ rules: [{ concurrent: 2 }] }).charge(ACME, 1), 'slots cannot be charged or refunded'],
    [() => limiterOf({}).charge(ACME, -1), 'must be finite and at least 0'],
    [() => limiterOf({}).refund(ACME, Number.NaN), 'must be finite and at least 0'],
    [() => limiterOf({ algorithm: 'fixed-window' }).charge(ACME, 0.5), 'must be a whole number'],
  ])('rejects wrong arguments: %s', async (call, message) => {
    await expect(call()).rejects.toThrow(message)
  })

  it('emits an event for each rule', async () => {
    const events: LimiterEvent[] = []
    const limiter = limiterOf({ listener: (event) => events.push(event as LimiterEvent) })
    await limiter.charge(ACME, 4)
    await limiter.refund(ACME, 1)
    const common = { type: 'settled', rule: 'requests', resource: 'requests', key: 'client acme' }
    expect(events).toEqual([
      { ...common, taken: 0, cost: 4 },
      { ...common, taken: 1, cost: 0 },
    ])
  })

  it('is one call to the store', async () => {
    const { store, calls } = recordingStore()
    const limiter = limiterOf({ store, rules: [{ limit: '10/second; 100/minute' }] })
    await limiter.charge(ACME, 4)
    await limiter.refund(ACME, 2)
    await limiter.charge(ACME, 0)
    expect(calls).toEqual(['settle', 'settle'])
  })
})
