import type { RequestListener } from 'node:http'
import { describe, expect, it } from 'vitest'
import { parseMetrics } from '../../observability/metrics/prometheus-text.js'
import { serveWithWorkers } from '../../workers/worker-gateway.js'
import { gatewayOn } from '../on-store.js'
import { send, until } from '../running-gateway.js'
import { CHAT, chat, sendChat, tokensLeft } from './chat-calls.js'
import { jsonOf } from './chat-model.js'

const GENERATE = '/api/generate'
const LIMIT = "{ limit: 1000/hour, of: tokens, name: tokens, algorithm: fixed-window, by: 'header:x-client' }"
const ROUTES = `
routes:
  - match: POST ${CHAT}
    llm: openai
    limits: [${LIMIT}]
  - match: POST ${GENERATE}
    llm: ollama
    limits: [${LIMIT}]`

/** Responds with 40 bytes of plain text instead of OpenAI's shape. */
const unreadable: RequestListener = async (request, response) => {
  await jsonOf(request)
  response.end('plain text that is not in any API shape.')
}

describe('an unreadable response', () => {
  it('is charged by its size, counted in a metric and logged once per route', async () => {
    const { url, adminUrl, lines } = await gatewayOn(ROUTES, unreadable)
    for (let request = 0; request < 3; request++)
      expect((await sendChat(url, chat(10, { max_tokens: 50 }))).status).toBe(200)
    const charged = 1000 - (await tokensLeft(url))
    expect(charged).toBeGreaterThanOrEqual(3 * (10 + 8))
    expect(charged).toBeLessThanOrEqual(3 * (10 + 11))
    const metrics = parseMetrics(await (await fetch(`${adminUrl}/metrics`)).text())
    const counted = metrics.filter(({ name }) => name === 'sluice_unread_answers_total')
    expect(counted).toEqual([
      {
        name: 'sluice_unread_answers_total',
        labels: { route: `POST ${CHAT}`, reason: 'not_json' },
        value: 3,
      },
    ])
    const logged = lines.filter(({ message }) => message.includes('cannot parse a model response'))
    expect(logged).toEqual([
      {
        level: 'warn',
        message: expect.stringContaining('charged by its size'),
        fields: { route: `POST ${CHAT}`, reason: 'not_json' },
      },
    ])
  })

  it('is counted and logged by the primary if a worker receives it', async () => {
    const served = await serveWithWorkers(2, ROUTES, unreadable)
    for (let request = 0; request < 4; request++)
      expect((await sendChat(served.url, chat(10, { max_tokens: 50 }))).status).toBe(200)
    await until(async () => /sluice_unread_answers_total\{[^}]*\} 4\n/.test(await served.metrics()))
    expect(served.output.err.match(/cannot parse a model response/g)).toHaveLength(1)
  })
})

describe('an Ollama stream', () => {
  const body = JSON.stringify({ model: 'm', prompt: 'x'.repeat(40), options: { num_predict: -1 } })
  const post = (url: string) => send(url, GENERATE, { headers: { 'x-client': 'one' }, body })
  const left = async (url: string) => {
    const huge = JSON.stringify({ prompt: '', options: { num_predict: 1_000_000 } })
    const { status, headers } = await send(url, GENERATE, { headers: { 'x-client': 'one' }, body: huge })
    expect(status).toBe(429)
    return Number(/"tokens";r=(\d+)/.exec(String(headers.ratelimit))?.[1])
  }

  it('is forwarded unchanged and settled with its own counts', async () => {
    const lines = [
      { response: 'Rate', done: false },
      { response: ' limits', done: false },
      { response: '', done: true, prompt_eval_count: 12, eval_count: 5 },
    ].map((line) => `${JSON.stringify(line)}\n`)
    const { url } = await gatewayOn(ROUTES, async (request, response) => {
      await jsonOf(request)
      response.writeHead(200, { 'content-type': 'application/x-ndjson' })
      for (const line of lines) response.write(line)
      response.end()
    })
    expect((await post(url)).text).toBe(lines.join(''))
    expect(await left(url)).toBe(1000 - 17)
  })
})
