import { Hono } from 'hono'
import { describe, expect, it } from 'vitest'
import { limit as onFetch } from '../../src/adapters/fetch.js'
import { limit as onHono } from '../../src/adapters/hono.js'

/** Servers that do not tell where a request comes from: that is for whoever runs one to mend, and not the client's fault. */
describe('where nobody tells an address', () => {
  const request = () => new Request('http://localhost/predict', { method: 'POST' })
  const handler = async () => new Response('fine')

  it('a rule that counts by it fails, and says what to do', async () => {
    const limited = onFetch({ rules: [{ limit: '1/minute' }] })(handler)
    await expect(limited(request())).rejects.toThrow("set 'address'")
    const app = new Hono().post('/predict', onHono('1/minute'), handler)
    const told: string[] = []
    app.onError((error, context) => {
      told.push(error.message)
      return context.text('', 500)
    })
    expect((await app.request(request())).status).toBe(500)
    expect(told).toEqual([expect.stringContaining("set 'address'")])
  })

  it('servers that pass it beside the request need not be told where it is', async () => {
    const deno = { remoteAddr: { hostname: '203.0.113.7' } }
    const bun = { requestIP: (_request: Request) => ({ address: '203.0.113.8' }) }
    const limited = onFetch<[unknown]>('1/minute')(handler)
    for (const server of [deno, bun])
      expect([(await limited(request(), server)).status, (await limited(request(), server)).status]).toEqual([
        200, 429,
      ])
    await expect(limited(request(), { params: { remoteAddr: 'x' } })).rejects.toThrow("set 'address'")
  })

  it('others count all the same', async () => {
    const options = { rules: [{ limit: '1/minute', by: 'everyone' as const }] }
    const limited = onFetch(options)(handler)
    const app = new Hono().post('/predict', onHono(options), handler)
    for (const ask of [() => limited(request()), async () => app.request(request())])
      expect([(await ask()).status, (await ask()).status]).toEqual([200, 429])
  })

  it('an option that tells it is enough', async () => {
    const address = () => '203.0.113.7'
    const limited = onFetch({ rules: [{ limit: '1/minute' }], address })(handler)
    const app = new Hono().post('/predict', onHono({ rules: [{ limit: '1/minute' }], address }), handler)
    for (const ask of [() => limited(request()), async () => app.request(request())])
      expect([(await ask()).status, (await ask()).status]).toEqual([200, 429])
  })
})
