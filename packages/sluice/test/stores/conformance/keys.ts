import { describe, expect, it } from 'vitest'
import { createLimiter } from '../../../src/limiter/limiter.js'
import { bucket, charge, fill, peek, type Suite, take } from './harness.js'

const LONG = 'k'.repeat(100_000)

/** Distinct keys that have caused collisions, truncation or failures in other stores. */
const KEYS: readonly (readonly [name: string, key: string])[] = [
  ['empty', ''],
  ['a space', ' '],
  ['100 kB', LONG],
  ['100 kB with a different last character', `${LONG}!`],
  ['100 kB with a different first character', `!${LONG}`],
  ['250 bytes', 'k'.repeat(250)],
  ['251 bytes', 'k'.repeat(251)],
  ['a lone high surrogate', '\ud800'],
  ['another lone high surrogate', '\ud801'],
  ['a lone low surrogate', '\udc00'],
  ['the replacement character', '\ufffd'],
  ['a surrogate pair', '\ud83d\ude00'],
  ['a null character', '\u0000'],
  ['two null characters', '\u0000\u0000'],
  ['the character U+0001', '\u0001'],
  ['the character U+0002', '\u0002'],
  ['control characters', '\u0001\u0007\u001b[31m\u007f'],
  ['a CRLF line break', 'a\r\nb'],
  ['an LF line break', 'a\nb'],
  ['a glob', '*'],
  ['a hash tag in braces', '{a}b'],
  ['empty braces', '{}'],
  ['the property name __proto__', '__proto__'],
  ['the property name constructor', 'constructor'],
  ['a composed character', '\u00e9'],
  ['a decomposed character', 'e\u0301'],
  ['upper case', 'KEY'],
  ['lower case', 'key'],
  ['a right-to-left override', '\u202eabc'],
  ['percent signs', '%00%s%n'],
]

const SEPARATORS = [
  ':',
  '|',
  '/',
  '_',
  '-',
  '.',
  ',',
  ' ',
  '\n',
  '\u0000',
  '\u0001',
  '\u0002',
  '{',
  '}',
  '%',
  '\\',
  '"',
]

/** Tests keys and scopes. */
export function keyCases(suite: Suite): void {
  const limit = bucket(4, 3_600_000)

  describe('unusual keys and scopes', () => {
    it('are counted independently as keys', () =>
      suite.with(async ({ store }) => {
        for (const [label, key] of KEYS) expect([label, await fill(store, limit, key)]).toEqual([label, 4])
        for (const [label, key] of KEYS) expect([label, await fill(store, limit, key)]).toEqual([label, 0])
      }))

    it('are reset independently as keys', () =>
      suite.with(async ({ store }) => {
        for (const [, key] of KEYS) await fill(store, limit, key)
        for (const [label, key] of KEYS) {
          await store.reset('scope', key)
          expect([label, (await peek(store, limit, key)).remaining]).toEqual([label, 4])
        }
      }))

    it('are counted independently as keys of a limiter', () =>
      suite.with(async ({ store }) => {
        const limiter = createLimiter({ store, rules: [{ limit: '1/hour' }] })
        for (const [label, key] of KEYS)
          expect([label, (await limiter.admit(key)).allowed]).toEqual([label, true])
        for (const [label, key] of KEYS)
          expect([label, (await limiter.admit(key)).allowed]).toEqual([label, false])
      }))

    it('are counted independently as scopes', () =>
      suite.with(async ({ store }) => {
        const full = bucket(1, 3_600_000)
        for (const [label, scope] of KEYS) {
          const [verdict] = await store.take([charge(full, 1, 'key', { scope })])
          expect([label, verdict?.allowed]).toEqual([label, true])
        }
      }))
  })

  describe('scopes and keys that form the same string when joined', () => {
    it.each(SEPARATORS)('are counted independently for the separator %j', (separator) =>
      suite.with(async ({ store }) => {
        const pairs = [
          ['a', `b${separator}c`],
          [`a${separator}b`, 'c'],
          [`a${separator}b${separator}c`, ''],
          ['', `a${separator}b${separator}c`],
          [`a${separator}`, `b${separator}c`],
          [`a`, `${separator}b${separator}c`],
        ]
        for (const [scope = '', key = ''] of pairs) {
          const [verdict] = await store.take([charge(bucket(1, 3_600_000), 1, key, { scope })])
          expect([scope, key, verdict?.allowed]).toEqual([scope, key, true])
        }
        const combined = createLimiter<readonly [string, string]>({
          store,
          rules: [{ limit: '1/hour', by: [(pair) => pair[0], (pair) => pair[1]] }],
        })
        for (const [one = '', other = ''] of pairs)
          expect([one, other, (await combined.admit([one, other])).allowed]).toEqual([one, other, true])
      }),
    )
  })

  it('counts the same key separately for each rule and limiter', () =>
    suite.with(async ({ store }) => {
      const limiter = (name: string) =>
        createLimiter({ store, name, rules: [{ limit: '1/hour' }, { limit: '2/hour' }] })
      const [one, other] = [limiter('one'), limiter('other')]
      expect((await one.admit('client')).allowed).toBe(true)
      expect((await one.admit('client')).allowed).toBe(false)
      expect((await other.admit('client')).allowed).toBe(true)
      expect((await take(store, limit, 4, 'client')).allowed).toBe(true)
    }))
}
