import { expect, it } from 'vitest'
import {
  createLimiter,
  createWarmUp,
  isOptionError,
  type LimiterOptions,
  LimitSyntaxError,
  memoryStore,
  type OptionError,
  parseDuration,
  parseLimits,
  withFailurePolicy,
} from '../src/index.js'

function optionErrorOf(action: () => unknown): OptionError {
  try {
    action()
  } catch (error) {
    if (isOptionError(error)) return error
    throw error
  }
  throw new Error('no option was rejected')
}

it.each<[unknown, OptionError['path'], OptionError['code']?]>([
  [{ limit: 'ten' }, ['limit']],
  [{ limit: 10 }, ['limit']],
  [{ limit: { algorithm: 'token-bucket', limit: 1, period: 0, burst: 1 } }, ['limit', 'period']],
  [{ limit: '10/minute', limt: 1 }, ['limt'], 'unknown_option'],
  [{ limit: '10/minute', cost: -1 }, ['cost']],
  [{ limit: '10/minute', fallbackCost: 'one' }, ['fallbackCost']],
  [{ limit: '10/minute', by: 'sender' }, ['by']],
  [{ limit: '10/minute', by: ['everyone', 'sender'] }, ['by', 1]],
  [{ limit: '10/minute', name: '' }, ['name']],
  [{ limit: '10/minute', of: 'ü' }, ['of']],
  [{ limit: '10/minute', of: 'concurrent' }, ['of']],
  [{ limit: '10/minute', algorithm: 'leaky' }, ['algorithm']],
  [{ limit: '10/minute', timeZone: 'UTC' }, ['timeZone'], 'fixed_window_only'],
  [{ limit: '1/day', algorithm: 'sliding-window', align: 'calendar' }, ['align'], 'fixed_window_only'],
  [{ limit: '10/minute', align: 'calendar', timeZone: 'UTC' }, ['limit']],
  [{ limit: '1/day', algorithm: 'fixed-window', timeZone: 'UTC' }, ['timeZone'], 'calendar_only'],
  [{ limit: '1/day', algorithm: 'fixed-window', align: 'calendar', timeZone: 'Mars' }, ['timeZone']],
  [{ limit: '1/5m', algorithm: 'fixed-window', align: 'calendar' }, ['limit']],
  [{ limit: '10/minute', tiers: { 'a.b': 0 } }, ['tiers', 'a.b']],
  [{ limit: '10/minute', tiers: { gold: '5/parsec' } }, ['tiers', 'gold']],
  [{ limit: '9000000000000000/minute', tiers: { gold: 1000 } }, ['tiers', 'gold']],
  [{ limit: '1/s; 9/minute', tiers: { gold: '5/s' } }, ['tiers']],
  [{ concurrent: 0.5 }, ['concurrent']],
  [{ concurrent: 4, lease: 'soon' }, ['lease']],
  [{ concurrent: 4, wait: 'long' }, ['wait']],
  [{ concurrent: 4, wait: '25d' }, ['wait']],
  [{ concurrent: 4, queue: 5 }, ['queue']],
  [{ concurrent: 4, tiers: { gold: '5/s' } }, ['tiers', 'gold']],
  [{}, []],
])('an option error locates the invalid option of the rule %j', (rule, path, code = 'invalid') => {
  const rules = [{ limit: '1/second', by: 'everyone' }, rule] as LimiterOptions<string>['rules']
  const keys = { ip: String, route: String, header: String }
  const error = optionErrorOf(() => createLimiter({ rules, keys }))
  expect(error).toMatchObject({ path: ['rules', 1, ...path], code })
  expect(error.message).toBe(`rules[1]: ${error.reason}`)
})

it.each<[string, () => unknown, OptionError['path'], OptionError['code']?]>([
  ['an unknown option', () => createLimiter({ rulez: [] } as never), ['rulez'], 'unknown_option'],
  [
    'an invalid tier for all rules',
    () => createLimiter({ rules: [], tiers: { free: 0 } }),
    ['tiers', 'free'],
  ],
  [
    'a name shared by two rules',
    () => createLimiter({ rules: ['1/s', '2/s'].map((limit) => ({ limit, name: 'a' })) }),
    ['rules', 1, 'name'],
  ],
  [
    'an invalid override',
    () => createLimiter({ rules: [{ limit: '1/s', name: 'a' }], overrides: { a: { limit: 5 } } }),
    ['overrides', 'a', 'limit'],
  ],
  [
    'an invalid status',
    () => createLimiter({ rules: [], require: () => true, refuseWith: { status: 200 } }),
    ['refuseWith', 'status'],
  ],
  ['an invalid option of a warm-up', () => createWarmUp({ from: 0.5, over: 'long' }), ['over']],
  ['an invalid deadline', () => withFailurePolicy(memoryStore(), { deadline: 'long' }), ['deadline']],
  ['an invalid option of a store', () => memoryStore({ maxKeys: 0 }), ['maxKeys']],
  [
    'an invalid limit string',
    () => parseLimits('1/5m', { algorithm: 'fixed-window', align: 'calendar' }),
    [],
  ],
  ['an invalid duration', () => parseDuration('long'), []],
])('an option error locates %s', (_, action, path, code = 'invalid') => {
  expect(optionErrorOf(action)).toMatchObject({ path, code })
})

it('an option error is a LimitSyntaxError, TypeError or RangeError and has its name', () => {
  const errors = ['ten', 10, '1/5m'].map((limit) => {
    const rules = [{ limit, algorithm: 'fixed-window', align: 'calendar' }] as LimiterOptions<string>['rules']
    return optionErrorOf(() => createLimiter({ rules }))
  })
  expect(errors.map(({ name }) => name)).toEqual(['LimitSyntaxError', 'TypeError', 'RangeError'])
  const [syntax, type, range] = errors
  expect(syntax).toBeInstanceOf(LimitSyntaxError)
  expect(type).toBeInstanceOf(TypeError)
  expect(range).toBeInstanceOf(RangeError)
})

it('isOptionError returns false for other errors', () => {
  const others = [
    new TypeError('x'),
    new RangeError('x'),
    { path: [], code: 'invalid', reason: 'x' },
    'x',
    null,
  ]
  expect(others.filter(isOptionError)).toEqual([])
})
