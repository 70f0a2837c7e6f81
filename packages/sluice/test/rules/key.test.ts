import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { createLimiter } from '../../src/limiter/limiter.js'
import { addressForSecret, combinedKey, plainKey, secretKey } from '../../src/rules/key.js'
import type { KeySpec, NamedKey } from '../../src/rules/key-spec.js'

const SEED = 20261126

/** Any string, including lone surrogates, key prefixes and strings that look like combined keys. */
const text = fc.oneof(
  fc.string({ unit: fc.nat(0xffff).map((unit) => String.fromCharCode(unit)) }),
  fc.string({ unit: fc.constantFrom('\u0001', '\u0002', '\u0003', ':', '1', '2', 'a', '') }),
  fc.integer({ min: 100, max: 300 }).map((length) => 'k'.repeat(length)),
)
const parts = fc.array(text, { minLength: 1, maxLength: 4 })

describe('keys', () => {
  it('differ for any two different strings', () => {
    fc.assert(
      fc.property(text, text, (one, other) => {
        expect(plainKey(one) === plainKey(other)).toBe(one === other)
        expect(secretKey(one) === secretKey(other)).toBe(one === other)
      }),
      { seed: SEED, numRuns: 3000 },
    )
  })

  it('differ for any two different lists, wherever their parts start and end', () => {
    const cut = fc.tuple(
      text,
      fc.array(fc.nat(400), { maxLength: 3 }),
      fc.array(fc.nat(400), { maxLength: 3 }),
    )
    fc.assert(
      fc.property(cut, ([whole, here, there]) => {
        const [one, other] = [here, there].map((positions) => cutAt(whole, positions)) as [string[], string[]]
        const same = JSON.stringify(one) === JSON.stringify(other)
        expect(combinedKey(one) === combinedKey(other)).toBe(same)
      }),
      { seed: SEED, numRuns: 3000 },
    )
  })

  it('never equal keys of another kind', () => {
    fc.assert(
      fc.property(parts, text, (some, one) => {
        const made = [combinedKey(some), addressForSecret(one), secretKey(one)]
        expect(new Set([plainKey(`short ${one.slice(0, 9)}`), ...made.slice(0, 2)]).size).toBe(3)
        // A client that sends an encoded key as a string is counted by that string.
        for (const key of made) expect(made).not.toContain(plainKey(key))
      }),
      { seed: SEED, numRuns: 3000 },
    )
  })

  it('are bounded in length', () => {
    fc.assert(
      fc.property(parts, (some) => {
        for (const key of [combinedKey(some), ...some.map(plainKey), ...some.map(secretKey)])
          expect(key.length).toBeLessThanOrEqual(128)
      }),
      { seed: SEED, numRuns: 1000 },
    )
    const long = 'k'.repeat(100_000)
    expect(plainKey(long)).not.toBe(plainKey(`${long}!`))
    expect(plainKey(long).length).toBeLessThan(50)
  })

  it('do not reveal a secret', () => {
    expect(secretKey('sk-live-1234')).not.toMatch(/sk|live|1234/)
  })
})

describe("the 'by' of a rule", () => {
  const keys = { ip: () => '203.0.113.7', route: () => 'POST /predict', header: () => undefined }
  const keyOf = (by: KeySpec<object>, client?: string) => {
    const limiter = createLimiter<object>({
      rules: [{ limit: '1/minute', by }],
      keys,
      client: () => client,
    })
    const forecast = limiter.peek({})
    return forecast instanceof Promise ? undefined : forecast.quotas[0]?.key
  }

  it('distinguishes a client named like an address from that address', () => {
    expect(keyOf('client', '203.0.113.7')).not.toBe(keyOf('client'))
    expect(keyOf('client')).toBe(keyOf('ip', 'anybody'))
  })

  it('treats a list with one key as that key and combines several keys', () => {
    expect(keyOf(['ip'])).toBe(keyOf('ip'))
    const both: NamedKey[] = ['ip', 'route']
    expect(new Set([keyOf(both), keyOf([...both].reverse()), keyOf(['ip']), keyOf(['route'])]).size).toBe(4)
  })

  it('counts a number or bigint by its decimal string, and rejects NaN and infinities', () => {
    expect(keyOf(() => 7)).toBe(keyOf(() => '7'))
    expect(keyOf(() => -1.5)).toBe('-1.5')
    expect(keyOf(() => 2n ** 70n)).toBe(String(2n ** 70n))
    expect(keyOf(['ip', () => 7])).toBe(keyOf(['ip', () => '7']))
    for (const number of [Number.NaN, Number.POSITIVE_INFINITY])
      expect(() => keyOf(() => number)).toThrow(`'by' returned ${number}; a key must be a string or a finite`)
  })

  it("selects one key for all requests if it is 'everyone'", () => {
    expect(keyOf('everyone', 'a')).toBe(keyOf('everyone', 'b'))
  })
})

function cutAt(whole: string, positions: readonly number[]): string[] {
  const inOrder = positions.map((position) => Math.min(position, whole.length)).sort((a, b) => a - b)
  return [0, ...inOrder].map((start, index) => whole.slice(start, inOrder[index] ?? whole.length))
}
