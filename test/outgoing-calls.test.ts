import { once } from 'node:events'
import { readFile, rm, writeFile } from 'node:fs/promises'
import { createServer, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import type OpenAI from 'openai'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { ROOT } from './stack.js'

// Runs the first listing of docs/outgoing-calls.md with the OpenAI SDK against a provider that
// responds when the test lets it.

const listing = join(ROOT, 'test', 'outgoing-calls-listing.ts')
const pending: { readonly prompt: string; readonly response: ServerResponse }[] = []
const provider = createServer(async (request, response) => {
  let body = ''
  for await (const chunk of request.setEncoding('utf8')) body += chunk
  pending.push({ prompt: JSON.parse(body).messages[0].content, response })
})
let openai: OpenAI

beforeAll(async () => {
  provider.listen(0, '127.0.0.1')
  await once(provider, 'listening')
  vi.stubEnv('OPENAI_API_KEY', 'sk-test')
  vi.stubEnv('OPENAI_BASE_URL', `http://127.0.0.1:${(provider.address() as AddressInfo).port}/v1`)
  const page = await readFile(join(ROOT, 'docs', 'outgoing-calls.md'), 'utf8')
  await writeFile(listing, /```ts\n(.*?)```/s.exec(page)?.[1] as string)
  openai = ((await import(listing)) as { openai: OpenAI }).openai
})

afterAll(async () => {
  vi.unstubAllEnvs()
  provider.close()
  provider.closeAllConnections()
  await rm(listing, { force: true })
})

const call = (prompt: string, options: { signal?: AbortSignal } = {}) =>
  openai.chat.completions.create({ model: 'm', messages: [{ role: 'user', content: prompt }] }, options)

function respond(): string {
  const { prompt, response } = pending.shift() as (typeof pending)[number]
  const message = { role: 'assistant', content: `answer to ${prompt}` }
  response.setHeader('content-type', 'application/json')
  response.end(JSON.stringify({ id: 'c', object: 'chat.completion', choices: [{ index: 0, message }] }))
  return prompt
}

const arrived = (count: number) => vi.waitFor(() => expect(pending).toHaveLength(count))

describe('the paced OpenAI client of the docs', () => {
  it('sends 8 calls at a time, and the others in the order in which they were made', async () => {
    const calls = Array.from({ length: 12 }, (_, index) => call(`${index}`))
    await arrived(8)
    const late: string[] = []
    for (let index = 8; index < 12; index++) {
      respond()
      await arrived(8)
      late.push(pending.at(-1)?.prompt as string)
    }
    expect(late).toEqual(['8', '9', '10', '11'])
    while (pending.length > 0) respond()
    const answers = await Promise.all(calls)
    expect(answers.map(({ choices }) => choices[0]?.message.content)).toEqual(
      calls.map((_, index) => `answer to ${index}`),
    )
  })

  it('removes an aborted call from the queue, so that the provider never sees it', async () => {
    const running = Array.from({ length: 8 }, (_, index) => call(`${index}`))
    await arrived(8)
    const controller = new AbortController()
    const aborted = call('aborted', { signal: controller.signal })
    const next = call('next')
    controller.abort()
    await expect(aborted).rejects.toThrow('aborted')
    respond()
    await vi.waitFor(() => expect(pending.at(-1)?.prompt).toBe('next'))
    while (pending.length > 0) respond()
    expect(await Promise.all([...running, next])).toHaveLength(9)
  })
})
