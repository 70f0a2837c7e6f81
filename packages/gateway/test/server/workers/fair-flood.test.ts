import { setTimeout as delay } from 'node:timers/promises'
import { expect, it } from 'vitest'
import { SERVER_PRESETS } from '../../../src/replay/server/presets.js'
import { send, until } from '../gateway/running-gateway.js'
import { modelServerUpstream } from './model-server-upstream.js'
import { serveWithWorkers } from './worker-gateway.js'

const SLOTS = 8
const PLACES = 40
/** Requests of the flood at any time: four times what the server runs. */
const FLOOD = 4 * SLOTS
const BEHAVED = Array.from({ length: 9 }, (_, index) => `tenant-${index + 1}`)
/** Requests of each other tenant: at any time, and in all. */
const AT_ONCE = 2
const REQUESTS = 5
/** How long a client of the flood waits after a refusal, so that it leaves the processor to others. */
const PAUSE_MS = 100

const LIMITS = `limits:
  - { concurrent: ${SLOTS}, by: everyone, wait: 60s, queue: ${PLACES}, fair: header:x-tenant }
routes:
  - { match: POST /v1/chat/completions, llm: { shape: openai, default_output: 24 } }
`

interface Answer {
  readonly status: number
  readonly text: string
  readonly retryAfter: number
}

it('two workers in front of a model server refuse no request of nine tenants while a tenth floods them', async () => {
  const figures = { ...SERVER_PRESETS['llama-3.1-8b-a100'], maxSeqs: SLOTS }
  const upstream = modelServerUpstream(figures, { input: 200, output: 24 })
  const gateway = await serveWithWorkers(
    2,
    LIMITS,
    (request, response) => void upstream.listener(request, response),
  )
  const ask = async (tenant: string): Promise<Answer> => {
    const headers = { 'x-tenant': tenant }
    const body = JSON.stringify({ stream: true, messages: [{ role: 'user', content: 'x'.repeat(800) }] })
    const { status, text, headers: own } = await send(gateway.url, '/v1/chat/completions', { headers, body })
    return { status, text, retryAfter: Number(own['retry-after']) }
  }
  const answersOf = async (tenant: string, atOnce: number, hasMore: (sent: number) => boolean) => {
    const answers: Answer[] = []
    let sent = 0
    const client = async () => {
      while (hasMore(sent++)) {
        const answer = await ask(tenant)
        answers.push(answer)
        if (answer.status !== 200) await delay(PAUSE_MS)
      }
    }
    await Promise.all(Array.from({ length: atOnce }, client))
    return answers
  }
  let isOver = false
  const flooding = answersOf('flood', FLOOD, () => !isOver)
  await until(() => (upstream.begun.get('flood') ?? 0) > 0)
  let begunThen: ReadonlyMap<string, number> | undefined
  const behaving = BEHAVED.map(async (tenant) => {
    const answers = await answersOf(tenant, AT_ONCE, (sent) => sent < REQUESTS)
    begunThen ??= new Map(upstream.begun)
    return answers
  })
  const behaved = (await Promise.all(behaving)).flat()
  isOver = true
  const flood = await flooding

  expect(behaved).toHaveLength(BEHAVED.length * REQUESTS)
  expect(behaved.filter(({ status }) => status !== 200)).toEqual([])
  const refused = flood.filter(({ status }) => status !== 200)
  expect(refused.length).toBeGreaterThan(0)
  for (const { status, text, retryAfter } of refused) {
    expect(status).toBe(503)
    expect(retryAfter).toBeGreaterThanOrEqual(1)
    expect(JSON.parse(text)).toMatchObject({ reason: 'busy' })
  }
  for (const { text } of [...behaved, ...flood.filter(({ status }) => status === 200)]) {
    expect(text.match(/word/g)).toHaveLength(24)
    expect(text.trimEnd().endsWith('data: [DONE]')).toBe(true)
  }
  // Seven of ten requests are those of the flood. Until the first of the others was done, it got
  // its tenth, and what these did not ask for.
  const served = begunThen ?? new Map<string, number>()
  const others = BEHAVED.reduce((sum, tenant) => sum + (served.get(tenant) ?? 0), 0)
  expect(served.get('flood') ?? 0).toBeLessThan(others / 2 + SLOTS)
  expect(upstream.cancelled).toBe(0)
  await until(async () => /^sluice_waiting_requests\{.*\} 0$/m.test(await gateway.metrics()))
  expect(upstream.server.inFlight).toBe(0)
})
