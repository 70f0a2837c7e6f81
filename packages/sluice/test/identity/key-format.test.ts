import { crc32 } from 'node:zlib'
import { describe, expect, it } from 'vitest'
import { keyDigest, keyTable } from '../../src/identity/api-keys.js'
import { identity } from '../../src/identity/identify.js'
import { isIssuedKey, isMistypedKey, newKey } from '../../src/identity/key-format.js'

const DIGITS = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz'

describe('newKey', () => {
  it('ends with the CRC-32 of the rest in base 62', () => {
    for (let count = 0; count < 100; count++) {
      const key = newKey()
      const checksum = [...key.slice(-6)].reduce((sum, digit) => sum * 62 + DIGITS.indexOf(digit), 0)
      expect(checksum).toBe(crc32(key.slice(0, -6)))
    }
  })

  it('uses every character in every random position but the first', () => {
    const seen = Array.from({ length: 43 }, () => new Set<string>())
    for (let count = 0; count < 2_000; count++) {
      const key = newKey()
      for (const [at, characters] of seen.entries()) characters.add(key[7 + at] as string)
    }
    expect(seen.slice(1).every(({ size }) => size === 62)).toBe(true)
  })
})

describe('a mistyped key', () => {
  const key = newKey()

  it('is found for each wrong, missing, additional or swapped character', () => {
    expect(isMistypedKey(key)).toBe(false)
    for (let at = 7; at < key.length; at++) {
      const other = key[at] === 'x' ? 'y' : 'x'
      expect(isMistypedKey(`${key.slice(0, at)}${other}${key.slice(at + 1)}`)).toBe(true)
      expect(isMistypedKey(key.slice(0, at) + key.slice(at + 1))).toBe(true)
      expect(isMistypedKey(`${key.slice(0, at)}-${key.slice(at)}`)).toBe(true)
      if (at === 7) continue
      const swapped = `${key.slice(0, at - 1)}${key[at]}${key[at - 1]}${key.slice(at + 1)}`
      expect(isMistypedKey(swapped)).toBe(swapped !== key)
    }
  })

  it('gets a 401 that says so, without a lookup and without repeating the key', () => {
    const lookups: string[] = []
    const identify = identity({
      apiKeys: (digest) => {
        lookups.push(digest)
        return undefined
      },
    })
    const mistyped = `${key.slice(0, -1)}-`
    const request = (name: string) => (name === 'x-api-key' ? mistyped : undefined)
    let message = ''
    try {
      identify(request)
    } catch (error) {
      message = (error as Error).message
      expect(error).toMatchObject({ status: 401 })
    }
    expect(message).toContain('mistyped: its checksum is wrong')
    expect(message).not.toContain(mistyped.slice(0, 20))
    expect(lookups).toEqual([])
  })

  it.each(['sluice_of-my-own', 'sk_live_0hT9vQ', 'my-key'])('is not any key such as %s', (own) => {
    const identify = identity({ apiKeys: keyTable([{ sha256: keyDigest(own), client: 'acme' }]) })
    expect(identify((name) => (name === 'x-api-key' ? own : undefined))).toEqual({ id: 'acme' })
  })
})

it('keys of the earlier format stay valid, and are recognized in a wrong place', () => {
  const earlier = `sk_${'a'.repeat(43)}`
  const identify = identity({ apiKeys: keyTable([{ sha256: keyDigest(earlier), client: 'acme' }]) })
  expect(identify((name) => (name === 'x-api-key' ? earlier : undefined))).toEqual({ id: 'acme' })
  expect(isIssuedKey(earlier)).toBe(true)
  expect(() => identify(() => undefined, `?key=${newKey()}`)).toThrow("query parameter 'key'")
})
