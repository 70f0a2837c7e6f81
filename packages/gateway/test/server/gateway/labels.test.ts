import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { keyDigest } from 'sluice/identity'
import { describe, expect, it, onTestFinished } from 'vitest'
import { send, startTestGateway, until } from './running-gateway.js'

interface TestKey {
  readonly client: string
  readonly labels?: Readonly<Record<string, unknown>>
  readonly limits?: Readonly<Record<string, unknown>>
  readonly tier?: string
}

/** Returns a keys file in which the key of each client is its name. */
const keysOf = (keys: readonly TestKey[]) =>
  JSON.stringify({ keys: keys.map((key) => ({ sha256: keyDigest(key.client), ...key })) })

async function writeKeys(keys: readonly TestKey[]) {
  const folder = await mkdtemp(join(tmpdir(), 'sluice-labels-'))
  onTestFinished(() => rm(folder, { recursive: true }))
  const file = join(folder, 'keys.yaml')
  const write = (next: readonly TestKey[]) => writeFile(file, keysOf(next))
  await write(keys)
  return { file, write }
}

const call = (url: string, client: string | undefined, more: object = {}) =>
  send(url, '/predict', { headers: client === undefined ? more : { 'x-api-key': client, ...more } })

async function admitted(url: string, client: string | undefined, tries = 12): Promise<number> {
  let count = 0
  for (let each = 0; each < tries; each++) if ((await call(url, client)).status === 200) count++
  return count
}

const ADA = { client: 'ada', tier: 'premium', labels: { org: 'acme', team: 'red' } }
const BOB = { client: 'bob', labels: { org: 'acme', team: 'blue' } }

const LIMITS = `
tiers: { premium: 10 }
usage: /v1/usage
limits:
  - { name: org, limit: 6/hour, by: client.org, algorithm: fixed-window }
  - { name: team, limit: 4/hour, by: client.team, algorithm: fixed-window, visible: true }
routes: [{ match: POST /predict, limits: [{ name: own, limit: 3/hour, algorithm: fixed-window }] }]
`

describe('a gateway with labels', () => {
  it('counts the keys of a team and of an organization together, and scales only their own limits', async () => {
    const { file } = await writeKeys([ADA, BOB, { client: 'zoe' }])
    const { url } = await startTestGateway(`identity: { api_keys: ${file} }\n${LIMITS}`)
    // The tier multiplies the limit of the key, so its team refuses first.
    expect(await admitted(url, 'ada')).toBe(4)
    expect(await admitted(url, 'bob')).toBe(2)
    expect((await call(url, 'bob')).text).toContain('"violated-policies":["org"]')
    expect(await admitted(url, 'zoe')).toBe(3)
    expect(await admitted(url, undefined)).toBe(3)
  })

  it('shows clients whether a pool refuses, and its numbers only if it is visible', async () => {
    const { file } = await writeKeys([ADA, { client: 'zoe' }])
    const { url } = await startTestGateway(`identity: { api_keys: ${file} }\n${LIMITS}`)
    await admitted(url, 'ada')
    const usageOf = async (client: string) =>
      JSON.parse((await send(url, '/v1/usage', { method: 'GET', headers: { 'x-api-key': client } })).text)
    const { rules, pools } = await usageOf('ada')
    expect(pools).toEqual([expect.objectContaining({ rule: 'org', refusing: false })])
    expect(JSON.stringify(pools)).not.toContain('used')
    expect(rules).toContainEqual(expect.objectContaining({ rule: 'team', used: 4, left: 0 }))
    const other = await usageOf('zoe')
    expect(other.pools).toEqual([])
    expect(other.rules.map(({ rule }: { rule: string }) => rule)).toEqual(['own'])
  })

  it('reads labels from the headers of trusted proxies only', async () => {
    const config = (proxies: string) => `
identity:
  trusted_proxies: [${proxies}]
  proxy_headers: { client: X-Client, labels: { org: X-Org } }
routes: [{ match: POST /predict, limits: [{ limit: 2/hour, by: client.org, algorithm: fixed-window }] }]
`
    const headers = { 'x-client': 'ada', 'x-org': 'acme' }
    const trusting = await startTestGateway(config('127.0.0.1'))
    const statuses = async (url: string) => {
      const all: number[] = []
      for (let each = 0; each < 3; each++) all.push((await call(url, undefined, headers)).status)
      return all
    }
    expect(await statuses(trusting.url)).toEqual([200, 200, 429])
    const repeated = await call(trusting.url, undefined, { ...headers, 'x-org': 'a, b' })
    expect(repeated.status).toBe(400)
    const distrusting = await startTestGateway(config('192.0.2.1'))
    expect(await statuses(distrusting.url)).toEqual([200, 200, 200])
    // The upstream does not receive a label that the client chose.
    const echoed = JSON.parse((await call(distrusting.url, undefined, headers)).text)
    expect(echoed.headers).not.toHaveProperty('x-org')
  })

  it('evaluates labels in expressions, where a missing label is an empty string', async () => {
    const { file } = await writeKeys([ADA, { client: 'zoe' }, { client: 'max', labels: { models: ['big'] } }])
    const { url } = await startTestGateway(`
identity: { api_keys: ${file} }
routes:
  - match: POST /predict
    limits:
      - { limit: "client.team == 'red' ? '1/hour' : '2/hour'", by: client }
      - { limit: 1/hour, by: client, when: "client.models != '' && 'big' in client.models", name: big }
`)
    expect(await admitted(url, 'ada', 3)).toBe(1)
    expect(await admitted(url, 'zoe', 3)).toBe(2)
    expect(await admitted(url, 'max', 3)).toBe(1)
  })
})

describe('the limits of a key', () => {
  const ROUTES = `
tiers: { premium: 2 }
routes:
  - match: POST /predict
    limits: [{ limit: 2/hour, algorithm: fixed-window }, { name: org, limit: 50/hour, by: client.org }]
`

  it('replace, multiply or lift the limits of its client, and change without a restart', async () => {
    const keys = (requests: unknown) => [
      { ...ADA, limits: { requests } },
      { client: 'zoe', limits: { requests: 3 } },
      { client: 'max', limits: { requests: 'unlimited' } },
      { client: 'new' },
    ]
    const { file, write } = await writeKeys(keys('5/hour'))
    const { url, gateway } = await startTestGateway(`identity: { api_keys: ${file} }\n${ROUTES}`)
    expect(await admitted(url, 'ada')).toBe(5)
    expect(await admitted(url, 'zoe')).toBe(6)
    expect(await admitted(url, 'max')).toBe(12)
    expect(await admitted(url, 'new')).toBe(2)
    await write(keys('7/hour'))
    await until(async () => (await call(url, 'ada')).status === 200)
    expect(await admitted(url, 'ada')).toBe(1)
    expect(gateway.address.port).toBeGreaterThan(0)
  })

  it('must name a rule that counts each client, and are reported at their position', async () => {
    const { file, write } = await writeKeys([{ client: 'ada', limits: { request: 3 } }])
    const start = () => startTestGateway(`identity: { api_keys: ${file} }\n${ROUTES}`)
    await expect(start()).rejects.toThrow(
      /keys\.yaml:1:\d+: there is no rule 'request'; did you mean 'requests'\?/,
    )
    await write([{ client: 'ada', limits: { org: 3 } }])
    await expect(start()).rejects.toThrow(/the rule 'org' does not count each client by itself/)
    await write([{ client: 'ada', limits: { requests: '1/s; 2/m' } }])
    await expect(start()).rejects.toThrow(/an override must be a single limit such as 10\/minute/)
  })

  it('that do not fit leave the previous keys in effect', async () => {
    const { file, write } = await writeKeys([{ client: 'ada', limits: { requests: 3 } }])
    const { url, failures } = await startTestGateway(`identity: { api_keys: ${file} }\n${ROUTES}`)
    await write([{ client: 'ada', limits: { none: 3 } }])
    await until(() => failures.length > 0)
    expect(JSON.stringify(failures)).toContain("there is no rule 'none'")
    expect(await admitted(url, 'ada')).toBe(6)
  })
})
