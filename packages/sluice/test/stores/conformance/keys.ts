import { describe, expect, it } from 'vitest'
import { createLimiter } from '../../../src/limiter/limiter.js'
import { bucket, charge, fill, peek, type Suite, take } from './harness.js'

const LONG = 'k'.repeat(100_000)

/** Distinct keys that have caused collisions, truncation or failures in other stores. */
const KEYS: readonly (readonly [what: string, key: string])[] = [
  ['empty', ''],
  ['a space', ' '],
  ['100 kB', LONG],
  ['100 kB with another end', `${LONG}!`],
  ['100 kB with another beginning', `!${LONG}`],
  ['250 bytes', 'k'.repeat(250)],
  ['251 bytes', 'k'.repeat(251)],
  ['a lone high surrogate', '\ud800'],
  ['another lone high surrogate', '\ud801'],
  ['a lone low surrogate', '\udc00'],
  ['the replacement character', '\ufffd'],
  ['a whole pair', '\ud83d\ude00'],
  ['the zero character', '\u0000'],
  ['two zero characters', '\u0000\u0000'],
  ['a digest mark', '\u0001'],
  ['a combination mark', '\u0002'],
  ['control characters', '\u0001\u0007\u001b[31m\u007f'],
  ['a line break', 'a\r\nb'],
  ['another line break', 'a\nb'],
  ['a glob', '*'],
  ['braces of a hash tag', '{a}b'],
  ['other braces', '{}'],
  ['a name of an object', '__proto__'],
  ['another name of an object', 'constructor'],
  ['composed', '\u00e9'],
  ['decomposed', 'e\u0301'],
  ['upper case', 'KEY'],
  ['lower case', 'key'],
  ['a direction mark', '\u202eabc'],
  ['a percent sign', '%00%s%n'],
]

const JOINTS = [
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

/** Keys and scopes. */
export function keyCases(suite: Suite): void {
  const limit = bucket(4, 3_600_000)

  describe('keys of any length and any bytes', () => {
    it('counts unusual keys independently', () =>
      suite.with(async ({ store }) => {
        for (const [what, key] of KEYS) expect([what, await fill(store, limit, key)]).toEqual([what, 4])
        for (const [what, key] of KEYS) expect([what, await fill(store, limit, key)]).toEqual([what, 0])
      }))

    it('resets unusual keys one by one', () =>
      suite.with(async ({ store }) => {
        for (const [, key] of KEYS) await fill(store, limit, key)
        for (const [what, key] of KEYS) {
          await store.reset('scope', key)
          expect([what, (await peek(store, limit, key)).remaining]).toEqual([what, 4])
        }
      }))

    it('accepts unusual keys through the limiter', () =>
      suite.with(async ({ store }) => {
        const limiter = createLimiter({ store, rules: [{ limit: '1/hour' }] })
        for (const [what, key] of KEYS)
          expect([what, (await limiter.admit(key)).allowed]).toEqual([what, true])
        for (const [what, key] of KEYS)
          expect([what, (await limiter.admit(key)).allowed]).toEqual([what, false])
      }))

    it('accepts unusual strings as scopes', () =>
      suite.with(async ({ store }) => {
        const full = bucket(1, 3_600_000)
        for (const [what, scope] of KEYS) {
          const [verdict] = await store.take([charge(full, 1, 'key', { scope })])
          expect([what, verdict?.allowed]).toEqual([what, true])
        }
      }))
  })

  describe('keys whose joined strings are equal', () => {
    it.each(JOINTS)('stay distinct when joined by %j', (joint) =>
      suite.with(async ({ store }) => {
        const pairs = [
          ['a', `b${joint}c`],
          [`a${joint}b`, 'c'],
          [`a${joint}b${joint}c`, ''],
          ['', `a${joint}b${joint}c`],
          [`a${joint}`, `b${joint}c`],
          [`a`, `${joint}b${joint}c`],
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
