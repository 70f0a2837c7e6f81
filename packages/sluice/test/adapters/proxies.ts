import { describe, expect, it, onTestFinished, vi } from 'vitest'
import type { HttpLimitOptions } from '../../src/http/http-limiter.js'
import type { Framework, ProxySetting } from './framework.js'
import { sendRequest } from './requests.js'

/** Tests that an adapter follows the framework's own setting for proxies if it is safe. */
export function describeProxies({ start, hasProxySetting }: Framework): void {
  const startWith = async (proxies: ProxySetting, options: Partial<HttpLimitOptions<object>> = {}) => {
    const limits = [{ rules: [{ limit: '1/minute', by: 'ip' as const }], ...options }]
    const route = { method: 'POST', path: '/predict', limits, handle: () => 'fine' } as const
    const app = await start([route], { proxies })
    onTestFinished(() => app.close())
    const emitWarning = vi.spyOn(process, 'emitWarning').mockImplementation(() => {})
    onTestFinished(() => emitWarning.mockRestore())
    return {
      from: async (list?: string) => {
        const headers = list === undefined ? {} : { 'x-forwarded-for': list }
        return (await sendRequest(app.port, '/predict', { headers })).status
      },
      warnings: () => emitWarning.mock.calls.map(([warning]) => String(warning)),
    }
  }

  describe.runIf(hasProxySetting)("the framework's own setting for proxies", () => {
    it('applies if it is safe and the limit has no setting of its own', async () => {
      const { from, warnings } = await startWith('loopback')
      expect(await from('198.51.100.1, 203.0.113.9')).toBe(200)
      expect(await from('198.51.100.2, 203.0.113.9')).toBe(429)
      expect(await from('203.0.113.9, 203.0.113.10')).toBe(200)
      expect(await from('nonsense')).toBe(400)
      expect(await from()).toBe(200)
      expect(warnings()).toEqual([])
    })

    it('does not apply, and causes one warning, if it lets a client choose its address', async () => {
      const { from, warnings } = await startWith('everyone')
      expect(await from('203.0.113.9')).toBe(200)
      expect(await from('203.0.113.10')).toBe(429)
      expect(await from()).toBe(429)
      expect(warnings()).toEqual([expect.stringMatching(/ trusts every sender, so a client can choose/)])
    })

    it('determines the address that is compared with allowed ones', async () => {
      const { from } = await startWith('loopback', { allow: ['203.0.113.0/24'] })
      for (let times = 0; times < 3; times++) expect(await from('203.0.113.9')).toBe(200)
      expect(await from('203.0.113.9, 198.51.100.1')).toBe(200)
      expect(await from('203.0.113.9, 198.51.100.1')).toBe(429)
    })

    it.each<ProxySetting>(['loopback', 'everyone'])(
      'causes one warning if it disagrees with that of the limit (%s)',
      async (setting) => {
        const { from, warnings } = await startWith(setting, { trustedProxies: ['127.0.0.1', '10.0.0.0/8'] })
        expect(await from('203.0.113.9')).toBe(200)
        expect(warnings()).toEqual([])
        expect(await from('198.51.100.1, 203.0.113.9, 10.0.0.1')).toBe(429)
        expect(await from('203.0.113.9, 10.0.0.1')).toBe(429)
        expect(warnings()).toEqual([
          expect.stringMatching(/^'trustedProxies' and '.*' of \w+ find different clients/),
        ])
      },
    )

    it('is ignored if the limit trusts no proxy', async () => {
      const { from, warnings } = await startWith('loopback', { trustedProxies: [] })
      expect([await from('203.0.113.9'), await from('203.0.113.10')]).toEqual([200, 429])
      expect(warnings()).toEqual([])
    })
  })
}
