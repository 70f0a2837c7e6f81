import { describe, expect, it } from 'vitest'
import { keyDigest, keyTable } from '../../src/identity/api-keys.js'
import { identity } from '../../src/identity/identify.js'
import { newKey } from '../../src/identity/key-format.js'
import { UnauthorizedError } from '../../src/rules/client.js'
import { manualClock } from '../../src/time/clock.js'

const KEY = newKey()
const premium = { sha256: keyDigest(KEY), client: 'acme', tier: 'premium' }

function headers(fields: Record<string, string>) {
  return (name: string) => fields[name]
}

describe('identity with API keys', () => {
  it('uses keys of 256 random bits and stores their SHA-256 digests', () => {
    expect(KEY).toMatch(/^sluice_[0-9A-Za-z]{49}$/)
    expect(newKey()).not.toBe(KEY)
    // From FIPS 180-2, appendix B.1.
    expect(keyDigest('abc')).toBe('ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad')
  })

  it('identifies the client of a key and its tier', () => {
    const identify = identity({ apiKeys: keyTable([premium]) })
    expect(identify(headers({ authorization: `Bearer ${KEY}` }))).toEqual({ id: 'acme', tier: 'premium' })
    expect(identify(headers({ authorization: `bearer   ${KEY} ` }))).toEqual({ id: 'acme', tier: 'premium' })
    expect(identify(headers({ 'x-api-key': KEY }))).toEqual({ id: 'acme', tier: 'premium' })
  })

  it('identifies the labels of a key', () => {
    const identify = identity({ apiKeys: keyTable([{ ...premium, labels: { org: 'acme' } }]) })
    const client = { id: 'acme', tier: 'premium', labels: { org: 'acme' } }
    expect(identify(headers({ 'x-api-key': KEY }))).toEqual(client)
    expect(() => keyTable([{ ...premium, labels: { org: '' } }])).toThrow(
      /^keys\[0\]: the label 'org' must be/,
    )
  })

  it('prefers X-API-Key to Authorization, which may be meant for the upstream', () => {
    const identify = identity({ apiKeys: keyTable([premium]) })
    const both = headers({ 'x-api-key': KEY, authorization: 'Bearer of-the-upstream' })
    expect(identify(both)).toEqual({ id: 'acme', tier: 'premium' })
    const wrong = headers({ 'x-api-key': 'wrong', authorization: `Bearer ${KEY}` })
    expect(() => identify(wrong)).toThrow(UnauthorizedError)
  })

  it('treats a request without credentials as anonymous', () => {
    const identify = identity({ apiKeys: keyTable([premium]) })
    expect(identify(headers({}))).toBeUndefined()
    expect(identify(headers({ authorization: 'Basic dXNlcjpwYXNz' }))).toBeUndefined()
  })

  it.each([
    ['in the wrong case', KEY.toUpperCase()],
    ['without its last character', KEY.slice(0, -1)],
    ['with an additional character', `${KEY}a`],
    ['that is the digest of a key', premium.sha256],
    ['that is empty', ''],
    ['that is blank', '   '],
    ['that is far too long', 'k'.repeat(100_000)],
    ['in the format of a JWT', 'a.b.c'],
  ])('rejects a key %s with 401 and never treats the request as anonymous', (_what, key) => {
    const identify = identity({ apiKeys: keyTable([premium]) })
    for (const fields of [{ 'x-api-key': key }, { authorization: `Bearer ${key}` }]) {
      let thrown: unknown
      try {
        identify(headers(fields))
      } catch (error) {
        thrown = error
      }
      expect(thrown).toBeInstanceOf(UnauthorizedError)
      expect((thrown as UnauthorizedError).status).toBe(401)
      if (key.trim() !== '') expect((thrown as UnauthorizedError).message).not.toContain(key)
    }
  })

  it('rejects a key once it has expired', () => {
    const clock = manualClock(1_000)
    const identify = identity({ apiKeys: keyTable([{ ...premium, expires: 2_000 }], clock) })
    clock.set(1_999)
    expect(identify(headers({ 'x-api-key': KEY }))).toMatchObject({ id: 'acme' })
    clock.set(2_000)
    expect(() => identify(headers({ 'x-api-key': KEY }))).toThrow(UnauthorizedError)
  })

  it('names the invalid entry in a list of keys', () => {
    expect(() => keyTable([premium, { sha256: KEY, client: 'a' }])).toThrow(/^keys\[1\]: 'sha256'/)
    expect(() => keyTable([{ ...premium, client: '' }])).toThrow(/^keys\[0\]: 'client'/)
    expect(() => keyTable([premium, premium])).toThrow(/^keys\[1\]: duplicate key/)
    expect(() => identity({})).toThrow("'apiKeys'")
  })

  it('reads keys after any white space', () => {
    const identify = identity({ apiKeys: keyTable([premium]) })
    for (const authorization of [
      `Bearer\t${KEY}`,
      `BEARER \t ${KEY}\t`,
      ` Bearer:${KEY}`,
      `Bearer\u00a0${KEY}`,
    ])
      expect(identify(headers({ authorization }))).toMatchObject({ id: 'acme' })
  })

  it('reads keys from the first configured header that is present', () => {
    const identify = identity({ apiKeys: keyTable([premium]), apiKeyHeaders: ['X-Goog-Api-Key', 'api-key'] })
    expect(identify(headers({ 'x-goog-api-key': KEY }))).toMatchObject({ id: 'acme' })
    expect(identify(headers({ 'api-key': KEY, authorization: 'Bearer of-the-upstream' }))).toMatchObject({
      id: 'acme',
    })
    expect(() => identify(headers({ 'x-goog-api-key': 'wrong', 'api-key': KEY }))).toThrow(UnauthorizedError)
    for (const name of ['', 'a b', 'authorization', 'Cookie', 'x_key'])
      expect(() => identity({ apiKeys: keyTable([]), apiKeyHeaders: [name] })).toThrow("'apiKeyHeaders'")
  })

  it('rejects keys in unsupported headers and parameters with 401, even with an asynchronous lookup', async () => {
    const table = keyTable([premium])
    const basic = (text: string) => `Basic ${Buffer.from(text).toString('base64')}`
    const requests: [Record<string, string>, string][] = [
      [{ 'x-goog-api-key': 'anything' }, ''],
      [{ 'api-key': '' }, ''],
      [{ authorization: basic(`:${KEY}`) }, ''],
      [{ authorization: basic(`${KEY}:`) }, ''],
      [{ authorization: KEY }, ''],
      [{ authorization: `Token ${KEY}` }, ''],
      [{}, `?key=${KEY}`],
      [{}, `key=first-key&key=${KEY}`],
    ]
    for (const apiKeys of [table, async (digest: string) => table(digest)]) {
      const identify = identity({ apiKeys })
      for (const [fields, query] of requests) {
        const attempt = (async () => identify(headers(fields), query))()
        await expect(attempt).rejects.toThrow(
          /where keys are not accepted; send it as 'Authorization: Bearer …' or in 'x-api-key'/,
        )
      }
      expect(
        await identify(headers({ authorization: basic('user:password') }), '?key=first-key'),
      ).toBeUndefined()
    }
  })

  it('looks up a bounded number of keys from one query', () => {
    let lookups = 0
    const identify = identity({ apiKeys: () => void lookups++ })
    expect(identify(headers({}), `?${'key=made-up-key&'.repeat(1000)}`)).toBeUndefined()
    expect(lookups).toBeLessThanOrEqual(8)
  })
})
