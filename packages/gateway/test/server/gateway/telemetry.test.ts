import { once } from 'node:events'
import { request as httpRequest, type IncomingMessage, type RequestListener } from 'node:http'
import { afterEach, describe, expect, it, vi } from 'vitest'
import { serveWithWorkers } from '../workers/worker-gateway.js'
import { type OtlpReceiver, type ReceivedSpan, startReceiver } from './otlp-receiver.js'
import { echo, send, startTestGateway, until } from './running-gateway.js'
import { chatModel, jsonOf, wordEvent } from './tokens/chat-model.js'

const CHAT = '/v1/chat/completions'
const TRACE = '4bf92f3577b34da6a3ce929d0e0e4736'
const PARENT = '00f067aa0ba902b7'
const traceparent = `00-${TRACE}-${PARENT}-01`

const model = () =>
  chatModel({ words: ['one', ' two', ' three'], usage: { prompt_tokens: 7, completion_tokens: 3 } })

const call = (stream: boolean, name = 'm-1') =>
  JSON.stringify({ model: name, max_tokens: 50, stream, messages: [{ role: 'user', content: 'count' }] })

const configFor = ({ url }: OtlpReceiver, more = '') => `
telemetry: { otlp: { endpoint: ${url}, protocol: http/json } }
models: [m-1]
${more}
routes:
  - match: POST ${CHAT}
    llm: openai
    limits: [{ limit: 1M/hour, of: tokens }, { limit: 3/hour, algorithm: fixed-window, name: few }]
`

afterEach(() => vi.unstubAllEnvs())

const SERVERS = {
  'one process': async (receiver: OtlpReceiver, upstream: RequestListener) =>
    startTestGateway(configFor(receiver), upstream),
  'two workers': async (receiver: OtlpReceiver, upstream: RequestListener) =>
    serveWithWorkers(2, configFor(receiver), upstream),
}

describe.each(Object.entries(SERVERS))('the traces of a gateway with %s', (_name, start) => {
  it('have one span for each request, with the parent that the client sent and the tokens', async () => {
    const receiver = await startReceiver()
    const upstream = model()
    const { url } = await start(receiver, upstream.listener)
    for (const stream of [false, true, true, true])
      await send(url, `${CHAT}?secret=1`, { body: call(stream), headers: { traceparent } })
    const spans = await receiver.awaitSpans(4)
    expect(spans).toHaveLength(4)
    for (const span of spans)
      expect(span).toMatchObject({
        ...{ traceId: TRACE, parentSpanId: PARENT, name: `POST ${CHAT}`, kind: 2, statusCode: 0 },
        resource: { 'service.name': 'sluice' },
      })
    const [refused] = spans.filter(({ attributes }) => attributes['sluice.outcome'] === 'refused')
    expect(refused?.attributes).toMatchObject({
      'http.response.status_code': 429,
      'error.type': '429',
      'sluice.rule': 'few',
      'sluice.reason': 'exceeded',
      'gen_ai.request.model': 'm-1',
    })
    expect(refused?.attributes).not.toHaveProperty('gen_ai.usage.input_tokens')
    const allowed = spans.filter((span) => span !== refused)
    for (const { attributes } of allowed) {
      expect(attributes).toMatchObject({
        'http.request.method': 'POST',
        'http.route': CHAT,
        'http.response.status_code': 200,
        'url.path': CHAT,
        'sluice.outcome': 'allowed',
        'sluice.client': '127.0.0.1',
        'gen_ai.operation.name': 'chat',
        'gen_ai.provider.name': 'openai',
        'gen_ai.request.model': 'm-1',
        'gen_ai.usage.input_tokens': 7,
        'gen_ai.usage.output_tokens': 3,
      })
      expect(attributes).not.toHaveProperty('error.type')
    }
    expect(JSON.stringify(spans)).not.toContain('secret')
    // The upstream continues the trace below the span of the gateway.
    const forwarded = upstream.requests.map(({ headers }) => headers['traceparent'])
    expect(forwarded.sort()).toEqual(allowed.map(({ spanId }) => `00-${TRACE}-${spanId}-01`).sort())
  })
})
