import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, it, onTestFinished } from 'vitest'
import { send, until } from '../running-gateway.js'
import { startPricedGateway } from './priced-gateway.js'

it('the metrics and the access log of a gateway contain the money that calls were charged', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'sluice-money-'))
  onTestFinished(() => rm(folder, { recursive: true, force: true }))
  const file = join(folder, 'access.jsonl')
  const gateway = await startPricedGateway(
    `models: [big]
log: { refusals: false }
access_log: { file: ${file} }
routes: [{ match: POST /v1/chat/completions, llm: openai, limits: [{ limit: 50 USD/day, of: money, by: everyone }] }]`,
    (request, response) => {
      const usage = { prompt_tokens: 100, completion_tokens: 20, total_tokens: 120 }
      const choices = [{ index: 0, message: { role: 'assistant', content: 'x' } }]
      request.resume().once('end', () => response.end(JSON.stringify({ choices, usage })))
    },
  )
  const body = (model: string) => JSON.stringify({ model, max_tokens: 50, messages: [{ content: 'x' }] })
  for (const model of ['big', 'big', 'small-1'])
    expect((await send(gateway.url, '/v1/chat/completions', { body: body(model) })).status).toBe(200)

  const read = async () => {
    const text = await (await fetch(`${gateway.adminUrl}/metrics`)).text()
    return Object.fromEntries(
      [...text.matchAll(/^sluice_money_total\{(.*)\} (\S+)$/gm)].map(([, labels, value]) => [labels, value]),
    )
  }
  await until(async () => Object.keys(await read()).length === 2)
  const labels = (model: string) => `route="POST /v1/chat/completions",model="${model}",currency="USD"`
  // Twice 100 × 0.001 + 20 × 0.01 + 1 USD, and 100 × 0.000001 + 20 × 0.000002 USD.
  expect(await read()).toEqual({ [labels('big')]: '2.6', [labels('other')]: '0.00014' })

  const costs = async () => {
    const lines = (await readFile(file, 'utf8').catch(() => '')).split('\n').filter(Boolean)
    return lines.map((line) => (JSON.parse(line) as { readonly cost?: string }).cost)
  }
  await until(async () => (await costs()).length === 3)
  expect((await costs()).toSorted()).toEqual(['0.00014 USD', '1.30 USD', '1.30 USD'])
})
