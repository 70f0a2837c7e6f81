import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { checkPrefix, penaltyKeysOf, storeKey, storeKeysOf } from '../../../src/stores/redis/redis-key.js'
import { slotOf } from '../../../src/stores/redis/slot.js'
import { penaltyScopeOf } from '../../../src/stores/store.js'

describe('storeKey', () => {
  it('returns a readable key for a plain scope and key', () => {
    expect(storeKey('sluice:', 'predict', 'user-42')).toBe('sluice:v2:{user-42}:predict')
  })

  it('returns different keys for different pairs of scope and key', () => {
    const part = fc.oneof(
      fc.string({
        unit: fc.constantFrom(
          'a',
          ':',
          '1',
          '{',
          '}',
          '%',
          '7',
          'B',
          '#',
          '|',
          '+',
          ' ',
          '\ud800',
          '\udc00',
          '\n',
        ),
      }),
      fc.string({ unit: 'binary', maxLength: 300 }),
      fc.constantFrom('x'.repeat(128), 'x'.repeat(129), 'x'.repeat(300), '', '\ud800', '\ud801', '\ufffd'),
    )
    fc.assert(
      fc.property(part, part, part, part, (scope, key, otherScope, otherKey) => {
        const same = scope === otherScope && key === otherKey
        const [one, other] = [storeKey('p:', scope, key), storeKey('p:', otherScope, otherKey)]
        expect(Buffer.from(one).equals(Buffer.from(other))).toBe(same)
        expect(one.length).toBeLessThan(2400)
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

  it('places all scopes of a key in one slot, unless the prefix determines the slot', () => {
    const scopes = ['predict', 'gateway\nPOST /v1/chat\nrequests', 'x'.repeat(300), '{a}']
    for (const key of ['user-42', '{user}', 'x'.repeat(300), '\ud800'])
      expect(new Set(scopes.map((scope) => slotOf(storeKey('sluice:', scope, key)))).size).toBe(1)
    const names = scopes.map((scope, index) => storeKey('{all}:', scope, `key ${index}`))
    expect(new Set(names.map(slotOf))).toEqual(new Set([slotOf('all')]))
  })

  it('places the scopes of the empty key in several slots', () => {
    expect(slotOf(storeKey('sluice:', 'a', ''))).not.toBe(slotOf(storeKey('sluice:', 'b', '')))
  })

  it('places the penalty of a key in the slot of the key, even if the key is empty', () => {
    for (const key of ['', 'user-42', '{user}', 'x'.repeat(300)])
      for (const scope of ['a', 'gateway\nPOST /v1/chat\nrequests', 'x'.repeat(300)]) {
        const slot = slotOf(storeKey('sluice:', scope, key))
        const penaltyKey = penaltyKeysOf('sluice:', penaltyScopeOf(scope), slot)(key)
        expect(slotOf(penaltyKey)).toBe(slot)
        expect(penaltyKey).not.toBe(storeKey('sluice:', scope, key))
      }
    // The tag of an empty key is not that of another key.
    const slot = slotOf(storeKey('', 'a', ''))
    const [tag = ''] = /#\d+/.exec(penaltyKeysOf('', penaltyScopeOf('a'), slot)('')) ?? []
    expect(tag).not.toBe('')
    expect(storeKey('', penaltyScopeOf('a'), tag)).not.toContain(tag)
  })

  it('returns printable keys without spaces', () => {
    expect(storeKey('sluice:', 'POST /v1/chat\nrequests', 'a b|c\u2028é')).toBe(
      'sluice:v2:{a+b%7Cc%E2%80%A8é}:POST+/v1/chat|requests',
    )
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), fc.string({ unit: 'binary' }), (scope, key) => {
        expect(storeKey('', scope, key)).toMatch(/^[^\p{C}\p{Z}]+$/u)
      }),
      { seed: 20261202 },
    )
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
