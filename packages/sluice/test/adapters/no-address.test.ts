import { Hono } from 'hono'
import { describe, expect, it } from 'vitest'
import { limit as limitFetch } from '../../src/adapters/fetch.js'
import { limit as limitHono } from '../../src/adapters/hono.js'

/** A missing address is a misconfiguration of the server and not an error of the client. */
describe('a request without an address', () => {
  const request = () => new Request('http://localhost/predict', { method: 'POST' })
  const handler = async () => new Response('ok')

  it('causes an error that names the option to set if a rule counts by address', async () => {
    const limited = limitFetch({ rules: [{ limit: '1/minute' }] })(handler)
    await expect(limited(request())).rejects.toThrow("set 'address'")
    const app = new Hono().post('/predict', limitHono('1/minute'), handler)
    const messages: string[] = []
    app.onError((error, context) => {
      messages.push(error.message)
      return context.text('', 500)
    })
    expect((await app.request(request())).status).toBe(500)
    expect(messages).toEqual([expect.stringContaining("set 'address'")])
  })

  it('is limited by the address that Deno or Bun passes in addition to the request', async () => {
    const deno = { remoteAddr: { hostname: '203.0.113.7' } }
    const bun = { requestIP: (_request: Request) => ({ address: '203.0.113.8' }) }
    const limited = limitFetch<[unknown]>('1/minute')(handler)
    for (const server of [deno, bun])
      expect([(await limited(request(), server)).status, (await limited(request(), server)).status]).toEqual([
        200, 429,
      ])
    await expect(limited(request(), { params: { remoteAddr: 'x' } })).rejects.toThrow("set 'address'")
  })

  it('is limited by rules that do not count by address', async () => {
    const options = { rules: [{ limit: '1/minute', by: 'everyone' as const }] }
    const limited = limitFetch(options)(handler)
    const app = new Hono().post('/predict', limitHono(options), handler)
    for (const send of [() => limited(request()), async () => app.request(request())])
      expect([(await send()).status, (await send()).status]).toEqual([200, 429])
  })

  it("is limited by the address that the 'address' option returns", async () => {
    const address = () => '203.0.113.7'
    const limited = limitFetch({ rules: [{ limit: '1/minute' }], address })(handler)
    const app = new Hono().post('/predict', limitHono({ rules: [{ limit: '1/minute' }], address }), handler)
    for (const send of [() => limited(request()), async () => app.request(request())])
      expect([(await send()).status, (await send()).status]).toEqual([200, 429])
  })
})
