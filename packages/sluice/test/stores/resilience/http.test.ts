import type { AddressInfo } from 'node:net'
import express from 'express'
import fastify from 'fastify'
import { afterEach, describe, expect, it } from 'vitest'
import { limit as limitExpress } from '../../../src/adapters/express.js'
import { limit as limitFastify } from '../../../src/adapters/fastify.js'
import type { FailurePolicyName } from '../../../src/stores/resilience/failure-options.js'
import { withFailurePolicy } from '../../../src/stores/resilience/failure-policy.js'
import { FaultyStore } from './faulty-store.js'

const running: (() => unknown)[] = []
afterEach(async () => {
  for (const stop of running.splice(0)) await stop()
})

function outageApp(policy: FailurePolicyName, mode: FaultyStore['mode']) {
  const inner = new FaultyStore()
  inner.mode = mode
  return { rules: [{ limit: '2/minute' }], store: withFailurePolicy(inner, { policy }) }
}

type Options = ReturnType<typeof outageApp>

const servers = {
  async express(options: Options) {
    const app = express()
    app.get('/', limitExpress(options), (_request, response) => void response.send('hello'))
    const server = app.listen(0, '127.0.0.1')
    running.push(() => server.close())
    await new Promise((resolve) => server.once('listening', resolve))
    return `http://127.0.0.1:${(server.address() as AddressInfo).port}/`
  },
  async fastify(options: Options) {
    const app = fastify()
    app.get('/', { onRequest: limitFastify(options) }, () => 'hello')
    running.push(() => app.close())
    return app.listen({ port: 0, host: '127.0.0.1' })
  },
}

describe.each(['express', 'fastify'] as const)('%s with an unavailable store', (name) => {
  it.each(['refuses', 'hangs', 'throws'] as const)(
    'responds with 503 under `closed` if the store %s',
    async (mode) => {
      const url = await servers[name](outageApp('closed', mode))
      for (let request = 0; request < 7; request++) {
        const response = await fetch(url)
        expect(response.status).toBe(503)
        expect(response.headers.get('retry-after')).toBe('1')
        expect(response.headers.get('content-type')).toMatch(/^application\/problem\+json\b/)
        expect(await response.json()).toEqual({
          type: 'https://iana.org/assignments/http-problem-types#temporary-reduced-capacity',
          title: 'Service unavailable',
          status: 503,
          detail: 'The limits of this request cannot be checked at the moment. Try again in 1 second.',
          'violated-policies': [],
          'retry-after': 1,
        })
      }
    },
  )

  it('admits every request under `open`, and a share of the limit under `local`', async () => {
    const statuses = async (url: string) => {
      const codes: number[] = []
      for (let request = 0; request < 4; request++) codes.push((await fetch(url)).status)
      return codes
    }
    expect(await statuses(await servers[name](outageApp('open', 'hangs')))).toEqual([200, 200, 200, 200])
    expect(await statuses(await servers[name](outageApp('local', 'hangs')))).toEqual([200, 200, 429, 429])
  })
})
