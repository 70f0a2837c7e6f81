import { describe, expect, it } from 'vitest'
import { createLimiter } from '../../src/limiter/limiter.js'
import { isOptionError } from '../../src/option-error.js'
import { penaltyOf } from '../../src/rules/penalty-options.js'
import type { Rule } from '../../src/rules/rule.js'

const LIMIT = '5/minute'

/** Returns the path and the reason of the error that a rule causes. */
function errorOf(rule: object): readonly [string, string] {
  try {
    createLimiter({ rules: [rule as Rule<string>] })
  } catch (error) {
    if (isOptionError(error)) return [error.path.join('.'), error.reason]
    throw error
  }
  throw new Error('the rule is valid')
}

describe('the penalty of a rule', () => {
  it('has the same length each time without growth', () => {
    expect(penaltyOf({ limit: LIMIT, penalty: '15m' })).toEqual({
      durationMs: 900_000,
      growth: 1,
      maxMs: 900_000,
    })
  })

  it('grows up to its maximum', () => {
    const rule = { limit: LIMIT, penalty: 1000, penaltyGrowth: 2, penaltyMax: '1d' }
    expect(penaltyOf(rule)).toEqual({ durationMs: 1000, growth: 2, maxMs: 86_400_000 })
  })

  it('is undefined without the option', () => {
    expect(penaltyOf({ limit: LIMIT })).toBeUndefined()
  })

  it.each([
    [{ limit: LIMIT, penalty: 'soon' }, 'penalty', /'soon' is not a duration/],
    [{ limit: LIMIT, penalty: 0.5 }, 'penalty', /between 1 ms and ten years/],
    [{ limit: LIMIT, penalty: '11 years' }, 'penalty', /between 1 ms and ten years/],
    [{ limit: LIMIT, penaltyGrowth: 2 }, 'penaltyGrowth', /requires 'penalty', such as/],
    [{ limit: LIMIT, penaltyMax: '1d' }, 'penaltyMax', /requires 'penalty', such as/],
    [{ limit: LIMIT, penalty: '1m', penaltyGrowth: 2 }, 'penaltyGrowth', /requires 'penaltyMax'/],
    [{ limit: LIMIT, penalty: '1m', penaltyMax: '1d' }, 'penaltyMax', /requires 'penaltyGrowth'/],
    [
      { limit: LIMIT, penalty: '1m', penaltyGrowth: 1, penaltyMax: '1d' },
      'penaltyGrowth',
      /more|greater than 1/,
    ],
    [{ limit: LIMIT, penalty: '1m', penaltyGrowth: '2', penaltyMax: '1d' }, 'penaltyGrowth', /a number/],
    [{ limit: LIMIT, penalty: '1m', penaltyGrowth: 101, penaltyMax: '1d' }, 'penaltyGrowth', /at most 100/],
    [
      { limit: LIMIT, penalty: '1m', penaltyGrowth: 2, penaltyMax: '30s' },
      'penaltyMax',
      /30 seconds is shorter than 1 minute/,
    ],
    [{ limit: LIMIT, penalty: '1m', wait: '5s' }, 'penalty', /cannot have both 'penalty' and 'wait'/],
    [{ concurrent: 4, penalty: '1m' }, 'penalty', /requires a limit over time/],
    [{ concurrent: 4, penaltyMax: '1m' }, 'penaltyMax', /requires a limit over time/],
    [
      { limit: { algorithm: 'concurrency', limit: 4, lease: 1000 }, penalty: '1m' },
      'penalty',
      /requires a limit over time/,
    ],
    [{ limit: LIMIT, penalties: '1m' }, 'penalties', /did you mean 'penalty'/],
  ])('is rejected for %j with an error at its option', (rule, option, reason) => {
    const [path, message] = errorOf(rule)
    expect(path).toBe(`rules.0.${option}`)
    expect(message).toMatch(reason)
  })
})
