import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { addressForSecret, combinedKey, keyParts, plainKey, secretKey } from '../../src/rules/key.js'

describe('the parts of a key', () => {
  it('are the strings that the key was created from', () => {
    const part = fc.string({ minLength: 1, maxLength: 20 }).filter((each) => each.charCodeAt(0) > 3)
    fc.assert(
      fc.property(fc.array(part, { minLength: 2, maxLength: 4 }), (parts) => {
        expect(keyParts(plainKey(parts[0] as string))).toEqual([parts[0]])
        expect(keyParts(combinedKey(parts))).toEqual(parts)
      }),
    )
  })

  it('show the start of a digest in place of a secret', () => {
    const shown = expect.stringMatching(/^#[\w-]{12}$/)
    for (const key of [secretKey('Bearer abc'), addressForSecret('10.0.0.1'), plainKey('x'.repeat(200))])
      expect(keyParts(key)).toEqual([shown])
    expect(keyParts(combinedKey(['10.0.0.1', secretKey('abc')]))).toEqual(['10.0.0.1', shown])
  })
})
