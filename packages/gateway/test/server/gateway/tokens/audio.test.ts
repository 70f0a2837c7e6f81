import type { RequestListener } from 'node:http'
import { describe, expect, it } from 'vitest'
import { wavFile } from '../../../policy/llm/wav-file.js'
import { send, startTestGateway } from '../running-gateway.js'
import { sendJson } from './chat-model.js'

// The answers follow the published schema: https://platform.openai.com/docs/api-reference/audio.

const PATH = '/v1/audio/transcriptions'
const routes = (unit = 'audio_seconds', limit = 100) =>
  `routes: [{ match: POST /*, llm: auto, limits: [{ limit: ${limit}/hour, of: ${unit}, algorithm: fixed-window }] }]`

/** Sends a file of ten seconds, whose length is estimated as eleven because of its header. */
async function transcribe(url: string, fields: Readonly<Record<string, string>> = {}, seconds = 10) {
  const form = new FormData()
  form.append('file', new Blob([new Uint8Array(wavFile(8000, seconds))]), 'speech.wav')
  for (const [name, value] of Object.entries(fields)) form.append(name, value)
  const response = await fetch(url + PATH, { method: 'POST', body: form })
  return { status: response.status, text: await response.text() }
}

/** Returns the units that are left, which a request without them reports. */
async function left(url: string): Promise<number> {
  const { headers } = await send(url, '/v1/messages/count_tokens', { body: '{}' })
  return Number(/r=(\d+)/.exec(String(headers.ratelimit))?.[1])
}

const answering =
  (answer: object, status = 200): RequestListener =>
  (request, response) => {
    request.resume()
    sendJson(response, answer, status)
  }

describe('a limit of audio seconds', () => {
  it.each<[string, object, number]>([
    ['its usage', { text: 'Hello', usage: { type: 'duration', seconds: 9.5 } }, 90],
    ['its duration', { text: 'Hello', duration: '7.2', segments: [] }, 92],
    ['nothing', { text: 'Hello' }, 89],
    ['an invalid usage', { text: 'Hello', usage: { seconds: -1 } }, 89],
  ])('is charged the length of the file, settled with %s of the answer', async (_, answer, remaining) => {
    const { url } = await startTestGateway(routes(), answering(answer))
    expect((await transcribe(url, { model: 'whisper-1' })).status).toBe(200)
    expect(await left(url)).toBe(remaining)
  })

  it('refuses a file that is longer than what is left, and refunds one that the upstream rejects', async () => {
    const { url } = await startTestGateway(routes(), answering({ error: { message: 'no' } }, 400))
    expect((await transcribe(url)).status).toBe(400)
    expect(await left(url)).toBe(100)
    const { status, text } = await transcribe(url, {}, 200)
    expect(status).toBe(429)
    expect(JSON.parse(text).detail).toContain('201 audio seconds')
  })

  it('forwards the body unchanged', async () => {
    const sent: Buffer[] = []
    const { url } = await startTestGateway(routes(), async (request, response) => {
      for await (const chunk of request) sent.push(chunk)
      sendJson(response, { text: 'Hello' })
    })
    await transcribe(url, { model: 'whisper-1' })
    const body = Buffer.concat(sent)
    expect(body.includes(wavFile(8000, 10))).toBe(true)
    expect(body.includes('whisper-1')).toBe(true)
  })

  it('refuses bodies that are not one form with one file', async () => {
    const { url } = await startTestGateway(routes(), answering({ text: 'x' }))
    expect((await send(url, PATH, { body: '{}' })).status).toBe(415)
    const twice = new FormData()
    for (const name of ['a', 'b']) twice.append('file', new Blob([name]), name)
    expect((await fetch(url + PATH, { method: 'POST', body: twice })).status).toBe(400)
    expect((await fetch(url + PATH, { method: 'POST', body: new FormData() })).status).toBe(400)
    expect(await left(url)).toBe(100)
  })
})

describe('a limit of tokens', () => {
  it('counts what the answer of a transcription reports', async () => {
    const usage = { type: 'tokens', input_tokens: 103, output_tokens: 12, total_tokens: 115 }
    const { url } = await startTestGateway(routes('tokens', 10_000), answering({ text: 'Hello', usage }))
    expect((await transcribe(url, { prompt: 'names' })).status).toBe(200)
    expect(await left(url)).toBe(10_000 - 115)
  })

  it('counts the events of a stream once, and an answer in plain text by its size', async () => {
    const events = [
      { type: 'transcript.text.delta', delta: 'word'.repeat(5) },
      { type: 'transcript.text.done', text: 'word'.repeat(5) },
    ]
    const stream = await startTestGateway(routes('tokens', 10_000), (request, response) => {
      request.resume()
      response.setHeader('content-type', 'text/event-stream')
      response.end(events.map((event) => `data: ${JSON.stringify(event)}\n\n`).join(''))
    })
    await transcribe(stream.url, { stream: 'true' })
    expect(await left(stream.url)).toBe(10_000 - 110 - 5)
    const plain = await startTestGateway(routes('tokens', 10_000), (request, response) => {
      request.resume()
      response.setHeader('content-type', 'text/plain; charset=utf-8')
      response.end('x'.repeat(40))
    })
    await transcribe(plain.url, { response_format: 'text' })
    expect(await left(plain.url)).toBe(10_000 - 110 - 10)
    expect(plain.warnings).toEqual([])
  })
})

it('a limit of images counts those of an edit, which is a form with files', async () => {
  const { url } = await startTestGateway(routes('images', 10), answering({ data: [] }))
  const edit = async (fields: readonly (readonly [string, string])[]) => {
    const form = new FormData()
    form.append('image[]', new Blob(['x']), 'a.png')
    form.append('image[]', new Blob(['y']), 'b.png')
    for (const [name, value] of fields) form.append(name, value)
    const response = await fetch(`${url}/v1/images/edits`, { method: 'POST', body: form })
    return response.status
  }
  expect(
    await edit([
      ['prompt', 'blue'],
      ['n', '4'],
    ]),
  ).toBe(200)
  expect(await left(url)).toBe(6)
  expect(await edit([['n', '7']])).toBe(429)
  expect(await edit([['n', '0x4']])).toBe(400)
  expect(
    await edit([
      ['n', '1'],
      ['N', '9'],
    ]),
  ).toBe(400)
  expect(await left(url)).toBe(6)
})
