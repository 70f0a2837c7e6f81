import { describe, expect, it } from 'vitest'
import { message, rawClient } from '../proxy/raw-client.js'
import { httpUpstream } from '../proxy/upstream-under-test.js'
import { send, startTestGateway } from './running-gateway.js'

/** Tests bodies and parameters that a rule reads and that servers parse differently or reject. */

const ROWS =
  'routes: [{ match: POST /batch, limits: [{ limit: 100/hour, of: rows, cost: size(body.data) }] }]'
const CHAT = `routes: [{ match: POST /v1/chat/completions, llm: openai, limits: [{ limit: 1M/hour, of: tokens }] }]`
const TEN = '{"data":[1,2,3,4,5,6,7,8,9,0]}'

/** Sends headers and a body verbatim. @returns the status of the response */
async function statusOf(text: string, target: string, headers: readonly string[], body: Buffer | string) {
  const upstream = await httpUpstream((_request, response) => response.end())
  const { gateway } = await startTestGateway(text, upstream.url)
  const client = await rawClient(gateway.address.port)
  const bytes = Buffer.from(body).toString('latin1')
  client.send(message(`POST ${target} HTTP/1.1`, [`Content-Length: ${bytes.length}`, ...headers], bytes))
  await client.until('\r\n\r\n')
  const status = Number(/^HTTP\/1\.1 (\d+)/.exec(client.received)?.[1])
  expect(upstream.arrivals.count).toBe(status === 200 ? 1 : 0)
  return status
}

describe('a body that a rule reads', () => {
  it.each([
    ['application/json'],
    ['Application/JSON'],
    ['application/json; charset=utf-8'],
    ['application/json;charset="UTF-8"'],
    ['application/json ; charset=UTF8 ; v=1'],
    ['application/json;'],
  ])('is parsed if its type is %s', async (type) => {
    expect(await statusOf(ROWS, '/batch', [`Content-Type: ${type}`], TEN)).toBe(200)
  })

  it.each([
    [[]],
    [['Content-Type:']],
    [['Content-Type: application/json; charset=utf-7']],
    [['Content-Type: application/json; charset=utf-16']],
    [['Content-Type: application/json; charset="latin1"']],
    [['Content-Type: application/json; charset=utf-8; charset=utf-7']],
    [['Content-Type: application/json; charset=utf-8; Charset=utf-8']],
    [["Content-Type: application/json; charset*=utf-8''utf-7"]],
    [['Content-Type: application/json; charset="utf\\-8"']],
    [['Content-Type: application/json; charset=']],
    [['Content-Type: application/json; charset']],
    [['Content-Type: application/json, application/json']],
    [['Content-Type: application/json', 'Content-Type: application/json']],
    [['Content-Type: application/json', 'Content-Type: application/json; charset=utf-7']],
    [['Content_Type: application/json']],
    [['Content-Type: application/json', 'Content_Type: text/plain']],
    [['Content-Type: text/json']],
    [['Content-Type: text/plain']],
    [['Content-Type: application/vnd.api+json']],
    [['Content-Type: application/x-www-form-urlencoded']],
    [['Content-Type: multipart/form-data; boundary=x']],
    [['Content-Type: application/json', 'Content-Encoding: gzip']],
    [['Content-Type: application/json', 'Content-Encoding: identity, gzip']],
    [['Content-Type: application/json', 'Content-Encoding: identity', 'Content-Encoding: br']],
  ])('is rejected with 415 if it has the headers %j, for rules and for model calls', async (headers) => {
    expect(await statusOf(ROWS, '/batch', headers, TEN)).toBe(415)
    expect(await statusOf(CHAT, '/v1/chat/completions', headers, '{"messages":[]}')).toBe(415)
    const withFallback = ROWS.replace('size(body.data)', 'size(body.data), fallback_cost: 1')
    expect(await statusOf(withFallback, '/batch', headers, TEN)).toBe(415)
  })

  it.each<[string, Buffer | string]>([
    ['a duplicate member', '{"data":[1,2],"data":[]}'],
    ['a duplicate member, escaped once', '{"data":[1,2],"d\\u0061ta":[]}'],
    ['a deeply nested duplicate member', '{"data":[[{"x":{"y":1,"y":2}}]]}'],
    [
      'a duplicate member after many others',
      `{${Array.from({ length: 50 }, (_, n) => `"${n}":0`)},"data":[],"7":1}`,
    ],
    ['a member in another case', '{"data":[],"Data":[1,2,3]}'],
    ['only a member in another case', '{"DATA":[1,2,3]}'],
    ['two documents', '{"data":[]}{"data":[1]}'],
    ['trailing characters', '{"data":[]} x'],
    ['two byte order marks', '\ufeff\ufeff{"data":[]}'],
    ['NaN', '{"data":[NaN]}'],
    ['Infinity', '{"data":[-Infinity]}'],
    ['a comment', '{"data":[]/**/}'],
    ['single quotes', "{'data':[]}"],
    ['UTF-16', Buffer.from(TEN, 'utf16le')],
    ['UTF-16 with a byte order mark', Buffer.from(`\ufeff${TEN}`, 'utf16le')],
    ['bytes that are not valid UTF-8', Buffer.from('{"data":["\xff"]}', 'latin1')],
    ['a surrogate in UTF-8', Buffer.from('{"data":["\xed\xa0\x80"]}', 'latin1')],
    ['an overlong encoding', Buffer.from('{"d\xc1\xa1ta":[]}', 'latin1')],
    ['a list', '[1,2]'],
    ['a string', '"data"'],
    ['null', 'null'],
    ['deep nesting', `{"data":${'['.repeat(2000)}${']'.repeat(2000)}}`],
    ['endless nesting', '['.repeat(1_000_000)],
    ['an endless name', `{"data":[],"${'\\'.repeat(100_001)}`],
  ])('is rejected with 400 if it contains %s', async (_, body) => {
    expect(await statusOf(ROWS, '/batch', ['Content-Type: application/json'], body)).toBe(400)
  })

  it.each<[string, string]>([
    ['a byte order mark', `\ufeff${TEN}`],
    ['members that only look like duplicates', '{"data":[{"a":1},{"a":1}],"a":{"a":"\\"a\\":1,\\"a\\":2"}}'],
    ['unread members that differ only in case', '{"data":[],"x":1,"X":2}'],
    ['a member called __proto__', '{"data":[],"__proto__":{"data":[1]},"constructor":1}'],
    ['lone surrogates', '{"data":["\\ud800"],"\\ud800":1,"\\udc00":1}'],
    ['huge numbers', '{"data":[1e999,-0,123456789012345678901234567890]}'],
  ])('is parsed if it contains %s', async (_, body) => {
    expect(await statusOf(ROWS, '/batch', ['Content-Type: application/json'], body)).toBe(200)
  })

  it('is rejected for a duplicate member even with a fallback or on_unreadable: pass', async () => {
    const twice = '{"data":[1,2],"data":[]}'
    const withFallback = ROWS.replace('size(body.data)', 'size(body.data), fallback_cost: 1')
    expect(await statusOf(withFallback, '/batch', ['Content-Type: application/json'], twice)).toBe(400)
    const passing = `on_unreadable: pass\n${ROWS}`
    expect(await statusOf(passing, '/batch', ['Content-Type: application/json'], twice)).toBe(400)
  })

  it('is not checked if the rule does not evaluate it', async () => {
    const { url } = await startTestGateway(
      `routes: [{ match: /*, limits: [{ limit: 100/hour, cost: "path == '/batch' ? size(body.data) : 1" }] }]`,
    )
    const headers = { 'content-type': 'multipart/form-data; boundary=x' }
    expect((await send(url, '/upload', { headers, body: 'x' })).status).toBe(200)
    expect((await send(url, '/batch', { headers, body: 'x' })).status).toBe(415)
  })
})

describe("the 'body_types' setting", () => {
  it('allows other types for all routes or for one route, and parses them as JSON', async () => {
    const text = `body_types: [application/json, 'application/*+json']
routes:
  - { match: POST /a, limits: [{ limit: 100/hour, cost: size(body.data) }] }
  - { match: POST /b, limits: [{ limit: 100/hour, cost: size(body.data) }], body_types: [text/plain] }`
    const status = (target: string, type: string) => statusOf(text, target, [`Content-Type: ${type}`], TEN)
    expect(await status('/a', 'application/vnd.api+json')).toBe(200)
    expect(await status('/a', 'text/plain')).toBe(415)
    expect(await status('/b', 'text/plain; charset=utf-8')).toBe(200)
    expect(await status('/b', 'text/plain; charset=utf-7')).toBe(415)
    expect(await status('/b', 'application/json')).toBe(415)
  })

  it('allows forms, and reads their unambiguous fields', async () => {
    const { url } = await startTestGateway(
      `body_types: [application/x-www-form-urlencoded]
routes: [{ match: POST /a, limits: [{ limit: 100/hour, cost: int(body.n) }] }]`,
    )
    const post = (body: string) =>
      send(url, '/a', { headers: { 'content-type': 'application/x-www-form-urlencoded' }, body })
    expect((await post('n=60&x=1&x=2')).headers.ratelimit).toContain('r=40')
    expect((await post('n=60')).status).toBe(429)
    for (const body of ['n=1&n=900', 'n[]=900', '{"n":1}', 'n=1;n=900', 'n='])
      expect([body, (await post(body)).status]).toEqual([body, 400])
  })
})

describe('a parameter that a rule reads', () => {
  const QUERY = `
routes:
  - { match: POST /cost, limits: [{ limit: 1000/hour, cost: int(query.n) }] }
  - { match: POST /by, limits: [{ limit: 1000/hour, by: query.n }] }
  - { match: POST /has, limits: [{ limit: 1000/hour, cost: "'n' in query ? int(query.n) : 1" }] }
  - { match: POST /require, require: query.n == '1', limits: [1000/hour] }
  - { match: POST /all, limits: [{ limit: 1000/hour, cost: size(query) }] }`

  it('is rejected with 400 if servers read it differently', async () => {
    const { url } = await startTestGateway(QUERY)
    const queries = [
      'n=1&n=900',
      'n=1&n=1',
      'n=1&%6e=900',
      'n=1&n[]=900',
      'n[]=900',
      'n%5B%5D=900',
      'n[0]=900',
      'n[a]=900',
      '[n]=900',
      'n=1&[n]=900',
      'n=1&%5Bn%5D[]=900',
      'n=1&n[%ff]=900',
      'n=1&n]=900',
      'N=900',
      'n=1&N=900',
      'n=1;n=900',
      'n=1;x=2',
      'x=2;n=1',
      'n=1&+n=900',
      'n=1&n+=900',
      'n=1&n%00=900',
      'n=1&n',
      'n=%ff',
      'n=1&&n=900',
    ]
    for (const target of ['/cost', '/by', '/has', '/require'])
      for (const query of queries)
        expect([target, query, (await send(url, `${target}?${query}`)).status]).toEqual([target, query, 400])
    expect((await send(url, '/all?n=1&n=900')).status).toBe(400)
    // The second '?' is part of a name.
    expect((await send(url, '/cost?n=1&?n=900')).status).toBe(200)
    expect((await send(url, '/cost??n=900&n=2')).headers.ratelimit).toContain('r=997')
  })

  it('is read even if other parameters are repeated, which are forwarded', async () => {
    const { url } = await startTestGateway(QUERY)
    for (const target of ['/cost', '/by', '/has', '/require'])
      expect((await send(url, `${target}?x=1&x=2&y[]=1&Y=2;z=1&n=1`)).status).toBe(200)
  })

  it('is rejected if it is ambiguous, even with a fallback or on_unreadable: pass', async () => {
    const { url } = await startTestGateway(`on_unreadable: pass
routes: [{ match: POST /a, limits: [{ limit: 100/hour, cost: int(query.n), fallback_cost: 1, by: query.n }] }]`)
    expect((await send(url, '/a?n=1&n=900')).status).toBe(400)
    expect((await send(url, '/a')).status).toBe(200)
  })

  it.each(['', '0b11', '0x10', '1e3', ' 1', '-1', '99999999999999999999'])(
    'is not accepted as a cost if it is %j',
    async (n) => {
      const { url } = await startTestGateway(QUERY)
      expect((await send(url, `/cost?n=${encodeURIComponent(n)}`)).status).toBe(400)
    },
  )
})

it('the gateway responds with 400 to a repeated header that a rule reads, even with a fallback', async () => {
  const text = `routes: [{ match: POST /a, limits: [{ limit: 9/hour, cost: "int(headers['x-n'])", fallback_cost: 1 }] }]`
  expect(await statusOf(text, '/a', ['X-N: 1'], '')).toBe(200)
  expect(await statusOf(text, '/a', [], '')).toBe(200)
  expect(await statusOf(text, '/a', ['X-N: 1', 'X-N: 900'], '')).toBe(400)
  expect(await statusOf(text, '/a', ['X-N: 1', 'X_N: 900'], '')).toBe(400)
})

it.each([
  ['in another spelling, which some servers read', ['X_N: 0']],
  ['in a spelling that PHP reads', ['X.N: 0']],
  ['twice, in other spellings', ['X_N: 0', 'X.N: 0']],
  ['twice, the first in another spelling', ['X_N: 0', 'X-N: 0']],
  ['and named by Connection, so that it is not forwarded', ['X-N: 0', 'Connection: x-n']],
  ['and named by Connection in another spelling', ['X-N: 0', 'Connection: keep-alive, X_N']],
])('the gateway responds with 400 if a header that a rule reads is sent %s', async (_, headers) => {
  const cost = "'x-n' in headers ? int(headers['x-n']) : 50"
  const text = `routes: [{ match: POST /a, limits: [{ limit: 60/hour, cost: "${cost}", fallback_cost: 0 }, { limit: 9/hour, by: header:X-N }] }]`
  expect(await statusOf(text, '/a', headers, '')).toBe(400)
  expect(await statusOf(text, '/a', ['X-N: 0', 'Connection: x-other', 'Y_N: 1', 'Y-N: 2'], '')).toBe(200)
})

describe("the 'on_unreadable' setting", () => {
  it('rejects a request by default, and never shows the expression to the client', async () => {
    const { url } = await startTestGateway(ROWS)
    for (const body of ['{"data":5}', '{}', '{"data":null}']) {
      const { status, text } = await send(url, '/batch', { body })
      expect(status).toBe(400)
      expect(text).not.toMatch(/size|body\.|data/)
    }
  })

  it('charges the fallback cost or 1, and forwards the request, if it is pass', async () => {
    const { url } = await startTestGateway(
      `routes:
  - match: POST /a
    on_unreadable: pass
    limits:
      - { limit: 10/hour, cost: size(body.data), name: rows, algorithm: fixed-window }
      - { limit: 100/hour, cost: body.n, fallback_cost: 7, by: body.user, name: user, algorithm: fixed-window }
      - { concurrent: body.n, name: slots }`,
      (request, response) => request.resume().on('end', () => response.writeHead(422).end()),
    )
    for (const [count, [type, body]] of [
      ['application/json', '{'],
      ['application/json', '{"data":5,"user":"u"}'],
      ['text/plain', TEN],
      ['application/json; charset=utf-7', TEN],
    ].entries()) {
      const { status, headers } = await send(url, '/a', {
        headers: { 'content-type': type },
        body: body ?? '',
      })
      expect(status).toBe(422)
      expect(headers.ratelimit).toContain(`"rows";r=${9 - count}`)
    }
    const none = await send(url, '/a')
    expect([none.status, none.headers.ratelimit]).toEqual([422, expect.stringContaining('"rows";r=5')])
    const whole = await send(url, '/a', { body: '{"data":[1,2],"n":3,"user":"u"}' })
    expect(whole.headers.ratelimit).toContain('"rows";r=3')
  })

  it('also applies to shared limits', async () => {
    const { url } = await startTestGateway(`on_unreadable: pass
limits: [{ limit: 10/hour, of: rows, cost: size(body.data), by: everyone, algorithm: fixed-window }]
routes: [{ match: POST /a }, { match: POST /b, on_unreadable: reject }]`)
    expect((await send(url, '/a', { body: '{' })).headers.ratelimit).toContain('r=9')
    expect((await send(url, '/b', { body: '{' })).status).toBe(400)
  })
})

describe("the 'require' setting", () => {
  it.each([
    ["headers['x-user-tier'] == 'premium'", ''],
    ["int(headers['x-level']) > 3", ''],
    ["headers['x-user-tier'].substring(3) == 'mium'", ''],
    ["query.tier == 'premium'", ''],
    ['1 / size(client.tier) > 0', ''],
    ["body.tier == 'premium'", ''],
    ["body.tier == 'premium'", '{}'],
    ["body.tier == 'premium'", '{'],
    ["body.tier.startsWith('p')", '{"tier":5}'],
    ['body.premium', '{"premium":"yes"}'],
  ])(
    'refuses the request with refuse_with if %s cannot be evaluated for the body %j',
    async (expression, body) => {
      const { url } = await startTestGateway(
        `routes: [{ match: POST /a, require: "${expression}", refuse_with: { status: 402, detail: Pay }, limits: [9/hour] }]`,
      )
      const { status, text } = await send(url, '/a', { body })
      expect([status, JSON.parse(text).detail]).toEqual([402, 'Pay'])
    },
  )
})
