import { createHash } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import { parseConfig } from '../../src/config/load.js'
import { running, send } from '../gateway/running.js'

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

  it('wants its token where there is one, but for what probes ask', async () => {
    const config = parseConfig(
      `admin: { listen: 127.0.0.1:0, token_sha256: ${HASH} }\nupstream: http://127.0.0.1:9\nlisten: 127.0.0.1:0`,
      'test.yaml',
    )
    const { startGateway } = await import('../../src/gateway.js')
    const log = { upstreamFailed: () => {}, crashed: () => {}, info: () => {}, error: () => {} }
    const gateway = await startGateway(config, log)
    try {
      const url = `http://127.0.0.1:${gateway.adminAddress?.port}`
      const get = async (path: string, headers = {}) => send(url, path, { method: 'GET', headers })
      expect((await get('/healthz', { host: 'sluice.default.svc' })).status).toBe(200)
      const without = await get('/metrics')
      expect([without.status, without.headers['www-authenticate']]).toEqual([401, 'Bearer'])
      for (const wrong of [`Bearer ${HASH}`, `Bearer ${TOKEN}x`, `Basic ${TOKEN}`, 'Bearer', TOKEN])
        expect((await get('/metrics', { authorization: wrong })).status).toBe(401)
      // Whoever has the token may use any name, as Prometheus does that of a service.
      const right = { authorization: `Bearer ${TOKEN}`, host: 'sluice.default.svc:8081' }
      expect((await get('/metrics', right)).status).toBe(200)
    } finally {
      await gateway.close()
    }
  })
})
