import type { IncomingMessage, ServerResponse } from 'node:http'
import { expect, it } from 'vitest'
import { describeConfig } from '../../../src/policy/config/describe-config.js'
import { send, startTestGateway, until } from './running-gateway.js'

const fileWith = (queue: number) => `limits:
  - { concurrent: 1, by: everyone, wait: 60s, queue: ${queue}, fair: header:x-tenant }
routes:
  - match: POST /predict
  - { match: POST /v1/chat/completions, llm: { shape: openai, default_output: 100 } }
`

/** A response of a model that wrote as many tokens as the tenant's name says. */
const completion = (tokens: number) =>
  JSON.stringify({
    choices: [{ message: { role: 'assistant', content: 'ok' } }],
    usage: { prompt_tokens: 10, completion_tokens: tokens, total_tokens: 10 + tokens },
  })

/** Starts a gateway whose upstream responds only when the test says so. */
async function startWith(queue: number, tokens: Readonly<Record<string, number>> = {}) {
  const pending: { readonly tenant: string; readonly response: ServerResponse }[] = []
  const order: string[] = []
  const { url, adminUrl, configOf } = await startTestGateway(
    fileWith(queue),
    (request: IncomingMessage, response) => {
      const tenant = String(request.headers['x-tenant'])
      order.push(tenant)
      request.resume()
      pending.push({ tenant, response })
    },
  )
  const waiting = async () => {
    const { text } = await send(adminUrl, '/metrics', { method: 'GET' })
    const counts = [...text.matchAll(/sluice_waiting_requests\{.*\} (\d+)\n/g)]
    return counts.reduce((sum, [, count]) => sum + Number(count), 0)
  }
  const answers: { readonly tenant: string; readonly answer: ReturnType<typeof send> }[] = []
  const post = (tenant: string, path = '/predict') => {
    const headers = { 'x-tenant': tenant, 'content-type': 'application/json' }
    answers.push({ tenant, answer: send(url, path, { headers, body: '{"messages":[]}' }) })
  }
  return {
    order,
    answers,
    configOf,
    post,
    /** Sends a request, and waits until it has reached the upstream or the line. */
    async arrive(tenant: string, path?: string) {
      const before = order.length + (await waiting())
      post(tenant, path)
      await until(async () => order.length + (await waiting()) === before + 1)
    },
    async serve(requests: number) {
      for (let number = 0; number < requests; number++) {
        await until(() => pending.length === 1)
        const { tenant, response } = pending.shift() as (typeof pending)[number]
        response.setHeader('content-type', 'application/json').end(completion(tokens[tenant] ?? 1))
      }
      return Promise.all(answers.map(async ({ tenant, answer }) => [tenant, (await answer).status] as const))
    },
  }
}

it('the gateway serves tenants in turn while one of them floods it', async () => {
  const { arrive, serve, order } = await startWith(100)
  for (let number = 0; number < 6; number++) await arrive('flood')
  await arrive('quiet')
  await arrive('quiet')
  const answers = await serve(8)
  expect(order).toEqual(['flood', 'quiet', 'flood', 'quiet', 'flood', 'flood', 'flood', 'flood'])
  expect(answers.every(([, status]) => status === 200)).toBe(true)
})

it('the gateway charges the tokens of model calls, so that long responses are served less often', async () => {
  const { arrive, serve, order } = await startWith(100, { long: 1_000, short: 100 })
  const path = '/v1/chat/completions'
  await arrive('first', path)
  for (let number = 0; number < 4; number++) await arrive('long', path)
  for (let number = 0; number < 12; number++) await arrive('short', path)
  await serve(17)
  // 10 + 2 · 1,000 units for each long call, and 10 + 2 · 100 for each short one.
  expect(order.slice(0, 12)).toEqual(['first', 'long', ...Array(10).fill('short')])
})

it('a full line gives a place of the longest queue to another tenant, with 503 for its last request', async () => {
  const { arrive, post, serve, answers, order } = await startWith(4)
  await arrive('first')
  for (let number = 0; number < 4; number++) await arrive('flood')
  // The line keeps its length: the last request of the flood leaves for each of the others.
  const refused = []
  for (const [index, tenant] of ['quiet', 'calm'].entries()) {
    post(tenant)
    refused.push(await answers[4 - index]?.answer)
  }
  expect(refused.map((each) => each?.status)).toEqual([503, 503])
  expect(Number(refused[0]?.headers['retry-after'])).toBeGreaterThanOrEqual(1)
  expect(JSON.parse(refused[0]?.text ?? '')).toMatchObject({ reason: 'busy' })
  const statuses = await serve(5)
  expect(order).toEqual(['first', 'flood', 'quiet', 'calm', 'flood'])
  expect(statuses.filter(([, status]) => status === 503).map(([tenant]) => tenant)).toEqual([
    'flood',
    'flood',
  ])
})

it('check says between whom a limit is fair', async () => {
  const { configOf } = await startWith(4)
  expect(describeConfig(configOf(fileWith(4))).join('\n')).toContain(
    'waits up to 1 minute, fair by header:x-tenant',
  )
})
