import { createHash } from 'node:crypto'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createKey } from '../identity/create-key.js'
import { message, rawClient } from '../proxy/raw-client.js'
import { send, startTestGateway } from './running-gateway.js'

const OWN_KEY = 'a-key-of-our-own-making'

let folder = ''
let keys = ''
let key = ''

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'sluice-credentials-'))
  keys = join(folder, 'keys.yaml')
  const sha256 = createHash('sha256').update(OWN_KEY).digest('hex')
  await writeFile(keys, `keys: [{ sha256: ${sha256}, client: other }]\n`)
  key = await createKey(keys, { client: 'acme', tier: 'premium' })
})
afterAll(() => rm(folder, { recursive: true }))

const ROUTES = 'routes: [{ match: POST /predict, limits: [1000/minute] }]'
const config = (more = '') =>
  `identity: { api_keys: ${keys}, forward: { client: x-seen-client }${more} }\n${ROUTES}`

/** Sends headers verbatim. Returns the status, the body and the headers seen by the upstream. */
async function sendRaw(url: string, headers: readonly string[], target = '/predict') {
  const client = await rawClient(Number(new URL(url).port))
  client.send(message(`POST ${target} HTTP/1.1`, [...headers, 'Content-Length: 0', 'Connection: close']))
  await client.closed
  const status = Number(/ (\d+) /.exec(client.received)?.[1])
  const body = client.received.slice(client.received.indexOf('{'), client.received.lastIndexOf('}') + 1)
  return { status, json: body === '' ? {} : JSON.parse(body), seen: JSON.parse(body || '{}').headers }
}

describe('an API key', () => {
  it('is accepted after any white space and with a scheme in any case', async () => {
    const { url } = await startTestGateway(config())
    const lines = [
      `Authorization: Bearer\t${key}`,
      `Authorization: Bearer \t  ${key}  \t`,
      `authorization: bearer ${key}`,
      `AUTHORIZATION: BEARER    ${key}`,
      `Authorization:Bearer ${key}`,
      `Authorization: Bearer: ${key}`,
      `X-API-Key: ${key}`,
      `X_API_KEY:\t${key}\t`,
    ]
    for (const line of lines) {
      const { status, seen } = await sendRaw(url, [line])
      expect([line, status, seen?.['x-seen-client']]).toEqual([line, 200, 'acme'])
    }
  })

  it('is rejected if it is empty, sent twice or not separated from its scheme', async () => {
    const { url } = await startTestGateway(config())
    const attempts: Record<string, string[]> = {
      'an empty Bearer': ['Authorization: Bearer'],
      'a blank Bearer': ['Authorization: Bearer \t '],
      'an empty Authorization': ['Authorization:'],
      'an empty X-API-Key': ['X-API-Key:'],
      'two Authorization headers': [`Authorization: Bearer ${key}`, `Authorization: Bearer ${key}`],
      'a Bearer header and a Basic header': [`Authorization: Bearer ${key}`, 'authorization: Basic dTpw'],
      'two keys': [`X-API-Key: ${key}`, `X_API_Key: ${key}`],
      'a scheme joined to its key': [`Authorization: Bearer.${key}`],
      'a list of keys': [`Authorization: Bearer ${key}, Bearer ${key}`],
      'a key in quotes': [`Authorization: Bearer "${key}"`],
    }
    for (const [name, lines] of Object.entries(attempts))
      expect([name, [400, 401].includes((await sendRaw(url, lines)).status)]).toEqual([name, true])
  })

  it('is rejected in an unsupported header or parameter, with advice on where to send it', async () => {
    const { url } = await startTestGateway(config())
    const basic = (text: string) => `Authorization: Basic ${Buffer.from(text).toString('base64')}`
    const headersWith = (secret: string) => [
      [`x-goog-api-key: ${secret}`],
      [`Api-Key: ${secret}`],
      [`apikey: ${secret}`],
      [`Ocp-Apim-Subscription-Key: ${secret}`],
      [`X-Auth-Token: ${secret}`],
      [basic(`:${secret}`)],
      [basic(`user:${secret}`)],
      [basic(`${secret}:`)],
      [basic(secret)],
      [`Authorization: Token ${secret}`],
      [`Authorization: ApiKey ${secret}`],
      [`Authorization: ${secret}`],
    ]
    const madeUp = `sk_${'a'.repeat(43)}`
    for (const lines of [...headersWith(key), ...headersWith(OWN_KEY), ...headersWith(madeUp)]) {
      const { status, json } = await sendRaw(url, lines)
      expect([lines, status]).toEqual([lines, 401])
      expect(json.detail).toContain('where keys are not accepted; send it as')
      expect(JSON.stringify(json)).not.toContain(key)
    }
    for (const name of ['key', 'api_key', 'apikey', 'access_token', 'KEY', '%6bey', 'a=1&key']) {
      for (const secret of [key, OWN_KEY, madeUp])
        expect((await sendRaw(url, [], `/predict?${name}=${secret}`)).status).toBe(401)
    }
  })

  it('is not mistaken for other credentials', async () => {
    const { url } = await startTestGateway(config())
    const requests: [string[], string][] = [
      [[], '/predict'],
      [[], '/predict?key=left&token=12&api_key='],
      [['Authorization: Basic dXBzdHJlYW06cGFzc3dvcmQ='], '/predict'],
      [['Authorization: Digest username="a"'], '/predict'],
      [['X-Auth-Token: of-the-upstream'], '/predict?keys=1.2.33333333'],
    ]
    for (const [lines, target] of requests) {
      const { status, seen } = await sendRaw(url, lines, target)
      expect([lines, target, status]).toEqual([lines, target, 200])
      expect(seen).not.toHaveProperty('x-seen-client')
    }
    // If a request has a key for the gateway, its other credentials are for the upstream.
    const withOther = await sendRaw(url, [`X-API-Key: ${key}`, 'x-goog-api-key: of-the-upstream'])
    expect([withOther.status, withOther.seen['x-goog-api-key']]).toEqual([200, 'of-the-upstream'])
  })

  it('is ignored if no credentials are configured', async () => {
    const { url } = await startTestGateway(ROUTES)
    for (const line of ['Authorization: Bearer', 'x-goog-api-key: a', 'api-key: b', 'X-API-Key:'])
      expect((await sendRaw(url, [line])).status).toBe(200)
  })

  it('is read from the configured headers, and is not forwarded if forwarding is disabled', async () => {
    const named = ', api_key_headers: [X-Goog-Api-Key, api-key]'
    const { url } = await startTestGateway(config(named))
    for (const name of ['x-goog-api-key', 'X_GOOG_API_KEY', 'Api-Key']) {
      const { status, seen } = await sendRaw(url, [`${name}: ${key}`])
      expect([status, seen['x-seen-client'], seen[name.toLowerCase()]]).toEqual([200, 'acme', key])
    }
    expect((await sendRaw(url, ['api-key: wrong'])).status).toBe(401)
    expect((await sendRaw(url, ['api-key:'])).status).toBe(401)
    expect((await sendRaw(url, [`api-key: ${key}`, `api-key: ${key}`])).status).toBe(400)
    const withholding = await startTestGateway(config(`${named}, forward_credentials: false`))
    for (const name of ['x-goog-api-key', 'X_GOOG_API_KEY', 'Api-Key', 'api.key', 'X-API-Key']) {
      const lines = [`${name}: ${key}`, ...(name === 'api.key' ? [`Api-Key: ${key}`] : [])]
      const { status, seen } = await sendRaw(withholding.url, lines)
      expect(status).toBe(200)
      expect(JSON.stringify(seen)).not.toContain(key)
    }
  })
})

describe('the forwarded identity', () => {
  const forward = (more: string) =>
    `identity: { ${more}, forward: { client: X-Client-Id, tier: x-user-tier } }
routes: [{ match: POST /predict, limits: [1000/minute] }]`
  const forged = [
    'X-Client-Id: boss',
    'x_client_id: boss',
    'X.Client-Id: boss',
    'X-User-Tier: gold',
    'X_USER_TIER: gold',
  ]

  it('is sent to the upstream on every route, whatever headers the client sends', async () => {
    const { url } = await startTestGateway(forward(`api_keys: ${keys}`))
    for (const target of ['/predict', '/unlimited']) {
      const { seen } = await sendRaw(url, [...forged, `X-API-Key: ${key}`], target)
      expect(seen).toMatchObject({ 'x-client-id': 'acme', 'x-user-tier': 'premium' })
      expect(JSON.stringify(seen)).not.toMatch(/boss|gold/)
      const other = await sendRaw(url, [...forged, `Authorization: Bearer ${OWN_KEY}`], target)
      expect(other.seen).toMatchObject({ 'x-client-id': 'other' })
      expect(JSON.stringify(other.seen)).not.toMatch(/boss|gold|tier/)
      const anonymous = await sendRaw(url, forged, target)
      expect(anonymous.status).toBe(200)
      expect(JSON.stringify(anonymous.seen)).not.toMatch(/boss|gold|client-id|tier/i)
      expect((await sendRaw(url, ['X-API-Key: wrong'], target)).status).toBe(401)
    }
  })

  it('is encoded in ASCII characters', async () => {
    const file = join(folder, 'names.yaml')
    const names: Record<string, string> = {
      'acme corp': 'acme corp',
      'Zoë 東京': 'Zo%C3%AB %E6%9D%B1%E4%BA%AC',
      '50%': '50%25',
      ' edge ': '%20edge%20',
      'a,b': 'a%2Cb',
      'line\r\nX-Evil: 1': 'line%0D%0AX-Evil: 1',
      '\u{1f600}': '%F0%9F%98%80',
    }
    const digest = (text: string) => createHash('sha256').update(text).digest('hex')
    const list = Object.keys(names).map((client, index) => ({
      sha256: digest(`key-${index}`),
      client,
      tier: client,
    }))
    await writeFile(file, JSON.stringify({ keys: list }))
    const { url } = await startTestGateway(forward(`api_keys: ${file}`))
    for (const [index, name] of Object.values(names).entries()) {
      const { seen } = await sendRaw(url, [`X-API-Key: key-${index}`])
      expect(seen).toMatchObject({ 'x-client-id': name, 'x-user-tier': name })
      expect(seen).not.toHaveProperty('x-evil')
    }
  })

  it('replaces headers of the same name from a trusted proxy', async () => {
    const { url } = await startTestGateway(
      forward('trusted_proxies: [127.0.0.1], proxy_headers: { client: X-Client-Id, tier: X-User-Tier }'),
    )
    const { seen } = await sendRaw(url, ['X-Client-Id: acme', 'X-User-Tier: premium'])
    expect(seen).toMatchObject({ 'x-client-id': 'acme', 'x-user-tier': 'premium' })
    const anonymous = await sendRaw(url, [])
    expect(anonymous.seen).not.toHaveProperty('x-client-id')
    const user = await startTestGateway(
      'identity: { trusted_proxies: [127.0.0.1], proxy_headers: { client: Remote-User }, forward: { client: X-Forwarded-User } }',
    )
    const replaced = await sendRaw(user.url, ['Remote-User: acme', 'X-Forwarded-User: boss'])
    expect(replaced.seen['x-forwarded-user']).toBe('acme')
  })
})

describe('the client header of a trusted proxy', () => {
  const proxied =
    'identity: { trusted_proxies: [127.0.0.1], proxy_headers: { client: X-Client-Id, tier: X-Client-Tier } }\n'
  const routes = "routes: [{ match: POST /predict, require: client.id == 'acme', limits: [1000/minute] }]"

  it('is accepted only in its exact spelling', async () => {
    const { url } = await startTestGateway(proxied + routes)
    for (const name of ['X-Client-Id', 'x-client-id', 'X-CLIENT-ID'])
      expect((await sendRaw(url, [`${name}: acme`])).status).toBe(200)
    for (const name of ['X_Client_Id', 'X-Client_Id', 'x_client_id', 'X.Client.Id', 'X|Client-Id'])
      expect([name, (await sendRaw(url, [`${name}: acme`])).status]).toEqual([name, 400])
    expect((await sendRaw(url, [])).status).toBe(403)
  })

  it.each([
    ['sent twice', ['X-Client-Id: acme', 'X-Client-Id: acme']],
    ['sent twice, in two spellings', ['X-Client-Id: acme', 'X_Client_Id: acme']],
    ['empty', ['X-Client-Id:']],
    ['blank', ['X-Client-Id: \t ']],
    ['a list', ['X-Client-Id: acme, boss']],
    ['a list that ends in a comma', ['X-Client-Id: acme,']],
    ['sent with a tier in another spelling', ['X-Client-Id: acme', 'X_Client_Tier: premium']],
    ['missing while a tier is sent in another spelling', ['X_Client_Tier: premium']],
    ['sent with two tiers', ['X-Client-Id: acme', 'X-Client-Tier: premium', 'X-Client-Tier: free']],
    ['sent with an empty tier', ['X-Client-Id: acme', 'X-Client-Tier:']],
  ])('is rejected with 400 if it is %s', async (_name, lines) => {
    const { url } = await startTestGateway(proxied + routes)
    expect((await sendRaw(url, lines)).status).toBe(400)
  })

  it('is ignored from other peers in any spelling', async () => {
    const { url } = await startTestGateway(proxied.replace('127.0.0.1', '10.0.0.1') + ROUTES)
    for (const line of ['X_Client_Id: acme', 'X-Client-Id:', 'X-Client-Id: a, b']) {
      const { status, seen } = await sendRaw(url, [line])
      expect(status).toBe(200)
      expect(Object.keys(seen).filter((name) => /client/i.test(name))).toEqual([])
    }
    expect((await send(url, '/predict')).status).toBe(200)
  })
})
