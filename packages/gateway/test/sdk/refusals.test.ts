import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { keyDigest, newKey } from 'sluice/identity'
import { describe, expect, it, onTestFinished } from 'vitest'
import { startTestGateway } from '../server/gateway/running-gateway.js'
import { SDK_CLIENTS, type SdkClient } from './sdk-clients.js'

/** Answers every chat request, in the forms of all APIs at once. */
function model(_request: IncomingMessage, response: ServerResponse): void {
  response.setHeader('content-type', 'application/json')
  response.end(
    JSON.stringify({
      ...{ id: 'chat', object: 'chat.completion', created: 1, model: 'm' },
      choices: [{ index: 0, finish_reason: 'stop', message: { role: 'assistant', content: 'hello' } }],
      candidates: [{ content: { role: 'model', parts: [{ text: 'hello' }] } }],
      ...{ message: { role: 'assistant', content: 'hello' }, done: true },
      ...{ type: 'message', role: 'assistant', content: [{ type: 'text', text: 'hello' }] },
      usage: { prompt_tokens: 1, completion_tokens: 1, total_tokens: 2, input_tokens: 1, output_tokens: 1 },
    }),
  )
}

/** Configures the chat routes of all APIs. */
const routes = (settings: string, more = '') => `
routes:
  - { match: POST /v1/chat/completions, llm: openai, ${settings} }
  - { match: POST /v1/messages, llm: anthropic, ${settings} }
  - { match: POST /api/chat, llm: ollama, ${settings} }
  - { match: 'POST /v1/models/:model:generateContent', llm: gemini, ${settings} }
default: deny
${more}`

/** Names a time zone in which it is about noon, so that no quota of a day ends within hours. */
function zoneAtNoon(): string {
  const hours = 12 - new Date().getUTCHours()
  // The names count hours west of Greenwich.
  return hours === 0 ? 'UTC' : `Etc/GMT${hours > 0 ? '-' : '+'}${Math.abs(hours)}`
}

const perCalendar = (period: string) =>
  `limits: [{ limit: 1/${period}, algorithm: fixed-window, align: calendar, time_zone: ${zoneAtNoon()} }]`

interface Attempt {
  readonly error: unknown
  /** Number of requests that the SDK made. */
  readonly requests: number
}

/** Calls an SDK against a gateway, after a number of calls that are admitted. */
async function attempt(
  client: SdkClient,
  config: string,
  {
    earlier = 0,
    upstream = model as Parameters<typeof startTestGateway>[1],
    key = 'sk-none',
    retries = undefined as number | undefined,
  } = {},
): Promise<Attempt> {
  const { url, adminUrl } = await startTestGateway(config, upstream)
  for (let call = 0; call < earlier; call++) await client.chat(url, key)
  const error = await client.chat(url, key, retries).then(
    () => undefined,
    (error: unknown) => error,
  )
  const metrics = await (await fetch(`${adminUrl}/metrics`)).text()
  const counts = [...metrics.matchAll(/^sluice_requests_total\{.*\} (\d+)$/gm)].map(([, count]) =>
    Number(count),
  )
  return { error, requests: counts.reduce((sum, count) => sum + count, 0) - earlier }
}

/** Checks that the developer sees the sentence and the ID of the request. */
function expectShown(client: SdkClient, error: unknown, sentence: RegExp): void {
  expect(String(error)).toMatch(sentence)
  const id = client.requestIdOf(error)
  expect(id).toMatch(/^[0-9a-f-]{36}$/)
  expect(String(error)).toContain(`request ID: ${id}`)
}

describe.each(SDK_CLIENTS)('the default client of $name', (client) => {
  // An SDK that retries every 429 stops at another status.
  const stop = client.ignoresHints ? 'answers: { no_retry: { status: 403 } }' : ''

  it.runIf(client.neverRetries)('shows a short limit at once', async () => {
    const short = 'limits: [1 per 20 seconds]'
    const { error, requests } = await attempt(client, routes(short), { earlier: 1 })
    expectShown(client, error, /The limit is 1 request per 20 seconds\. .* Try again in/)
    expect(requests).toBe(1)
  })

  it.skipIf(client.neverRetries)('waits out a short limit and succeeds', async () => {
    const short = 'limits: [{ limit: 1 per 2 seconds, algorithm: fixed-window }]'
    let result = await attempt(client, routes(short), { earlier: 1 })
    // On a slow machine, the window may have passed before the second call.
    for (let tries = 1; tries < 5 && result.requests === 1; tries++)
      result = await attempt(client, routes(short), { earlier: 1 })
    expect(result).toEqual({ error: undefined, requests: 2 })
  })

  it.each(['day', 'month'])('stops at a quota of a %s and shows when it ends', async (period) => {
    const { error, requests } = await attempt(client, routes(perCalendar(period), stop), { earlier: 1 })
    expectShown(
      client,
      error,
      /The limit is 1 request per .*, at \d{4}-\d\d-\d\d 00:00 (?:UTC|Etc\/GMT[-+]\d+ .*)\./,
    )
    expect(requests).toBe(1)
    if (client.codeOf !== undefined) expect(client.codeOf(error)).toBe('insufficient_quota')
  })

  it('stops at a wait of more than a minute', async () => {
    const hourly = 'limits: [{ limit: 1/hour, algorithm: fixed-window }]'
    const { error, requests } = await attempt(client, routes(hourly, stop), { earlier: 1 })
    expectShown(client, error, /Try again in (?:1 hour|\d+ minutes)/)
    expect(requests).toBe(1)
    if (client.codeOf !== undefined) expect(client.codeOf(error)).toBe('rate_limit_exceeded')
  })

  it('stops at a request that can never be admitted', async () => {
    const oversized = "limits: [{ limit: 3/minute, cost: '5 * size(body)' }]"
    const { error, requests } = await attempt(client, routes(oversized, stop))
    expectShown(client, error, /which is more than the limit can ever hold\./)
    expect(requests).toBe(1)
  })

  it('shows why a key is rejected', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'sluice-sdk-'))
    onTestFinished(() => rm(folder, { recursive: true }))
    const keys = join(folder, 'keys.yaml')
    await writeFile(keys, `keys: [{ sha256: ${keyDigest(newKey())}, client: other }]\n`)
    const identity = `identity: { api_keys: ${keys}, api_key_headers: [x-goog-api-key] }`
    const config = routes('limits: [9/minute]', identity)
    const { error, requests } = await attempt(client, config, { key: newKey() })
    expectShown(client, error, /the API key of this request is unknown/)
    expect(requests).toBe(1)
  })

  it.each([
    ['403', `require: 'false', refuse_with: { detail: Premium access required }`, /Premium access required/],
    ['413', 'limits: [{ limit: 9/minute, of: tokens }]', /larger than 10 bytes/, 'max_body: 10'],
  ])('shows why the gateway answers %s', async (_status, settings, sentence, more = '') => {
    const { error, requests } = await attempt(client, routes(settings, more))
    expectShown(client, error, sentence)
    expect(requests).toBe(1)
  })

  it('shows why the gateway answers 404', async () => {
    const config = 'routes: [{ match: POST /v1/embeddings, llm: openai }]\ndefault: deny'
    const { error, requests } = await attempt(client, config)
    expectShown(client, error, /No route of this gateway matches the request/)
    expect(requests).toBe(1)
  })

  it('shows the cause of a 502, after its retries', async () => {
    // LangChain would retry for more than a minute.
    const retries = client.attempts > 3 ? 0 : undefined
    const options = { upstream: 'http://127.0.0.1:9', ...(retries !== undefined && { retries }) }
    const { error, requests } = await attempt(client, routes('limits: [9/minute]'), options)
    expectShown(client, error, /The upstream refused the connection/)
    expect(requests).toBe(retries === undefined ? client.attempts : 1)
  })
})

it('an SDK that ignores the retry headers still shows the reason', async () => {
  const client = SDK_CLIENTS.find(({ ignoresHints }) => ignoresHints) as SdkClient
  const { error, requests } = await attempt(client, routes(perCalendar('day')), { earlier: 1 })
  expectShown(client, error, /The limit is 1 request per day/)
  expect(requests).toBe(3)
})
