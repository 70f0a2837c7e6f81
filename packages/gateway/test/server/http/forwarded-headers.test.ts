import type { IncomingHttpHeaders } from 'node:http'
import { describe, expect, it } from 'vitest'
import { startTestGateway } from '../gateway/running-gateway.js'
import { message, rawClient } from '../proxy/raw-client.js'
import { httpUpstream } from '../proxy/upstream-under-test.js'

/** Returns the provenance headers of a request as the upstream receives them. */
async function provenance(config: string, headers: readonly string[]): Promise<IncomingHttpHeaders> {
  const upstream = await httpUpstream((_request, response) => response.end())
  const { gateway } = await startTestGateway(config, upstream.url)
  const client = await rawClient(gateway.address.port)
  client.send(message('GET /predict HTTP/1.1', headers))
  await client.until('200 OK')
  const { request } = await upstream.arrivals.next()
  expect(request.url).toBe('/predict')
  const { host, connection, via, 'x-request-id': id, ...rest } = request.headers
  return rest
}

const TRUSTED = 'identity: { trusted_proxies: [127.0.0.1] }'

const CLAIMS = [
  'Forwarded: for=10.0.0.1;host=evil.example;proto=https',
  'X-Forwarded-For: 10.0.0.1',
  'X-Forwarded-For: 10.0.0.2',
  'X-Forwarded-Host: evil.example',
  'X-Forwarded-Proto: https',
  'X-Forwarded-Port: 443',
  'X-Forwarded-Prefix: /evil',
  'X-Real-IP: 10.0.0.1',
  'X_Forwarded_For: 10.0.0.3',
  'X-Original-URL: /admin',
  'X-Rewrite-URL: /admin',
  'X-HTTP-Method-Override: DELETE',
  'X_HTTP_Method: DELETE',
]

describe('provenance headers', () => {
  it('report the connection that the gateway sees', async () => {
    expect(await provenance('', [])).toEqual({
      forwarded: 'for=127.0.0.1;host=localhost;proto=http',
      'x-forwarded-for': '127.0.0.1',
      'x-forwarded-host': 'localhost',
      'x-forwarded-proto': 'http',
      'x-real-ip': '127.0.0.1',
    })
  })

  it('ignore the headers of an untrusted client', async () => {
    expect(await provenance('', CLAIMS)).toEqual(await provenance('', []))
    expect(await provenance('identity: { trusted_proxies: [10.0.0.0/8] }', CLAIMS)).toEqual(
      await provenance('', []),
    )
  })

  it('keep the headers of a trusted proxy, and add the address of that proxy', async () => {
    expect(
      await provenance(TRUSTED, [
        'Forwarded: for=203.0.113.7;proto=https',
        'X-Forwarded-For: 203.0.113.7',
        'X-Forwarded-For: 10.1.1.1',
        'X-Forwarded-Host: api.example',
        'X-Forwarded-Proto: https',
        'X-Real-IP: 203.0.113.7',
      ]),
    ).toEqual({
      forwarded: 'for=203.0.113.7, for=10.1.1.1, for=127.0.0.1;host=localhost;proto=http',
      'x-forwarded-for': '203.0.113.7, 10.1.1.1, 127.0.0.1',
      'x-forwarded-host': 'api.example',
      'x-forwarded-proto': 'https',
      'x-real-ip': '10.1.1.1',
    })
  })

  it('include the hops of X-Forwarded-For in Forwarded', async () => {
    const { forwarded } = await provenance(TRUSTED, ['X-Forwarded-For: 2001:db8::7, 203.0.113.7'])
    const expanded = await provenance(TRUSTED, ['X-Forwarded-For: 203.0.113.7, 2001:db8:0:0:0:0:0:7'])
    expect(expanded['x-real-ip']).toBe('2001:db8::7')
    expect(forwarded).toBe('for="[2001:db8::7]", for=203.0.113.7, for=127.0.0.1;host=localhost;proto=http')
  })

  it('bracket only IPv6 addresses', async () => {
    const { forwarded } = await provenance(TRUSTED, ['X-Forwarded-For: 203.0.113.7:99, 203.0.113.8'])
    expect(forwarded).toMatch(/^for="203\.0\.113\.7:99", for=203\.0\.113\.8, /)
  })

  it('ignore headers in another spelling, even from a trusted proxy', async () => {
    expect(await provenance(TRUSTED, ['X_Forwarded_For: 10.0.0.3', 'X_Real_IP: 10.0.0.3'])).toEqual({
      forwarded: 'for=127.0.0.1;host=localhost;proto=http',
      'x-forwarded-for': '127.0.0.1',
      'x-forwarded-host': 'localhost',
      'x-forwarded-proto': 'http',
    })
  })

  it("ignore a client's other headers if the trusted proxy writes only X-Forwarded-For", async () => {
    const forged = [
      'Forwarded: for=10.0.0.9;host=evil.example;proto=https',
      'X-Real-IP: 10.0.0.9',
      'True-Client-IP: 10.0.0.9',
      'CF-Connecting-IP: 10.0.0.9',
      'X-Forwarded-Prefix: /evil',
    ]
    expect(await provenance(TRUSTED, [...forged, 'X-Forwarded-For: 10.0.0.9, 203.0.113.7'])).toEqual({
      forwarded: 'for=10.0.0.9, for=203.0.113.7, for=127.0.0.1;host=localhost;proto=http',
      'x-forwarded-for': '10.0.0.9, 203.0.113.7, 127.0.0.1',
      'x-forwarded-host': 'localhost',
      'x-forwarded-proto': 'http',
      'x-real-ip': '203.0.113.7',
    })
    expect(await provenance(TRUSTED, forged)).toMatchObject({
      forwarded: 'for=127.0.0.1;host=localhost;proto=http',
      'x-real-ip': '127.0.0.1',
    })
  })

  it('use only the list elements that trusted proxies can have written', async () => {
    const seen = await provenance('identity: { trusted_proxies: [127.0.0.1, 10.0.0.0/8] }', [
      'X-Forwarded-For: 203.0.113.7, 10.0.0.2',
      'X-Forwarded-Host: evil.example',
      'X-Forwarded-Host: api.example, inner.example',
      'X-Forwarded-Proto: https',
      'X-Forwarded-Port: 1, 443, 8443',
    ])
    expect(seen).toMatchObject({
      'x-forwarded-host': 'api.example',
      'x-forwarded-proto': 'https',
      'x-forwarded-port': '443',
      'x-real-ip': '203.0.113.7',
    })
  })

  it('are read from Forwarded if the trusted proxy writes it, and from no other header', async () => {
    const config =
      'identity: { trusted_proxies: [127.0.0.1, 10.0.0.0/8, "2001:db8::/32"], forwarded_header: Forwarded }'
    const seen = await provenance(config, [
      'Forwarded: for=9.9.9.9;host="',
      'Forwarded: For="203.0.113.7:99";host=api.example;proto=https, for="[2001:db8::7]"',
      'X-Forwarded-For: 10.0.0.9',
      'X-Forwarded-Host: evil.example',
      'X-Forwarded-Proto: ftp',
      'X-Forwarded-Port: 1',
    ])
    expect(seen).toEqual({
      forwarded:
        'for="203.0.113.7:99";host=api.example;proto=https, for="[2001:db8::7]", for=127.0.0.1;host=localhost;proto=http',
      'x-forwarded-for': '203.0.113.7:99, 2001:db8::7, 127.0.0.1',
      'x-forwarded-host': 'api.example',
      'x-forwarded-proto': 'https',
      'x-real-ip': '203.0.113.7',
    })
    const unknown = await provenance(config, ['Forwarded: for="a, b", for=unknown', 'X-Real-IP: 10.0.0.9'])
    expect(unknown).toMatchObject({
      forwarded: 'for=unknown, for=unknown, for=127.0.0.1;host=localhost;proto=http',
      'x-forwarded-for': 'unknown, unknown, 127.0.0.1',
    })
    expect(unknown['x-real-ip']).toBeUndefined()
  })

  it('name the client behind a number of proxies', async () => {
    const seen = await provenance('identity: { trusted_proxies: 2 }', [
      'X-Forwarded-For: 9.9.9.9, 203.0.113.7, 203.0.113.1',
      'X-Forwarded-Proto: ftp, https, http',
    ])
    expect(seen).toMatchObject({ 'x-real-ip': '203.0.113.7', 'x-forwarded-proto': 'https' })
  })

  it('skip empty list elements', async () => {
    for (const list of ['', ' ', ',', '203.0.113.7', ', 203.0.113.7 ,', ',,203.0.113.7,\t,']) {
      const named = list.includes('203')
      const chain = named ? '203.0.113.7, 127.0.0.1' : '127.0.0.1'
      expect(await provenance(TRUSTED, [`X-Forwarded-For: ${list}`, 'X-Forwarded-For:'])).toEqual({
        forwarded: `${named ? 'for=203.0.113.7, ' : ''}for=127.0.0.1;host=localhost;proto=http`,
        'x-forwarded-for': chain,
        'x-forwarded-host': 'localhost',
        'x-forwarded-proto': 'http',
        ...(named && { 'x-real-ip': '203.0.113.7' }),
      })
    }
  })

  it('prefer the host of an absolute target to the Host header', async () => {
    const upstream = await httpUpstream((_request, response) => response.end())
    const { gateway } = await startTestGateway('', upstream.url)
    const client = await rawClient(gateway.address.port)
    client.send(message('GET http://user@api.example:8080/predict HTTP/1.1'))
    await client.until('200 OK')
    const { request } = await upstream.arrivals.next()
    expect(request.url).toBe('/predict')
    expect(request.headers['x-forwarded-host']).toBe('api.example:8080')
  })

  it('quote a host that is not a token, so that it adds no element', async () => {
    const upstream = await httpUpstream((_request, response) => response.end())
    const { gateway } = await startTestGateway('', upstream.url)
    const client = await rawClient(gateway.address.port)
    client.send('GET / HTTP/1.1\r\nHost: a;for=10.0.0.1\r\n\r\n')
    await client.until('200 OK')
    const { request } = await upstream.arrivals.next()
    expect(request.headers.forwarded).toBe('for=127.0.0.1;host="a;for=10.0.0.1";proto=http')
  })
})
