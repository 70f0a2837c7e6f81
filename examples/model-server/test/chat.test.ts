import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { quickModels, serve, type TestServer } from './serving.js'

interface Usage {
  prompt_tokens: number
  completion_tokens: number
  total_tokens: number
}
interface Completion {
  object: string
  choices: { message: { role: string; content: string }; finish_reason: string }[]
  usage: Usage
}
interface Chunk {
  id: string
  object: string
  choices: { delta: { role?: string; content?: string }; finish_reason: string | null }[]
  usage?: Usage | null
}

const models = quickModels()
const { tokenizer } = models.language
const PATH = '/v1/chat/completions'
const chatBody = (content: string, more: object = {}) => ({
  messages: [{ role: 'user', content }],
  seed: 1,
  ...more,
})

let serving: TestServer
beforeAll(async () => {
  serving = await serve({ models })
})
afterAll(() => serving[Symbol.asyncDispose]())

const complete = async (body: unknown) => {
  const answer = await serving.postJson(PATH, body)
  expect(answer.status).toBe(200)
  const { choices, usage, object } = answer.body as Completion
  expect(object).toBe('chat.completion')
  expect(choices).toHaveLength(1)
  const [choice] = choices
  return { content: choice?.message.content ?? '', finish: choice?.finish_reason, usage }
}

const streamed = async (body: object) => {
  const answer = await serving.post(PATH, { ...body, stream: true })
  expect([answer.status, answer.headers.get('content-type')]).toEqual([
    200,
    'text/event-stream; charset=utf-8',
  ])
  const events = (await answer.text()).split('\n\n')
  expect(events.splice(-2)).toEqual(['data: [DONE]', ''])
  const chunks = events.map((event) => JSON.parse(event.replace(/^data: /, '')) as Chunk)
  expect(new Set(chunks.map(({ id, object }) => `${id} ${object}`)).size).toBe(1)
  expect(chunks[0]?.object).toBe('chat.completion.chunk')
  const content = chunks.map(({ choices }) => choices[0]?.delta.content ?? '').join('')
  const finish = chunks
    .map(({ choices }) => choices[0]?.finish_reason ?? null)
    .filter((reason) => reason !== null)
  return { chunks, content, finish }
}

describe('a chat completion', () => {
  it('contains the text that the language model generates', async () => {
    const { content, finish } = await complete(
      chatBody('What is a token bucket?', { max_tokens: 30, seed: 5 }),
    )
    const options = { maxTokens: 30, temperature: 0.7, seed: 5, ignoreEnd: false }
    const tokens = [...models.language.write(tokenizer.encode('What is a token bucket?'), options)]
    expect(content).toBe(tokenizer.decode(tokens))
    expect(finish).toBe(tokens.length === 30 ? 'length' : 'stop')
  })

  it('reports the token counts of the tokenizer as usage', async () => {
    for (const prompt of ['', 'Hello!', 'The server waits until ünknøwn 字 comes', 'a\n\nb']) {
      const { content, usage } = await complete(chatBody(prompt))
      expect(usage).toEqual({
        prompt_tokens: tokenizer.encode(prompt).length,
        completion_tokens: tokenizer.encode(content).length,
        total_tokens: tokenizer.encode(prompt).length + tokenizer.encode(content).length,
      })
    }
  })

  it('continues all messages, joined with empty lines', async () => {
    const messages = [
      { role: 'system', content: 'The limit' },
      { role: 'assistant', content: null },
      {
        role: 'user',
        content: [
          { type: 'text', text: 'The ' },
          { type: 'text', text: 'queue' },
        ],
      },
    ]
    const { usage } = await complete({ messages })
    expect(usage.prompt_tokens).toBe(tokenizer.encode('The limit\n\n\n\nThe queue').length)
  })

  it('is the same for the same seed, and varies without a seed', async () => {
    const seeded = await Promise.all([1, 1, 2].map((seed) => complete(chatBody('Why?', { seed }))))
    expect(seeded[1]).toEqual(seeded[0])
    expect(seeded[2]?.content).not.toBe(seeded[0]?.content)
    const free = await Promise.all(
      Array.from({ length: 5 }, () => complete(chatBody('Why?', { seed: null }))),
    )
    expect(new Set(free.map(({ content }) => content)).size).toBeGreaterThan(1)
  })

  it('stops at the requested length', async () => {
    const sizes = [
      [{ max_tokens: 7 }, 7],
      [{ max_completion_tokens: 9 }, 9],
      [{ max_tokens: 3, max_completion_tokens: 11 }, 11],
      [{ max_tokens: 500, ignore_eos: true }, 500],
      [{ ignore_eos: true }, 256],
    ] as const
    for (const [size, tokens] of sizes) {
      const { finish, usage } = await complete(chatBody('Why?', { ...size, ignore_eos: true }))
      expect([finish, usage.completion_tokens]).toEqual(['length', tokens])
    }
  })

  it('stops at the end of a paragraph', async () => {
    const { content, finish } = await complete(chatBody('Why?', { max_tokens: 100_000 }))
    expect(finish).toBe('stop')
    expect(content).toMatch(/[.?]$/)
  })

  it('stops before a stop sequence and counts the generated tokens', async () => {
    const whole = await complete(chatBody('Why?', { ignore_eos: true }))
    const cut = await complete(chatBody('Why?', { ignore_eos: true, stop: ['zebra', '.'] }))
    expect(cut.content).toBe(whole.content.slice(0, whole.content.indexOf('.')))
    expect(cut.finish).toBe('stop')
    expect(cut.usage.completion_tokens).toBe(tokenizer.encode(`${cut.content}.`).length)
  })
})

describe('a streamed chat completion', () => {
  it('delivers the same text token by token', async () => {
    const body = chatBody('What is a stream?', { max_tokens: 40, ignore_eos: true })
    const { chunks, content, finish } = await streamed(body)
    expect(chunks[0]?.choices[0]?.delta).toEqual({ role: 'assistant', content: '' })
    expect(content).toBe((await complete(body)).content)
    expect(finish).toEqual(['length'])
    expect(chunks).toHaveLength(1 + 40 + 1)
    expect(chunks.some((chunk) => 'usage' in chunk)).toBe(false)
  })

  it('ends with the usage if the client requests it', async () => {
    const body = chatBody('What is a stream?')
    const { chunks } = await streamed({ ...body, stream_options: { include_usage: true } })
    const { usage } = await complete(body)
    expect(chunks.at(-1)).toMatchObject({ choices: [], usage })
    expect(chunks.slice(0, -1).every((chunk) => chunk.usage === null)).toBe(true)
  })

  it('never contains a part of a stop sequence', async () => {
    const body = chatBody('Why?', { ignore_eos: true, stop: '. ' })
    const { content, finish } = await streamed(body)
    expect(content).toBe((await complete(body)).content)
    expect([finish, content.endsWith('.')]).toEqual([['stop'], false])
  })
})
