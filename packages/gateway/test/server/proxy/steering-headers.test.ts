import express from 'express'
import { describe, expect, it } from 'vitest'
import { steersUpstream } from '../../../src/policy/headers/steering-headers.js'
import { startTestGateway, startUpstream } from '../gateway/running-gateway.js'
import { message, rawClient } from './raw-client.js'
import { httpUpstream } from './upstream-under-test.js'

/** Headers that override the path, method, host, scheme, client or user in some servers. */
const STEERING = [
  ...['Script-Name', 'Path-Info', 'Path-Translated', 'Request-Uri', 'Query-String', 'Script-Filename'],
  ...['Request-Method', 'Redirect-Url', 'Unencoded-Url', 'Iis-WasUrlRewritten', 'Document-Root'],
  ...['X-Original-URL', 'X-Rewrite-URL', 'X-Original-URI', 'X-Original-Host', 'X-Script-Name'],
  ...['X-HTTP-Method', 'X-HTTP-Method-Override', 'X-Method-Override', 'X-Original-Method'],
  ...['X-Forwarded-Prefix', 'X-Forwarded-Path', 'X-Forwarded-Uri', 'X-Forwarded-Script-Name'],
  ...[
    'X-Forwarded-Server',
    'X-Forwarded-Ssl',
    'X-Forwarded-Scheme',
    'X-Forwarded-Protocol',
    'X-Forwarded-Made-Up',
  ],
  ...['X-Accel-Mapping', 'X-Accel-Redirect', 'X-Sendfile-Type', 'X-Envoy-Original-Path'],
  ...['Front-End-Https', 'X-Url-Scheme', 'X-Scheme', 'X-Https', 'Https', 'Server-Name', 'Server-Port'],
  ...['Forwarded', 'X-Real-IP', 'True-Client-IP', 'CF-Connecting-IP', 'X-Client-IP', 'Client-IP'],
  ...['X-Cluster-Client-IP', 'Fastly-Client-IP', 'X-Original-For', 'Remote-Addr', 'Remote-Host'],
  ...['X-HTTP-Verb', 'HTTP-Method-Override', 'X-Middleware-Subrequest', 'X-Invoke-Path', 'X-Matched-Path'],
  ...['X-WAWS-Unencoded-URL', 'X-Forward-For', 'X-Client-IP-Address'],
  ...['MS-ASPNETCORE-TOKEN', 'Proxy', 'Proxy-Client-IP', 'WL-Proxy-Client-IP', 'X-Forwarded'],
]

/** Headers that name the user, which a trusted proxy may send. */
const USERS = [
  ...['Remote-User', 'X-Remote-User', 'X-Forwarded-User', 'X-Auth-Request-Email', 'SSL-Client-Cert'],
  ...['CF-Access-Authenticated-User-Email', 'X-Goog-Authenticated-User-Id', 'X-MS-Client-Principal'],
  ...['X-Amzn-Oidc-Identity', 'Tailscale-User-Login', 'X-Consumer-Username', 'OIDC-Claim-Sub'],
]

function spellings(name: string): string[] {
  const mixed = [...name].map((letter, index) =>
    index % 2 === 0 ? letter.toUpperCase() : letter.toLowerCase(),
  )
  return [
    name,
    name.toLowerCase(),
    name.toUpperCase(),
    name.replaceAll('-', '_'),
    name.replace('-', '_'),
    name.toUpperCase().replaceAll('-', '_'),
    mixed.join(''),
    name.replaceAll('-', '.'),
    name.replaceAll('-', '|'),
  ]
}

const WITH_TRUSTED_PROXY = 'identity: { trusted_proxies: [127.0.0.1] }'

/** Returns the names of the headers that reach the upstream with the value `evil`. */
async function forwardedNames(config: string, headers: readonly string[]): Promise<string[]> {
  const upstream = await httpUpstream((_request, response) => response.end())
  const { gateway } = await startTestGateway(config, upstream.url)
  const seen: string[] = []
  // A request can contain only some of the headers.
  for (let start = 0; start < headers.length; start += 100) {
    const client = await rawClient(gateway.address.port)
    client.send(
      message('POST / HTTP/1.1', ['Content-Length: 0', 'X-Kept: evil', ...headers.slice(start, start + 100)]),
    )
    await client.until('200 OK')
    const { request } = await upstream.arrivals.next()
    expect(request.headers['x-kept']).toBe('evil')
    const { rawHeaders } = request
    seen.push(...rawHeaders.filter((_, index) => index % 2 === 0 && rawHeaders[index + 1]?.includes('evil')))
  }
  return seen.filter((name) => name !== 'X-Kept')
}

const evil = (name: string) => `${name}: evil`

describe('a header that steers the upstream', () => {
  const all = STEERING.flatMap(spellings)

  it('is never forwarded from a client, whatever its spelling', async () => {
    expect(await forwardedNames('', [...all, ...USERS.flatMap(spellings)].map(evil))).toEqual([])
  })

  it('is never forwarded from a client behind a trusted proxy', async () => {
    expect(await forwardedNames(WITH_TRUSTED_PROXY, all.map(evil))).toEqual([])
  })

  it('is not forwarded if it is repeated or listed in Connection', async () => {
    const twice = STEERING.flatMap((name) => [evil(name), evil(name.replaceAll('-', '_'))])
    expect(await forwardedNames('', [`Connection: ${STEERING.slice(0, 10).join(', ')}`, ...twice])).toEqual(
      [],
    )
  })

  it('is forwarded in its exact spelling from a trusted proxy if it names the user', async () => {
    expect(await forwardedNames(WITH_TRUSTED_PROXY, USERS.map(evil))).toHaveLength(USERS.length)
    const others = USERS.flatMap((name) => [name.replaceAll('-', '_'), name.replace('-', '.')])
    expect(await forwardedNames(WITH_TRUSTED_PROXY, others.map(evil))).toEqual([])
  })

  it('is recognized by its normalized name', () => {
    expect(steersUpstream('x-forwarded-anything')).toBe(true)
    for (const name of ['x-request-id', 'path', 'accept', 'x-api-key', 'x-forward', 'scripts-name'])
      expect(steersUpstream(name)).toBe(false)
  })
})

describe('an application behind the gateway', () => {
  it('sees the path and method that the gateway decided on, whatever headers the client sends', async () => {
    const app = express()
    app.enable('trust proxy')
    // Mimics the packages method-override and connect-prefix, and the rewriting of IIS and Symfony.
    app.use((request, _response, next) => {
      request.method = request.get('x-http-method-override') ?? request.get('x-http-method') ?? request.method
      request.url = request.get('x-original-url') ?? request.get('x-rewrite-url') ?? request.url
      const prefix =
        request.get('x-forwarded-prefix') ?? request.get('script-name') ?? request.get('script_name') ?? ''
      if (prefix !== '' && request.url.startsWith(prefix)) request.url = request.url.slice(prefix.length)
      next()
    })
    app.use((request, response) => {
      const { method, path, ip, hostname, protocol } = request
      response.json({ method, path, ip, hostname, protocol })
    })
    const url = await startUpstream(app)
    for (const config of ['', WITH_TRUSTED_PROXY]) {
      const { gateway } = await startTestGateway(config, url)
      const client = await rawClient(gateway.address.port)
      client.send(
        message('POST /free/predict HTTP/1.1', [
          'Content-Length: 0',
          'SCRIPT_NAME: /free',
          'Script-Name: /free',
          'X-Forwarded-Prefix: /free',
          'X-Original-URL: /predict',
          'X-Rewrite-URL: /predict',
          'X-HTTP-Method: DELETE',
          'X-HTTP-Method-Override: DELETE',
          'X_HTTP_Method_Override: DELETE',
        ]),
      )
      await client.until('}')
      expect(JSON.parse(client.received.slice(client.received.indexOf('{')))).toEqual({
        method: 'POST',
        path: '/free/predict',
        ip: '127.0.0.1',
        hostname: 'localhost',
        protocol: 'http',
      })
    }
  })
})
