import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { exportJWK, generateKeyPair, SignJWT, UnsecuredJWT } from 'jose'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { describeConfig } from '../../../src/policy/config/describe-config.js'
import { createKey } from '../identity/create-key.js'
import { send, startTestGateway } from './running-gateway.js'

const AUDIENCE = 'https://models.example'
const { privateKey, publicKey } = await generateKeyPair('ES256')

let folder = ''
let keys = ''
let premiumKey = ''
let expiredKey = ''
let jwks = ''
const jwksServer = createServer(async (_request, response) => {
  response.end(JSON.stringify({ keys: [{ ...(await exportJWK(publicKey)), kid: 'one', alg: 'ES256' }] }))
})

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'sluice-clients-'))
  keys = join(folder, 'keys.yaml')
  premiumKey = await createKey(keys, { client: 'acme', tier: 'premium' })
  expiredKey = await createKey(keys, { client: 'old', tier: 'premium', expires: '2020-01-01' })
  await new Promise<void>((done) => jwksServer.listen(0, '127.0.0.1', done))
  jwks = `http://127.0.0.1:${(jwksServer.address() as AddressInfo).port}/jwks.json`
})
afterAll(async () => {
  jwksServer.closeAllConnections()
  jwksServer.close()
  await rm(folder, { recursive: true })
})

function token(claims: object = {}): Promise<string> {
  return new SignJWT({ sub: 'acme', plan: 'premium', aud: AUDIENCE, ...claims })
    .setProtectedHeader({ alg: 'ES256', kid: 'one' })
    .setExpirationTime('1m')
    .sign(privateKey)
}

const LIMITS = `
tiers: { free: 1, premium: 5 }
routes:
  - match: POST /predict
    limits: [{ limit: 20/minute, algorithm: fixed-window }]
  - match: POST /premium/predict
    require: client.tier == 'premium'
    refuse_with: { status: 403, detail: Premium access required }
    limits: [30/minute]
`

async function countAdmitted(url: string, headers: object, tries: number): Promise<number> {
  let count = 0
  for (let each = 0; each < tries; each++)
    if ((await send(url, '/predict', { headers })).status === 200) count++
  return count
}

it('the gateway does not count requests of an unlimited tier, and sends them no limit headers', async () => {
  const internalKey = await createKey(keys, { client: 'batch', tier: 'internal' })
  const text = `identity: { api_keys: ${keys} }
tiers: { internal: unlimited }
routes:
  - match: POST /predict
    limits:
      - 2/minute
      - { concurrent: 1, wait: 1s }
      - { limit: 3/minute, of: rows, cost: size(body.data), fallback_cost: 3 }
  - match: POST /slots
    limits: [{ concurrent: 1, tiers: { premium: unlimited } }, { limit: 2/minute, tiers: { premium: unlimited } }]
default: { limits: [{ limit: 1/minute, tiers: { premium: unlimited } }] }
`
  const { url, adminUrl, configOf } = await startTestGateway(text)
  expect(describeConfig(configOf(text)).join('\n')).toContain('tiers: internal unlimited')
  expect(describeConfig(configOf(text)).join('\n')).toContain('premium unlimited')
  const internal = { 'x-api-key': internalKey, 'content-type': 'application/json' }
  for (let count = 0; count < 10; count++) {
    const response = await send(url, '/predict', { headers: internal, body: '{"data":[1,2,3]}' })
    expect(response.status).toBe(200)
    expect(Object.keys(response.headers).filter((name) => name.startsWith('ratelimit'))).toEqual([])
  }
  const premium = { 'x-api-key': premiumKey }
  for (let count = 0; count < 10; count++) {
    expect((await send(url, '/slots', { headers: premium })).status).toBe(200)
    expect((await send(url, '/elsewhere', { headers: premium })).status).toBe(200)
  }
  expect((await send(url, '/elsewhere')).status).toBe(200)
  expect((await send(url, '/elsewhere')).status).toBe(429)
  const metrics = await (await fetch(`${adminUrl}/metrics`)).text()
  expect(metrics).toMatch(/sluice_decisions_total\{[^}]*tier="internal"[^}]*\} 10\n/)
  const known = await fetch(`${adminUrl}/api/client?key=batch`)
  expect(known.status).toBeLessThan(500)
})

describe('authenticated clients', () => {
  const identity = () =>
    `identity: { api_keys: ${keys}, jwt: { jwks: '${jwks}', audience: '${AUDIENCE}', tier: plan } }\n`

  it('get the limits of their tier, while anonymous clients get the configured limits', async () => {
    const { url } = await startTestGateway(identity() + LIMITS)
    expect(await countAdmitted(url, { authorization: `Bearer ${premiumKey}` }, 105)).toBe(100)
    expect(await countAdmitted(url, {}, 25)).toBe(20)
    // All credentials of a client share its limits.
    expect(await countAdmitted(url, { 'x-api-key': premiumKey }, 1)).toBe(0)
    expect(await countAdmitted(url, { authorization: `Bearer ${await token()}` }, 1)).toBe(0)
    expect(await countAdmitted(url, { authorization: `Bearer ${await token({ sub: 'beta' })}` }, 105)).toBe(
      100,
    )
  })

  it('get the limits of a new tier at their next request, without a refill or a lock-out', async () => {
    const keysFile = join(folder, 'changing.yaml')
    const key = await createKey(keysFile, { client: 'acme', tier: 'free' })
    const hourly = `
tiers: { premium: 5 }
routes:
  - { match: POST /predict, limits: [20/hour] }
  - { match: POST /look, limits: [{ limit: 20/hour, cost: 0 }] }`
    const { url } = await startTestGateway(`identity: { api_keys: ${keysFile} }\n${hourly}`)
    const headers = { 'x-api-key': key }
    const reportedLimit = async () =>
      /q=(\d+)/.exec(String((await send(url, '/look', { headers })).headers['ratelimit-policy']))?.[1]
    expect(await countAdmitted(url, headers, 10)).toBe(10)

    const rewrite = async (from: string, to: string) =>
      writeFile(keysFile, (await readFile(keysFile, 'utf8')).replace(`tier: ${from}`, `tier: ${to}`))
    await rewrite('free', 'premium')
    await expect.poll(reportedLimit, { timeout: 20_000 }).toBe('100')
    // Ten units stay used, so 90 of 100 are left. One unit refills in 36 seconds.
    const asPremium = await countAdmitted(url, headers, 110)
    expect(asPremium).toBeGreaterThanOrEqual(90)
    expect(asPremium).toBeLessThanOrEqual(95)

    await rewrite('premium', 'free')
    await expect.poll(reportedLimit, { timeout: 20_000 }).toBe('20')
    expect(await countAdmitted(url, headers, 30)).toBeLessThanOrEqual(1)
  })

  it("are refused with the reason when a route's requirement is not satisfied", async () => {
    const { url } = await startTestGateway(identity() + LIMITS)
    const anonymous = await send(url, '/premium/predict')
    expect(anonymous.status).toBe(403)
    expect(JSON.parse(anonymous.text)).toMatchObject({
      title: 'Forbidden',
      detail: 'Premium access required',
    })
    const free = { authorization: `Bearer ${await token({ plan: 'free' })}` }
    expect((await send(url, '/premium/predict', { headers: free })).status).toBe(403)
    expect((await send(url, '/premium/predict', { headers: { 'x-api-key': premiumKey } })).status).toBe(200)
  })

  it('gain nothing from unverified claims', async () => {
    const { url } = await startTestGateway(identity() + LIMITS)
    const unsigned = new UnsecuredJWT({ sub: 'acme', plan: 'premium', aud: AUDIENCE })
      .setExpirationTime('1m')
      .encode()
    const refused: readonly string[] = [
      expiredKey,
      premiumKey.toUpperCase(),
      'sk_made-up',
      unsigned,
      await token({ aud: 'https://other.example' }),
      `${await token()}x`,
    ]
    for (const secret of refused) {
      const response = await send(url, '/predict', { headers: { authorization: `Bearer ${secret}` } })
      expect(response.status).toBe(401)
      expect(response.headers['www-authenticate']).toBe('Bearer')
      expect(response.text).not.toContain(secret)
      const premium = await send(url, '/premium/predict', { headers: { 'x-api-key': secret } })
      expect(premium.status).toBe(401)
    }
    const claims = { 'x-tier': 'premium', 'x-client-tier': 'premium', tier: 'premium', 'x-client-id': 'acme' }
    expect((await send(url, '/premium/predict', { headers: claims })).status).toBe(403)
    expect(await countAdmitted(url, claims, 25)).toBe(20)
  })

  it('have their credentials forwarded unless the configuration disables it', async () => {
    const seen = async (forward: string, headers: object, path = '/predict') => {
      const { url } = await startTestGateway(identity().replace(' } }', ` }${forward} }`) + LIMITS)
      const { status, text } = await send(url, path, { headers: { ...headers, other: 'kept' } })
      const { 'x-api-key': key, authorization, other } = JSON.parse(text).headers
      return [status, key, authorization, other]
    }
    const forUpstream = 'Basic dXBzdHJlYW0='
    const bearer = `Bearer ${premiumKey}`
    const both = { 'x-api-key': premiumKey, authorization: 'Bearer for-the-upstream' }
    expect(await seen('', both)).toEqual([200, premiumKey, 'Bearer for-the-upstream', 'kept'])
    const withholding = ', forward_credentials: false'
    expect(await seen(withholding, both)).toEqual([200, undefined, 'Bearer for-the-upstream', 'kept'])
    expect(await seen(withholding, { X_API_Key: premiumKey })).toEqual([200, undefined, undefined, 'kept'])
    for (const authorization of [bearer, `bearer  ${premiumKey}`, `Bearer ${await token()}`])
      expect(await seen(withholding, { authorization })).toEqual([200, undefined, undefined, 'kept'])
    // An anonymous request has no credentials for the gateway.
    expect(await seen(withholding, { authorization: forUpstream })).toEqual([
      200,
      undefined,
      forUpstream,
      'kept',
    ])
    expect(await seen(withholding, { authorization: bearer }, '/unlimited')).toEqual([
      200,
      undefined,
      undefined,
      'kept',
    ])
  })

  it('get a 400 if they send two API keys in one request', async () => {
    const { url } = await startTestGateway(identity() + LIMITS)
    const response = await send(url, '/predict', { headers: { 'x-api-key': [premiumKey, 'another'] } })
    expect(response.status).toBe(400)
  })
})

describe('clients named by a trusted proxy', () => {
  const named = { 'x-client-id': 'acme', 'x-client-tier': 'premium', 'x-forwarded-for': '192.0.2.1' }
  const proxied = (trusted: string) =>
    `identity: { trusted_proxies: [${trusted}], proxy_headers: { client: X-Client-Id, tier: X-Client-Tier } }\n`

  it('get the limits of the named client', async () => {
    const { url } = await startTestGateway(proxied('127.0.0.1') + LIMITS)
    expect(await countAdmitted(url, named, 105)).toBe(100)
    expect((await send(url, '/premium/predict', { headers: named })).status).toBe(200)
  })

  it('get a 400 if their name is too long', async () => {
    const { url, failures } = await startTestGateway(proxied('127.0.0.1') + LIMITS)
    for (const name of ['x-client-id', 'x-client-tier']) {
      const response = await send(url, '/predict', { headers: { ...named, [name]: 'a'.repeat(257) } })
      expect(response.status).toBe(400)
      expect(JSON.parse(response.text).detail).toContain(`'${name}'`)
    }
    expect(failures).toEqual([])
  })

  it('are named to the upstream, but the same headers from other peers are not forwarded', async () => {
    const seenBehind = async (trusted: string) => {
      const { url } = await startTestGateway(proxied(trusted) + LIMITS)
      const { text } = await send(url, '/predict', { headers: { ...named, other: 'kept' } })
      return JSON.parse(text).headers
    }
    expect(await seenBehind('127.0.0.1')).toMatchObject({ 'x-client-id': 'acme', 'x-client-tier': 'premium' })
    const seen = await seenBehind('10.0.0.1')
    expect(seen).toMatchObject({ other: 'kept' })
    expect(Object.keys(seen).filter((name) => name.includes('client'))).toEqual([])
  })

  it('are anonymous if an untrusted peer names them', async () => {
    const { url } = await startTestGateway(proxied('10.0.0.1') + LIMITS)
    expect(await countAdmitted(url, named, 25)).toBe(20)
    expect((await send(url, '/premium/predict', { headers: named })).status).toBe(403)
  })
})
