import { once } from 'node:events'
import { request as httpRequest, type IncomingMessage, type RequestListener } from 'node:http'
import { afterEach, describe, expect, it, vi } from 'vitest'
import { serveWithWorkers } from '../workers/worker-gateway.js'
import { type OtlpReceiver, type ReceivedSpan, startReceiver } from './otlp-receiver.js'
import { echo, send, startTestGateway, startUpstream, until } from './running-gateway.js'
import { chatModel, sendJson, wordEvent } from './tokens/chat-model.js'

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
  - match: POST /cached/chat/completions
    llm: { shape: openai-chat, cached_weight: 0.1 }
    limits: [{ limit: 1M/hour, of: tokens }]
`

afterEach(() => vi.unstubAllEnvs())

const SERVERS = {
  'one process': async (receiver: OtlpReceiver, upstream: RequestListener) =>
    startTestGateway(configFor(receiver), upstream),
  'two workers': async (receiver: OtlpReceiver, upstream: RequestListener) =>
    serveWithWorkers(2, configFor(receiver), upstream),
}

describe.each(Object.entries(SERVERS))('the telemetry of a gateway with %s', (name, start) => {
  it('has one span for each request, with the parent that the client sent and the tokens', async () => {
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
    if (name === 'two workers') expect([1, 2]).toContain(spans[0]?.resource['sluice.worker'])
    // The upstream continues the trace below the span of the gateway.
    const forwarded = upstream.requests.map(({ headers }) => headers.traceparent)
    expect(forwarded.sort()).toEqual(allowed.map(({ spanId }) => `00-${TRACE}-${spanId}-01`).sort())
  })
})

/** Starts a gateway of one process, and returns the span of one request to it. */
async function spanOf(
  upstream: RequestListener | string,
  sendTo: (url: string) => Promise<unknown>,
  more = '',
): Promise<ReceivedSpan> {
  const receiver = await startReceiver()
  const { url } = await startTestGateway(configFor(receiver, more), upstream)
  await sendTo(url)
  const [span] = await receiver.awaitSpans(1)
  return span as ReceivedSpan
}

/** Sends a streamed call, and waits for the head of the response and its first data. */
async function startStream(url: string) {
  const headers = { traceparent, 'content-type': 'application/json' }
  const request = httpRequest(`${url}${CHAT}`, { method: 'POST', headers, agent: false })
  request.on('error', () => {})
  request.end(call(true))
  const [response] = (await once(request, 'response')) as [IncomingMessage]
  response.on('error', () => {})
  await once(response, 'data')
  return response
}

describe('the span of a request', () => {
  it('is an error if the upstream does not respond', async () => {
    const closed = 'http://127.0.0.1:1'
    const span = await spanOf(closed, (url) =>
      send(url, CHAT, { body: call(false), headers: { traceparent } }),
    )
    expect(span).toMatchObject({ traceId: TRACE, parentSpanId: PARENT, statusCode: 2 })
    expect(span.attributes).toMatchObject({
      'http.response.status_code': 502,
      'error.type': '502',
      'sluice.outcome': 'allowed',
      'gen_ai.request.model': 'm-1',
    })
    expect(span.attributes).not.toHaveProperty('gen_ai.usage.output_tokens')
  })

  it('has the tokens that a client received before it disconnected', async () => {
    const span = await spanOf(
      (_request, response) => {
        response.writeHead(200, { 'content-type': 'text/event-stream' })
        response.write(wordEvent('four'))
      },
      async (url) => (await startStream(url)).destroy(),
    )
    expect(span).toMatchObject({ traceId: TRACE, parentSpanId: PARENT, statusCode: 0 })
    expect(span.attributes).toMatchObject({
      'http.response.status_code': 200,
      'error.type': 'client_disconnected',
      'gen_ai.usage.output_tokens': 1,
    })
  })

  it('is an error if the upstream interrupts its response', async () => {
    const span = await spanOf((_request, response) => {
      response.writeHead(200, { 'content-type': 'text/event-stream' })
      response.write(wordEvent('four'), () => setImmediate(() => response.destroy()))
    }, startStream)
    expect(span.statusCode).toBe(2)
    expect(span.attributes).toMatchObject({ 'error.type': 'upstream_disconnected' })
  })

  it('names the model of the response, and counts cached input in full', async () => {
    const usage = { prompt_tokens: 7, completion_tokens: 3, prompt_tokens_details: { cached_tokens: 5 } }
    const message = { role: 'assistant', content: 'x' }
    const span = await spanOf(
      (_request, response) =>
        sendJson(response, { model: 'm-1-2026', choices: [{ index: 0, message }], usage }),
      (url) => send(url, '/cached/chat/completions', { body: call(false) }),
      '',
    )
    expect(span.attributes).toMatchObject({
      'gen_ai.response.model': 'm-1-2026',
      'gen_ai.usage.input_tokens': 7,
      'gen_ai.usage.cache_read.input_tokens': 5,
    })
  })

  it('is only the method for a request without a route, and does not hold its query', async () => {
    const span = await spanOf(echo, (url) => send(url, '/elsewhere?secret=1', { method: 'GET' }))
    expect(span).toMatchObject({ name: 'GET', parentSpanId: '' })
    expect(span.attributes).toMatchObject({ 'url.path': '/elsewhere' })
    expect(JSON.stringify(span)).not.toContain('secret')
  })

  it('redacts the client as the log does', async () => {
    const body = { body: call(false) }
    const span = await spanOf(model().listener, (url) => send(url, CHAT, body), 'log: { clients: masked }')
    expect(span.attributes).toMatchObject({ 'sluice.client': '127.0.0.*' })
  })
})

describe('the trace context that the upstream gets', () => {
  /** Sends a request without a route, and returns the headers that the upstream received. */
  async function forwardedWith(headers: object) {
    const receiver = await startReceiver()
    const { url } = await startTestGateway(configFor(receiver), echo)
    const { text } = await send(url, '/elsewhere', { method: 'GET', headers })
    return { receiver, headers: (JSON.parse(text) as { headers: Record<string, string> }).headers }
  }

  it('keeps the tracestate of a valid traceparent', async () => {
    const { receiver, headers } = await forwardedWith({ traceparent, tracestate: 'a=1,b=2' })
    const [span] = await receiver.awaitSpans(1)
    expect(headers).toMatchObject({
      traceparent: `00-${TRACE}-${span?.spanId}-01`,
      tracestate: 'a=1,b=2',
    })
    expect(span?.traceState).toBe('a=1,b=2')
  })

  it.each([
    ['is too short', '00-4bf92f35-00f067aa0ba902b7-01'],
    ['has upper-case digits', traceparent.toUpperCase()],
    ['has a trace ID of zeros', `00-${'0'.repeat(32)}-${PARENT}-01`],
    ['has a parent ID of zeros', `00-${TRACE}-${'0'.repeat(16)}-01`],
    ['has an unknown version', `ff-${TRACE}-${PARENT}-01`],
    ['is longer than its version allows', `${traceparent}-more`],
    ['is sent twice', [traceparent, traceparent]],
  ])('is a new trace without tracestate if traceparent %s', async (_reason, garbage) => {
    const { receiver, headers } = await forwardedWith({ traceparent: garbage, tracestate: 'a=1' })
    const [span] = await receiver.awaitSpans(1)
    expect(span).toMatchObject({ parentSpanId: '', traceState: '' })
    expect(span?.traceId).not.toBe(TRACE)
    expect(headers.traceparent).toBe(`00-${span?.traceId}-${span?.spanId}-01`)
    expect(headers).not.toHaveProperty('tracestate')
  })

  it('is that of the client if no traces are exported', async () => {
    vi.stubEnv('OTEL_TRACES_EXPORTER', 'none')
    const { headers } = await forwardedWith({ traceparent, tracestate: 'a=1' })
    expect(headers).toMatchObject({ traceparent, tracestate: 'a=1' })
  })

  it('tells the upstream that a request is not sampled, which metrics count nevertheless', async () => {
    vi.stubEnv('OTEL_TRACES_SAMPLER', 'always_off')
    const { receiver, headers } = await forwardedWith({ traceparent })
    expect(headers.traceparent).toMatch(new RegExp(`^00-${TRACE}-(?!${PARENT})[0-9a-f]{16}-00$`))
    await until(() => receiver.points.some(({ metric }) => metric === 'http.server.request.duration'))
    expect(receiver.spans).toEqual([])
  })
})

describe('exported metrics', () => {
  it('count tokens, time and decisions, and name only the models of the file', async () => {
    const receiver = await startReceiver()
    const { gateway, url } = await startTestGateway(configFor(receiver), model().listener)
    for (const [stream, name] of [
      [true, 'm-1'],
      [false, 'm-1'],
      [false, 'invented'],
      [false, 'm-1'],
    ] as const)
      await send(url, CHAT, { body: call(stream, name) })
    await gateway.close()
    const last = (metric: string, attributes: object) => {
      const found = receiver.points.filter((point) => point.metric === metric)
      return found.findLast((point) =>
        Object.entries(attributes).every(([key, value]) => point.attributes[key] === value),
      )
    }
    const tokens = (type: string, model: string) =>
      last('gen_ai.client.token.usage', { 'gen_ai.token.type': type, 'gen_ai.request.model': model })
    expect(tokens('input', 'm-1')).toMatchObject({ count: 2, sum: 14 })
    expect(tokens('output', 'm-1')).toMatchObject({ count: 2, sum: 6 })
    expect(tokens('output', 'other')).toMatchObject({ count: 1, sum: 3 })
    expect(JSON.stringify(receiver.points)).not.toContain('invented')
    const chat = { 'gen_ai.operation.name': 'chat', 'gen_ai.provider.name': 'openai' }
    expect(last('gen_ai.client.operation.duration', { ...chat, 'gen_ai.request.model': 'm-1' })?.count).toBe(
      2,
    )
    expect(last('gen_ai.server.time_to_first_token', chat)?.count).toBe(1)
    expect(last('gen_ai.server.time_per_output_token', chat)?.count).toBe(1)
    const refused = { 'http.response.status_code': 429, 'sluice.outcome': 'refused' }
    expect(last('http.server.request.duration', refused)?.count).toBe(1)
    expect(last('sluice.decisions', { 'sluice.outcome': 'allowed' })?.sum).toBe(3)
    expect(last('sluice.refusals', { 'sluice.rule': 'few' })?.sum).toBe(1)
  })
})

describe('a receiver', () => {
  it('gets Protocol Buffers by default, with the headers of the standard variables', async () => {
    const bodies: Buffer[] = []
    const headers: IncomingMessage['headers'][] = []
    const collector = await startUpstream(async (request, response) => {
      if (request.url === '/v1/traces') headers.push(request.headers)
      for await (const chunk of request) bodies.push(chunk)
      response.end()
    })
    vi.stubEnv('OTEL_EXPORTER_OTLP_ENDPOINT', collector)
    vi.stubEnv('OTEL_EXPORTER_OTLP_HEADERS', 'x-tenant=team-a')
    vi.stubEnv('OTEL_SERVICE_NAME', 'front-door')
    const { gateway, url } = await startTestGateway('telemetry: { otlp: true }\n', echo)
    await send(url, '/', { method: 'GET', headers: { traceparent } })
    await gateway.close()
    expect(headers).toMatchObject([{ 'content-type': 'application/x-protobuf', 'x-tenant': 'team-a' }])
    const received = Buffer.concat(bodies)
    for (const bytes of [Buffer.from(TRACE, 'hex'), Buffer.from(PARENT, 'hex'), Buffer.from('front-door')])
      expect(received.includes(bytes)).toBe(true)
  })

  it('that rejects everything delays no request, and is logged once for each signal', async () => {
    const receiver = await startReceiver((response) => response.writeHead(400).end())
    const { gateway, url, warnings } = await startTestGateway(configFor(receiver), echo)
    const exports = (path: string) => receiver.requests.filter((each) => each.path === path).length
    await until(async () => {
      expect((await send(url, '/', { method: 'GET' })).status).toBe(200)
      return exports('/v1/traces') > 2 && exports('/v1/metrics') > 2
    })
    await gateway.close()
    const failed = warnings.filter(({ message }) => message.startsWith('cannot export telemetry'))
    expect(failed.map(({ fields }) => fields.signal).sort()).toEqual(['metrics', 'traces'])
  })

  it('that never responds keeps neither requests nor the end of the gateway waiting', async () => {
    const receiver = await startReceiver(() => {})
    const { gateway, url } = await startTestGateway(configFor(receiver), echo)
    expect((await send(url, '/', { method: 'GET' })).status).toBe(200)
    await until(() => receiver.requests.length > 0)
    await gateway.close()
  })

  it('that is too slow bounds the queue of spans, whose loss a metric counts', async () => {
    vi.stubEnv('OTEL_BSP_MAX_QUEUE_SIZE', '2')
    vi.stubEnv('OTEL_BSP_MAX_EXPORT_BATCH_SIZE', '1')
    const receiver = await startReceiver((response) => {
      if (response.req.url === '/v1/metrics') response.end('{}')
    })
    const { url } = await startTestGateway(configFor(receiver), echo)
    for (let n = 0; n < 10; n++) expect((await send(url, '/', { method: 'GET' })).status).toBe(200)
    const dropped = () =>
      receiver.points.findLast(({ attributes }) => attributes['error.type'] === 'queue_full')
    // One span is being sent, and two wait.
    await until(() => dropped()?.sum === 7)
    expect(dropped()?.metric).toBe('otel.sdk.processor.span.processed')
  })

  it('cannot be changed without a restart', async () => {
    const receiver = await startReceiver()
    const { gateway, configOf } = await startTestGateway(configFor(receiver), echo)
    await expect(gateway.apply(configOf(''))).rejects.toThrow("a change to 'telemetry' requires a restart")
  })
})
