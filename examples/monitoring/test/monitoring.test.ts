import fastify, { type FastifyInstance } from 'fastify'
import { describe, expect, it, onTestFinished, vi } from 'vitest'
import { curlLoop, startExample, statuses } from '../../support/prediction-app/test/running.js'
import { monitoringApp } from '../src/app.js'

const body = '{"features":[1,2,3]}'

describe('examples/monitoring', () => {
  it('counts requests and refusals in total and by endpoint', async () => {
    await using example = await startExample('monitoring')
    const metrics = async () => (await fetch(`${example.url}/metrics`)).json()
    expect(await metrics()).toEqual({ total_requests: 0, limited_requests: 0, endpoints: {} })

    expect(await curlLoop(12, `${example.url}/predict`, { body })).toEqual(statuses([200, 10], [429, 2]))
    expect(await curlLoop(8, `${example.url}/models/heavy/predict`, { body })).toEqual(
      statuses([200, 5], [429, 3]),
    )
    await expect.poll(metrics).toEqual({
      total_requests: 20,
      limited_requests: 5,
      endpoints: {
        'POST /predict': { total: 12, limited: 2 },
        'POST /models/heavy/predict': { total: 8, limited: 3 },
      },
    })
    // Requests for the metrics and the OpenAPI document are not counted.
    await curlLoop(3, `${example.url}/metrics`)
    await curlLoop(1, `${example.url}/openapi.json`)
    expect(await metrics()).toMatchObject({ total_requests: 20 })
  })

  it('logs each refusal with its client and endpoint, and nothing else', async () => {
    const warn = vi.spyOn(console, 'warn').mockImplementation(() => {})
    onTestFinished(() => warn.mockRestore())
    const app = await monitoringApp()
    const predict = {
      method: 'POST',
      url: '/predict',
      payload: { features: [1, 2, 3] },
      remoteAddress: '192.0.2.7',
    } as const
    for (let request = 0; request < 12; request++) await app.inject(predict)
    await expect
      .poll(() => warn.mock.calls.flat())
      .toEqual(Array(2).fill('rate limit exceeded: client 192.0.2.7, endpoint POST /predict'))
    await app.close()
  })

  it('counts an invalid body as a request that was not refused by a limit', async () => {
    const app = await monitoringApp()
    const wrong = await app.inject({ method: 'POST', url: '/predict', payload: { features: 1 } })
    expect(wrong.statusCode).toBe(422)
    expect((await app.inject('/metrics')).json()).toMatchObject({ total_requests: 1, limited_requests: 0 })
    await app.close()
  })
})

describe('made-up paths', () => {
  /** An app with a common fault: it counts by the requested path. */
  const countingByPath = () => {
    const endpoints: Record<string, number> = {}
    const app = fastify()
    app.addHook('onRequest', async ({ url }) => {
      endpoints[url] = (endpoints[url] ?? 0) + 1
    })
    app.get('/metrics', async () => ({ endpoints }))
    return app
  }
  const endpointsAfterMadeUpPaths = async (app: Pick<FastifyInstance, 'inject'>) => {
    for (let path = 0; path < 100; path++) await app.inject(`/made/up/${path}`)
    return Object.keys((await app.inject('/metrics')).json().endpoints)
  }

  it('count as one endpoint', async () => {
    const app = await monitoringApp()
    expect(await endpointsAfterMadeUpPaths(app)).toEqual(['unrouted'])
    await app.close()
  })

  it('count as one endpoint each in an app that counts by path', async () => {
    expect(await endpointsAfterMadeUpPaths(countingByPath())).toHaveLength(101)
  })
})
