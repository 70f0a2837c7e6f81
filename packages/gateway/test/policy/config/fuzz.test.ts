import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { ConfigError, parseConfig } from '../../../src/policy/config/load-config.js'

const VALID = `listen: 127.0.0.1:8080
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

/** Text that a typo might insert. */
const insertion = fc.oneof(
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
  at: fc.nat({ max: VALID.length }),
  dropped: fc.oneof(fc.constant(0), fc.nat({ max: 12 })),
  inserted: insertion,
})

function mutated(changes: readonly { at: number; dropped: number; inserted: string }[]): string {
  return changes.reduce(
    (text, { at, dropped, inserted }) => text.slice(0, at) + inserted + text.slice(at + dropped),
    VALID,
  )
}

/** Reports whether a file is valid. Expects the problems of an invalid file to be within it. */
function isValid(text: string): boolean {
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

/** A busy machine takes minutes to parse a thousand files. */
const TIMEOUT_MS = 300_000

describe('parseConfig', { timeout: TIMEOUT_MS }, () => {
  it('accepts a mutated file or reports problems within it', () => {
    expect(isValid(VALID)).toBe(true)
    const counts = { valid: 0, invalid: 0 }
    fc.assert(
      fc.property(fc.array(change, { minLength: 1, maxLength: 4 }), (changes) => {
        counts[isValid(mutated(changes)) ? 'valid' : 'invalid']++
      }),
      { seed: 20261124, numRuns: 1000 },
    )
    // Mutations that are too mild or too severe would test only one outcome.
    expect(counts.valid).toBeGreaterThan(10)
    expect(counts.invalid).toBeGreaterThan(500)
  })

  it('accepts any string or reports problems within it', () => {
    fc.assert(
      fc.property(fc.string({ maxLength: 200, unit: 'binary' }), (text) => {
        isValid(text)
      }),
      { seed: 20261124, numRuns: 500 },
    )
  })

  it('accepts a file with one replaced value or reports problems within it', () => {
    const values = [...VALID.matchAll(/(?<=: |\[|, )[^\s,[\]{}"']+/g)].map(
      ({ index, 0: value }) => [index, value] as const,
    )
    expect(values.length).toBeGreaterThan(20)
    fc.assert(
      fc.property(fc.constantFrom(...values), insertion, ([at, value], inserted) => {
        isValid(VALID.slice(0, at) + inserted + VALID.slice(at + value.length))
      }),
      { seed: 20261124, numRuns: 500 },
    )
  })
})
