import type { RequestListener } from 'node:http'
import { describe, expect, it } from 'vitest'
import type { SpendReport } from '../../../src/server/admin/api/spend-report.js'
import { startPricedGateway, usedOf } from '../gateway/money/priced-gateway.js'
import { send, until } from '../gateway/running-gateway.js'
import { CHAT, chat, sendChat } from '../gateway/tokens/chat-calls.js'
import { chatModel, sendJson, usageEvent, wordEvent } from '../gateway/tokens/chat-model.js'

const MONEY = '{ limit: 50 USD/day, of: money, name: money, by: ip }'
const ROUTES = `routes:
  - { match: POST ${CHAT}, llm: openai, limits: [${MONEY}, { limit: 90 USD/day, of: money, name: all, by: everyone }] }
  - { match: POST /predict, limits: [{ limit: 9 USD/day, of: money, cost: 0.25 }, { limit: 9 EUR/day, of: money, cost: 0.5, by: everyone }] }
  - { match: POST /free, allow: [127.0.0.1], llm: openai-chat, limits: [${MONEY}] }
`
const BODY = { model: 'big', max_tokens: 20 }

/** Starts a gateway, and returns its report once it has the spend of a number of requests. */
async function spending(upstream: RequestListener, text = '') {
  const { url, adminUrl } = await startPricedGateway(`${text}${ROUTES}`, upstream)
  const report = async () => (await (await fetch(`${adminUrl}/api/spend?by=model`)).json()) as SpendReport
  return {
    url,
    async spent(requests: number) {
      const count = ({ totals }: SpendReport) => totals.reduce((sum, each) => sum + each.requests, 0)
      await until(async () => count(await report()) >= requests)
      return report()
    },
  }
}

const answering = (status: number): RequestListener => {
  return (request, response) => void request.resume().once('end', () => sendJson(response, {}, status))
}

describe('the spend of a call equals what is charged', () => {
  it('if its stream is cut after any event, also after its usage', async () => {
    const words = ['Limits', ' are', ' kind']
    let calls = 0
    const { url, spent } = await spending((request, response) => {
      request.resume()
      response.writeHead(200, { 'content-type': 'text/event-stream' })
      const delivered = calls++
      for (const word of words.slice(0, delivered)) response.write(wordEvent(word))
      if (delivered > words.length) response.write(usageEvent({ prompt_tokens: 7, completion_tokens: 9 }))
      response.write(': end\n\n', () => response.destroy())
    })
    for (let call = 0; call <= words.length + 1; call++)
      await sendChat(url, chat(100, { ...BODY, stream: true })).catch(() => {})
    const { rows } = await spent(5)
    expect(`${rows[0]?.amount} USD`).toBe(await usedOf(url))
    expect(rows[0]).toMatchObject({ name: 'big', requests: 5, inputTokens: 407 })
  })

  it('if the upstream never tells the usage: the worst case', async () => {
    let calls = 0
    const { url, spent } = await spending((request, response) => {
      request.resume()
      if (calls++ === 0) return sendJson(response, { error: { message: 'timeout' } }, 504)
      response.writeHead(200, { 'content-type': 'application/json', 'content-length': 1000 })
      response.write('{"choices":[', () => response.destroy())
    })
    for (let call = 0; call < 2; call++) await sendChat(url, chat(100, BODY)).catch(() => {})
    const { rows } = await spent(2)
    // 100 input tokens at the price of cache writes, 20 output tokens at that of reasoning.
    expect(rows).toMatchObject([{ amount: '3.20', requests: 2, inputTokens: 200, outputTokens: 40 }])
    expect(await usedOf(url)).toBe('3.20 USD')
  })

  it('if a default output was reduced to the limit', async () => {
    const { url, spent } = await spending(answering(504))
    await sendChat(url, chat(100, { model: 'big' }))
    const { rows } = await spent(1)
    expect(`${rows[0]?.amount} USD`).toBe(await usedOf(url))
  })

  it('if the upstream does no work: nothing, and the request is not counted', async () => {
    const model = chatModel({ words: ['Hi'], usage: { prompt_tokens: 10, completion_tokens: 1 } })
    let calls = 0
    const { url, spent } = await spending((request, response) =>
      calls++ < 2 ? answering(calls === 1 ? 503 : 400)(request, response) : model.listener(request, response),
    )
    for (let call = 0; call < 3; call++) await sendChat(url, chat(10, BODY))
    const { rows } = await spent(1)
    expect(rows).toMatchObject([{ amount: '1.02', requests: 1, inputTokens: 10, outputTokens: 1 }])
    expect(await usedOf(url)).toBe('1.02 USD')
  })
})

describe('a request with a fixed cost', () => {
  it('is counted in each currency, once for each', async () => {
    const { url, spent } = await spending(answering(200))
    await send(url, '/predict')
    const { rows } = await spent(2)
    expect(rows.map(({ name, amount, currency }) => [name, amount, currency])).toEqual([
      ['', '0.50', 'EUR'],
      ['', '0.25', 'USD'],
    ])
  })

  it('is not counted if the upstream does no work', async () => {
    let calls = 0
    const { url, spent } = await spending((request, response) =>
      answering(calls++ === 0 ? 500 : 200)(request, response),
    )
    expect([(await send(url, '/predict')).status, (await send(url, '/predict')).status]).toEqual([500, 200])
    expect((await spent(2)).totals.map(({ requests }) => requests)).toEqual([1, 1])
  })
})

it('a client that no limit applies to is not counted', async () => {
  const model = chatModel({ words: ['Hi'], usage: { prompt_tokens: 10, completion_tokens: 1 } })
  const { url, spent } = await spending(model.listener)
  expect((await send(url, '/free', { body: JSON.stringify(chat(10, BODY)) })).status).toBe(200)
  await sendChat(url, chat(10, BODY))
  expect((await spent(1)).totals).toMatchObject([{ requests: 1 }])
})

it('an invalid question gets a 400 with one error', async () => {
  const { adminUrl } = await startPricedGateway(ROUTES, answering(200))
  const response = await fetch(`${adminUrl}/api/spend?by=Team`)
  expect([response.status, await response.json()]).toEqual([
    400,
    { error: "'by' must be client, model, route, day or the name of a label, such as team" },
  ])
})
