import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { checkPrefix, storeKey, storeKeysOf } from '../../../src/stores/redis/redis-key.js'
import { slotOf } from '../../../src/stores/redis/slot.js'

describe('storeKey', () => {
  it('returns a readable key for a plain scope and key', () => {
    expect(storeKey('sluice:', 'predict', 'user-42')).toBe('sluice:7:predict:user-42')
  })

  it('returns different keys for different pairs of scope and key', () => {
    const part = fc.oneof(
      fc.string({
        unit: fc.constantFrom('a', ':', '1', '{', '}', '%', '7', 'B', '#', '\ud800', '\udc00', '\n'),
      }),
      fc.string({ unit: 'binary', maxLength: 300 }),
      fc.constantFrom('x'.repeat(300), 'x'.repeat(301), '', '\ud800', '\ud801', '\ufffd'),
    )
    fc.assert(
      fc.property(part, part, part, part, (scope, key, otherScope, otherKey) => {
        const same = scope === otherScope && key === otherKey
        const [one, other] = [storeKey('p:', scope, key), storeKey('p:', otherScope, otherKey)]
        expect(Buffer.from(one).equals(Buffer.from(other))).toBe(same)
        expect(one.length).toBeLessThan(700)
        expect(storeKeysOf('p:', scope)(key)).toBe(one)
      }),
      { seed: 20261124, numRuns: 2000 },
    )
  })

  it('returns different keys for pairs that form the same string when joined', () => {
    expect(storeKey('', 'a', 'b:c')).not.toBe(storeKey('', 'a:b', 'c'))
    expect(storeKey('', '', '\ud800')).not.toBe(storeKey('', '', '\ud801'))
    expect(storeKey('', '', '{')).not.toBe(storeKey('', '', '%7B'))
  })

  it('returns no opening braces except those of the prefix', () => {
    expect(storeKey('sluice:', '{a}', '{user}')).toBe('sluice:3:%7Ba}:%7Buser}')
    const [one, other] = [storeKey('{all}:', 'a', '{b}'), storeKey('{all}:', 'c', 'd')]
    expect(slotOf(one)).toBe(slotOf(other))
  })
})

describe('checkPrefix', () => {
  it.each(['', 'sluice:', '{sluice}:', 'a{b}c{d', '}'])('accepts %j', (prefix) => {
    expect(checkPrefix(prefix)).toBe(prefix)
  })

  it.each(['{', 'a{}', '}{', '\ud800', 'x'.repeat(201)])('rejects %j', (prefix) => {
    expect(() => checkPrefix(prefix)).toThrow(RangeError)
  })
})

describe('slotOf', () => {
  // The first slot follows from the check value of CRC-16/XMODEM in the cluster specification:
  // 0x31C3.
  it.each([
    ['123456789', 0x31c3 % 16_384],
    ['{user1000}.following', slotOf('user1000')],
    ['foo{}{bar}', slotOf('foo{}{bar}')],
    ['foo{{bar}}zap', slotOf('{bar')],
    ['foo{bar}{zap}', slotOf('bar')],
  ])('maps %j to slot %i', (key, slot) => {
    expect(slotOf(key)).toBe(slot)
  })
})
