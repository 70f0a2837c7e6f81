import { describe, expect, it } from 'vitest'
import { send, startTestGateway, until } from '../../gateway/running-gateway.js'
import { chatModel } from '../../gateway/tokens/chat-model.js'
import { serveWithWorkers } from '../../workers/worker-gateway.js'
import { type OpenSample, parseOpenMetrics } from './openmetrics-text.js'

const CHAT = '/v1/chat/completions'
const ROUTES = `models: [small]
routes:
  - match: POST ${CHAT}
    llm: openai
    limits: [{ limit: 1M/hour, of: tokens }, { limit: 4/hour, algorithm: fixed-window, name: few }]\n`

const model = () =>
  chatModel({ words: ['one', ' two', ' three'], usage: { prompt_tokens: 7, completion_tokens: 3 } })

const SERVERS = {
  'one process': async () => {
    const { url, adminUrl } = await startTestGateway(ROUTES, model().listener)
    return { url, adminUrl, processes: ['main'] }
  },
  'two workers': async () => {
    const { url, admin } = await serveWithWorkers(2, ROUTES, model().listener)
    return { url, adminUrl: admin.replace(/\/$/, ''), processes: ['main', 'worker-1', 'worker-2'] }
  },
}

/** What Prometheus 3 sends. */
const ACCEPT =
  'application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.6,application/openmetrics-text;version=0.0.1;q=0.5,text/plain;version=1.0.0;escaping=allow-utf-8;q=0.4,text/plain;version=0.0.4;q=0.3,*/*;q=0.2'

async function openMetrics(adminUrl: string): Promise<OpenSample[]> {
  const response = await fetch(`${adminUrl}/metrics`, { headers: { accept: ACCEPT } })
  expect(response.headers.get('content-type')).toBe(
    'application/openmetrics-text; version=1.0.0; charset=utf-8',
  )
  return parseOpenMetrics(await response.text())
}

function values(samples: readonly OpenSample[], name: string, ...labels: readonly string[]) {
  const found = samples.filter((each) => each.name === name)
  return Object.fromEntries(
    found.map((each) => [labels.map((label) => each.labels[label]).join(' '), each.value]),
  )
}

const exemplarIds = (samples: readonly OpenSample[], family: string) =>
  samples.flatMap((each) => (each.family === family ? (each.exemplar?.labels.request_id ?? []) : []))

describe.each(Object.entries(SERVERS))('the metrics of a gateway with %s', (_name, start) => {
  it('count tokens by model, and name the requests behind them in OpenMetrics', async () => {
    const { url, adminUrl, processes } = await start()
    const call = (model: string | undefined, stream: boolean) =>
      send(url, CHAT, {
        body: JSON.stringify({ model, max_tokens: 50, stream, messages: [{ role: 'user', content: 'x' }] }),
      })
    const streamed = await call('small', true)
    for (const name of ['invented-by-a-client', 'Small', undefined])
      expect((await call(name, false)).status).toBe(200)
    const refused = await call('small', false)
    expect([streamed.status, refused.status]).toEqual([200, 429])

    const read = () => openMetrics(adminUrl)
    await until(async () => Object.keys(values(await read(), 'sluice_tokens_total', 'model')).length === 3)
    await until(async () => Object.keys(values(await read(), 'sluice_refusals_total', 'rule')).length === 1)
    const samples = await read()
    expect(values(samples, 'sluice_tokens_total', 'model', 'direction')).toEqual({
      ...{ 'small input': 7, 'small output': 3 },
      ...{ 'other input': 14, 'other output': 6 },
      ...{ 'none input': 7, 'none output': 3 },
    })
    expect(values(samples, 'sluice_time_to_first_token_seconds_count', 'model')).toMatchObject({ small: 1 })
    expect(values(samples, 'sluice_time_per_output_token_seconds_count', 'model')).toMatchObject({ small: 1 })
    const id = streamed.headers['x-request-id']
    expect(exemplarIds(samples, 'sluice_time_to_first_token_seconds')).toEqual([id])
    expect(exemplarIds(samples, 'sluice_time_per_output_token_seconds')).toEqual([id])
    expect(exemplarIds(samples, 'sluice_refusals')).toEqual([refused.headers['x-request-id']])
    expect(exemplarIds(samples, 'sluice_upstream_seconds').length).toBeGreaterThan(0)

    for (const name of ['process_resident_memory_bytes', 'nodejs_heap_size_used_bytes', 'process_open_fds'])
      expect(Object.keys(values(samples, name, 'process')).sort(), name).toEqual(processes)
    for (const value of Object.values(values(samples, 'process_resident_memory_bytes', 'process')))
      expect(value).toBeGreaterThan(10 * 2 ** 20)
    expect(Object.keys(values(samples, 'nodejs_eventloop_lag_seconds_count', 'process')).sort()).toEqual(
      processes,
    )
    expect(values(samples, 'sluice_build_info', 'node')).toEqual({ [process.versions.node]: 1 })
  })
})
