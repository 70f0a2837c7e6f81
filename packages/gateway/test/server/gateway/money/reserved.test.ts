import type { ServerResponse } from 'node:http'
import { expect, it } from 'vitest'
import { send, until } from '../running-gateway.js'
import { CHAT, chat, sendChat } from '../tokens/chat-calls.js'
import { usageEvent } from '../tokens/chat-model.js'
import { startPricedGateway } from './priced-gateway.js'

const ROUTE = `routes:
  - match: POST ${CHAT}
    llm: openai
    limits:
      - { name: money, limit: 20 USD/day, of: money, by: ip }
      - { name: warned, limit: 100k/day, of: tokens, by: ip, algorithm: fixed-window, warn: [80%] }
      - { name: tokens, limit: 100k/day, of: tokens, by: ip }
`

it('clients see what their open calls reserve, as JSON and on the page, until the calls are settled', async () => {
  const open: ServerResponse[] = []
  const { url } = await startPricedGateway(ROUTE, (request, response) => {
    request.resume()
    response.writeHead(200, { 'content-type': 'text/event-stream' }).flushHeaders()
    open.push(response)
  })
  const read = async () => {
    const { text } = await send(url, '/usage', { method: 'GET' })
    const { rules } = JSON.parse(text) as { rules: { rule: string; used: unknown; reserved?: unknown }[] }
    return rules.map(({ rule, used, reserved }) => [rule, used, reserved])
  }
  const page = async () =>
    (await send(url, '/usage', { method: 'GET', headers: { accept: 'text/html' } })).text

  const calls = [1, 2].map(() => sendChat(url, chat(100, { model: 'big', stream: true, max_tokens: 50 })))
  await until(() => open.length === 2)
  // 100 input tokens at the price of cache writes, 50 output tokens at that of reasoning, 1 USD a call.
  expect(await read()).toEqual([
    ['money', '4.40', '4.40'],
    ['warned', 300, 300],
    ['tokens', 300, undefined],
  ])
  expect(await page()).toContain('<p>4.40 USD used (4.40 USD reserved), limit 20 USD/day</p>')
  expect(await page()).toContain('<p>300 used (300 reserved), limit 100000/day</p>')

  open[0]?.end(`${usageEvent({ prompt_tokens: 90, completion_tokens: 7 })}data: [DONE]\n\n`)
  await until(async () => (await read())[0]?.[2] === '2.20')
  expect(await read()).toEqual([
    ['money', '3.36', '2.20'],
    ['warned', 247, 150],
    ['tokens', 247, undefined],
  ])
  open[1]?.end(`${usageEvent({ prompt_tokens: 90, completion_tokens: 7 })}data: [DONE]\n\n`)
  await Promise.all(calls)
  await until(async () => (await read())[0]?.[2] === '0')
  expect(await read()).toEqual([
    ['money', '2.32', '0'],
    ['warned', 194, 0],
    ['tokens', 194, undefined],
  ])
  expect(await page()).toContain('<p>2.32 USD used, limit 20 USD/day</p>')
})
