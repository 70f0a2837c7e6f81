import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { keyDigest } from 'sluice/identity'
import { describe, expect, it, onTestFinished } from 'vitest'
import { send, startTestGateway } from './running-gateway.js'

const OPENAI = {
  object: 'list',
  data: ['big', 'small', 'llama-1', 'secret'].map((id) => ({ id, object: 'model', owned_by: 'us' })),
}
const ANTHROPIC = {
  data: ['secret', 'small', 'other'].map((id) => ({ id, type: 'model' })),
  has_more: true,
  first_id: 'secret',
  last_id: 'other',
}
const OLLAMA = { models: ['small', 'secret'].map((name) => ({ name, model: name, size: 7 })) }

/** Starts a gateway whose upstream answers with a body. */
async function start(body: unknown, { status = 200, headers = {}, llm = 'openai', more = '' } = {}) {
  const folder = await mkdtemp(join(tmpdir(), 'sluice-lists-'))
  onTestFinished(() => rm(folder, { recursive: true }))
  const file = join(folder, 'keys.yaml')
  const labels = { models: ['small', 'llama-*', 'fast'] }
  await writeFile(file, JSON.stringify({ keys: [{ sha256: keyDigest('ada'), client: 'ada', labels }] }))
  const seen: { url: string | undefined; encoding: unknown }[] = []
  const upstream = (request: IncomingMessage, response: ServerResponse) => {
    seen.push({ url: request.url, encoding: request.headers['accept-encoding'] })
    response.writeHead(status, { 'content-type': 'application/json', etag: '"all"', ...headers })
    response.end(Buffer.isBuffer(body) || typeof body === 'string' ? body : JSON.stringify(body))
  }
  const { url } = await startTestGateway(
    `
identity: { api_keys: ${file} }
routes:
  - match: [GET /v1/models, 'GET /v1/models/:model', GET /api/tags]
    llm: ${llm}
    models: { allow: client.models, alias: { fast: big, quick: secret }${more} }
    limits: [{ name: lookups, limit: 100/hour, by: client }]
`,
    upstream,
  )
  const get = (target: string, key?: string) =>
    send(url, target, { method: 'GET', headers: key === undefined ? {} : { 'x-api-key': key } })
  return { get, seen, url }
}

describe('a route that lists models', () => {
  it('lists the models and the aliases that the key may use', async () => {
    const { get, seen } = await start(OPENAI)
    const { status, headers, text } = await get('/v1/models', 'ada')
    expect(status).toBe(200)
    expect(JSON.parse(text)).toEqual({
      object: 'list',
      data: ['fast', 'small', 'llama-1'].map((id) => ({ id, object: 'model', owned_by: 'us' })),
    })
    expect(headers).toMatchObject({ 'content-length': String(text.length) })
    expect(headers).not.toHaveProperty('etag')
    expect(seen).toEqual([{ url: '/v1/models', encoding: 'identity' }])
    expect(JSON.parse((await get('/v1/models')).text).data).toEqual([])
  })

  it('names no hidden model in the cursors of a page', async () => {
    const { get } = await start(ANTHROPIC)
    expect(JSON.parse((await get('/v1/models', 'ada')).text)).toEqual({
      data: [{ id: 'small', type: 'model' }],
      has_more: true,
      first_id: 'small',
      last_id: 'small',
    })
  })

  it('filters the list of Ollama', async () => {
    const { get } = await start(OLLAMA)
    const models = [{ name: 'small', model: 'small', size: 7 }]
    expect(JSON.parse((await get('/api/tags', 'ada')).text)).toEqual({ models })
  })

  it.each<[string, unknown, object]>([
    ['that is no list', { data: 'secret' }, {}],
    ['with a model without a name', { data: [{ id: 'small' }, { name: 'secret' }] }, {}],
    ['that is not JSON', 'secret', {}],
    [
      'that is compressed nevertheless',
      gzipSync(JSON.stringify(OPENAI)),
      { headers: { 'content-encoding': 'gzip' } },
    ],
    ['that is partial', OPENAI, { status: 206 }],
    ['that is too long', `"${'secret'.repeat(1_000_000)}"`, {}],
  ])('answers 502 to a response %s', async (_, body, options) => {
    const { get } = await start(body, options)
    const { status, text } = await get('/v1/models', 'ada')
    expect(status).toBe(502)
    expect(text).toContain("The upstream's response is not a list of models.")
    expect(text).not.toContain('secret')
  })

  it('passes on an error of the upstream', async () => {
    const { get } = await start({ error: 'busy' }, { status: 503 })
    expect(await get('/v1/models', 'ada')).toMatchObject({ status: 503, text: '{"error":"busy"}' })
  })

  it('describes one model under the name that the client uses', async () => {
    const { get, seen } = await start({ id: 'big', root: 'big', object: 'model' })
    expect(JSON.parse((await get('/v1/models/fast', 'ada')).text)).toEqual({
      id: 'fast',
      root: 'fast',
      object: 'model',
    })
    const hidden = await get('/v1/models/big', 'ada')
    expect(hidden.status).toBe(404)
    expect(JSON.parse(hidden.text).error.code).toBe('model_not_found')
    expect((await get('/v1/models/quick', 'ada')).status).toBe(404)
    expect(seen.map(({ url }) => url)).toEqual(['/v1/models/big'])
    // The upstream described another model.
    expect((await get('/v1/models/small', 'ada')).status).toBe(502)
  })
})

describe('a route whose file lists the models', () => {
  const more = ', list: [big, small, llama-1, secret]'
  const entry = (id: string) => ({
    ...{ id, object: 'model', created: 0, owned_by: 'sluice' },
    ...{ type: 'model', display_name: id, created_at: '1970-01-01T00:00:00.000Z' },
  })

  it('lists the models and the aliases that the key may use, and asks no upstream', async () => {
    const { get, seen } = await start(OPENAI, { more })
    const { status, headers, text } = await get('/v1/models', 'ada')
    expect([status, headers]).toMatchObject([200, { 'content-type': 'application/json' }])
    expect(JSON.parse(text)).toEqual({
      ...{ object: 'list', data: ['fast', 'small', 'llama-1'].map(entry) },
      ...{ has_more: false, first_id: 'fast', last_id: 'llama-1' },
    })
    expect(JSON.parse((await get('/v1/models')).text)).toMatchObject({ data: [], first_id: null })
    expect(seen).toEqual([])
  })

  it('lists them for Ollama', async () => {
    const { get } = await start(OLLAMA, { more, llm: 'ollama' })
    const models = ['fast', 'small', 'llama-1'].map((name) => ({ name, model: name }))
    expect(JSON.parse((await get('/api/tags', 'ada')).text)).toEqual({ models })
  })

  it('describes one model, and answers 404 without a charge for one that is not listed', async () => {
    const { get } = await start({}, { more })
    const fast = await get('/v1/models/fast', 'ada')
    expect(JSON.parse(fast.text)).toEqual(entry('fast'))
    expect(fast.headers.ratelimit).toContain('r=99')
    // Allowed by a pattern.
    for (const name of ['llama-2', 'secret']) {
      const { status, text } = await get(`/v1/models/${name}`, 'ada')
      expect([status, JSON.parse(text)]).toMatchObject([404, { error: { code: 'model_not_found' } }])
    }
    expect((await get('/v1/models', 'ada')).headers.ratelimit).toContain('r=98')
  })
})
