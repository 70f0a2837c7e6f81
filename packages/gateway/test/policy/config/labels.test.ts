import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { keyDigest } from 'sluice/identity'
import { describe, expect, it, onTestFinished } from 'vitest'
import { checkText } from './check-text.js'

const JWT = `
upstream: http://127.0.0.1:9000
identity:
  jwt: { jwks: https://login.example/jwks.json, audience: api, labels: { org: realm.org, team: team } }
`
const CHAT = `
routes:
  - match: POST /v1/chat/completions
`

/** Returns a file with API keys, whose keys have the labels. */
async function withKeys(labels: object, rest: string): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'sluice-key-labels-'))
  onTestFinished(() => rm(folder, { recursive: true }))
  const file = join(folder, 'keys.yaml')
  const keys = [{ sha256: keyDigest('the key of ada'), client: 'ada', labels }]
  await writeFile(file, JSON.stringify({ keys }))
  return `upstream: http://127.0.0.1:9000\nidentity: { api_keys: ${file} }\n${rest}`
}

describe('labels in a configuration', () => {
  it.each([
    [
      'limits: [{ limit: 9/hour, by: client.tema }]',
      "8:42: a client has no member 'tema'; did you mean 'team'?",
    ],
    ['require: client.tema == "red"', "8:21: a client has no member 'tema'; did you mean 'team'?"],
    ['require: has(client.team)', "'has' is always true for a label"],
    ['limits: [{ limit: 9/hour, by: client.Org }]', "a client has no member 'Org'"],
  ])('are checked in %s', async (line, message) => {
    const { code, err } = await checkText(`${JWT}${CHAT}    ${line}\n`)
    expect(code).toBe(1)
    expect(err).toContain(message)
  })

  it('have names that a client can have, and each a header of its own', async () => {
    const proxy = (labels: string) => `
upstream: http://127.0.0.1:9000
identity: { trusted_proxies: [10.0.0.0/8], proxy_headers: { client: X-Client, labels: ${labels} } }
`
    expect((await checkText(proxy('{ org: X-Org, team: X-Team }'))).code).toBe(0)
    expect((await checkText(proxy('{ tier: X-Tier }'))).err).toContain("no label can be called 'tier'")
    expect((await checkText(proxy('{ org: X-Client }'))).err).toContain(
      "'x-client' is the header of 'client' already",
    )
  })

  it('that no key has now are only warned about', async () => {
    const rest = (label: string) => `${CHAT}    limits: [{ limit: 9/hour, by: client.${label} }]\n`
    const known = await checkText(await withKeys({ team: 'red' }, rest('team')))
    expect([known.code, known.err]).toEqual([0, ''])
    expect(known.out).toContain('9/hour (token-bucket) by client.team, only for clients with client.team')
    const unknown = await checkText(await withKeys({ team: 'red' }, rest('tema')))
    expect(unknown.code).toBe(0)
    expect(unknown.err).toContain(
      "warning: no key in the keys file has the label 'tema'; give it to a key, or correct the name; did you mean 'team'?",
    )
  })
})

it('labels of keys in the store can have any valid name', async () => {
  const config = (label: string) => `
upstream: http://127.0.0.1:9000
store: redis://127.0.0.1:6379
identity: { api_keys: store }
${CHAT}    require: client.${label} == "red"
    limits: [{ limit: 9/hour, by: client.${label} }]
`
  const { code, err, out } = await checkText(config('team'))
  expect([code, err]).toEqual([0, ''])
  expect(out).toContain('9/hour (token-bucket) by client.team, only for clients with client.team')
  expect((await checkText(config('Team'))).err).toContain('the name of a label must be 1 to 64')
})

describe('model in an expression', () => {
  it('requires llm on the route, and a pointer to it in a shape of your own', async () => {
    const when = `limits: [{ limit: 9/hour, when: "model == 'big'" }]`
    const { code, err } = await checkText(`${JWT}${CHAT}    ${when}\n`)
    expect(code).toBe(1)
    expect(err).toContain(":8:38: 'model' is the model of a call, so it requires 'llm' on the route")
    const shape = '    llm: { shape: { input: /prompt } }'
    expect((await checkText(`${JWT}${CHAT}    ${when}\n${shape}\n`)).err).toContain('no pointer to the model')
    const { out } = await checkText(`${JWT}${CHAT}    ${when}\n    llm: openai\n`)
    expect(out).toContain("9/hour (token-bucket) by client, only when model == 'big'")
  })
})

describe('the models of a route', () => {
  it.each([
    ['models: { allow: [a] }', "'models' requires 'llm'"],
    ['llm: openai\n    models: { alias: { a: b, b: c } }', "'b' is an alias itself"],
    ['llm: openai\n    models: { list: [a] }', "'list' requires a route that lists models"],
    ['llm: openai\n    models: { allow: 7 }', "'allow' must be a list of models"],
    ['llm: openai\n    models: { allow: "1 + 1" }', 'must return a list of strings, but returns an int'],
    [
      'llm: { shape: { input: /p, model: /a/model } }\n    models: { alias: { a: b } }',
      "'alias' requires a model at the top of the request, not at '/a/model'",
    ],
  ])('are checked in %j', async (lines, message) => {
    const { code, err } = await checkText(`${JWT}${CHAT}    ${lines}\n`)
    expect(code).toBe(1)
    expect(err).toContain(message)
  })
})

describe('the patterns and the name of a route', () => {
  it.each([
    ['[{ match: [] }]', "'match' must have 1 to 32 patterns"],
    ['[{ match: POST /a, name: default }]', "no route can be called 'default'"],
    ['[{ match: POST /a, name: x }, { match: POST /b, name: x }]', "the route on line 3 is called 'x' too"],
    ['[{ match: [POST /a, POST /a] }]', 'this route is never reached'],
    [
      '[{ match: [POST /v1/chat/completions, POST /x], llm: openai }]',
      "the path of 'POST /x' does not determine the shape of 'llm'",
    ],
    [
      '[{ match: [POST /a/:one, POST /b/:two], limits: [{ limit: 1/s, by: params.one }] }]',
      "the route has no parameter ':one'",
    ],
  ])('are checked in %s', async (routes, message) => {
    const { code, err } = await checkText(`\nupstream: http://127.0.0.1:9000\nroutes: ${routes}\n`)
    expect(code).toBe(1)
    expect(err).toContain(message)
  })
})
