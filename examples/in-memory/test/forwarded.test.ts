import fastify, { type FastifyInstance } from 'fastify'
import { describe, expect, it } from 'vitest'
import { inMemoryApp } from '../src/app.js'

/** An app with a common fault: it identifies clients by an address in a header they control. */
function trustingApp() {
  const counts = new Map<string, number>()
  const app = fastify()
  app.post('/predict', async ({ headers, ip }, reply) => {
    const client = headers['x-forwarded-for']?.toString().split(',')[0] ?? ip
    const count = (counts.get(client) ?? 0) + 1
    counts.set(client, count)
    return count > 10 ? reply.code(429).send() : { prediction: 'calm' }
  })
  return app
}

/** Returns how many of forty requests with made-up addresses are admitted. */
async function admittedFromMadeUpAddresses(app: Pick<FastifyInstance, 'inject' | 'close'>): Promise<number> {
  let count = 0
  for (let request = 0; request < 40; request++) {
    const headers = { 'x-forwarded-for': `203.0.113.${request}`, forwarded: `for=203.0.113.${request}` }
    const payload = { features: [1, 2, 3] }
    const { statusCode } = await app.inject({ method: 'POST', url: '/predict', payload, headers })
    if (statusCode === 200) count++
  }
  await app.close()
  return count
}

describe('clients with made-up addresses', () => {
  it('share the limit of their real address', async () => {
    expect(await admittedFromMadeUpAddresses(await inMemoryApp())).toBe(10)
  })

  it('get a fresh limit for each address if the app trusts the first forwarded address', async () => {
    expect(await admittedFromMadeUpAddresses(trustingApp())).toBe(40)
  })
})
