import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { createLimiter } from '../../src/limiter/limiter.js'
import { cookieValue } from '../../src/rules/cookie.js'
import { addressForSecret, combinedKey, secretKey } from '../../src/rules/key.js'
import type { KeySpec } from '../../src/rules/key-spec.js'
import { MalformedRequestError } from '../../src/rules/request-error.js'

const ADDRESS = '192.0.2.1'

function keyOf(cookie: string | undefined, by: KeySpec<object> = 'cookie:session'): string | undefined {
  const keys = {
    ip: () => ADDRESS,
    route: () => 'GET /',
    header: (_: object, name: string) => (name === 'cookie' ? cookie : undefined),
  }
  const forecast = createLimiter({ rules: [{ limit: '5/minute', by }], keys }).peek({})
  if (forecast instanceof Promise) throw new TypeError('the memory store is synchronous')
  return forecast.quotas[0]?.key
}

describe('a rule by cookie', () => {
  it.each([
    ['alone', 'session=s3cret'],
    ['among others', 'a=1; session=s3cret; b=2'],
    ['without spaces', 'a=1;session=s3cret;b=2'],
    ['in quotes', 'session="s3cret"'],
    ['with escapes in the quotes', String.raw`session="\163\3cret"`],
    ['percent-encoded', 'session=%73%33cret'],
    ['with a percent-encoded name', '%73ession=s3cret'],
    ['with white space', ' session = s3cret '],
    ['twice with one value', 'session=s3cret; session="s3cret"'],
  ])('counts by the digest of the value of a cookie sent %s', (_, cookie) => {
    expect(keyOf(cookie)).toBe(secretKey('s3cret'))
  })

  it.each([
    ['no Cookie header', undefined],
    ['another cookie', 'session2=s3cret; xsession=1'],
    ['the cookie in another case', 'Session=s3cret'],
    ['an empty cookie', 'session='],
    ['an empty cookie in quotes', 'session=""'],
    ['a name without a value', 'session'],
    ['its text in another value', 'a="session"; b=session%3Ds3cret'],
  ])('counts by the digest of the address of a request with %s', (_, cookie) => {
    expect(keyOf(cookie)).toBe(addressForSecret(ADDRESS))
  })

  it('keeps the rest of a value after the first equals sign', () => {
    expect(keyOf('session=a=b==')).toBe(secretKey('a=b=='))
    expect(keyOf('session="a')).toBe(secretKey('"a'))
    expect(keyOf('session="')).toBe(secretKey('"'))
    expect(keyOf('session=100%')).toBe(secretKey('100%'))
  })

  it.each(['session=a; session=b', 'session=; session=b', 'session=a; %73ession=b'])(
    'rejects a request with different values: %s',
    (cookie) => {
      expect(() => keyOf(cookie)).toThrow(MalformedRequestError)
      expect(() => keyOf(cookie)).toThrow("the cookie 'session' was sent with different values")
      expect(() => keyOf(cookie)).not.toThrow(/=a|=b/)
    },
  )

  it('combines with other keys without showing the cookie', () => {
    const key = keyOf('session=s3cret', ['cookie:session', 'ip'])
    expect(key).toBe(combinedKey([secretKey('s3cret'), ADDRESS]))
    expect(key).not.toContain('s3cret')
  })

  it('keeps the state of two cookies apart whose names differ in case', () => {
    const keys = { ip: () => ADDRESS, route: () => 'GET /', header: () => undefined }
    const scopes = (by: KeySpec<object>) =>
      createLimiter<object>({ rules: [{ limit: '5/minute', by }], keys }).rules.map(({ scope }) => scope)
    expect(scopes('cookie:SID')).not.toEqual(scopes('cookie:sid'))
  })

  it.each(['cookie:', 'cookie:a b', 'cookie:a;b', 'cookie:"a"', 'Cookie:a'])('rejects the key %s', (by) => {
    expect(() => keyOf('', by as KeySpec<object>)).toThrow(/unknown key '.*cookie:NAME/)
  })

  it('reads every value that a server could have set, whatever the other cookies are', () => {
    // The values of RFC 6265 without `%`, and without quotes around them.
    const octets = Array.from({ length: 0x7e - 0x21 + 1 }, (_, index) => String.fromCharCode(0x21 + index))
    const value = fc.string({
      unit: fc.constantFrom(...octets.filter((octet) => !'",;\\%'.includes(octet))),
      minLength: 1,
    })
    const others = fc.array(fc.tuple(fc.constantFrom('a', 'b', 'Session', 'session2'), value))
    fc.assert(
      fc.property(others, others, value, (before, after, own) => {
        const header = [...before, ['session', own], ...after].map((pair) => pair.join('=')).join('; ')
        expect(cookieValue(header, 'session')).toBe(own)
      }),
      { seed: 20_261, numRuns: 500 },
    )
  })
})
