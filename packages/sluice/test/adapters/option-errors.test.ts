import { describe, expect, it } from 'vitest'
import { limit as limitExpress } from '../../src/adapters/express.js'
import { limit as limitFastify } from '../../src/adapters/fastify.js'
import { limit as limitFetch } from '../../src/adapters/fetch.js'
import { limit as limitHono } from '../../src/adapters/hono.js'
import { limit as limitKoa } from '../../src/adapters/koa.js'
import { Limit, LimitModule } from '../../src/adapters/nest.js'
import { cachedLookup } from '../../src/identity/cached-lookup.js'
import { createLimiter } from '../../src/limiter/limiter.js'
import { createWarmUp } from '../../src/rules/warm-up.js'
import { memcachedStore } from '../../src/stores/memcached/index.js'
import { memoryStore } from '../../src/stores/memory/memory-store.js'
import { redisStore } from '../../src/stores/redis/index.js'
import { withFailurePolicy } from '../../src/stores/resilience/failure-policy.js'

const HTTP = [
  'rules',
  'client',
  'identify',
  'refuse',
  'throw',
  'allow',
  'trustedProxies',
  'forwardedHeader',
  'ipv6Subnet',
  'xRateLimit',
]

const ADAPTERS: readonly (readonly [name: string, make: (options: never) => unknown, own: string[]])[] = [
  ['the Express adapter', limitExpress, []],
  ['the Fastify adapter', limitFastify, []],
  ['the Koa adapter', limitKoa, []],
  ['the Hono adapter', limitHono, ['address']],
  ['the fetch adapter', limitFetch, ['address', 'route']],
  ['@Limit in NestJS', Limit, ['request', 'perHandler']],
  ['LimitModule in NestJS', (options) => LimitModule.forRoot(options), ['request', 'perHandler']],
]

const rules = [{ limit: '1/minute' }]

/** Returns the error that `make` throws, as a string. */
function errorOf(make: () => unknown): string {
  try {
    make()
  } catch (error) {
    return String(error)
  }
  return 'nothing'
}

describe.each(ADAPTERS)('an invalid option of %s', (_name, make, own) => {
  it('is rejected with a list of all options, including those of the adapter', () => {
    const error = errorOf(() => make({ rules, wholly: 1 } as never))
    expect(error).toContain("TypeError: a limiter has no option 'wholly'; its options are ")
    const listed = error.split('ts options are ')[1]?.split(', ')
    expect(listed).toEqual(expect.arrayContaining([...HTTP, ...own]))
    // The adapter defines 'keys' itself.
    expect(listed).not.toContain('keys')
    expect(new Set(listed).size).toBe(listed?.length)
  })

  it.each([
    ['trustProxies', 'trustedProxies'],
    ['XRateLimit', 'xRateLimit'],
    ['refused', 'refuse'],
    ['rule', 'rules'],
  ])("named '%s' is rejected with the suggestion '%s'", (wrong, meant) => {
    expect(errorOf(() => make({ rules, [wrong]: [] } as never))).toContain(`did you mean '${meant}'?`)
  })

  it.each([
    [
      { skipFailed: true, skipSuccessful: true },
      "'skipFailed' and 'skipSuccessful' together would count no request; set only one of them",
    ],
    [{ skipFailed: 500 }, "'skipFailed' must be true, false or a function of the status, not '500'"],
    [{ skipSuccesful: true }, "did you mean 'skipSuccessful'?"],
    [{ algorithm: 'fixed_window' }, "unknown algorithm 'fixed_window'; did you mean 'fixed-window'?"],
  ])('is rejected: %o', (options, message) => {
    expect(errorOf(() => make({ rules, ...options } as never))).toContain(message)
  })

  it('is rejected with the suggestion of a similar option of the adapter', () => {
    for (const option of own)
      expect(errorOf(() => make({ rules, [`${option}s`]: [] } as never))).toContain(
        `did you mean '${option}'?`,
      )
  })
})

describe('an invalid option of another function', () => {
  const store = memoryStore()
  const cases: readonly (readonly [what: string, make: () => unknown, meant: string, other: string])[] = [
    ['a rule', () => createLimiter({ rules: [{ limit: '1/s', cots: 2 } as never] }), 'cost', 'limit'],
    [
      'a concurrency rule',
      () => createLimiter({ rules: [{ concurrent: 1, leas: 2 } as never] }),
      'lease',
      'wait',
    ],
    ['a memory store', () => memoryStore({ maxKey: 5 } as never), 'maxKeys', 'clock'],
    ['a Redis store', () => redisStore({ prefixe: 'a' } as never), 'prefix', 'url'],
    ['a Memcached store', () => memcachedStore({ prefixe: 'a' } as never), 'prefix', 'url'],
    ['a failure policy', () => withFailurePolicy(store, { deadlines: 5 } as never), 'deadline', 'policy'],
    ['a warm-up', () => createWarmUp({ form: 0.2 } as never), 'from', 'steps'],
    [
      'a cached lookup',
      () => cachedLookup(async () => undefined, { maxAges: 1 } as never),
      'maxAge',
      'clock',
    ],
  ]

  it.each(cases)('of %s is rejected with a suggestion', (_what, make, meant, other) => {
    const error = errorOf(make)
    expect(error).toMatch(/^TypeError/)
    expect(error).toContain(`did you mean '${meant}'? Its options are `)
    expect(error.split('ts options are ')[1]).toContain(other)
  })
})
