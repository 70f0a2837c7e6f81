import { describe, expect, it } from 'vitest'
import { send } from '../running-gateway.js'
import { CHAT, chat, sendChat } from '../tokens/chat-calls.js'
import { chatModel } from '../tokens/chat-model.js'
import { startPricedGateway, usedOf } from './priced-gateway.js'

const MONEY = '{ limit: 20 USD/day, of: money, name: money, by: ip }'
const CALLS = `routes:
  - { match: POST ${CHAT}, llm: openai, limits: [${MONEY}, { limit: 10k/day, of: tokens, name: tokens, by: ip }] }
  - { match: POST /v1/messages, llm: anthropic, limits: [${MONEY}] }
  - { match: POST /v1/responses, llm: openai, limits: [${MONEY}] }
`
const model = () => chatModel({ words: ['Hi'], usage: { prompt_tokens: 10, completion_tokens: 1 } })

describe('a model without a price', () => {
  it.each<[string, object, string]>([
    ['an unknown model', { model: 'hu"ge\n' }, "the model 'hu\"ge\n' has no price"],
    ['a long name', { model: 'x'.repeat(5000) }, `the model '${'x'.repeat(40)}' has no price`],
    ['no model', { model: undefined }, 'a request without a model has no price'],
  ])('is refused before it is charged: %s', async (_, body, message) => {
    const upstream = model()
    const { url } = await startPricedGateway(CALLS, upstream.listener)
    const { status, text } = await sendChat(url, chat(10, body))
    const detail = `${message}, so it cannot be charged to the limit on money`
    expect([status, JSON.parse(text)]).toMatchObject([
      400,
      {
        ...{ detail, code: 'model_not_priced' },
        error: { type: 'invalid_request_error', code: 'model_not_priced' },
      },
    ])
    expect([await usedOf(url), await usedOf(url, 'tokens')]).toEqual(['0 USD', '0'])
    expect(upstream.requests).toEqual([])
  })

  it('is refused in the format of the API of its route', async () => {
    const { url } = await startPricedGateway(CALLS, model().listener)
    const body = JSON.stringify(chat(10, { model: 'huge', max_tokens: 1 }))
    const { status, text } = await send(url, '/v1/messages', { body })
    expect(status).toBe(400)
    expect(JSON.parse(text).error).toMatchObject({
      type: 'invalid_request_error',
      message: expect.stringContaining("the model 'huge' has no price"),
    })
  })

  it('has the highest of each price with unknown_model: dearest', async () => {
    const { url } = await startPricedGateway(`unknown_model: dearest\n${CALLS}`, model().listener)
    expect((await sendChat(url, chat(10, { model: 'huge', max_tokens: 1 }))).status).toBe(200)
    expect(await usedOf(url)).toBe('1.02 USD')
    expect((await sendChat(url, chat(10, { model: undefined, max_tokens: 1 }))).status).toBe(200)
    expect(await usedOf(url)).toBe('2.04 USD')
  })
})

it('work in the background, whose cost is never reported, is refused', async () => {
  const { url } = await startPricedGateway(CALLS, model().listener)
  const body = JSON.stringify({ model: 'big', input: 'Hi', background: true })
  const { status, text } = await send(url, '/v1/responses', { body })
  expect([status, JSON.parse(text).code]).toEqual([400, 'background_not_priced'])
})

describe('an API without prices', () => {
  const SHARED = `limits: [${MONEY}]
routes:
  - { match: POST ${CHAT}, llm: openai }
  - { match: /v1/files, unpriced: allow, limits: [60/minute] }
  - { match: /open/*, allow: [127.0.0.1], limits: [60/minute] }
`

  it.each([
    ['/v1/batches', 403],
    ['/v1/files/file-1/content', 403],
    ['/v1/fine_tuning/jobs', 403],
    ['/v1/realtime/sessions', 403],
    ['/v1/audio/speech', 403],
    ['/v1/images/generations', 403],
    ['/V1/Images/generations', 403],
    ['/proxy/v1/embeddings', 403],
    ['/v1/responses', 403],
    ['/v1/messages/batches', 403],
    ['/v1beta/files', 403],
    ['/openai/deployments/a/chat/completions', 403],
    ['/v1/%62atches', 403],
    ['/v1/files', 200],
    ['/open/v1/images/generations', 200],
    ['/v1beta/models/gemini-pro:generateContent', 403],
    ['/v1beta/models/gemini-pro:batchGenerateContent', 403],
    ['/model/nova-lite/converse', 403],
    ['/model/nova-lite/invoke-with-response-stream', 403],
    ['/v2/rerank', 403],
    ['/v1beta/models/gemini-pro:countTokens', 200],
    ['/v1/moderations', 200],
    ['/v2/models/resnet/infer', 200],
    ['/v1/models', 200],
    ['/predict', 200],
  ])(
    'is refused where a limit of all routes cannot charge it: %s is answered with %d',
    async (path, status) => {
      const { url } = await startPricedGateway(SHARED)
      const response = await send(url, path, { body: '{}' })
      expect(response.status).toBe(status)
      if (status === 403)
        expect(JSON.parse(response.text)).toMatchObject({
          code: 'api_not_priced',
          detail:
            'The cost of this API cannot be charged to the limit on money of this gateway, so it cannot be used here.',
        })
    },
  )

  it('is charged on a route whose llm meters it', async () => {
    const { url } = await startPricedGateway(
      `limits: [${MONEY}]\nroutes: [{ match: POST /*, llm: auto, limits: [60/minute] }]`,
    )
    const body = JSON.stringify({ model: 'painter', prompt: 'x', n: 2 })
    expect((await send(url, '/v1/images/generations', { body })).status).toBe(200)
    expect(await usedOf(url)).toBe('0.08 USD')
    const batches = await send(url, '/v1/batches', { body: '{}' })
    expect([batches.status, JSON.parse(batches.text).code]).toEqual([403, 'api_not_priced'])
    const unknown = await send(url, '/v1/predict', { body: '{}' })
    expect([unknown.status, unknown.text]).toEqual([400, expect.stringContaining('belongs to no known API')])
  })

  it('is forwarded without a limit on money', async () => {
    const { url } = await startPricedGateway('default: { limits: [60/minute] }')
    expect((await send(url, '/v1/batches', { body: '{}' })).status).toBe(200)
  })

  it('is forwarded where the limit has a cost of its own, which is charged', async () => {
    const { url } = await startPricedGateway(
      'limits: [{ limit: 1 USD/day, of: money, name: money, by: ip, cost: 0.25 }]',
    )
    for (const status of [200, 200, 200, 200, 429])
      expect((await send(url, '/v1/images/generations', { body: '{}' })).status).toBe(status)
    expect(await usedOf(url)).toBe('1 USD')
  })

  it('is charged the result of an expression, rounded up to 10^-9 of the currency', async () => {
    const { url } = await startPricedGateway(
      "default: { limits: [{ limit: 1 USD/day, of: money, name: money, by: ip, cost: 'size(body.rows) * 0.1' }] }",
    )
    await send(url, '/predict', { body: '{"rows":[1,2,3]}' })
    expect(await usedOf(url)).toBe('0.30 USD')
    const { status, text } = await send(url, '/predict', { body: '{"rows":[1,2,3,4,5,6,7,8]}' })
    expect([status, JSON.parse(text).detail]).toEqual([
      429,
      expect.stringContaining('This request takes 0.80 USD, but only 0.70 USD is left.'),
    ])
  })
})
