import { request } from 'node:http'
import { describe, expect, it } from 'vitest'
import { quickModels, serve, until } from './serving.js'

const models = quickModels()
const PATH = '/v1/chat/completions'
const endless = {
  messages: [{ role: 'user', content: 'Why?' }],
  ignore_eos: true,
  max_tokens: 1_000_000,
}
const endlessStream = { ...endless, stream: true }

describe('a streamed chat completion', () => {
  it('stops the model when its client disconnects', async () => {
    await using own = await serve({ models })
    const disconnect = new AbortController()
    const answer = await own.post(PATH, endlessStream, disconnect.signal)
    const { generations } = own.server
    await answer.body?.getReader().read()
    expect(generations.running).toBe(1)
    disconnect.abort()
    await until(() => generations.running === 0)
    expect(generations.abandoned).toBe(1)
    expect(generations.tokens).toBeLessThan(1_000_000)
    const health = await fetch(`${own.url}/healthz`)
    expect(await health.json()).toMatchObject({ generations: { running: 0, abandoned: 1 } })
  })

  it('is generated no faster than its client reads', async () => {
    await using own = await serve({ models })
    const body = JSON.stringify(endlessStream)
    const response = await new Promise<NodeJS.ReadableStream & { destroy(): void }>((resolve, reject) => {
      request(`${own.url}${PATH}`, { method: 'POST' }, resolve).on('error', reject).end(body)
    })
    // The client does not read, so the buffers fill up and block the model.
    const { generations } = own.server
    let last = -1
    let unchangedPolls = 0
    await until(() => {
      unchangedPolls = generations.tokens === last ? unchangedPolls + 1 : 0
      last = generations.tokens
      return unchangedPolls === 40
    })
    expect(generations.running).toBe(1)
    expect(generations.tokens).toBeGreaterThan(0)
    expect(generations.tokens).toBeLessThan(100_000)
    // The model continues as soon as the client reads.
    response.resume()
    await until(() => generations.tokens > last)
    response.destroy()
    await until(() => generations.running === 0)
  })

  it('delivers 20,000 tokens completely', async () => {
    await using own = await serve({ models })
    const answer = await own.post(PATH, { ...endlessStream, max_tokens: 20_000 })
    let bytes = 0
    let events = 0
    for await (const part of answer.body as ReadableStream<Uint8Array>) {
      bytes += part.length
      events += part.reduce((count, byte, at) => (byte === 10 && part[at - 1] !== 10 ? count + 1 : count), 0)
    }
    expect(bytes).toBeGreaterThan(20_000 * 100)
    expect(events).toBeGreaterThanOrEqual(20_000)
  })

  it('is aborted when the server closes without a grace period', async () => {
    const own = await serve({ models, tokenInterval: 1 })
    const answer = await own.post(PATH, endlessStream)
    await own.server.close()
    await expect(answer.text()).rejects.toThrow()
    await until(() => own.server.generations.running === 0)
  })
})

describe('a chat completion without streaming', () => {
  it('stops the model when its client disconnects', async () => {
    await using own = await serve({ models, tokenInterval: 1 })
    const disconnect = new AbortController()
    const waiting = own.post(PATH, endless, disconnect.signal)
    await until(() => own.server.generations.tokens > 3)
    disconnect.abort()
    await expect(waiting).rejects.toThrow()
    await until(() => own.server.generations.running === 0)
    expect(own.server.generations.abandoned).toBe(1)
  })

  it('finishes within the grace period when the server closes', async () => {
    const own = await serve({ models, tokenInterval: 1, grace: 60_000 })
    const waiting = own.postJson(PATH, { ...endless, max_tokens: 20 })
    await until(() => own.server.generations.running === 1)
    const closed = own.server.close()
    expect(await waiting).toMatchObject({ status: 200, body: { usage: { completion_tokens: 20 } } })
    await closed
    await expect(fetch(`${own.url}/healthz`)).rejects.toThrow()
  })
})
