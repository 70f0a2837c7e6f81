import { describe, expect, it } from 'vitest'
import {
  BadTargetError,
  MAX_TARGET_BYTES,
  parseTarget,
  type Target,
} from '../../../src/policy/routing/target.js'

/** Returns the reason for which a target is rejected, or `''`. */
function rejectionReason(target: string): string {
  try {
    parseTarget(target)
    return ''
  } catch (error) {
    if (!(error instanceof BadTargetError)) throw error
    return error.message
  }
}

const predict = (path: string, query = ''): Target => ({ path, query, segments: ['predict'] })

describe('the spellings of a path', () => {
  it.each([
    ['/predict', '/predict'],
    ['//predict', '/predict'],
    ['////predict', '/predict'],
    ['/predict/', '/predict/'],
    ['/predict//', '/predict/'],
    ['/predict/.', '/predict/'],
    ['/predict/./', '/predict/'],
    ['/predict/x/..', '/predict/'],
    ['/./predict', '/predict'],
    ['/.//./predict', '/predict'],
    ['/x/../predict', '/predict'],
    ['/x/y/../../predict', '/predict'],
    ['/x//../predict', '/predict'],
    ['/../predict', '/predict'],
    ['/../../../predict', '/predict'],
    ['/%2e%2e/predict', '/predict'],
    ['/x/%2e%2E/predict', '/predict'],
    ['/x/.%2e/predict', '/predict'],
    ['/%2e/predict', '/predict'],
    ['/%70redict', '/predict'],
    ['/%70%72%65%64%69%63%74', '/predict'],
    ['/predict;a=b', '/predict;a=b'],
    ['/predict;', '/predict;'],
    ['/predict;a=b/', '/predict;a=b/'],
    ['/%70redict;jsessionid=1;x', '/predict;jsessionid=1;x'],
    ['http://example.com/predict', '/predict'],
    ['HTTPS://user:secret@example.com:8443/predict', '/predict'],
    ['http://[::1]:80//x/..//predict', '/predict'],
  ])('include %s for /predict', (spelling, path) => {
    expect(parseTarget(spelling)).toEqual(predict(path))
  })

  it('keep their letter case, because an upstream may distinguish it', () => {
    expect(parseTarget('/Predict')).toEqual({ path: '/Predict', query: '', segments: ['Predict'] })
  })

  it('keep the query unchanged', () => {
    expect(parseTarget('/predict?a=%2f../;\\%00%zz?b')).toEqual(predict('/predict', '?a=%2f../;\\%00%zz?b'))
    expect(parseTarget('//predict?/../x')).toEqual(predict('/predict', '?/../x'))
    expect(parseTarget('/predict?')).toEqual(predict('/predict', '?'))
    expect(parseTarget('/predict/?x')).toEqual(predict('/predict/', '?x'))
  })
})

describe('the root path', () => {
  it.each(['/', '//', '/.', '/..', '/x/..', '/%2e', '/../..//', 'http://example.com', 'http://example.com/'])(
    'has no segments in the spelling %s',
    (spelling) => {
      expect(parseTarget(spelling)).toEqual({ path: '/', query: '', segments: [] })
    },
  )

  it('is the path of an absolute target without one', () => {
    expect(parseTarget('http://example.com?x=/y')).toEqual({ path: '/', query: '?x=/y', segments: [] })
  })
})

describe('the characters of a segment', () => {
  it('are decoded for matching and forwarded in one spelling', () => {
    expect(parseTarget('/caf%c3%a9')).toEqual({ path: '/caf%C3%A9', query: '', segments: ['café'] })
    // Node.js passes on each byte of an unencoded character as a character.
    expect(parseTarget('/caf\xc3\xa9')).toEqual({ path: '/caf%C3%A9', query: '', segments: ['café'] })
    expect(parseTarget('/a%20b')).toEqual({ path: '/a%20b', query: '', segments: ['a b'] })
    expect(parseTarget('/a%3fb%23c')).toEqual({ path: '/a%3Fb%23c', query: '', segments: ['a?b#c'] })
    expect(parseTarget('/%7euser%2Dname')).toEqual({
      path: '/~user-name',
      query: '',
      segments: ['~user-name'],
    })
  })

  it('are decoded only once', () => {
    expect(parseTarget('/%2570redict').segments).toEqual(['%70redict'])
    expect(parseTarget('/%252e%252e/predict').segments).toEqual(['%2e%2e', 'predict'])
    expect(parseTarget('/a%252fb').segments).toEqual(['a%2fb'])
  })

  it('may start with dots', () => {
    expect(parseTarget('/.well-known/x').segments).toEqual(['.well-known', 'x'])
    expect(parseTarget('/.../x').segments).toEqual(['...', 'x'])
    expect(parseTarget('/..a').segments).toEqual(['..a'])
  })

  it('may include a percent-encoded semicolon, which starts no parameters', () => {
    expect(parseTarget('/predict%3ba')).toEqual({ path: '/predict%3Ba', query: '', segments: ['predict;a'] })
  })
})

describe('a target that servers parse differently', () => {
  it.each([
    ['/a%2fb', 'an encoded slash (%2f) at position 2'],
    ['/a%2Fb', 'an encoded slash (%2F) at position 2'],
    ['/x/..%2fpredict', 'an encoded slash (%2f) at position 5'],
    ['/a\\b', 'a backslash at position 2'],
    ['/x\\..\\predict', 'a backslash at position 2'],
    ['/a%5cb', 'an encoded backslash (%5c) at position 2'],
    ['/predict%00', 'an encoded control character (%00) at position 8'],
    ['/predict%0d%0aX:1', 'an encoded control character (%0d) at position 8'],
    ['/predict%7f', 'an encoded control character (%7f) at position 8'],
    ['/predict;%00', 'an encoded control character (%00)'],
    ['/x/..;/predict', 'only "..;" with parameters'],
    ['/x/..;a=b/predict', 'only "..;" with parameters'],
    ['/x/%2e%2e;a/predict', 'only "..;" with parameters'],
    ['/.;/predict', 'only ".;" with parameters'],
    ['/;/predict', 'only ";" with parameters'],
    ['/;a=b', 'only ";" with parameters'],
    ['/x/\\../predict', 'a backslash'],
  ])('is rejected if it is %s', (target, reason) => {
    expect(rejectionReason(target)).toContain(reason)
  })
})

describe('an invalid target', () => {
  it.each([
    ['/predict\0', 'a control character at position 8'],
    ['/pre\tdict', 'a control character at position 4'],
    ['/predict\r\nX: 1', 'a control character at position 8'],
    ['/predict\x7f', 'a control character at position 8'],
    ['/predict?a=\n', 'a control character at position 11'],
    ['/pre dict', 'a space at position 4'],
    ['/predict?a b', 'a space at position 10'],
    ['/predict#x', 'a fragment (#) at position 8'],
    ['/predict?a#x', 'a fragment (#) at position 10'],
    ['http://example.com/predict#', 'a fragment (#)'],
    ['/pr\u0113dict', 'beyond one byte at position 3'],
    ['/%', 'percent sign at position 1'],
    ['/a%2', 'percent sign at position 2'],
    ['/a%zz', 'percent sign at position 2'],
    ['/a%%41', 'percent sign at position 2'],
    ['/a%u0041', 'percent sign at position 2'],
    ['/%ff', 'not valid UTF-8'],
    ['/\xff', 'not valid UTF-8'],
    ['/%c3', 'not valid UTF-8'],
    // Overlong encodings: '/' in two bytes and '.' in three.
    ['/%c0%af', 'not valid UTF-8'],
    ['/%e0%80%ae', 'not valid UTF-8'],
    ['/%ed%a0%80', 'not valid UTF-8'],
    ['/predict;%ff', 'not valid UTF-8'],
    ['/%ff/../predict', 'not valid UTF-8'],
    ['*', 'is *, which is not a resource'],
    ['', 'does not begin with a slash'],
    ['predict', 'does not begin with a slash'],
    ['./predict', 'does not begin with a slash'],
    ['?a', 'does not begin with a slash'],
    ['%2fpredict', 'does not begin with a slash'],
    ['\\predict', 'does not begin with a slash'],
    ['example.com:443', 'neither a path nor an http'],
    ['http:/predict', 'neither a path nor an http'],
    ['http:predict', 'neither a path nor an http'],
    ['http://', 'neither a path nor an http'],
    ['http:///predict', 'neither a path nor an http'],
    ['http://example.com\\predict', 'neither a path nor an http'],
    ['ftp://example.com/predict', 'neither a path nor an http'],
    ['file:///predict', 'neither a path nor an http'],
    ['javascript:alert(1)', 'neither a path nor an http'],
  ])('is rejected if it is %j', (target, reason) => {
    expect(rejectionReason(target)).toContain(reason)
  })

  it('is rejected if it is too long before or after it is normalized', () => {
    const longest = `/${'a'.repeat(MAX_TARGET_BYTES - 1)}`
    expect(parseTarget(longest).path).toBe(longest)
    expect(rejectionReason(`${longest}a`)).toContain('longer than 8192 bytes')
    expect(rejectionReason(`/${'%41'.repeat(2731)}`)).toContain('longer than 8192 bytes')
    expect(rejectionReason(`/?${'a'.repeat(MAX_TARGET_BYTES)}`)).toContain('longer than 8192 bytes')
    // Each of these bytes becomes three when it is forwarded.
    expect(rejectionReason(`/${'\xc3\xa9'.repeat(2000)}`)).toContain('longer than 8192 bytes')
    expect(parseTarget(`/${'\xc3\xa9'.repeat(1365)}`).path).toHaveLength(8191)
  })

  it('is rejected in linear time', () => {
    for (const prefix of [
      '/a'.repeat(4000),
      '/'.repeat(8000),
      '/.'.repeat(4000),
      '/a.'.repeat(2700),
      '/..'.repeat(2700),
    ]) {
      expect(rejectionReason(`${prefix}%`)).toContain('percent sign')
      expect(rejectionReason(`${prefix}"\\`)).toContain('backslash')
    }
  })
})
