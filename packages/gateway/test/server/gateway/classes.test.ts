import type { ServerResponse } from 'node:http'
import { expect, it } from 'vitest'
import { describeConfig } from '../../../src/policy/config/describe-config.js'
import type { GatewayRequest } from '../../../src/policy/policy-request.js'
import { send, startTestGateway, until } from './running-gateway.js'

const CLASS = "client.tier == 'batch' ? 'batch' : 'interactive'"

const file = (limit: string) => `identity:
  trusted_proxies: [127.0.0.1]
  proxy_headers: { client: X-Client, tier: X-Tier }
limits:
  - { name: server, concurrent: 1, by: everyone, wait: 60s, ${limit} }
routes:
  - match: POST /predict
`
const CLASSES = `class: "${CLASS}", classes: [interactive, { batch: { floor: 25%, slots: 100% } }]`

/** Starts a gateway whose upstream responds only when the test says so. */
async function startWith(limit: string) {
  const pending: ServerResponse[] = []
  const order: string[] = []
  const gateway = await startTestGateway(file(limit), (request, response) => {
    order.push(String(request.headers['x-client']))
    request.resume()
    pending.push(response)
  })
  const waiting = async () => {
    const { text } = await send(gateway.adminUrl, '/metrics', { method: 'GET' })
    const counts = [...text.matchAll(/sluice_waiting_requests\{.*\} (\d+)\n/g)]
    return counts.reduce((sum, [, count]) => sum + Number(count), 0)
  }
  const answers: ReturnType<typeof send>[] = []
  return {
    ...gateway,
    ...{ order, answers },
    /** Sends a request, and waits until it has reached the upstream or the line. */
    async arrive(client: string, tier: string) {
      const before = order.length + (await waiting())
      const headers = { 'x-client': client, 'x-tier': tier }
      answers.push(send(gateway.url, '/predict', { headers, body: '{}' }))
      await until(async () => order.length + (await waiting()) === before + 1)
    },
    async serve(requests: number) {
      for (let number = 0; number < requests; number++) {
        await until(() => pending.length === 1)
        pending.shift()?.end('{}')
      }
    },
  }
}

it('requests wait in the order of their classes, and the lower ones get their floors', async () => {
  const { arrive, serve, order, adminUrl } = await startWith(CLASSES)
  await arrive('first', 'chat')
  for (const number of [1, 2, 3]) await arrive(`batch${number}`, 'batch')
  for (const number of [1, 2, 3, 4, 5]) await arrive(`chat${number}`, 'chat')
  await serve(9)
  expect(order).toEqual([
    ...['first', 'chat1', 'chat2', 'chat3', 'chat4', 'batch1'],
    ...['chat5', 'batch2', 'batch3'],
  ])
  const { text } = await send(adminUrl, '/metrics', { method: 'GET' })
  expect(text).toContain('sluice_line_sent_total{limit="server",class="interactive"} 6\n')
  expect(text).toContain('sluice_line_sent_total{limit="server",class="batch"} 3\n')
})

it('a request whose class is unknown gets the last one, which is logged', async () => {
  const limit = `class: "client.id.startsWith('chat') ? 'interactive' : client.id", classes: [interactive, batch]`
  const { arrive, serve, order, configOf } = await startWith(limit)
  await arrive('chat0', 'x')
  await arrive('other', 'x')
  await arrive('chat1', 'x')
  await serve(3)
  expect(order).toEqual(['chat0', 'chat1', 'other'])
  const [rule] = configOf(file(limit)).routes[0]?.rules ?? []
  const failures: unknown[] = []
  const request = { client: { id: 'other' }, reportFailure: (failure: unknown) => failures.push(failure) }
  const classOf = rule !== undefined && 'class' in rule ? rule.class : undefined
  expect(classOf?.(request as unknown as GatewayRequest, undefined)).toBe('batch')
  expect(failures).toMatchObject([
    { purpose: 'class', reason: 'the result is no class; the classes are interactive, batch' },
  ])
})

it('check describes classes, and warns of classes that clients choose', async () => {
  const { configOf } = await startWith(CLASSES)
  expect(describeConfig(configOf(file(CLASSES))).join('\n')).toContain(
    `in the order of the classes interactive, batch by ${CLASS}`,
  )
  const chosen = configOf(
    file(`class: "headers['x-class'] == 'batch' ? 'batch' : 'interactive'", classes: [interactive, batch]`),
  )
  expect(chosen.warnings?.map(({ message }) => message)).toEqual([
    'clients choose their headers, query and body, and so their class; use what they cannot choose, such as client.tier',
  ])
})

it.each([
  [`class: "'bach'", classes: [interactive, batch]`, "there is no class 'bach'; did you mean 'batch'?"],
  [`class: "1", classes: [interactive, batch]`, 'the expression must return the name of a class'],
  [`class: "'batch'"`, "'class' requires 'classes', such as [interactive, { batch: { floor: 5% } }]"],
  ['classes: [interactive, batch]', "'classes' requires 'class'"],
  [`class: "'a'", classes: [a, { b: { floor: 200% } }]`, "'floor' must be a part such as '5%' or 0.05"],
  [`class: "'a'", classes: [a, { b: { weight: 2 } }]`, "'weight'"],
  ['first_token: 2s', "'first_token' requires concurrent: 'auto'"],
])('rejects %s', async (limit, message) => {
  const { configOf } = await startWith(CLASSES)
  expect(() => configOf(file(limit))).toThrow(message)
})

const CHAT = { body: '{"stream":true,"messages":[{"role":"user","content":"hi"}]}' }
const event = (content: string) => `data: {"choices":[{"index":0,"delta":{"content":"${content}"}}]}\n\n`

it.each(['routes', 'an upstream'])(
  'a client may shorten the deadline of limits before %s, which refuse what cannot begin in time',
  async (place) => {
    let received = 0
    const upstream = (request: { resume(): void }, response: ServerResponse) => {
      received++
      request.resume()
      response.writeHead(200, { 'content-type': 'text/event-stream' })
      // A response that begins late teaches the limit that this takes 200 ms.
      setTimeout(() => response.end(`${event('a')}data: [DONE]\n\n`), 200)
    }
    const limit = '{ name: server, concurrent: auto, wait: 10s, first_token: 5s'
    const rest = `routes:\n  - { match: POST /v1/chat/completions, llm: { shape: openai, default_output: 20 }`
    const { url, configOf, gateway } = await startTestGateway(
      `limits: [${limit}, by: everyone }]\n${rest} }\n`,
      upstream,
    )
    if (place === 'an upstream') {
      const [, upstreamUrl = ''] = /upstream: (\S+)/.exec(configOf('').source.text) ?? []
      await gateway.apply(
        configOf(
          `upstreams:\n  model: { url: ${upstreamUrl}, limits: [${limit} }] }\n${rest}, upstream: model }\n`,
        ),
      )
    }
    const post = (headers: object) => send(url, '/v1/chat/completions', { ...CHAT, headers })
    // None is known to be late.
    expect((await post({ 'x-begin-within': '1ms' })).status).toBe(200)
    expect((await post({})).status).toBe(200)
    // One is sent every five seconds to learn whether it is still late.
    expect((await post({ 'x-begin-within': '50ms' })).status).toBe(200)
    const late = await post({ 'x-begin-within': '50ms' })
    expect(late.status).toBe(503)
    expect(received).toBe(3)
    expect((await post({ 'x-begin-within': '10h' })).status).toBe(200)
    const invalid = await post({ 'x-begin-within': 'soon' })
    expect(invalid.status).toBe(400)
    expect(invalid.text).toContain("the header 'x-begin-within' must be a duration such as 800ms or 2s")
  },
)
