import { createHash } from 'node:crypto'
import type { IncomingHttpHeaders } from 'node:http'
import { describe, expect, it } from 'vitest'
import { Guard } from '../../../src/server/admin/access-guard.js'
import { echo, running, send } from '../gateway/running-gateway.js'

const TOKEN = 'a-token-of-some-length'
const HASH = createHash('sha256').update(TOKEN).digest('hex')

describe('the admin port', () => {
  it.each(['localhost', 'localhost:8081', '127.0.0.1', '[::1]:8081', '192.168.1.7:8081'])(
    'answers to the name %s',
    async (host) => {
      const { adminUrl } = await running('')
      expect((await send(adminUrl, '/metrics', { method: 'GET', headers: { host } })).status).toBe(200)
    },
  )

  it.each(['evil.example', 'localhost.evil.example', '127.0.0.1.evil.example:8081', 'a b'])(
    'does not answer to the name %j, which a browser may have been sent to',
    async (host) => {
      const { adminUrl } = await running('')
      const { status, text } = await send(adminUrl, '/metrics', { method: 'GET', headers: { host } })
      expect(status).toBeGreaterThanOrEqual(400)
      expect(text).not.toContain('sluice_')
    },
  )

  it('lets no page of another site send anything', async () => {
    const { adminUrl } = await running('')
    const sent = (origin: string) => send(adminUrl, '/metrics', { headers: { origin } })
    expect((await sent('http://evil.example')).status).toBe(403)
    expect((await sent('null')).status).toBe(403)
    expect((await sent(adminUrl)).status).toBe(405)
  })

  it('lets nothing into a frame, a cache or another page', async () => {
    const { adminUrl } = await running('')
    const { headers } = await fetch(`${adminUrl}/metrics.json`)
    expect(headers.get('content-security-policy')).toContain("frame-ancestors 'none'")
    expect(headers.get('x-content-type-options')).toBe('nosniff')
    expect(headers.get('cache-control')).toBe('no-store')
    expect(headers.get('access-control-allow-origin')).toBeNull()
  })

  it('wants its token of those who reach it from elsewhere, but for what probes ask', () => {
    const guard = new Guard({ host: '0.0.0.0', port: 8081, tokenHash: HASH })
    const denies = (headers: IncomingHttpHeaders, method = 'GET') => guard.denies({ method, headers })?.status
    expect(denies({ host: '10.0.0.7:8081' })).toBe(401)
    for (const wrong of [`Bearer ${HASH}`, `Bearer ${TOKEN}x`, `Basic ${TOKEN}`, 'Bearer', TOKEN])
      expect(denies({ host: '10.0.0.7:8081', authorization: wrong })).toBe(401)
    // Whoever has the token may use any name, as Prometheus does that of a service.
    expect(denies({ host: 'sluice.default.svc:8081', authorization: `Bearer ${TOKEN}` })).toBeUndefined()
    expect(denies({ host: 'sluice.default.svc:8081' })).toBe(403)
    // The page has no data in it; but nobody should be asked for the token under a name that is not ours.
    expect(guard.deniesPage({ headers: { host: '10.0.0.7:8081' } })).toBeUndefined()
    expect(guard.deniesPage({ headers: { host: 'evil.example' } })?.status).toBe(403)
  })

  it('answers under a name of the file’s, as a proxy before it asks, to who has the token; the page to everybody', async () => {
    const admin = `{ listen: 127.0.0.1:0, names: [Sluice.Example], token_sha256: ${HASH} }`
    const { adminUrl } = await running('', echo, admin)
    const status = async (path: string, host: string, headers = {}) =>
      (await send(adminUrl, path, { method: 'GET', headers: { host, ...headers } })).status
    for (const host of ['sluice.example', 'SLUICE.example:443']) {
      expect(await status('/metrics', host)).toBe(401)
      expect(await status('/metrics', host, { authorization: `Bearer ${TOKEN}` })).toBe(200)
      expect(await status('/', host)).toBe(200)
    }
    // Who asks this machine itself is asked for as little as before.
    expect(await status('/metrics', 'localhost')).toBe(200)
    for (const host of ['evil.example', 'x.sluice.example', 'sluice.example.evil.example'])
      for (const path of ['/metrics', '/']) expect(await status(path, host)).toBe(403)
  })

  it('on loopback wants its token for acts alone', async () => {
    const { adminUrl } = await running('', echo, `{ listen: 127.0.0.1:0, token_sha256: ${HASH} }`)
    const get = (path: string, headers = {}) => send(adminUrl, path, { method: 'GET', headers })
    expect((await get('/healthz', { host: 'sluice.default.svc' })).status).toBe(200)
    expect((await get('/metrics')).status).toBe(200)
    expect((await get('/metrics', { host: 'sluice.default.svc' })).status).toBe(403)
    expect((await send(adminUrl, '/api/acts')).status).toBe(401)
    expect((await send(adminUrl, '/api/acts')).headers['www-authenticate']).toBe('Bearer')
  })
})
