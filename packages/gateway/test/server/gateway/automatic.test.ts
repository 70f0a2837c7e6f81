import type { ServerResponse } from 'node:http'
import { describe, expect, it } from 'vitest'
import { describeConfig } from '../../../src/policy/config/describe-config.js'
import { serveWithWorkers } from '../workers/worker-gateway.js'
import { send, startTestGateway, startUpstream, until } from './running-gateway.js'

const ROUTES = `routes:
  - { match: POST /predict }
  - { match: POST /v1/chat/completions, llm: { shape: openai, default_output: 20 } }
`
/** @param wait how long requests wait */
const onRoutes = (wait: string) => `limits:
  - { name: server, concurrent: auto, by: everyone, wait: ${wait} }
${ROUTES}`

const onUpstream = (wait: string, upstream: string) => `upstreams:
  model: { url: ${upstream}, limits: [{ name: server, concurrent: auto, wait: ${wait} }] }
limits:
  - 1000/minute
${ROUTES.replaceAll('match:', 'upstream: model, match:')}`

/** The requests that may be sent before any response has begun. */
const FIRST_WINDOW = 4

const event = (delta: object, more: object = {}) =>
  `data: ${JSON.stringify({ choices: [{ index: 0, delta }], ...more })}\n\n`
const USAGE = { usage: { prompt_tokens: 10, completion_tokens: 3, total_tokens: 13 } }

/** An upstream that responds only as the test says. */
function controlled() {
  const received: ServerResponse[] = []
  return {
    received,
    listener: (request: { resume(): void }, response: ServerResponse) => {
      request.resume()
      received.push(response)
    },
    response: (index: number) => received[index] as ServerResponse,
    open(index: number) {
      received[index]?.writeHead(200, { 'content-type': 'text/event-stream' }).flushHeaders()
      received[index]?.write(': ping\n\n')
      received[index]?.write(event({ role: 'assistant', content: '' }))
    },
    whole: `${event({ content: 'a' })}${event({}, USAGE)}data: [DONE]\n\n`,
    begin: (index: number) => received[index]?.write(event({ content: 'a' })),
    end(index: number) {
      received[index]?.write(event({}, USAGE))
      received[index]?.end('data: [DONE]\n\n')
    },
  }
}

/** Starts a gateway in each of the ways in which its lines are reached. */
const GATEWAYS = {
  'before routes': async (upstream: ReturnType<typeof controlled>, wait = '60s') => {
    return startTestGateway(onRoutes(wait), upstream.listener)
  },
  'before an upstream': async (upstream: ReturnType<typeof controlled>, wait = '60s') => {
    const upstreamUrl = await startUpstream(upstream.listener)
    return startTestGateway(onUpstream(wait, upstreamUrl), upstreamUrl)
  },
  'of two workers': async (upstream: ReturnType<typeof controlled>, wait = '60s') => {
    return serveWithWorkers(2, onRoutes(wait), upstream.listener)
  },
}

const CHAT = JSON.stringify({ stream: true, messages: [{ role: 'user', content: 'hi' }] })

function chat(url: string, signal?: AbortSignal): Promise<Response> {
  return fetch(new URL('/v1/chat/completions', url), {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: CHAT,
    ...(signal && { signal }),
  })
}

describe.each(Object.entries(GATEWAYS))('slots that follow a model server, %s', (_name, start) => {
  it('let the next request go when a response begins, not when its head arrives', async () => {
    const upstream = controlled()
    const { received, open, begin, end } = upstream
    const { url } = await start(upstream)
    let heads = 0
    const answers = Array.from({ length: 12 }, async () => {
      const answer = await chat(url)
      heads++
      await answer.text()
      return answer.status
    })
    await until(() => received.length === FIRST_WINDOW)
    for (let index = 0; index < FIRST_WINDOW; index++) open(index)
    await until(() => heads === FIRST_WINDOW)
    expect(received).toHaveLength(FIRST_WINDOW)
    begin(0)
    await until(() => received.length === FIRST_WINDOW + 2)
    for (let index = 1; index < 12; index++) {
      await until(() => received.length > index)
      if (index >= FIRST_WINDOW) open(index)
      begin(index)
    }
    for (let index = 0; index < 12; index++) end(index)
    expect(await Promise.all(answers)).toEqual(Array(12).fill(200))
  })

  it('send nothing until the server wants requests again', async () => {
    const upstream = controlled()
    const { received, response } = upstream
    const { url } = await start(upstream, '300ms')
    const first = Array.from({ length: FIRST_WINDOW }, () =>
      send(url, '/v1/chat/completions', { body: CHAT }),
    )
    await until(() => received.length === FIRST_WINDOW)
    for (let index = 0; index < FIRST_WINDOW; index++)
      response(index).writeHead(503, { 'retry-after': '3600' }).end()
    expect((await Promise.all(first)).map(({ status }) => status)).toEqual(Array(FIRST_WINDOW).fill(503))
    const next = await send(url, '/v1/chat/completions', { body: CHAT })
    // A pause that the provider asks for comes first.
    expect([429, 503]).toContain(next.status)
    expect(received).toHaveLength(FIRST_WINDOW)
  })

  it('are free again when clients leave before their responses begin', async () => {
    const upstream = controlled()
    const { received, open, begin, end } = upstream
    const { url } = await start(upstream)
    const gone = new AbortController()
    const leaving = Array.from({ length: FIRST_WINDOW }, () => chat(url, gone.signal).catch(() => undefined))
    await until(() => received.length === FIRST_WINDOW)
    const staying = send(url, '/v1/chat/completions', { body: CHAT })
    gone.abort()
    await Promise.all(leaving)
    await until(() => received.length === FIRST_WINDOW + 1)
    open(FIRST_WINDOW)
    begin(FIRST_WINDOW)
    end(FIRST_WINDOW)
    expect((await staying).status).toBe(200)
  })
})

it('the metrics tell the window, what is on its way, and why the window is off', async () => {
  const upstream = controlled()
  const { received } = upstream
  const { url, adminUrl } = await startTestGateway(
    onRoutes('60s').replace('auto', '{ auto: { hidden: true } }'),
    upstream.listener,
  )
  const metrics = async () => (await send(adminUrl, '/metrics', { method: 'GET' })).text
  expect(await metrics()).not.toMatch(/^sluice_(line|window)/m)
  const answers = [chat(url), chat(url)]
  await until(() => received.length === 2)
  expect(await metrics()).toContain('sluice_window_not_begun{limit="server"} 2\n')
  expect(await metrics()).toContain('sluice_window_off{limit="server",reason="hidden work"} 1\n')
  for (const index of [0, 1]) received[index]?.end(upstream.whole)
  for (const answer of answers) await (await answer).text()
  expect(await metrics()).toContain('sluice_window_in_flight{limit="server"} 0\n')
})

it('an upstream that cannot be reached is asked by one request after the other', async () => {
  const { url } = await startTestGateway(onRoutes('200ms'), 'http://127.0.0.1:9')
  const first = await send(url, '/v1/chat/completions', { body: CHAT })
  expect(first.status).toBe(502)
  // Nothing is sent for a second after that.
  const next = await Promise.all([1, 2].map(() => send(url, '/predict', { body: '{}' })))
  expect(next.map(({ status }) => status)).toEqual([503, 503])
})

it.each([1, 2])('slots are taken as the metrics of the server say, with %i workers', async (workers) => {
  let waiting = 40
  let polls = 0
  const metrics = await startUpstream((_request, response) => {
    polls++
    response.end(`vllm:num_requests_waiting ${waiting}\nvllm:kv_cache_usage_perc 0.5\n`)
  })
  const upstream = controlled()
  const { received } = upstream
  const limits = onRoutes('60s').replace('auto', `{ auto: { hidden: true, metrics: ${metrics}/metrics } }`)
  const { url } =
    workers === 1
      ? await startTestGateway(limits, upstream.listener)
      : await serveWithWorkers(workers, limits, upstream.listener)
  const first = chat(url)
  await until(() => received.length === 1 && polls >= 1)
  // Nothing tells hidden work from a queue, so only the metrics limit what is in flight.
  const others = Array.from({ length: 5 }, () => chat(url))
  await until(() => polls >= 3)
  expect(received).toHaveLength(1)
  waiting = 0
  for (let index = 0; index < 6; index++) {
    await until(() => received.length > index)
    received[index]?.end(upstream.whole)
  }
  for (const answer of [first, ...others]) expect((await answer).status).toBe(200)
})

it('check describes slots that follow a server', async () => {
  const { configOf } = await startTestGateway(onRoutes('60s'))
  const text = onRoutes('60s').replace(
    'concurrent: auto',
    'concurrent: { auto: { max: 64, replicas: 2, gap: 60ms, keep: throughput, metrics: http://model/metrics } }',
  )
  expect(describeConfig(configOf(text)).join('\n')).toContain(
    'concurrent as the server takes requests (at most 64, 2 replicas, 60 ms per token, keeps throughput, reads http://model/metrics) by everyone, waits up to 1 minute',
  )
  expect(describeConfig(configOf(onRoutes('60s'))).join('\n')).toContain(
    'concurrent as the server takes requests by everyone',
  )
})

it.each([
  ['concurrent: automatic', "unknown variable 'automatic'"],
  ['concurrent: 0', 'must be a whole number of at least 1, auto, or an expression that returns a number'],
  ['concurrent: {}', "'concurrent' requires 'auto', such as { auto: { max: 512 } }"],
  ['concurrent: { auto: { maximum: 5 } }', "'maximum'"],
  ['concurrent: { auto: { max: 0 } }', 'max'],
  ['concurrent: { auto: { gap: 100 } }', 'a duration with a unit'],
  ['concurrent: { auto: { gap: 5m } }', "'gap' must be from 1 ms to 1 minute per token"],
  ['concurrent: { auto: { metrics: model } }', "'metrics' must be a URL such as"],
  ['concurrent: { auto: {} }, tiers: { free: 1 }', "'auto' has no 'tiers'"],
])('rejects %s', async (written, message) => {
  const { configOf } = await startTestGateway(onRoutes('60s'))
  expect(() => configOf(onRoutes('60s').replace('concurrent: auto', written))).toThrow(message)
})
