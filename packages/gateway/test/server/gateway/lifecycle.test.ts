import { once } from 'node:events'
import { createServer, request as httpRequest, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { describe, expect, it, onTestFinished } from 'vitest'
import type { GatewayConfig } from '../../../src/policy/config/config.js'
import { echo, send, startTestGateway, startUpstream, until } from './running-gateway.js'

const TWO_PER_MINUTE =
  'routes: [{ match: POST /predict, limits: [{ limit: 2/minute, algorithm: fixed-window }] }]'

describe('a reload', () => {
  it('applies the new configuration immediately and refills no limit', async () => {
    const { gateway, url, configOf } = await startTestGateway(TWO_PER_MINUTE)
    await send(url, '/predict')
    await send(url, '/predict')
    expect((await send(url, '/predict')).status).toBe(429)

    await gateway.apply(configOf(TWO_PER_MINUTE))
    expect((await send(url, '/predict')).status).toBe(429)

    // Two units stay used, so two of four are left.
    await gateway.apply(configOf(TWO_PER_MINUTE.replace('2/minute', '4/minute')))
    expect((await send(url, '/predict')).status).toBe(200)
    expect((await send(url, '/predict')).status).toBe(200)
    expect((await send(url, '/predict')).status).toBe(429)

    await gateway.apply(configOf('default: deny'))
    expect((await send(url, '/predict')).status).toBe(404)

    await gateway.apply(configOf('default: { limits: [] }'))
    expect((await send(url, '/predict')).status).toBe(200)
  })

  it('drops no request, and completes requests in flight under the old configuration', async () => {
    const pending: ServerResponse[] = []
    const { gateway, url, configOf } = await startTestGateway(
      'routes: [{ match: POST /predict, limits: [{ concurrent: 2 }] }]',
      (_request, response) => pending.push(response),
    )
    const first = send(url, '/predict')
    await until(() => pending.length === 1)
    await gateway.apply(
      configOf('routes: [{ match: POST /predict, limits: [{ concurrent: 1 }] }]\ntimeouts: { idle: 1m }'),
    )
    expect((await send(url, '/predict')).status).toBe(429)
    pending[0]?.end('done')
    expect(await first).toMatchObject({ status: 200, text: 'done' })

    const second = send(url, '/predict')
    await until(() => pending.length === 2)
    pending[1]?.end('done')
    expect((await second).status).toBe(200)
  })

  it.each([
    ['another upstream', (config: GatewayConfig, upstream: string) => ({ ...config, upstream })],
    [
      'other timeouts',
      (config: GatewayConfig) => ({ ...config, timeouts: { ...config.timeouts, idle: 12_345 } }),
    ],
    [
      'other identity settings',
      (config: GatewayConfig) => ({ ...config, identity: { ...config.identity, ipv6Subnet: 56 } }),
    ],
    ['no routes', (config: GatewayConfig) => ({ ...config, routes: [] })],
  ])('fails no request that is being read or queued when the new configuration has %s', async (_, change) => {
    const pending: ServerResponse[] = []
    const text = `routes:
  - match: POST /rows
    limits: [{ limit: 1000/minute, of: rows, cost: size(body.data) }]
  - match: POST /slot
    limits: [{ concurrent: 1, wait: 1m }]`
    const { gateway, url, adminUrl, configOf } = await startTestGateway(text, async (request, response) => {
      if (request.url === '/slot') pending.push(response)
      else await echo(request, response)
    })
    const other = await startUpstream(echo)
    const { hostname, port } = new URL(url)
    const json = { 'content-type': 'application/json', 'content-length': 12, expect: '100-continue' }
    const reading = httpRequest({ hostname, port, method: 'POST', path: '/rows', headers: json })
    reading.flushHeaders()
    await once(reading, 'continue')
    reading.write('{"data"')
    const first = send(url, '/slot')
    await until(() => pending.length === 1)
    const waiting = send(url, '/slot')
    const responded = once(reading, 'response') as Promise<[IncomingMessage]>
    const metrics = async () => (await fetch(`${adminUrl}/metrics`)).text()
    await until(async () => (await metrics()).includes('sluice_waiting_requests{route="POST /slot"} 1'))
    // Reloads several times in a row, so that more than one upstream is retired at a time.
    for (const next of [change(configOf(text), other), configOf(text), change(configOf(text), other)])
      await gateway.apply(next)
    reading.end(':[1]}')
    const [response] = await responded
    response.resume()
    expect(response.statusCode).toBe(200)
    pending[0]?.end('first')
    expect(await first).toMatchObject({ status: 200, text: 'first' })
    await until(() => pending.length === 2)
    pending[1]?.end('waited')
    expect(await waiting).toMatchObject({ status: 200, text: 'waited' })
  })

  it('closes the connections to a replaced upstream after its last request', async () => {
    const pending: ServerResponse[] = []
    let connections = 0
    const upstream = createServer((_request, response) => void pending.push(response))
    upstream.on('connection', (socket) => {
      connections++
      socket.on('close', () => connections--)
    })
    upstream.listen(0, '127.0.0.1')
    await once(upstream, 'listening')
    onTestFinished(() => void upstream.close())
    const { port } = upstream.address() as AddressInfo
    const { gateway, url, configOf } = await startTestGateway('', `http://127.0.0.1:${port}`)
    const response = send(url, '/')
    await until(() => pending.length === 1)
    await gateway.apply({ ...configOf(''), upstream: await startUpstream(echo) })
    pending[0]?.end('done')
    expect(await response).toMatchObject({ status: 200, text: 'done' })
    await until(() => connections === 0)
  })

  it('changes nothing if the keys file of the new configuration does not exist', async () => {
    const { gateway, url, configOf } = await startTestGateway(TWO_PER_MINUTE)
    const next = configOf('default: deny')
    const apiKeys = { kind: 'file', file: '/nowhere/keys.yaml' } as const
    const missing = { ...next, identity: { ...next.identity, apiKeys } }
    await expect(gateway.apply({ ...missing, upstream: 'http://127.0.0.1:9' })).rejects.toThrow(
      'does not exist',
    )
    expect((await send(url, '/predict')).status).toBe(200)
  })

  it('rejects the whole configuration if a part of it requires a restart', async () => {
    const { gateway, url, configOf } = await startTestGateway(TWO_PER_MINUTE)
    const next = configOf('default: deny')
    await expect(gateway.apply({ ...next, listen: { host: '127.0.0.1', port: 1 } })).rejects.toThrow(
      "a change to 'listen' requires a restart",
    )
    expect((await send(url, '/predict')).status).toBe(200)
  })
})

describe('health endpoints', () => {
  it('are served only on the admin port', async () => {
    const { url, adminUrl } = await startTestGateway('default: deny')
    expect((await fetch(`${adminUrl}/healthz`)).status).toBe(200)
    expect(await (await fetch(`${adminUrl}/readyz?verbose`)).json()).toEqual({ status: 'ready' })
    expect((await fetch(`${adminUrl}/__proto__`)).status).toBe(404)
    expect((await fetch(`${adminUrl}/healthz`, { method: 'POST' })).status).toBe(405)
    expect((await fetch(`${url}/healthz`)).status).toBe(404)
  })
})

describe('the port for probes', () => {
  it('serves the probes and the metrics without a token, and nothing else', async () => {
    const { gateway, url, adminUrl } = await startTestGateway(
      'probes: 127.0.0.1:0\ndefault: { limits: [1/hour] }',
      undefined,
      `{ listen: 127.0.0.1:0, token_sha256: dee7f782d2f60de67c5bc0f4daea8cf144df9efd8caaeab30d0ddf6c2a6f70db }`,
    )
    const probes = `http://127.0.0.1:${gateway.probesAddress?.port}`
    await send(url, '/')
    await send(url, '/')
    expect(await (await fetch(`${probes}/healthz`)).json()).toEqual({ status: 'ok' })
    expect(await (await fetch(`${probes}/readyz`)).json()).toEqual({ status: 'ready' })
    const metrics = await fetch(`${probes}/metrics`, { headers: { 'x-forwarded-host': 'sluice.example' } })
    expect(await metrics.text()).toContain('sluice_requests_total{route="default",outcome="refused"} 1')
    for (const path of ['/metrics.json', '/api/status', '/api/config', '/api/live', '/api/actions']) {
      expect([path, (await fetch(`${probes}${path}`)).status]).toEqual([path, 404])
      expect([path, (await fetch(`${adminUrl}${path}`)).status]).not.toEqual([path, 404])
    }
    expect((await fetch(probes)).status).toBe(404)
    expect((await fetch(`${probes}/metrics`, { method: 'POST' })).status).toBe(405)
  })

  it('works without an admin port, and stays open until the requests in flight have ended', async () => {
    const pending: ServerResponse[] = []
    const { gateway, url } = await startTestGateway(
      'probes: 127.0.0.1:0\nlog: { refusals: false }',
      (_request, response) => pending.push(response),
      'off',
    )
    const probes = `http://127.0.0.1:${gateway.probesAddress?.port}`
    const first = send(url, '/')
    await until(() => pending.length === 1)
    const closed = gateway.close()
    expect((await fetch(`${probes}/readyz`)).status).toBe(503)
    expect(await (await fetch(`${probes}/metrics`)).text()).toContain('sluice_in_flight_requests')
    pending[0]?.end()
    await first
    await closed
    await expect(fetch(`${probes}/healthz`)).rejects.toThrow('fetch failed')
  })
})

describe('a graceful stop', () => {
  it('finishes requests in flight while /readyz responds with 503', async () => {
    const pending: ServerResponse[] = []
    const { gateway, url, adminUrl } = await startTestGateway('', (_request, response) => {
      response.write('half ')
      pending.push(response)
    })
    const { hostname, port } = new URL(url)
    const request = httpRequest({ hostname, port, path: '/' }).end()
    const [response] = (await once(request, 'response')) as [IncomingMessage]
    const closed = gateway.close()
    expect((await fetch(`${adminUrl}/readyz`)).status).toBe(503)
    await expect(fetch(url)).rejects.toThrow()
    pending[0]?.end('and half')
    let text = ''
    for await (const chunk of response) text += chunk
    expect(text).toBe('half and half')
    await closed
  })

  it('aborts requests that outlast the grace period', async () => {
    const { gateway, url } = await startTestGateway('timeouts: { shutdown: 10ms }', (_request, response) => {
      response.write('endless')
    })
    const { hostname, port } = new URL(url)
    const request = httpRequest({ hostname, port, path: '/' }).end()
    const [response] = (await once(request, 'response')) as [IncomingMessage]
    const cut = once(response, 'error')
    await gateway.close()
    expect((await cut)[0]).toMatchObject({ code: 'ECONNRESET' })
  })
})

describe('a client that waits for 100 Continue', () => {
  it('is either refused before it sends its body or gets 100 Continue', async () => {
    const { url } = await startTestGateway('routes: [{ match: POST /predict, limits: [1/minute] }]')
    const { hostname, port } = new URL(url)
    const sendWithExpect = async () => {
      const request = httpRequest({
        ...{ hostname, port, method: 'POST', path: '/predict', agent: false },
        headers: { expect: '100-continue', 'content-length': 5 },
      })
      let proceeded = false
      request.on('continue', () => {
        proceeded = true
        request.end('hello')
      })
      request.flushHeaders()
      const [response] = (await once(request, 'response')) as [IncomingMessage]
      response.resume()
      request.destroy()
      return { status: response.statusCode, proceeded }
    }
    expect(await sendWithExpect()).toEqual({ status: 200, proceeded: true })
    expect(await sendWithExpect()).toEqual({ status: 429, proceeded: false })
  })
})
