import { createHash } from 'node:crypto'
import type { IncomingHttpHeaders } from 'node:http'
import { describe, expect, it } from 'vitest'
import { AccessGuard } from '../../../src/server/admin/access-guard.js'
import { echo, send, startTestGateway } from '../gateway/running-gateway.js'

const TOKEN = 'a-token-of-some-length'
const HASH = createHash('sha256').update(TOKEN).digest('hex')

describe('the admin port', () => {
  it.each(['localhost', 'localhost:8081', '127.0.0.1', '[::1]:8081', '192.168.1.7:8081'])(
    'serves requests with the host name %s',
    async (host) => {
      const { adminUrl } = await startTestGateway('')
      expect((await send(adminUrl, '/metrics', { method: 'GET', headers: { host } })).status).toBe(200)
    },
  )

  it.each(['evil.example', 'localhost.evil.example', '127.0.0.1.evil.example:8081', 'a b'])(
    'rejects the host name %j, which a DNS rebinding attack could send',
    async (host) => {
      const { adminUrl } = await startTestGateway('')
      const { status, text } = await send(adminUrl, '/metrics', { method: 'GET', headers: { host } })
      expect(status).toBeGreaterThanOrEqual(400)
      expect(text).not.toContain('sluice_')
    },
  )

  it('rejects writes from pages of another origin', async () => {
    const { adminUrl } = await startTestGateway('')
    const sendFrom = (origin: string) => send(adminUrl, '/metrics', { headers: { origin } })
    expect((await sendFrom('http://evil.example')).status).toBe(403)
    expect((await sendFrom('null')).status).toBe(403)
    expect((await sendFrom(adminUrl)).status).toBe(405)
  })

  it('forbids framing, caching and access from other origins', async () => {
    const { adminUrl } = await startTestGateway('')
    const { headers } = await fetch(`${adminUrl}/metrics.json`)
    expect(headers.get('content-security-policy')).toContain("frame-ancestors 'none'")
    expect(headers.get('x-content-type-options')).toBe('nosniff')
    expect(headers.get('cache-control')).toBe('no-store')
    expect(headers.get('access-control-allow-origin')).toBeNull()
  })

  it('knows the tokens of operators by name, and lets only the role `act` change something', () => {
    const hashOf = (token: string) => createHash('sha256').update(token).digest('hex')
    const guard = new AccessGuard({
      ...{ host: '0.0.0.0', port: 8081, tokenHash: HASH },
      tokens: [
        { name: 'ada', role: 'act', hash: hashOf('token-of-ada') },
        { name: 'eve', role: 'read', hash: hashOf('token-of-eve') },
      ],
    })
    const requestWith = (token: string) => ({
      method: 'POST',
      headers: { host: '10.0.0.7:8081', authorization: `Bearer ${token}` },
    })
    const resultOf = (token: string) => {
      const request = requestWith(token)
      const statuses = [guard.denialFor(request)?.status, guard.denialForAction(request)?.status]
      return [guard.operatorOf(request)?.name, ...statuses]
    }
    expect(resultOf(TOKEN)).toEqual(['admin', undefined, undefined])
    expect(resultOf('token-of-ada')).toEqual(['ada', undefined, undefined])
    expect(resultOf('token-of-eve')).toEqual(['eve', undefined, 403])
    expect(resultOf('token-of-eva')).toEqual([undefined, 401, 401])
    expect(guard.denialForAction(requestWith('token-of-eve'))?.error).toContain("'eve' may only read")
  })

  it('requires the token if it listens on an address other than loopback', () => {
    const guard = new AccessGuard({ host: '0.0.0.0', port: 8081, tokenHash: HASH })
    const statusFor = (headers: IncomingHttpHeaders, method = 'GET') =>
      guard.denialFor({ method, headers })?.status
    expect(statusFor({ host: '10.0.0.7:8081' })).toBe(401)
    for (const wrong of [`Bearer ${HASH}`, `Bearer ${TOKEN}x`, `Basic ${TOKEN}`, 'Bearer', TOKEN])
      expect(statusFor({ host: '10.0.0.7:8081', authorization: wrong })).toBe(401)
    // A request with the token may use any host name, as Prometheus does with a service name.
    expect(statusFor({ host: 'sluice.default.svc:8081', authorization: `Bearer ${TOKEN}` })).toBeUndefined()
    expect(statusFor({ host: 'sluice.default.svc:8081' })).toBe(403)
    // The page contains no data, but must not ask for the token under an unknown host name.
    expect(guard.denialForPage({ headers: { host: '10.0.0.7:8081' } })).toBeUndefined()
    expect(guard.denialForPage({ headers: { host: 'evil.example' } })?.status).toBe(403)
  })

  it('requires the token under a configured host name, except for the static page', async () => {
    const admin = `{ listen: 127.0.0.1:0, names: [Sluice.Example], token_sha256: ${HASH} }`
    const { adminUrl } = await startTestGateway('', echo, admin)
    const status = async (path: string, host: string, headers = {}) =>
      (await send(adminUrl, path, { method: 'GET', headers: { host, ...headers } })).status
    for (const host of ['sluice.example', 'SLUICE.example:443']) {
      expect(await status('/metrics', host)).toBe(401)
      expect(await status('/metrics', host, { authorization: `Bearer ${TOKEN}` })).toBe(200)
      expect(await status('/', host)).toBe(200)
    }
    // Requests under the loopback name still need no token.
    expect(await status('/metrics', 'localhost')).toBe(200)
    for (const host of ['evil.example', 'x.sluice.example', 'sluice.example.evil.example'])
      for (const path of ['/metrics', '/']) expect(await status(path, host)).toBe(403)
  })

  it('requires the token on loopback only for actions', async () => {
    const { adminUrl } = await startTestGateway('', echo, `{ listen: 127.0.0.1:0, token_sha256: ${HASH} }`)
    const get = (path: string, headers = {}) => send(adminUrl, path, { method: 'GET', headers })
    expect((await get('/healthz', { host: 'sluice.default.svc' })).status).toBe(200)
    expect((await get('/metrics')).status).toBe(200)
    expect((await get('/metrics', { host: 'sluice.default.svc' })).status).toBe(403)
    for (const path of ['/api/actions', '/api/acts']) {
      expect((await send(adminUrl, path)).status).toBe(401)
      expect((await send(adminUrl, path)).headers['www-authenticate']).toBe('Bearer')
    }
  })
})
