import { describe, expect, it } from 'vitest'
import { parseLimits } from '../../src/limits/grammar.js'
import { LimitSyntaxError } from '../../src/limits/scanner.js'

/** Returns the error that an invalid limit string causes. */
function failure(text: string): LimitSyntaxError {
  try {
    parseLimits(text)
  } catch (error) {
    if (error instanceof LimitSyntaxError) return error
    throw error
  }
  throw new Error(`'${text}' was parsed`)
}

describe('parseLimits with an invalid string', () => {
  it.each([
    ['', 0, 'expected a number'],
    ['   ', 3, 'expected a number'],
    ['ten/minute', 0, 'expected a number'],
    ['-1/minute', 0, 'expected a number'],
    ['10', 2, "expected '/' or 'per'"],
    ['10 / ', 5, 'expected a unit of time'],
    ['10/5', 4, 'expected a unit of time'],
    ['10/fortnight', 3, "unknown unit 'fortnight'"],
    ['10/5 M', 5, "unknown unit 'M'"],
    ['10/constructor', 3, "unknown unit 'constructor'"],
    ['10x/minute', 2, "'x' is not a multiplier"],
    ['10m/minute', 2, "'m' is not a multiplier"],
    ['10kk/minute', 2, "'kk' is not a multiplier"],
    ['10constructor/minute', 2, "'constructor' is not a multiplier"],
    ['10minute', 2, "'minute' is not a multiplier"],
    ['0/minute', 0, 'would refuse every request'],
    ['10/minute burst 0', 16, 'would refuse every request'],
    ['0.5/minute', 0, 'lengthen the period'],
    ['1.0001k/minute', 0, 'not a whole number'],
    ['9007199254740992/s', 0, 'below 2^53'],
    ['10G G/s', 4, "expected '/' or 'per'"],
    ['10/0s', 3, 'between 1 ms and ten years'],
    ['10/0.9ms', 3, 'between 1 ms and ten years'],
    ['10/11 years', 3, 'between 1 ms and ten years'],
    ['10/minute burst', 15, 'the burst'],
    ['10/minute initial', 17, 'expected a number for the initial tokens'],
    ['10/minute initial 11', 10, 'the initial tokens must not exceed the burst of 10'],
    ['10/minute burst 20 initial 0.5', 27, 'is not a whole number'],
    ['10/minute initial 5 burst 20', 20, "expected the end, ';', 'burst' or 'initial'"],
    ['10/minute burst 20 30', 19, "expected the end, ';', 'burst' or 'initial'"],
    ['10/minute, hour', 11, 'expected a number'],
    ['1,000/minute', 1, "expected '/' or 'per'"],
    ['10/minute & 20/hour', 10, "expected the end, ';', 'burst' or 'initial'"],
    ['10/minute;', 10, 'expected a number'],
    ['10/minute;;20/hour', 10, 'expected a number'],
    [';', 0, 'expected a number'],
    ['10//minute', 3, 'expected a unit of time'],
    ['1e3/minute', 1, "'e' is not a multiplier"],
    ['10permit', 2, "'permit' is not a multiplier"],
    ['10 permit', 3, "expected '/' or 'per'"],
  ])('rejects %j at index %d: %s', (text, at, problem) => {
    const error = failure(text)
    expect(error.at).toBe(at)
    expect(error.problem).toContain(problem)
    expect(error.input).toBe(text)
  })

  it('reports the string, the problem, its position and a valid example', () => {
    const { message, name } = failure('10 in a minute')
    expect(name).toBe('LimitSyntaxError')
    expect(message).toContain("'10 in a minute'")
    expect(message).toContain('(at character 4)')
    for (const example of ['10/minute', '5 per 300 seconds', '10/5m burst 20']) {
      expect(message).toContain(example)
      expect(() => parseLimits(example)).not.toThrow()
    }
  })

  it('throws a SyntaxError', () => {
    expect(failure('x')).toBeInstanceOf(SyntaxError)
  })

  it('points at a burst if the algorithm does not support one', () => {
    for (const algorithm of ['fixed-window', 'sliding-window', 'sliding-log'] as const) {
      expect(() => parseLimits('10/minute burst 20', { algorithm })).toThrow(
        "'burst' requires the algorithm token-bucket",
      )
      expect(() => parseLimits('10/minute burst 20', { algorithm })).toThrow('(at character 11)')
      expect(() => parseLimits('10/minute initial 2', { algorithm })).toThrow(
        "'initial' requires the algorithm token-bucket",
      )
      expect(() => parseLimits('10/minute initial 2', { algorithm })).toThrow('(at character 11)')
    }
  })

  it('rejects long strings and lists, and shortens them in the message', () => {
    const long = failure(`${' '.repeat(1000)}10/minute`)
    expect(long.at).toBe(1000)
    expect(long.message.length).toBeLessThan(200)
    expect(failure(Array(33).fill('1/s').join(';')).problem).toContain('more than 32')
  })
})
