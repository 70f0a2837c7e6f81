import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { ConfigError, parseConfig } from '../../../src/policy/config/load-config.js'

const GOOD = `listen: 127.0.0.1:8080
upstream: http://127.0.0.1:9000
store: { memory: { max_keys: 100_000 } }
on_store_failure: { policy: local, peers: 4 }
identity: { trusted_proxies: [10.0.0.0/8], ipv6_subnet: 64 }
timeouts: { connect: 5s, idle: 5m }
routes:
  - match: POST /models/:model/predict
    limits: &usual
      - 10/minute; 100/hour
      - { limit: 100/minute, cost: "params.model == 'heavy' ? 10 : size(body.rows)", by: [ip, "header:x-a"] }
      - { limit: 9/day, algorithm: fixed-window, align: calendar, time_zone: Europe/Berlin, name: 'daily' }
      - { concurrent: 4, lease: 30s, enforce: false }
  - match: GET /a/*
default: { limits: [60/minute] }
`

/** What a slip of the hand puts in. */
const scrap = fc.oneof(
  fc.constantFrom(
    '\t',
    '\n',
    ' ',
    ': ',
    '- ',
    '[',
    ']',
    '{',
    '}',
    '"',
    "'",
    '#',
    '&a',
    '*usual',
    '|\n  ',
    '!!map',
    ',',
  ),
  fc.constantFrom(
    'limits:',
    'match: /a',
    'limit',
    'null',
    '~',
    '-1',
    '1e999',
    '.nan',
    'body.',
    'x.all(',
    '---\n',
    '\\u0041',
  ),
  fc.string({ maxLength: 5, unit: 'binary' }),
)

const change = fc.record({
  at: fc.nat({ max: GOOD.length }),
  dropped: fc.oneof(fc.constant(0), fc.nat({ max: 12 })),
  put: scrap,
})

function mutated(changes: readonly { at: number; dropped: number; put: string }[]): string {
  return changes.reduce(
    (text, { at, dropped, put }) => text.slice(0, at) + put + text.slice(at + dropped),
    GOOD,
  )
}

/** Whether the text is a configuration; where it is not, checks that what is told of it is in it. */
function checkOutcome(text: string): boolean {
  try {
    parseConfig(text, 'f')
    return true
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error
    const lines = text.split('\n')
    expect(error.problems.length).toBeGreaterThan(0)
    let last = 0
    for (const { line, column, message } of error.problems) {
      expect(line).toBeGreaterThanOrEqual(1)
      expect(line).toBeLessThanOrEqual(lines.length)
      expect(column).toBeGreaterThanOrEqual(1)
      expect(column).toBeLessThanOrEqual((lines[line - 1] ?? '').length + 1)
      expect(message).not.toBe('')
      expect(message).not.toMatch(/undefined|\[object|\p{Cc}/u)
      expect(line * 10_000 + column).toBeGreaterThanOrEqual(last)
      last = line * 10_000 + column
    }
    return false
  }
}

describe('any text', () => {
  it('is a configuration, or has its problems inside of it', () => {
    expect(checkOutcome(GOOD)).toBe(true)
    const outcomes = { good: 0, bad: 0 }
    fc.assert(
      fc.property(fc.array(change, { minLength: 1, maxLength: 4 }), (changes) => {
        outcomes[checkOutcome(mutated(changes)) ? 'good' : 'bad']++
      }),
      { seed: 20261124, numRuns: 1000 },
    )
    // Both ends are met: else the changes are too gentle or too rough to say anything.
    expect(outcomes.good).toBeGreaterThan(10)
    expect(outcomes.bad).toBeGreaterThan(500)
  })

  it('whatever it is made of', () => {
    fc.assert(
      fc.property(fc.string({ maxLength: 200, unit: 'binary' }), (text) => {
        checkOutcome(text)
      }),
      { seed: 20261124, numRuns: 500 },
    )
  })

  it('in each of its values', () => {
    const values = [...GOOD.matchAll(/(?<=: |\[|, )[^\s,[\]{}"']+/g)].map(
      ({ index, 0: value }) => [index, value] as const,
    )
    expect(values.length).toBeGreaterThan(20)
    fc.assert(
      fc.property(fc.constantFrom(...values), scrap, ([at, value], put) => {
        checkOutcome(GOOD.slice(0, at) + put + GOOD.slice(at + value.length))
      }),
      { seed: 20261124, numRuns: 500 },
    )
  })
})
