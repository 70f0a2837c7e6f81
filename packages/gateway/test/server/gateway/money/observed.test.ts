import { mkdtemp, readFile, rm } from 'node:fs/promises'
import type { RequestListener } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, it, onTestFinished } from 'vitest'
import { send, until } from '../running-gateway.js'
import { startPricedGateway } from './priced-gateway.js'

/** Starts a gateway whose metrics and access log can be read. */
async function observed(routes: string, upstream: RequestListener) {
  const folder = await mkdtemp(join(tmpdir(), 'sluice-money-'))
  onTestFinished(() => rm(folder, { recursive: true, force: true }))
  const file = join(folder, 'access.jsonl')
  const gateway = await startPricedGateway(
    `models: [big]
log: { refusals: false }
access_log: { file: ${file} }
routes: [${routes}]`,
    upstream,
  )
  return {
    url: gateway.url,
    async money() {
      const text = await (await fetch(`${gateway.adminUrl}/metrics`)).text()
      const found = text.matchAll(/^sluice_money_total\{(.*)\} (\S+)$/gm)
      return Object.fromEntries([...found].map(([, labels, value]) => [labels, value]))
    },
    async costs() {
      const lines = (await readFile(file, 'utf8').catch(() => '')).split('\n').filter(Boolean)
      return lines.map((line) => (JSON.parse(line) as { readonly cost?: string }).cost).toSorted()
    },
  }
}

const CHAT = 'POST /v1/chat/completions'
const MONEY = '{ limit: 50 USD/day, of: money, by: everyone }'

it('the metrics and the access log of a gateway contain the money that calls were charged', async () => {
  const gateway = await observed(
    `{ match: ${CHAT}, llm: openai, limits: [${MONEY}] }`,
    (request, response) => {
      const usage = { prompt_tokens: 100, completion_tokens: 20, total_tokens: 120 }
      const choices = [{ index: 0, message: { role: 'assistant', content: 'x' } }]
      request.resume().once('end', () => response.end(JSON.stringify({ choices, usage })))
    },
  )
  const body = (model: string) => JSON.stringify({ model, max_tokens: 50, messages: [{ content: 'x' }] })
  for (const model of ['big', 'big', 'small-1'])
    expect((await send(gateway.url, '/v1/chat/completions', { body: body(model) })).status).toBe(200)

  await until(async () => Object.keys(await gateway.money()).length === 2)
  const labels = (model: string) => `route="${CHAT}",model="${model}",currency="USD"`
  // Twice 100 × 0.001 + 20 × 0.01 + 1 USD, and 100 × 0.000001 + 20 × 0.000002 USD.
  expect(await gateway.money()).toEqual({ [labels('big')]: '2.6', [labels('other')]: '0.00014' })

  await until(async () => (await gateway.costs()).length === 3)
  expect(await gateway.costs()).toEqual(['0.00014 USD', '1.30 USD', '1.30 USD'])
})

it('they contain the reservation that stays charged for a call whose usage is unknown', async () => {
  const gateway = await observed(
    `{ match: ${CHAT}, llm: openai, limits: [${MONEY}] }`,
    (request, response) => {
      response.statusCode = 504
      request.resume().once('end', () => response.end('{"error":{"message":"timeout"}}'))
    },
  )
  const body = JSON.stringify({ model: 'big', max_tokens: 20, messages: [{ content: 'x'.repeat(400) }] })
  expect((await send(gateway.url, '/v1/chat/completions', { body })).status).toBe(504)
  await until(async () => (await gateway.costs()).length === 1)
  // 100 input tokens at the price of cache writes, 20 output tokens at that of reasoning, and the request.
  expect(await gateway.costs()).toEqual(['1.60 USD'])
  expect(await gateway.money()).toEqual({ [`route="${CHAT}",model="big",currency="USD"`]: '1.6' })
})

it('they contain the price of a call without tokens', async () => {
  const infer = 'POST /v2/models/:model/infer'
  const gateway = await observed(
    `{ match: "${infer}", llm: kserve-infer, limits: [${MONEY}] }`,
    (request, response) => {
      const outputs = [{ name: 'y', datatype: 'FP32', shape: [1], data: [0.5] }]
      request.resume().once('end', () => response.end(JSON.stringify({ outputs })))
    },
  )
  const inputs = [{ name: 'x', datatype: 'FP32', shape: [1, 2], data: [0.25, 0.5] }]
  const body = JSON.stringify({ inputs })
  expect((await send(gateway.url, '/v2/models/big/infer', { body })).status).toBe(200)
  await until(async () => (await gateway.costs()).length === 1)
  expect(await gateway.costs()).toEqual(['1 USD'])
  expect(await gateway.money()).toEqual({ [`route="${infer}",model="big",currency="USD"`]: '1' })
})
