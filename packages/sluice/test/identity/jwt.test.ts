import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import {
  createLocalJWKSet,
  exportJWK,
  exportSPKI,
  generateKeyPair,
  type JWTPayload,
  SignJWT,
  UnsecuredJWT,
} from 'jose'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { identity } from '../../src/identity/identify.js'
import { IdentityUnavailableError } from '../../src/identity/identity-unavailable.js'
import { jwtClaims, jwtVerifier } from '../../src/identity/jwt.js'
import { readKeySet } from '../../src/identity/key-set.js'
import { UnauthorizedError } from '../../src/rules/client.js'

const AUDIENCE = 'https://models.example'
const { privateKey, publicKey } = await generateKeyPair('ES256', { extractable: true })
const otherPair = await generateKeyPair('ES256')

let fetched = 0
const server = createServer(async (_request, response) => {
  fetched++
  response.end(JSON.stringify({ keys: [{ ...(await exportJWK(publicKey)), kid: 'one', alg: 'ES256' }] }))
})
let jwks = ''

beforeAll(async () => {
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done))
  jwks = `http://127.0.0.1:${(server.address() as AddressInfo).port}/jwks.json`
})
afterAll(() => {
  server.closeAllConnections()
  server.close()
})

function token(claims: Record<string, unknown>, key = privateKey): Promise<string> {
  const payload: Record<string, unknown> = {
    sub: 'acme',
    plan: 'premium',
    aud: AUDIENCE,
    exp: Math.floor(Date.now() / 1000) + 60,
    ...claims,
  }
  return new SignJWT(payload as JWTPayload).setProtectedHeader({ alg: 'ES256', kid: 'one' }).sign(key)
}

const verify = () => jwtVerifier({ jwks, audience: AUDIENCE, tier: 'plan' })

describe('jwtClaims', () => {
  it('returns the claims of a valid token, and rejects others', async () => {
    const claims = jwtClaims({ jwks, audience: AUDIENCE })
    expect(await claims(await token({ groups: ['a', 'b'] }))).toMatchObject({
      ...{ sub: 'acme', aud: AUDIENCE },
      groups: ['a', 'b'],
    })
    await expect(claims(await token({ aud: 'another' }))).rejects.toThrow(UnauthorizedError)
    await expect(claims(await token({}, otherPair.privateKey))).rejects.toThrow(UnauthorizedError)
    expect(() => jwtClaims({ jwks, audience: [] })).toThrow("'audience' is required")
  })
})

describe('jwtVerifier', () => {
  it('identifies clients by valid tokens, and fetches the keys once', async () => {
    const check = verify()
    const before = fetched
    for (let call = 0; call < 5; call++)
      expect(await check(await token({}))).toEqual({ id: 'acme', tier: 'premium' })
    expect(fetched).toBe(before + 1)
  })

  it('reads labels from claims, which may be nested or lists', async () => {
    const labels = { org: 'realm_access.org', team: 'team', models: '/access/0', missing: 'none' }
    const check = jwtVerifier({ jwks, audience: AUDIENCE, labels })
    const claims = { realm_access: { org: 7 }, team: 'red', access: [['small', 'llama-*']], none: null }
    expect(await check(await token(claims))).toEqual({
      id: 'acme',
      labels: { org: '7', team: 'red', models: ['small', 'llama-*'] },
    })
    expect(await check(await token({}))).toEqual({ id: 'acme' })
  })

  it('rejects a token whose claim is no label, without a value from the token', async () => {
    const check = jwtVerifier({ jwks, audience: AUDIENCE, labels: { org: 'org' } })
    for (const org of [true, { secret: 1 }, ['a', 1.5], 'secret'.repeat(50)])
      await expect(check(await token({ org }))).rejects.toThrow(
        /^a claim of this request's token is not a label: the label 'org' must be a string of 1 to 256 characters/,
      )
    expect(() => jwtVerifier({ jwks, audience: AUDIENCE, labels: { id: 'org' } })).toThrow(
      /no label can be called 'id'/,
    )
  })

  it('verifies bearer credentials in JWT format and rejects others', async () => {
    const identify = identity({ jwt: verify() })
    const bearer = `Bearer ${await token({})}`
    const read = (name: string) => (name === 'authorization' ? bearer : undefined)
    expect(await identify(read)).toEqual({ id: 'acme', tier: 'premium' })
    expect(() => identify((name) => (name === 'authorization' ? 'Bearer sk_unknown' : undefined))).toThrow(
      UnauthorizedError,
    )
  })

  const hourAgo = Math.floor(Date.now() / 1000) - 3_600
  it.each<[string, () => Promise<string>]>([
    ['expired', () => token({ exp: hourAgo })],
    ['without an expiry', () => token({ exp: undefined })],
    ['not valid yet', () => token({ nbf: hourAgo + 7_200 })],
    ['for another audience', () => token({ aud: 'https://other.example' })],
    ['without an audience', () => token({ aud: undefined })],
    ['signed with another key', () => token({}, otherPair.privateKey)],
    ['without a subject', () => token({ sub: undefined })],
    ['carrying a tier that is a list', () => token({ plan: ['premium'] })],
    [
      'unsigned',
      async () => new UnsecuredJWT({ sub: 'acme', aud: AUDIENCE }).setExpirationTime('1m').encode(),
    ],
    ['cut off', async () => (await token({})).slice(0, -10)],
    [
      'with another payload',
      async () => (await token({})).replace(/\.[\w-]+\./, `.${btoa('{"sub":"a"}').replaceAll('=', '')}.`),
    ],
    [
      'signed with the public key as a shared secret',
      async () =>
        new SignJWT({ sub: 'acme', aud: AUDIENCE })
          .setProtectedHeader({ alg: 'HS256', kid: 'one' })
          .setExpirationTime('1m')
          .sign(new TextEncoder().encode(await exportSPKI(publicKey))),
    ],
  ])('rejects a token that is %s with 401', async (_what, make) => {
    const made = await make()
    const refusal = await verify()(made).catch((error: unknown) => error)
    expect(refusal).toBeInstanceOf(UnauthorizedError)
    expect(String((refusal as Error).message)).not.toContain(made)
  })

  it('rejects with IdentityUnavailableError when the keys are unavailable', async () => {
    const check = jwtVerifier({ jwks: 'http://127.0.0.1:1/jwks.json', audience: AUDIENCE })
    await expect(check(await token({}))).rejects.toBeInstanceOf(IdentityUnavailableError)
  })

  it('throws a TypeError for options that would accept too many tokens', () => {
    expect(() => jwtVerifier({ jwks, audience: '' })).toThrow("'audience'")
    expect(() => jwtVerifier({ jwks, audience: AUDIENCE, algorithms: ['none'] })).toThrow('not none')
    expect(() => jwtVerifier({ jwks, audience: AUDIENCE, algorithms: ['HS256'] })).toThrow('not HS256')
    expect(() => jwtVerifier({ jwks, audience: AUDIENCE, algorithms: [] })).toThrow(
      "'algorithms' must not be empty",
    )
  })
})

describe('jwtVerifier with tokens from various issuers', () => {
  const check = (options: object = {}) => jwtVerifier({ jwks, audience: AUDIENCE, ...options })

  it('accepts an integer as the client', async () => {
    expect(await check()(await token({ sub: 12345 }))).toEqual({ id: '12345' })
    expect(await check()(await token({ sub: 0 }))).toEqual({ id: '0' })
    for (const sub of [1.5, 2 ** 53, 1e300, true, {}, ['a'], null, ''])
      await expect(check()(await token({ sub }))).rejects.toThrow(
        "the claim 'sub' of this request's token is missing, or is neither a string nor an integer",
      )
  })

  it('reads a nested claim by its path or a JSON pointer', async () => {
    const claims = {
      realm: { plan: 'gold', 'a/b~c': 'slashed', level: 3 },
      roles: ['premium', 'admin'],
      'https://models.example/plan': 'platinum',
      'realm.plan': 'literal',
    }
    const tierOf = async (tier: string, made: object = claims) =>
      (await check({ tier })(await token({ ...made }))).tier
    expect(await tierOf('https://models.example/plan')).toBe('platinum')
    expect(await tierOf('realm.plan')).toBe('literal')
    expect(await tierOf('realm.plan', { realm: claims.realm })).toBe('gold')
    expect(await tierOf('/realm/plan')).toBe('gold')
    expect(await tierOf('/realm/a~1b~0c')).toBe('slashed')
    expect(await tierOf('/realm/level')).toBe('3')
    expect(await tierOf('/roles/0')).toBe('premium')
    expect(await tierOf('realm.missing.deeper')).toBeUndefined()
    expect(await tierOf('plan', { plan: null })).toBeUndefined()
    for (const name of ['constructor.name', '__proto__', 'roles.length.x', 'sub.length', '/roles/9'])
      expect(await tierOf(name)).toBeUndefined()
    expect((await check({ client: 'user.id' })(await token({ user: { id: 7 } }))).id).toBe('7')
  })

  it('accepts the usual token types and lists of audiences', async () => {
    for (const typ of ['at+jwt', 'application/at+jwt', 'JWT', 'jwt', undefined]) {
      const made = new SignJWT({ sub: 'acme', aud: ['https://other.example', AUDIENCE] })
        .setProtectedHeader({ alg: 'ES256', kid: 'one', ...(typ && { typ }) })
        .setExpirationTime('1m')
      expect(await check()(await made.sign(privateKey))).toEqual({ id: 'acme' })
      expect(
        await check({ audience: ['https://third.example', AUDIENCE] })(await made.sign(privateKey)),
      ).toEqual({
        id: 'acme',
      })
    }
  })

  it('accepts both names of Ed25519 in tokens and in keys', async () => {
    const pair = await generateKeyPair('Ed25519', { extractable: true })
    for (const alg of ['EdDSA', 'Ed25519']) {
      for (const published of ['EdDSA', 'Ed25519', undefined]) {
        const jwk = { ...(await exportJWK(pair.publicKey)), kid: 'ed', ...(published && { alg: published }) }
        const find = await readKeySet({ keys: [jwk] })
        const made = await new SignJWT({ sub: 'acme', aud: AUDIENCE })
          .setProtectedHeader({ alg, kid: 'ed' })
          .setExpirationTime('1m')
          .sign(pair.privateKey)
        for (const algorithms of [undefined, ['EdDSA'], ['Ed25519']])
          expect(
            await jwtVerifier({ jwks: find, audience: AUDIENCE, ...(algorithms && { algorithms }) })(made),
          ).toEqual({
            id: 'acme',
          })
        await expect(
          jwtVerifier({ jwks: find, audience: AUDIENCE, algorithms: ['RS256'] })(made),
        ).rejects.toThrow(UnauthorizedError)
      }
    }
  })

  it('names an unusable key, even of a local key set', async () => {
    const rsa = {
      kty: 'RSA',
      n: Buffer.alloc(64, 0xff).toString('base64url'),
      e: 'AQAB',
      kid: 'short',
      alg: 'RS256',
    }
    const broken = { kty: 'EC', crv: 'P-256', x: 'AAAA', y: 'AAAA', kid: 'one', alg: 'ES256' }
    const verifier = jwtVerifier({ jwks: createLocalJWKSet({ keys: [rsa, broken] }), audience: AUDIENCE })
    await expect(verifier(await token({}))).rejects.toThrow("the key 'one'")
    const head = Buffer.from('{"alg":"RS256","kid":"short"}').toString('base64url')
    const body = Buffer.from(`{"sub":"a","aud":"${AUDIENCE}","exp":9999999999}`).toString('base64url')
    await expect(verifier(`${head}.${body}.AAAA`)).rejects.toThrow("the key 'short'")
  })
})
