import type { RequestListener } from 'node:http'
import { describe, expect, it } from 'vitest'
import { send, startTestGateway } from '../running-gateway.js'
import { sendJson } from './chat-model.js'

/** Limits a unit of work on all paths. */
const routes = (unit: string, llm: string, match = 'POST /*') =>
  `routes: [{ match: '${match}', llm: ${llm}, limits: [{ limit: 10/hour, of: ${unit}, algorithm: fixed-window }] }]`

const IMAGES = '/v1/images/generations'
const INFER = '/v2/models/resnet/infer'
const answer: RequestListener = (request, response) => {
  request.resume()
  sendJson(response, { data: [], outputs: [] })
}

async function call(url: string, path: string, body: object) {
  const { status, headers, text } = await send(url, path, { body: JSON.stringify(body) })
  return { status, left: Number(/r=(\d+)/.exec(String(headers.ratelimit))?.[1]), text }
}

const infer = (rows: number) => ({ inputs: [{ name: 'x', shape: [rows, 4], datatype: 'FP32', data: [] }] })

describe('a limit of images', () => {
  it('counts the images that a request asks for', async () => {
    const { url } = await startTestGateway(routes('images', 'auto'), answer)
    expect(await call(url, IMAGES, { prompt: 'x', n: 4 })).toMatchObject({ status: 200, left: 6 })
    const refused = await call(url, IMAGES, { prompt: 'x', n: 7 })
    expect(refused.status).toBe(429)
    expect(JSON.parse(refused.text).detail).toContain('This request takes 7 images, but only 6 are left.')
    expect(await call(url, IMAGES, { prompt: 'x' })).toMatchObject({ status: 200, left: 5 })
  })

  it('counts the images of each path of a route', async () => {
    const match = `[POST /v1/chat/completions, POST ${IMAGES}]`
    const { url } = await startTestGateway(routes('images', 'openai', match).replaceAll("'", ''), answer)
    expect(await call(url, '/v1/chat/completions', { messages: [] })).toMatchObject({ status: 200, left: 10 })
    expect(await call(url, IMAGES, { prompt: 'x', n: 4 })).toMatchObject({ status: 200, left: 6 })
  })

  it('does not count calls without images, and refuses paths of no known API', async () => {
    const { url } = await startTestGateway(routes('images', 'auto'), answer)
    expect(await call(url, '/v1/moderations', { input: 'x' })).toMatchObject({ status: 200, left: 10 })
    expect((await call(url, '/v1/videos', { prompt: 'x' })).status).toBe(400)
  })

  it('refunds the images of a request that the upstream rejects', async () => {
    const { url } = await startTestGateway(routes('images', 'openai-images'), (request, response) => {
      request.resume()
      sendJson(response, { error: { message: 'blocked' } }, 400)
    })
    for (let calls = 0; calls < 3; calls += 1)
      expect(await call(url, IMAGES, { prompt: 'x', n: 9 })).toMatchObject({ status: 400, left: 1 })
  })
})

describe('a limit of rows', () => {
  it('counts the first dimension of the first input of an inference request', async () => {
    const { url } = await startTestGateway(routes('rows', 'kserve', 'POST /v2/models/:model/infer'), answer)
    expect(await call(url, INFER, infer(8))).toMatchObject({ status: 200, left: 2 })
    expect((await call(url, INFER, infer(3))).status).toBe(429)
    expect((await call(url, INFER, infer(11))).status).toBe(429)
  })

  it('counts its own cost if it has one, and one per request of an API without rows', async () => {
    const own = `routes: [{ match: POST ${INFER}, llm: kserve, limits: [{ limit: 10/hour, of: rows, cost: 2 }] }]`
    const { url } = await startTestGateway(own, answer)
    expect(await call(url, INFER, infer(8))).toMatchObject({ status: 200, left: 8 })
    const chat = routes('rows', 'openai', 'POST /v1/chat/completions')
    const other = await startTestGateway(chat, answer)
    expect(await call(other.url, '/v1/chat/completions', { messages: [] })).toMatchObject({ left: 9 })
  })
})

it('a limit of characters counts the text to speak', async () => {
  const { url } = await startTestGateway(
    routes('characters', 'openai', 'POST /v1/audio/speech'),
    (_, response) => {
      response.setHeader('content-type', 'audio/mpeg')
      response.end('audio')
    },
  )
  expect(await call(url, '/v1/audio/speech', { input: 'Hello' })).toMatchObject({ status: 200, left: 5 })
})
