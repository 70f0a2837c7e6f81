import { once } from 'node:events'
import { createServer, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { exportJWK, generateKeyPair, SignJWT } from 'jose'
import { describe, expect, it, onTestFinished } from 'vitest'
import { IdentityUnavailableError } from '../../src/identity/identity-unavailable.js'
import { jwtVerifier } from '../../src/identity/jwt.js'
import { remoteKeys } from '../../src/identity/remote-keys.js'
import { UnauthorizedError } from '../../src/rules/client.js'
import { manualClock } from '../../src/time/clock.js'

const AUDIENCE = 'https://models.example'
const MINUTE = 60_000
const pairs = { one: await generateKeyPair('ES256'), two: await generateKeyPair('ES256') }
type Kid = keyof typeof pairs

async function keySet(...kids: Kid[]): Promise<string> {
  const keys = kids.map(async (kid) => ({ ...(await exportJWK(pairs[kid].publicKey)), kid, alg: 'ES256' }))
  return JSON.stringify({ keys: await Promise.all(keys) })
}

function token(kid: string, key: Kid = 'one'): Promise<string> {
  return new SignJWT({ sub: 'acme', aud: AUDIENCE })
    .setProtectedHeader({ alg: 'ES256', kid })
    .setExpirationTime('1h')
    .sign(pairs[key].privateKey)
}

/** Starts a server for keys, and creates a verifier that uses it with a manual clock. */
async function issuer(first: string) {
  const state = {
    fetched: 0,
    respond: (response: ServerResponse): void => void response.end(first),
  }
  const server = createServer((_request, response) => {
    state.fetched++
    state.respond(response)
  })
  await once(server.listen(0, '127.0.0.1'), 'listening')
  onTestFinished(() => {
    server.closeAllConnections()
    server.close()
  })
  const url = new URL(`http://127.0.0.1:${(server.address() as AddressInfo).port}/jwks.json`)
  const clock = manualClock()
  const check = jwtVerifier({ jwks: remoteKeys(url, clock), audience: AUDIENCE })
  return Object.assign(state, {
    clock,
    check: async (made: string) => check(made).catch((error: unknown) => error),
    serve: (text: string, status = 200, headers = {}) => {
      state.respond = (response) => void response.writeHead(status, headers).end(text)
    },
  })
}

const ACME = { id: 'acme' }

describe('remoteKeys', () => {
  it('fetches keys once for concurrent requests, and again when they have expired', async () => {
    const keys = await issuer(await keySet('one'))
    const found = await Promise.all(Array.from({ length: 100 }, async () => keys.check(await token('one'))))
    expect(found).toEqual(Array(100).fill(ACME))
    expect(keys.fetched).toBe(1)
    keys.clock.advance(10 * MINUTE - 1)
    expect(await keys.check(await token('one'))).toEqual(ACME)
    expect(keys.fetched).toBe(1)
    keys.clock.advance(1)
    expect(await keys.check(await token('one'))).toEqual(ACME)
    expect(keys.fetched).toBe(2)
  })

  it('fetches keys again for a token that names an unknown key', async () => {
    const keys = await issuer(await keySet('one'))
    expect(await keys.check(await token('one'))).toEqual(ACME)
    keys.serve(await keySet('one', 'two'))
    keys.clock.advance(MINUTE)
    expect(await keys.check(await token('two', 'two'))).toEqual(ACME)
    expect(keys.fetched).toBe(2)
  })

  it('rejects tokens of a revoked key', async () => {
    const keys = await issuer(await keySet('one'))
    expect(await keys.check(await token('one'))).toEqual(ACME)
    keys.serve(await keySet('two'))
    keys.clock.advance(10 * MINUTE)
    expect(await keys.check(await token('one'))).toBeInstanceOf(UnauthorizedError)
  })

  it('does not fetch keys for every invented key ID', async () => {
    const keys = await issuer(await keySet('one'))
    for (let halfMinute = 0; halfMinute < 3; halfMinute++) {
      for (let made = 0; made < 100; made++)
        expect(await keys.check(await token(`made-up-${made}`))).toBeInstanceOf(UnauthorizedError)
      expect(keys.fetched).toBe(halfMinute + 1)
      keys.clock.advance(MINUTE / 2)
    }
    // A token that names a known key but is signed with another key is also rejected.
    expect(await keys.check(await token('one', 'two'))).toBeInstanceOf(UnauthorizedError)
  })

  it('uses keys for up to an hour while fetching fails', async () => {
    const keys = await issuer(await keySet('one'))
    expect(await keys.check(await token('one'))).toEqual(ACME)
    keys.serve('down', 500)
    for (let minute = 10; minute < 60; minute += 10) {
      keys.clock.advance(10 * MINUTE)
      expect(await keys.check(await token('one'))).toEqual(ACME)
      // The keys that could verify this token are unavailable.
      expect(await keys.check(await token('two', 'two'))).toBeInstanceOf(IdentityUnavailableError)
    }
    keys.clock.advance(10 * MINUTE)
    expect(await keys.check(await token('one'))).toBeInstanceOf(IdentityUnavailableError)
    keys.serve(await keySet('one'))
    keys.clock.advance(MINUTE)
    expect(await keys.check(await token('one'))).toEqual(ACME)
  })

  it.each<[string, string, number, Record<string, string>]>([
    ['an error', '{"keys":[]}', 500, {}],
    ['an HTML page', '<html>', 200, {}],
    ['an invalid key list', '{"keys":7}', 200, {}],
    ['an empty body', '', 200, {}],
    ['a redirect', '', 302, { location: 'http://127.0.0.1:1/' }],
    ['an oversized body', ' '.repeat(2_000_000), 200, {}],
  ])(
    'rejects with IdentityUnavailableError if the response is %s, and fetches again a second later',
    async (_, ...response) => {
      const keys = await issuer('')
      keys.serve(...response)
      for (let each = 0; each < 5; each++)
        expect(await keys.check(await token('one'))).toBeInstanceOf(IdentityUnavailableError)
      expect(keys.fetched).toBe(1)
      keys.serve(await keySet('one'))
      keys.clock.advance(1_000)
      expect(await keys.check(await token('one'))).toEqual(ACME)
    },
  )

  it('shares one fetch that times out among all waiting requests', async () => {
    const keys = await issuer('')
    keys.respond = () => {}
    const waited = await Promise.all(Array.from({ length: 50 }, async () => keys.check(await token('one'))))
    for (const each of waited) expect(each).toBeInstanceOf(IdentityUnavailableError)
    expect(keys.fetched).toBe(1)
    // A request that follows immediately does not wait again.
    expect(await keys.check(await token('one'))).toBeInstanceOf(IdentityUnavailableError)
    expect(keys.fetched).toBe(1)
  })

  it('does not delay requests while old keys are usable and fetching fails', async () => {
    const keys = await issuer(await keySet('one'))
    expect(await keys.check(await token('one'))).toEqual(ACME)
    keys.serve('down', 500)
    keys.clock.advance(10 * MINUTE)
    expect(await keys.check(await token('one'))).toEqual(ACME)
    keys.respond = () => {}
    keys.clock.advance(MINUTE)
    const results: unknown[] = []
    void keys.check(await token('one')).then((client) => results.push(client))
    // Meanwhile, the fetch hangs.
    await expect.poll(() => keys.fetched, { timeout: 30_000 }).toBe(3)
    await expect.poll(() => results, { timeout: 30_000 }).toEqual([ACME])
  })

  it('uses the valid keys of a set, and names an unusable key when it rejects a token of that key', async () => {
    const good = JSON.parse(await keySet('one')).keys
    const short = {
      kty: 'RSA',
      n: Buffer.alloc(64, 0xff).toString('base64url'),
      e: 'AQAB',
      kid: 'short',
      alg: 'RS256',
    }
    const secret = await exportJWK((await generateKeyPair('ES256', { extractable: true })).privateKey)
    const brokenKeys: unknown[] = [
      { ...good[0], kid: 'two', x: 'AAAA' },
      { kty: 'EC', crv: 'P-256', kid: 'two', alg: 'ES256' },
      { ...good[0], kid: 'two', x: 7 },
      { ...secret, kid: 'two', alg: 'ES256' },
    ]
    for (const broken of brokenKeys) {
      const others = [
        null,
        7,
        'key',
        [],
        {},
        { kty: 'made-up' },
        { kty: 'oct', k: 'AAAA', kid: 'oct' },
        short,
      ]
      const keys = await issuer(JSON.stringify({ keys: [broken, ...others, ...good] }))
      expect(await keys.check(await token('one'))).toEqual(ACME)
      const refused = await keys.check(await token('two', 'two'))
      expect(refused).toBeInstanceOf(UnauthorizedError)
      expect((refused as Error).message).toContain("the key 'two'")
      expect(await keys.check(await token('one'))).toEqual(ACME)
      // The verifier fetches the key once the issuer has repaired it.
      keys.serve(await keySet('one', 'two'))
      keys.clock.advance(31_000)
      expect(await keys.check(await token('two', 'two'))).toEqual(ACME)
    }
  })

  it('names an unusable key, and reports no outage, if a set has only unusable keys', async () => {
    for (const kid of ['one', undefined]) {
      const keys = await issuer(JSON.stringify({ keys: [{ kty: 'EC', crv: 'P-256', ...(kid && { kid }) }] }))
      const made = new SignJWT({ sub: 'acme', aud: AUDIENCE })
        .setProtectedHeader({ alg: 'ES256', ...(kid && { kid }) })
        .setExpirationTime('1h')
      const refused = await keys.check(await made.sign(pairs.one.privateKey))
      expect(refused).toBeInstanceOf(UnauthorizedError)
      expect((refused as Error).message).toContain(
        kid === undefined ? 'a key without an ID' : "the key 'one'",
      )
    }
  })

  it('tries keys without IDs one after the other', async () => {
    const named = JSON.parse(await keySet('one', 'two')).keys as object[]
    const keys = await issuer(JSON.stringify({ keys: named.map((key) => ({ ...key, kid: undefined })) }))
    const made = (key: Kid) =>
      new SignJWT({ sub: 'acme', aud: AUDIENCE })
        .setProtectedHeader({ alg: 'ES256' })
        .setExpirationTime('1h')
        .sign(pairs[key].privateKey)
    expect(await keys.check(await made('one'))).toEqual(ACME)
    expect(await keys.check(await made('two'))).toEqual(ACME)
    const otherPair = await generateKeyPair('ES256')
    const foreign = await new SignJWT({ sub: 'acme', aud: AUDIENCE })
      .setProtectedHeader({ alg: 'ES256' })
      .setExpirationTime('1h')
      .sign(otherPair.privateKey)
    expect(await keys.check(foreign)).toBeInstanceOf(UnauthorizedError)
  })
})
