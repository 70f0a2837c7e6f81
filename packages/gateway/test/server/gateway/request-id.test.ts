import type { IncomingMessage, ServerResponse } from 'node:http'
import { connect } from 'node:net'
import { describe, expect, it } from 'vitest'
import { parseConfig } from '../../../src/policy/config/load-config.js'
import { startGateway } from '../../../src/server/gateway.js'
import { createLog } from '../../../src/server/logging/log.js'
import { echo, send, startTestGateway, startUpstream } from './running-gateway.js'

const UUID = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/
const TRUSTED = 'identity: { trusted_proxies: [127.0.0.1] }'

const idAtUpstream = (text: string) => JSON.parse(text).headers['x-request-id']

describe('the ID of a request', () => {
  it('is made by the gateway, sent to the upstream, and returned to the client', async () => {
    const { url } = await startTestGateway('')
    const first = await send(url, '/predict')
    const second = await send(url, '/predict')
    expect(first.headers['x-request-id']).toMatch(UUID)
    expect(idAtUpstream(first.text)).toBe(first.headers['x-request-id'])
    expect(second.headers['x-request-id']).not.toBe(first.headers['x-request-id'])
    expect(first.headers).not.toHaveProperty('sluice-request-id')
    expect(first.headers).not.toHaveProperty('request-id')
  })

  it.each(['X-Request-Id', 'x_request_id', 'X.Request.ID'])(
    'of an untrusted client in %s is replaced',
    async (name) => {
      const { url } = await startTestGateway('')
      const { headers, text } = await send(url, '/predict', { headers: { [name]: 'forged' } })
      expect(text).not.toContain('forged')
      expect(idAtUpstream(text)).toBe(headers['x-request-id'])
      expect(headers['x-request-id']).toMatch(UUID)
    },
  )

  it('of a trusted proxy is kept', async () => {
    const { url } = await startTestGateway(TRUSTED)
    for (const id of ['req_A-1.b~c:/+=@', 'f'.repeat(128)]) {
      const { headers, text } = await send(url, '/predict', { headers: { 'x-request-id': id } })
      expect([idAtUpstream(text), headers['x-request-id']]).toEqual([id, id])
    }
  })

  it.each<[string, object]>([
    ['is longer than 128 characters', { 'x-request-id': 'f'.repeat(129) }],
    ['has unsafe characters', { 'x-request-id': 'a"b' }],
    ['is empty', { 'x-request-id': '' }],
    ['was sent twice', { 'x-request-id': ['one', 'two'] }],
    ['was sent in two spellings', { 'x-request-id': 'one', x_request_id: 'two' }],
    ['was sent in another spelling', { x_request_id: 'two' }],
  ])('of a trusted proxy is replaced if it %s', async (_what, sent) => {
    const { url } = await startTestGateway(TRUSTED)
    const { headers, text } = await send(url, '/predict', { headers: sent })
    expect(headers['x-request-id']).toMatch(UUID)
    expect(idAtUpstream(text)).toBe(headers['x-request-id'])
  })

  const upstreamWith =
    (sent: Record<string, string>) => (request: IncomingMessage, response: ServerResponse) => {
      for (const [name, value] of Object.entries(sent)) response.setHeader(name, value)
      response.end(String(request.headers['x-request-id']))
    }

  it('moves to sluice-request-id if the upstream answers with an ID of its own', async () => {
    const ofUpstream = { 'X-Request-ID': 'req_upstream', 'Sluice-Request-Id': 'forged' }
    const { url } = await startTestGateway('', upstreamWith(ofUpstream))
    const { headers, text } = await send(url, '/predict')
    expect([headers['x-request-id'], headers['sluice-request-id']]).toEqual(['req_upstream', text])
  })

  it('is sent once if the upstream echoes it', async () => {
    const { url } = await startTestGateway('', (request, response) => {
      response.setHeader('x-request-id', String(request.headers['x-request-id']))
      response.end()
    })
    const { headers } = await send(url, '/predict')
    expect(headers['x-request-id']).toMatch(UUID)
    expect(headers).not.toHaveProperty('sluice-request-id')
  })

  it('is also in request-id on routes of Anthropic, unless the upstream sends one', async () => {
    const routes = 'routes: [{ match: POST /v1/messages, llm: anthropic }]'
    const own = await startTestGateway(routes, upstreamWith({}))
    const { headers, text } = await send(own.url, '/v1/messages')
    expect([headers['request-id'], headers['x-request-id']]).toEqual([text, text])
    const theirs = await startTestGateway(routes, upstreamWith({ 'request-id': 'req_1' }))
    const answer = await send(theirs.url, '/v1/messages')
    expect([answer.headers['request-id'], answer.headers['x-request-id']]).toEqual(['req_1', answer.text])
  })

  it('is in every answer of the gateway itself', async () => {
    const { url } = await startTestGateway(`
routes:
  - { match: /once, limits: [{ limit: 1/hour, algorithm: fixed-window }] }
  - { match: /never, require: 'false' }
default: deny`)
    await send(url, '/once')
    const answers = await Promise.all([
      send(url, '/once'),
      send(url, '/never'),
      send(url, '/unknown'),
      send(url, '/%zz'),
      send(url, '/once', { headers: { upgrade: 'websocket', connection: 'upgrade' } }),
    ])
    expect(answers.map(({ status }) => status)).toEqual([429, 403, 404, 400, 501])
    for (const { headers, text } of answers) {
      expect(headers['x-request-id']).toMatch(UUID)
      expect(JSON.parse(text).instance).toBe(`urn:uuid:${headers['x-request-id']}`)
    }
    const options = await send(url, '*', { method: 'OPTIONS' })
    expect(options.headers['x-request-id']).toMatch(UUID)
  })

  it('is in the answer to CONNECT', async () => {
    const { gateway } = await startTestGateway('')
    const socket = connect(gateway.address.port, '127.0.0.1')
    socket.write('CONNECT a:1 HTTP/1.1\r\nHost: a:1\r\n\r\n')
    let text = ''
    for await (const chunk of socket.setEncoding('utf8')) text += chunk
    const [, id] = /^x-request-id: (\S+)\r$/m.exec(text) ?? []
    expect(id).toMatch(UUID)
    expect(text).toContain(`"instance":"urn:uuid:${id}"`)
  })

  it('is in the log line of a refusal', async () => {
    let text = ''
    const upstream = await startUpstream(echo)
    const gateway = await startGateway(
      parseConfig(
        `listen: 127.0.0.1:0\nadmin: off\nupstream: ${upstream}\ndefault: { limits: [{ limit: 1/hour, algorithm: fixed-window }] }`,
        'test.yaml',
      ),
      createLog({ write: (line) => (text += line) }),
    )
    const url = `http://127.0.0.1:${gateway.address.port}`
    await send(url, '/a')
    const { headers } = await send(url, '/a')
    await gateway.close()
    const lines = text.split('\n').filter((line) => line.includes('request refused'))
    expect(lines.map((line) => JSON.parse(line).requestId)).toEqual([headers['x-request-id']])
  })
})
