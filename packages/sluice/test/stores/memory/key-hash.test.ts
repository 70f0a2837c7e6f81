import { describe, expect, it } from 'vitest'
import { KeyHash } from '../../../src/stores/memory/key-hash.js'

function hashOf(hash: KeyHash, key: string): string {
  hash.hash(key)
  return `${hash.low} ${hash.high}`
}

describe('KeyHash', () => {
  it('returns equal hashes for equal strings, and different ones under another secret', () => {
    const [one, other] = [new KeyHash(), new KeyHash()]
    const first = hashOf(one, 'client 42')
    expect(hashOf(one, 'client 43')).not.toBe(first)
    expect(hashOf(one, ['client', '42'].join(' '))).toBe(first)
    expect(hashOf(other, 'client 42')).not.toBe(first)
  })

  it('distinguishes strings that differ in length, NUL characters, one bit or a surrogate', () => {
    const hash = new KeyHash()
    const strings = [
      '',
      '\0',
      '\0\0',
      '\0\0\0',
      '\0\0\0\0',
      'a',
      'a\0',
      '\0a',
      'ab',
      'ba',
      'aab',
      'abb',
      'aabb',
    ]
    strings.push(
      '\u0100',
      '\u0001',
      '\ud800',
      '\udc00',
      '\ud800\udc00',
      '\udc00\ud800',
      'A',
      'a'.repeat(1000),
      'a'.repeat(1001),
    )
    expect(new Set(strings.map((string) => hashOf(hash, string))).size).toBe(strings.length)
  })

  it('has no collision among 200,000 numbered keys', () => {
    const hash = new KeyHash()
    const seen = new BigUint64Array(200_000)
    for (let key = 0; key < seen.length; key++) {
      hash.hash(`client ${key}`)
      seen[key] = (BigInt(hash.high >>> 0) << 32n) | BigInt(hash.low >>> 0)
    }
    seen.sort()
    for (let key = 1; key < seen.length; key++)
      if (seen[key] === seen[key - 1]) expect.fail('two keys have the same hash')
  })

  it('spreads keys evenly over buckets, whether they are chosen by low or by higher bits', () => {
    const hash = new KeyHash()
    for (const shift of [0, 8, 20]) {
      const counts = new Uint32Array(256)
      for (let key = 0; key < 256 * 100; key++) {
        hash.hash(`10.0.${key >> 8}.${key & 255}`)
        const bucket = (hash.low >>> shift) & 255
        counts[bucket] = (counts[bucket] as number) + 1
      }
      // Chi squared with 255 degrees of freedom exceeds 400 once in a hundred million runs.
      const chi = counts.reduce((sum, count) => sum + (count - 100) ** 2 / 100, 0)
      expect(chi).toBeLessThan(400)
    }
  })

  it('changes about half of its bits when any bit of a key changes', () => {
    const hash = new KeyHash()
    const bits = (value: number) => value.toString(2).replaceAll('0', '').length
    let changed = 0
    let flips = 0
    for (let key = 0; key < 200; key++) {
      const name = `client ${key}`
      hash.hash(name)
      const { low, high } = hash
      for (let unit = 0; unit < name.length; unit++) {
        for (const bit of [0, 5, 15]) {
          const flipped = String.fromCharCode(name.charCodeAt(unit) ^ (1 << bit))
          hash.hash(name.slice(0, unit) + flipped + name.slice(unit + 1))
          changed += bits((hash.low ^ low) >>> 0) + bits((hash.high ^ high) >>> 0)
          flips++
        }
      }
    }
    expect(changed / flips).toBeGreaterThan(31.5)
    expect(changed / flips).toBeLessThan(32.5)
  })
})
