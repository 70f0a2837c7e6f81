import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { exportJWK, generateKeyPair, SignJWT } from 'jose'
import { describe, expect, it, onTestFinished } from 'vitest'
import { parseConfig } from '../../../src/policy/config/load-config.js'
import { AccessGuard } from '../../../src/server/admin/access-guard.js'
import { echo, send, startTestGateway } from '../gateway/running-gateway.js'

const { privateKey, publicKey } = await generateKeyPair('ES256', { extractable: true })
const otherPair = await generateKeyPair('ES256')

/** Starts an OpenID provider that describes itself as `describe` returns. */
async function startProvider(describe: (issuer: string) => object = describeProvider) {
  let issuer = ''
  let requests = 0
  const server = createServer(async (request, response) => {
    requests++
    const isDescription = request.url === '/.well-known/openid-configuration'
    const keys = { keys: [{ ...(await exportJWK(publicKey)), kid: 'one', alg: 'ES256' }] }
    response.end(JSON.stringify(isDescription ? describe(issuer) : keys))
  })
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done))
  onTestFinished(() => {
    server.closeAllConnections()
    server.close()
  })
  issuer = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  return { issuer, requests: () => requests }
}

function describeProvider(issuer: string): object {
  return { issuer, jwks_uri: `${issuer}/keys` }
}

function tokenOf(issuer: string, claims: Record<string, unknown>, key = privateKey): Promise<string> {
  const exp = Math.floor(Date.now() / 1000) + 60
  return new SignJWT({ iss: issuer, aud: 'sluice', sub: 'u-1', exp, ...claims })
    .setProtectedHeader({ alg: 'ES256', kid: 'one' })
    .sign(key)
}

const oidcOf = (issuer: string) =>
  `oidc: { issuer: '${issuer}', audience: sluice, roles_claim: realm.groups, read: [staff], act: [ops] }`

async function startGateway(provider: { issuer: string }) {
  const admin = `{ listen: 127.0.0.1:0, ${oidcOf(provider.issuer)} }`
  const { adminUrl } = await startTestGateway('default: { limits: [100/minute] }', echo, admin)
  const block = async (token: string) => {
    const headers = { authorization: `Bearer ${token}` }
    const body = JSON.stringify({ act: 'block', client: 'acme', reason: 'a test' })
    const { status, text } = await send(adminUrl, '/api/actions', { headers, body })
    return [status, JSON.parse(text).done ?? JSON.parse(text).error] as const
  }
  const actors = async () => {
    const { text } = await send(adminUrl, '/api/acts/current', { method: 'GET' })
    return JSON.parse(text).acts.map(({ by }: { by: string }) => by)
  }
  return { adminUrl, block, actors }
}

describe('an operator with a token of an OpenID provider', () => {
  it('acts with one of the roles in `act`, under the verified address or the ID', async () => {
    const provider = await startProvider()
    const { block, actors } = await startGateway(provider)
    const act = { realm: { groups: ['other', 'ops'] } }
    const named = await tokenOf(provider.issuer, { ...act, email: 'ada@example.com', email_verified: true })
    expect(await block(named)).toEqual([200, 'client acme is blocked'])
    expect(await actors()).toEqual(['ada@example.com'])
    const unverified = { ...act, email: 'admin@example.com', email_verified: false }
    expect((await block(await tokenOf(provider.issuer, unverified)))[0]).toBe(200)
    expect(await actors()).toEqual(['u-1'])
    expect(provider.requests()).toBe(2)
  })

  it('may only read with one of the roles in `read`, and nothing without a role', async () => {
    const provider = await startProvider()
    const { block } = await startGateway(provider)
    expect(await block(await tokenOf(provider.issuer, { realm: { groups: 'staff' } }))).toEqual([
      403,
      "the token 'u-1' may only read; use one with the role 'act'",
    ])
    for (const claims of [{}, { realm: { groups: ['opsy'] } }, { groups: ['ops'] }])
      expect(await block(await tokenOf(provider.issuer, claims))).toEqual([
        403,
        "this request's token has none of the roles that 'admin.oidc' accepts",
      ])
  })

  it('is rejected with a token that is expired, foreign or forged', async () => {
    const provider = await startProvider()
    const { block } = await startGateway(provider)
    const act = { realm: { groups: ['ops'] } }
    for (const claims of [{ exp: 1 }, { aud: 'another-service' }, { iss: 'https://evil.example' }])
      expect((await block(await tokenOf(provider.issuer, { ...act, ...claims })))[0]).toBe(401)
    expect((await block(await tokenOf(provider.issuer, act, otherPair.privateKey)))[0]).toBe(401)
    expect((await block('a.b.c'))[0]).toBe(401)
    expect(await block('not-a-jwt')).toEqual([401, expect.stringContaining('admin token required')])
  })

  it('gets a 503 while the provider does not respond, or describes another issuer', async () => {
    const away = await startGateway({ issuer: 'http://127.0.0.1:9' })
    const token = await tokenOf('http://127.0.0.1:9', { realm: { groups: ['ops'] } })
    expect((await away.block(token))[0]).toBe(503)
    const provider = await startProvider((issuer) => ({
      ...describeProvider(issuer),
      issuer: 'https://evil.example',
    }))
    const { block } = await startGateway(provider)
    expect((await block(await tokenOf(provider.issuer, { realm: { groups: ['ops'] } })))[0]).toBe(503)
  })

  it('may read from another host, where requests without a token are rejected', async () => {
    const provider = await startProvider()
    const guard = new AccessGuard({
      ...{ host: '0.0.0.0', port: 8081 },
      oidc: { issuer: provider.issuer, audience: ['sluice'], rolesClaim: 'groups', read: ['staff'], act: [] },
    })
    const denialWith = async (claims: Record<string, unknown> | undefined) => {
      const token = claims && (await tokenOf(provider.issuer, claims))
      const headers = { host: '10.0.0.7', ...(token !== undefined && { authorization: `Bearer ${token}` }) }
      const request = { method: 'GET', headers }
      await guard.authenticate(request)
      return guard.denialFor(request)?.status
    }
    expect(await denialWith({ groups: ['staff'] })).toBeUndefined()
    expect(await denialWith({ groups: ['others'] })).toBe(403)
    expect(await denialWith(undefined)).toBe(401)
  })
})

it.each([
  [
    'oidc: { issuer: "http://login.example", audience: a, roles_claim: g, act: x }',
    "'issuer' must be the https URL",
  ],
  ['oidc: { audience: a, roles_claim: g, act: x }', "'oidc' requires 'issuer'"],
  ['oidc: { issuer: "https://login.example", roles_claim: g, act: x }', "'oidc' requires 'audience'"],
  ['oidc: { issuer: "https://login.example", audience: a, act: x }', "'oidc' requires 'roles_claim'"],
  [
    'oidc: { issuer: "https://login.example", audience: a, roles_claim: g }',
    "requires roles in 'read' or 'act'",
  ],
])('the configuration with %s has a clear error', (oidc, message) => {
  const text = `upstream: http://127.0.0.1:9000\nadmin: { listen: 127.0.0.1:8081, ${oidc} }\n`
  expect(() => parseConfig(text, 'gateway.yaml')).toThrow(message)
})

it('an admin port that others can reach needs no other token with `oidc`', () => {
  const text = `upstream: http://127.0.0.1:9000\nadmin: { listen: 0.0.0.0:8081, ${oidcOf('https://login.example')} }\n`
  expect(parseConfig(text, 'gateway.yaml').admin?.oidc).toMatchObject({ rolesClaim: 'realm.groups' })
})
