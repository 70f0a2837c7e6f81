import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { keyDigest } from 'sluice/identity'
import { describe, expect, it, onTestFinished } from 'vitest'
import { send, startTestGateway } from './running-gateway.js'

const CHAT = '/v1/chat/completions'

function chat(url: string, model: unknown, { key = '', path = CHAT, extra = '' } = {}) {
  const headers = key === '' ? {} : { 'x-api-key': key }
  const body = `{ "messages":[{"role":"user","content":"hi"}],${extra} "model" : ${JSON.stringify(model)} , "n":1.0}`
  return send(url, path, { headers, body })
}

async function keysFile(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'sluice-models-'))
  onTestFinished(() => rm(folder, { recursive: true }))
  const file = join(folder, 'keys.yaml')
  const keys = [
    { sha256: keyDigest('ada'), client: 'ada', labels: { models: ['fast', 'mistral-*'] } },
    { sha256: keyDigest('bob'), client: 'bob', labels: { models: 'llama-3.1-8b' } },
    { sha256: keyDigest('zoe'), client: 'zoe' },
  ]
  await writeFile(file, JSON.stringify({ keys }))
  return file
}

describe('a limit with a condition on the model', () => {
  it('charges only calls of that model', async () => {
    const { url } = await startTestGateway(`
routes:
  - match: POST ${CHAT}
    llm: openai
    models: { alias: { huge: big } }
    limits: [{ limit: 2/hour, when: "model == 'big'", algorithm: fixed-window }]
`)
    const statuses: number[] = []
    for (const model of ['small', 'big', 'small', 'huge', 'big', 'huge', 'small'])
      statuses.push((await chat(url, model)).status)
    expect(statuses).toEqual([200, 200, 200, 200, 429, 429, 200])
  })

  it('applies to all routes with model calls if it is at the top of the file', async () => {
    const { url } = await startTestGateway(`
limits: [{ limit: 1/hour, when: "model == 'big'" }]
routes:
  - { match: POST ${CHAT}, llm: openai }
  - { match: POST /predict }
`)
    expect((await chat(url, 'big')).status).toBe(200)
    expect((await chat(url, 'big')).status).toBe(429)
    expect((await send(url, '/predict', { body: '{"model":"big"}' })).status).toBe(200)
  })

  it('refuses a call whose model is not a string, or is spelled in another case', async () => {
    const { url } = await startTestGateway(`
routes: [{ match: POST ${CHAT}, llm: openai, limits: [{ limit: 9/hour, when: "model == 'big'" }] }]
`)
    expect((await chat(url, 7)).status).toBe(400)
    expect((await chat(url, 'small', { extra: '"Model":"big",' })).text).toContain(
      "'Model' must be written 'model'",
    )
  })
})

describe('the models of a route', () => {
  const config = (file: string) => `
identity: { api_keys: ${file} }
routes:
  - match: POST ${CHAT}
    llm: openai
    models: { allow: client.models, alias: { fast: llama-3.1-8b } }
    limits: [{ limit: 3/hour, algorithm: fixed-window }]
`

  it('admit the models in the label of the key, and charge nothing for others', async () => {
    const { url } = await startTestGateway(config(await keysFile()))
    for (let each = 0; each < 5; each++) {
      const refused = await chat(url, 'gpt', { key: 'ada' })
      expect(refused.status).toBe(404)
      const { error } = JSON.parse(refused.text)
      expect(error).toMatchObject({ code: 'model_not_found', type: 'invalid_request_error' })
      expect(error.message).toContain("the model 'gpt' does not exist, or this key may not use it")
    }
    expect((await chat(url, 'fast', { key: 'ada' })).status).toBe(200)
    expect((await chat(url, 'mistral-7b', { key: 'ada' })).status).toBe(200)
    expect((await chat(url, 'llama-3.1-8b', { key: 'ada' })).status).toBe(404)
    expect((await chat(url, 'fast', { key: 'bob' })).status).toBe(200)
    expect((await chat(url, 'fast', { key: 'zoe' })).status).toBe(404)
    expect((await chat(url, 'fast')).status).toBe(404)
    expect((await chat(url, null, { key: 'ada' })).status).toBe(400)
    // The third request of the key.
    expect((await chat(url, 'fast', { key: 'ada' })).status).toBe(200)
    expect((await chat(url, 'fast', { key: 'ada' })).status).toBe(429)
  })

  it('rename only the value of the member in the forwarded body', async () => {
    const { url } = await startTestGateway(config(await keysFile()))
    const { body } = JSON.parse((await chat(url, 'fast', { key: 'ada' })).text)
    expect(body).toBe('{ "messages":[{"role":"user","content":"hi"}], "model" : "llama-3.1-8b" , "n":1.0}')
  })

  it.each([
    ['openai', '/v1/chat/completions'],
    ['anthropic', '/v1/messages'],
    ['ollama', '/api/chat'],
  ])('rename the model of a metered call of %s', async (llm, path) => {
    const { url } = await startTestGateway(`
routes:
  - match: POST ${path}
    llm: ${llm}
    models: { alias: { fast: small } }
    limits: [{ limit: 100k/hour, of: tokens, by: [client, body.model] }, { limit: 9/hour, by: body.model }]
`)
    const answer = await chat(url, 'fast', { path, extra: '"max_tokens":5,' })
    expect(JSON.parse(JSON.parse(answer.text).body)).toMatchObject({ model: 'small', n: 1 })
    // Both names count as one model.
    const other = await chat(url, 'small', { path, extra: '"max_tokens":5,' })
    expect(other.headers.ratelimit).toContain('r=7')
  })

  it('apply to a list of names and patterns', async () => {
    const { url } = await startTestGateway(`
routes: [{ match: POST ${CHAT}, llm: openai, models: { allow: [small, 'a*c*e'] } }]
`)
    const statusOf = async (model: string) => (await chat(url, model)).status
    expect(await statusOf('small')).toBe(200)
    expect(await statusOf('abcde')).toBe(200)
    expect(await statusOf('ace')).toBe(200)
    expect(await statusOf('ae')).toBe(404)
    expect(await statusOf('smaller')).toBe(404)
  })
})

describe('a route with several patterns', () => {
  const LIMITS = 'limits: [{ limit: 3/hour, algorithm: fixed-window }, { limit: 10k/hour, of: tokens }]'

  it('counts their requests together and reads each call by its path', async () => {
    const { url, adminUrl } = await startTestGateway(`
routes: [{ match: [POST ${CHAT}, POST /v1/responses], name: chat, llm: openai, ${LIMITS} }]
`)
    expect((await chat(url, 'm')).status).toBe(200)
    expect((await send(url, '/v1/responses', { body: '{"model":"m","input":"hi"}' })).status).toBe(200)
    // A chat completion needs messages, which a response does not.
    expect((await send(url, CHAT, { body: '{"model":"m","input":"hi"}' })).status).toBe(400)
    expect((await send(url, '/v1/responses', { body: '{"model":"m","input":"hi"}' })).status).toBe(429)
    const metrics = await (await fetch(`${adminUrl}/metrics`)).text()
    expect(metrics).toMatch(/sluice_requests_total\{[^}]*route="chat"[^}]*\} \d/)
    expect(metrics).not.toContain('route="POST /v1')
  })
})
