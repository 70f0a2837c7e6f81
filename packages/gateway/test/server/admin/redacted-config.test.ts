import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect, it } from 'vitest'
import { parseConfig } from '../../../src/policy/config/load-config.js'
import { redactedConfig } from '../../../src/server/admin/replay/redacted-config.js'

const ROOT = fileURLToPath(new URL('../../../../..', import.meta.url))

const SECRET = `
# the password is secret-0
upstream: http://127.0.0.1:9000 # secret-1
store: redis://:secret-2@127.0.0.1:6379/0
admin: { listen: 127.0.0.1:8081, token_sha256: ${'5ec2e7'.padEnd(64, '0')} }
identity: { jwt: { jwks: 'https://issuer.example/secret-3', audience: us, client: sub } }
record: traffic.jsonl.gz
routes:
  # secret-4
  - match: POST /predict # secret-5
    limits:
      - 10/minute # secret-6
      - { limit: 5/second, by: ip }
tiers: { free: 1, premium: 5 }
# secret-7
`

it('redactedConfig keeps the limits in their original form and removes all secrets', () => {
  const part = redactedConfig(SECRET)
  expect(part).not.toMatch(/secret|5ec2e7|redis|issuer/)
  expect(part).toContain('limit: 5/second')
  const { routes, tiers } = parseConfig(part, 'part')
  const whole = parseConfig(SECRET, 'whole')
  expect({ routes, tiers }).toEqual({ routes: whole.routes, tiers: whole.tiers })
})

it('redactedConfig keeps the names of upstreams and removes their headers, also from copies', () => {
  const text = `
upstream: http://127.0.0.1:9000
upstreams:
  a: &a { url: http://10.0.0.5:8000, headers: { authorization: secret-1 }, health: { path: /secret-2 } }
  b: *a
  c: { url: http://10.0.0.6:8000, fallback: a, headers: &headers { x-key: secret-3 } }
  d: { url: http://10.0.0.7:8000, headers: *headers }
routes:
  - { match: /a, upstream: a, limits: [10/minute] }
  - { match: /b, upstream: "ip == '::1' ? 'b' : 'c'" }
`
  const part = redactedConfig(text)
  expect(part).not.toContain('secret')
  const { upstreams = {} } = parseConfig(part, 'part')
  expect(Object.keys(upstreams)).toEqual(['a', 'b', 'c', 'd'])
  expect(upstreams.c).toEqual({ urls: ['http://10.0.0.6:8000'], fallback: ['a'] })
})

it.each([
  'examples/gateway.yaml',
  'examples/replay/today.yaml',
  'examples/replay/tomorrow.yaml',
  'scripts/dashboard-pictures.yaml',
])('redactedConfig keeps everything that affects a replay of %s', async (file) => {
  const text = await readFile(join(ROOT, file), 'utf8')
  const replayedParts = (config: ReturnType<typeof parseConfig>) =>
    JSON.stringify([config.routes, config.fallback, config.tiers, config.maxBody])
  expect(replayedParts(parseConfig(redactedConfig(text), 'part'))).toBe(
    replayedParts(parseConfig(text, 'whole')),
  )
})

it('redactedConfig inlines an alias whose anchor is removed, and keeps other aliases', () => {
  const text = `
timeouts: { idle: &long 5m, connect: 5s }
upstream: http://127.0.0.1:9000
routes:
  - match: POST /v1/chat/completions
    llm: openai
    limits: &few [{ concurrent: 2, wait: *long }]
  - { match: POST /predict, limits: *few }
`
  const part = redactedConfig(text)
  expect(part).toContain('wait: 5m')
  expect(part).toContain('limits: *few')
  const limitsOf = (config: string) => parseConfig(config, 'aliases').routes.map(({ rules }) => rules)
  expect(limitsOf(part)).toEqual(limitsOf(text))
})
