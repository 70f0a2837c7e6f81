import { describe, expect, it } from 'vitest'
import {
  type Client,
  createLimiter,
  isOptionError,
  type Limiter,
  type LimiterOptions,
  manualClock,
  memoryStore,
  type Rule,
} from '../../src/index.js'

type Algorithm = NonNullable<LimiterOptions<string>['algorithm']>

/** Creates a limiter whose requests are the names of tiers. */
function limiterOf(rule: Rule<string>, more: Partial<LimiterOptions<string>> = {}): Limiter<string> {
  const client = (tier: string): Client => ({ id: 'acme', tier })
  return createLimiter<string>({ algorithm: 'fixed-window', client, rules: [rule], ...more })
}

async function algorithmFor(limiter: Limiter<string>, tier = 'free'): Promise<string | undefined> {
  return (await limiter.peek(tier)).quotas[0]?.limit.algorithm
}

function errorOf(options: object): unknown {
  try {
    createLimiter(options as LimiterOptions<string>)
  } catch (error) {
    if (isOptionError(error)) return [error.path, error.message]
    throw error
  }
  return undefined
}

describe('the default algorithm of a limiter', () => {
  it('admits what a fixed window admits within the first period', async () => {
    const admittedBy = async (algorithm: Algorithm) => {
      const clock = manualClock()
      const limiter = createLimiter({
        algorithm,
        rules: [{ limit: '6/minute' }],
        store: memoryStore({ clock }),
      })
      let admitted = 0
      for (let second = 0; second < 60; second++, clock.advance(1000))
        if ((await limiter.admit('user')).allowed) admitted++
      return admitted
    }
    expect(await admittedBy('token-bucket')).toBe(11)
    expect(await admittedBy('fixed-window')).toBe(6)
    expect(await admittedBy('sliding-window')).toBe(6)
    expect(await admittedBy('sliding-log')).toBe(6)
  })

  it('applies to every limit of a string, to tiers, to overrides and to limits from functions', async () => {
    const { rules } = limiterOf({ limit: '10/second; 100/minute' })
    expect(rules.map(({ limit }) => limit?.algorithm)).toEqual(['fixed-window', 'fixed-window'])
    expect(await algorithmFor(limiterOf({ limit: '1/minute', tiers: { pro: '5/minute' } }), 'pro')).toBe(
      'fixed-window',
    )
    const overrides = { requests: { limit: '2/minute' } }
    expect(await algorithmFor(limiterOf({ limit: '1/minute' }, { overrides }))).toBe('fixed-window')
    expect(await algorithmFor(limiterOf({ limit: async () => '1/minute' }))).toBe('fixed-window')
  })

  it('applies to a tier of a rule whose own limit is an object', async () => {
    const limit = { algorithm: 'sliding-log', limit: 1, period: 60_000 } as const
    const limiter = limiterOf({ limit, tiers: { pro: '5/minute' } })
    expect(await algorithmFor(limiter)).toBe('sliding-log')
    expect(await algorithmFor(limiter, 'pro')).toBe('fixed-window')
  })

  it('yields to the algorithm of a rule, of a limit object and of a concurrency limit', async () => {
    const bucket = { algorithm: 'token-bucket', limit: 1, period: 1000, burst: 1 } as const
    expect(await algorithmFor(limiterOf({ limit: '1/minute', algorithm: 'sliding-log' }))).toBe('sliding-log')
    expect(await algorithmFor(limiterOf({ limit: bucket }))).toBe('token-bucket')
    expect(await algorithmFor(limiterOf({ limit: () => bucket }))).toBe('token-bucket')
    expect(await algorithmFor(limiterOf({ concurrent: 2 }))).toBe('concurrency')
  })

  it('lets calendar windows omit their algorithm', () => {
    const [rule] = limiterOf({ limit: '1/day', align: 'calendar', timeZone: 'Europe/Berlin' }).rules
    expect(rule?.limit).toMatchObject({ algorithm: 'fixed-window', align: 'calendar' })
  })

  it('does not apply to aligned windows and to money, which imply fixed windows', () => {
    const options = { algorithm: 'sliding-log' } as const
    const [aligned, money, bucket] = createLimiter({
      ...options,
      rules: [
        { limit: '1/day', align: 'calendar' },
        { limit: '1 USD/day', of: 'money', cost: 1 },
        { limit: '1 USD/day burst 2', of: 'money', cost: 1 },
      ],
    }).rules
    expect(aligned?.limit).toMatchObject({ algorithm: 'fixed-window', align: 'calendar' })
    expect(money?.limit).toMatchObject({ algorithm: 'fixed-window' })
    expect(bucket?.limit).toMatchObject({ algorithm: 'token-bucket' })
  })

  it('identifies the state of an unnamed rule like an explicit algorithm', () => {
    const explicit = createLimiter({ rules: [{ limit: '1/minute', algorithm: 'sliding-window' }] })
    const byDefault = createLimiter({ algorithm: 'sliding-window', rules: [{ limit: '1/minute' }] })
    expect(byDefault.rules[0]?.scope).toBe(explicit.rules[0]?.scope)
  })

  it.each<[object, unknown]>([
    [
      { algorithm: 'fixd-window', rules: [] },
      [
        ['algorithm'],
        "unknown algorithm 'fixd-window'; did you mean 'fixed-window'? Use token-bucket, fixed-window, sliding-window or sliding-log",
      ],
    ],
    [
      { algorithm: 'concurrency', rules: [{ concurrent: 1 }] },
      [['algorithm'], expect.stringContaining('unknown algorithm')],
    ],
    [
      { algorithm: 'fixed-window', rules: [{ limit: '10/minute burst 20' }] },
      [['rules', 0, 'limit'], expect.stringContaining("'burst' requires the algorithm token-bucket")],
    ],
    [
      { rules: [{ limit: '10/day', algorithm: 'sliding-log', align: 'calendar' }] },
      [['rules', 0, 'align'], expect.stringContaining('require the algorithm fixed-window, not sliding-log')],
    ],
    [
      { algorithm: 'fixed-window', rules: [{ limit: '1/day', tiers: { pro: '1/day burst 2' } }] },
      [['rules', 0, 'tiers', 'pro'], expect.stringContaining("'burst' requires")],
    ],
  ])('is rejected where it cannot apply: %j', (options, error) => {
    expect(errorOf(options)).toEqual(error)
  })
})
