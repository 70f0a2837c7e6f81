import { readFileSync } from 'node:fs'
import { createLimiter } from 'sluice'
import { describe, expect, it } from 'vitest'
import { parseConfig } from '../../../src/policy/config/load-config.js'
import type { GatewayRequest } from '../../../src/policy/policy-request.js'
import { request } from './expression-request.js'

const UPSTREAM = 'upstream: http://127.0.0.1:9000\n'
const read = (text: string) => parseConfig(UPSTREAM + text, 'gateway.yaml')

/** The sample from the documentation, without the files that it refers to. */
const SAMPLE = `
listen: 127.0.0.1:8080
admin: 127.0.0.1:8081               # metrics, health, dashboard; never on the public port
upstream: http://127.0.0.1:9000
store: memory                        # redis://host:6379/0 · rediss:// · redis+cluster://a:1,b:2 · memcached://host:11211
on_store_failure: local              # open | closed | local; { policy: local, peers: 4 } where four gateways share the store

identity:
  trusted_proxies: [10.0.0.0/8]
  ipv6_subnet: 64

tiers: { free: 1, premium: 5 }

routes:
  - match: POST /predict
    limits:
      - { limit: 10/minute, algorithm: fixed-window, by: ip }
  - match: POST /premium/predict
    require: client.tier == 'premium'
    refuse_with: { status: 403, detail: Premium access required }
    limits: [30/minute]
  - match: POST /models/:model/predict
    limits:
      - { limit: 100/minute, cost: "params.model == 'heavy' ? 10 : 1" }
  - match: POST /v1/chat/completions
    llm: openai
    limits:
      - { limit: 60/minute }
      - { limit: 100k/minute, of: tokens }
      - { concurrent: 4 }
    warm_up: { ready: http://127.0.0.1:9000/healthz, from: 0.2, over: 60s }
  - match: GET /model-info           # no limits: not limited

default: { limits: [60/minute] }
`

it('parseConfig reads the sample from the documentation', () => {
  const config = parseConfig(SAMPLE, 'gateway.yaml')
  expect(config).toMatchObject({
    listen: { host: '127.0.0.1', port: 8080 },
    admin: { host: '127.0.0.1', port: 8081 },
    upstream: 'http://127.0.0.1:9000',
    store: { kind: 'memory', maxKeys: 1_000_000 },
    onStoreFailure: { policy: 'local' },
    tiers: { free: 1, premium: 5 },
    identity: { trustedProxies: ['10.0.0.0/8'], ipv6Subnet: 64 },
    fallback: { name: 'default', rules: [{ limit: '60/minute' }], readsBody: false },
  })
  expect(config.routes.map(({ name, rules }) => [name, rules.length])).toEqual([
    ['POST /predict', 1],
    ['POST /premium/predict', 1],
    ['POST /models/:model/predict', 1],
    ['POST /v1/chat/completions', 3],
    ['GET /model-info', 0],
  ])
  expect(config.routes[0]?.pattern).toMatchObject({ method: 'POST', source: 'POST /predict' })
  expect(config.routes[0]?.rules).toEqual([{ limit: '10/minute', algorithm: 'fixed-window', by: 'ip' }])
  expect(config.routes[3]?.rules.slice(1)).toEqual([
    { limit: '100k/minute', of: 'tokens', cost: expect.any(Function) },
    { concurrent: 4 },
  ])
  expect(config.routes[3]).toMatchObject({
    llm: { shape: { name: 'openai-chat' }, defaultOutput: 1024, cachedWeight: 1 },
    warmUp: { ready: 'http://127.0.0.1:9000/healthz', from: 0.2, over: 60_000 },
  })
  const cost = config.routes[2]?.rules[0]?.cost as (request: GatewayRequest) => number
  expect(cost(request({ params: { model: 'heavy' } }))).toBe(10)
})

it('parseConfig has a default for every setting except the upstream', () => {
  expect(read('')).toEqual({
    listen: { host: '127.0.0.1', port: 8080 },
    admin: { host: '127.0.0.1', port: 8081 },
    upstream: 'http://127.0.0.1:9000',
    workers: 1,
    store: { kind: 'memory', maxKeys: 1_000_000 },
    onStoreFailure: { policy: 'local' },
    tiers: {},
    identity: { trustedProxies: [], ipv6Subnet: 64 },
    maxBody: 1_048_576,
    retriesPost: false,
    server: {},
    timeouts: {
      connect: 5_000,
      headers: 300_000,
      idle: 300_000,
      bodyStart: 10_000,
      request: 300_000,
      drain: 5_000,
      shutdown: 30_000,
    },
    log: { refusals: true, clients: 'plain' },
    routes: [],
    fallback: { name: 'default', rules: [], readsBody: false },
    source: { file: 'gateway.yaml', text: 'upstream: http://127.0.0.1:9000\n', variables: {} },
  })
})

it('accepts a number of proxies, and the header that they write in any case', () => {
  expect(read('identity: { trusted_proxies: 2, forwarded_header: Forwarded }').identity).toMatchObject({
    trustedProxies: 2,
    forwardedHeader: 'forwarded',
  })
})

it('accepts a record with several workers', () => {
  const { workers, record } = read(
    'workers: 4\nrecord: { file: traffic.jsonl.gz, max_size: 1MiB, files: 3 }\n',
  )
  expect([workers, record]).toEqual([
    4,
    { file: expect.stringMatching(/traffic\.jsonl\.gz$/), maxSize: 2 ** 20, files: 3 },
  ])
})

it('accepts an access log in the log, in a file, and none', () => {
  const accessLogOf = (value: string) => read(`access_log: ${value}`).accessLog
  expect(accessLogOf('true')).toEqual({})
  expect(accessLogOf('false')).toBeUndefined()
  expect(accessLogOf('{ file: access.jsonl }')).toEqual({
    file: expect.stringMatching(/^\/.*access\.jsonl$/),
  })
})

it('reads every setting', () => {
  const config = read(`
listen: "[::1]:0"
admin: off
store: { memory: { max_keys: 100_000 } }
identity: { trusted_proxies: ["::1", 192.0.2.0/24], ipv6_subnet: 56 }
max_body: 512KiB
server: { max_connections: 5_000, max_body_memory: 1.5GiB }
timeouts: { connect: 500ms, headers: 2 minutes, idle: 1h, body_start: 3s, request: 1.5s, drain: 0, shutdown: 1 day }
log: { refusals: false, clients: hashed }
default: deny
`)
  expect(config).toMatchObject({
    listen: { host: '::1', port: 0 },
    admin: undefined,
    store: { kind: 'memory', maxKeys: 100_000 },
    identity: { trustedProxies: ['::1', '192.0.2.0/24'], ipv6Subnet: 56 },
    maxBody: 524_288,
    server: { maxConnections: 5_000, maxBodyMemory: 1_610_612_736 },
    timeouts: {
      connect: 500,
      headers: 120_000,
      idle: 3_600_000,
      bodyStart: 3_000,
      request: 1_500,
      drain: 0,
      shutdown: 86_400_000,
    },
    log: { refusals: false, clients: 'hashed' },
    fallback: 'deny',
  })
  expect(read('admin: false').admin).toBeUndefined()
})

it('parseConfig reads the names of the admin port and how credentials and identities are forwarded', () => {
  const hash = '5ec2e7'.padEnd(64, '0')
  expect(read(`admin: { names: [Sluice.Example, ops], token_sha256: ${hash} }`).admin).toEqual({
    host: '127.0.0.1',
    port: 8081,
    names: ['sluice.example', 'ops'],
    tokenHash: hash,
  })
  const identity = (forward: boolean) =>
    read(`identity: { api_keys: keys.yaml, forward_credentials: ${forward} }`).identity
  expect(identity(false)).toMatchObject({ forwardCredentials: false })
  expect(identity(true)).not.toHaveProperty('forwardCredentials')
  const forwarding = read(
    'identity: { api_keys: k.yaml, api_key_headers: [X-Goog-Api-Key], forward: { client: X-Client-Id, tier: X-Forwarded-User } }',
  )
  expect(forwarding.identity).toMatchObject({
    apiKeyHeaders: ['x-goog-api-key'],
    forward: { client: 'x-client-id', tier: 'x-forwarded-user' },
  })
})

it('parseConfig reads every key of a limit', () => {
  const { routes } = read(`
routes:
  - match: POST /a
    limits:
      - 10/second; 100/minute
      - { limit: 1000/day, algorithm: fixed-window, align: calendar, time_zone: Europe/Berlin }
      - { limit: 10/minute, name: trial, of: rows, cost: 2, enforce: false, by: everyone }
      - { concurrent: 3, lease: 10s, by: [ip, "header:X-Tenant", "cookie:Session", route] }
`)
  expect(routes[0]?.rules).toEqual([
    { limit: '10/second; 100/minute' },
    { limit: '1000/day', algorithm: 'fixed-window', align: 'calendar', timeZone: 'Europe/Berlin' },
    { limit: '10/minute', name: 'trial', of: 'rows', cost: 2, enforce: false, by: 'everyone' },
    { concurrent: 3, lease: 10_000, by: ['ip', 'header:X-Tenant', 'cookie:Session', 'route'] },
  ])
})

it('parseConfig compiles a key that is not a known name as an expression', () => {
  const { routes } = read(`
routes:
  - match: POST /models/:model/predict
    limits:
      - { limit: 10/minute, by: params.model }
      - { limit: 10/minute, by: [client, "headers['x-team']", body.user] }
      - { concurrent: "params.model == 'heavy' ? 1 : 8" }
`)
  const [single, several, concurrency] = routes[0]?.rules ?? []
  const sampleRequest = request({ params: { model: 'm' }, headers: { 'x-team': 't' }, body: { user: 'u' } })
  const model = single?.by as (request: GatewayRequest) => string
  expect(model(sampleRequest)).toBe('m')
  expect(several?.by).toHaveLength(3)
  expect(concurrency !== undefined && 'concurrent' in concurrency && typeof concurrency.concurrent).toBe(
    'function',
  )
  expect(routes[0]?.readsBody).toBe(true)
})

it.each([
  ['cost: size(body.data)', true],
  ['by: body.user', true],
  ['by: [ip, body.user]', true],
  ['by: ip', false],
  ['cost: size(path)', false],
])('parseConfig detects whether { %s } reads the body', (entries, expected) => {
  const { routes, fallback } = read(`
routes: [{ match: /a, limits: [1/s, { limit: 10/minute, ${entries} }] }, { match: /b, limits: [1/s] }]
default: { limits: [{ concurrent: 1 , ${entries} }] }
`)
  expect(routes.map(({ readsBody }) => readsBody)).toEqual([expected, false])
  expect(fallback).toMatchObject({ readsBody: expected })
})

it('parseConfig compiles rules that a limiter of the library accepts', () => {
  const [route] = read(
    'routes: [{ match: POST /a, limits: [{ limit: 5/minute, cost: size(body.rows) }] }]',
  ).routes
  const keys = { ip: () => '192.0.2.1', client: () => undefined, route: () => 'a', header: () => undefined }
  const limiter = createLimiter({ rules: route?.rules ?? [], keys })
  expect(limiter.admit(request({ body: { rows: [1, 2, 3] } }))).toMatchObject({ allowed: true })
  expect(limiter.admit(request({ body: { rows: [1, 2, 3] } }))).toMatchObject({ allowed: false })
  expect(limiter.admit(request({ body: { rows: [1, 2] } }))).toMatchObject({ allowed: true })
  limiter.close()
})

describe('the syntax of a configuration file', () => {
  it('allows anchors and aliases to repeat a part of the file', () => {
    const { routes } = read(`
routes:
  - { match: /a, limits: &usual [10/minute, { concurrent: 4 }] }
  - { match: /b, limits: *usual }
`)
    expect(routes[1]?.rules).toEqual(routes[0]?.rules)
  })

  it('allows a byte order mark, Windows line endings and JSON', () => {
    expect(parseConfig('\ufeffupstream: http://a\r\nadmin: off\r\n', 'f').admin).toBeUndefined()
    expect(parseConfig('{"upstream": "http://a", "routes": []}', 'f').upstream).toBe('http://a')
  })

  it('accepts the example files and every configuration in docs/gateway.md', () => {
    const contentOf = (path: string) =>
      readFileSync(new URL(`../../../../../${path}`, import.meta.url), 'utf8')
    expect(parseConfig(contentOf('examples/gateway.yaml'), 'f').routes.length).toBeGreaterThan(5)
    const examples = [...contentOf('docs/gateway.md').matchAll(/```yaml\n(.*?)```/gs)].map(
      ([, yaml = '']) => yaml,
    )
    expect(examples.length).toBeGreaterThan(3)
    for (const yaml of examples) parseConfig(yaml, 'docs/gateway.md')
  })
})

it('parseConfig allows larger bodies on routes with llm unless the file sets max_body', () => {
  const routes =
    'routes: [{ match: POST /v1/chat/completions, llm: openai, limits: [{ limit: 1k/minute, of: tokens }] }, { match: POST /, limits: [] }]'
  const sizes = (text: string) => read(`${text}${routes}`).routes.map(({ maxBody }) => maxBody)
  expect(sizes('')).toEqual([32 * 2 ** 20, undefined])
  expect(sizes('max_body: 2MiB\n')).toEqual([undefined, undefined])
})

it("parseConfig accepts a single limit instead of a list in every 'limits'", () => {
  const { routes, fallback } = read(
    'limits: 100/minute\nroutes: [{ match: /a, limits: 10/minute }]\ndefault: { limits: 60/minute }',
  )
  expect(routes[0]?.rules.map((rule) => 'limit' in rule && rule.limit)).toEqual(['10/minute', '100/minute'])
  expect(fallback !== 'deny' && fallback.rules.map((rule) => 'limit' in rule && rule.limit)).toEqual([
    '60/minute',
    '100/minute',
  ])
})
