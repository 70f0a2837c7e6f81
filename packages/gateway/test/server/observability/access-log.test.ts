import { EventEmitter, once } from 'node:events'
import { mkdtemp, readFile, rename, rm } from 'node:fs/promises'
import { createConnection } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it, onTestFinished } from 'vitest'
import { send, startTestGateway, until } from '../gateway/running-gateway.js'
import { chatModel } from '../gateway/tokens/chat-model.js'
import { serveWithWorkers } from '../workers/worker-gateway.js'

const CHAT = '/v1/chat/completions'

const configOf = (target: string) => `access_log: ${target}
log: { clients: masked }
default: deny
usage: /v1/usage
routes:
  - match: POST ${CHAT}
    llm: openai
    limits: [{ limit: 1M/hour, of: tokens }]
  - match: GET /few
    limits: [{ limit: 1/hour, name: few, by: everyone }]
  - match: GET /free
  - match: GET /gone`

const model = chatModel({
  words: ['one', ' two'],
  usage: { prompt_tokens: 7, completion_tokens: 3 },
}).listener

/** A model, and an upstream that resets connections for /gone. */
const upstream: typeof model = (request, response) => {
  if (request.url?.startsWith(CHAT)) return model(request, response)
  if (request.url?.startsWith('/gone')) return response.destroy()
  response.end('{}')
}

interface Line {
  readonly requestId: string
  readonly [field: string]: unknown
}

async function newFile(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'sluice-access-'))
  onTestFinished(() => rm(folder, { recursive: true }))
  return join(folder, 'access.jsonl')
}

async function linesOf(file: string): Promise<Line[]> {
  const text = await readFile(file, 'utf8').catch(() => '')
  return text
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as Line)
}

const SERVERS = {
  'one process': async (file: string) =>
    (await startTestGateway(configOf(`{ file: ${file} }`), upstream)).url,
  'two workers': async (file: string) =>
    (await serveWithWorkers(2, configOf(`{ file: ${file} }`), upstream)).url,
}

describe.each(Object.entries(SERVERS))('the access log of a gateway with %s', (_name, start) => {
  it('has one line for each request, with who answered, and no queries or secrets', async () => {
    const file = await newFile()
    const url = await start(file)
    const chat = (stream: boolean) =>
      send(url, `${CHAT}?key=secret`, {
        headers: { authorization: 'Bearer secret' },
        body: JSON.stringify({
          model: 'small',
          max_tokens: 9,
          stream,
          messages: [{ role: 'user', content: 'secret' }],
        }),
      })
    const get = (path: string) => send(url, path, { method: 'GET' })
    const answers = {
      streamed: await chat(true),
      whole: await chat(false),
      admitted: await get('/few?token=secret'),
      refused: await get('/few?token=secret'),
      unlimited: await get('/free'),
      unrouted: await get('/nowhere?secret'),
      malformed: await get('/%zz?secret'),
      failed: await get('/gone'),
      usage: await get('/v1/usage?secret'),
    }
    const lines = new Map<string, Line>()
    await until(async () => {
      for (const line of await linesOf(file)) lines.set(line.requestId, line)
      return lines.size >= Object.keys(answers).length
    })
    const logged = Object.fromEntries(
      Object.entries(answers).map(([name, { headers }]) => [
        name,
        lines.get(headers['x-request-id'] as string),
      ]),
    )
    const common = { client: '127.0.0.*', durationMs: expect.any(Number), time: expect.stringMatching(/Z$/) }
    const get200 = { ...common, method: 'GET', status: 200, outcome: 'allowed' }
    const tokens = { model: 'small', inputTokens: 7, outputTokens: 3 }
    const call = { ...get200, method: 'POST', route: `POST ${CHAT}`, path: CHAT, ...tokens }
    expect(logged).toMatchObject({
      streamed: { ...call, answeredBy: 'upstream', firstTokenMs: expect.any(Number) },
      whole: { ...call, answeredBy: 'upstream' },
      admitted: { ...get200, route: 'GET /few', path: '/few', answeredBy: 'upstream' },
      refused: {
        ...common,
        path: '/few',
        status: 429,
        outcome: 'refused',
        answeredBy: 'gateway',
        rule: 'few',
      },
      unlimited: { ...get200, route: 'GET /free', answeredBy: 'upstream' },
      unrouted: { ...common, path: '/nowhere', status: 404, outcome: 'unrouted', answeredBy: 'gateway' },
      malformed: { ...common, path: '/%zz', status: 400, outcome: 'invalid', answeredBy: 'gateway' },
      failed: { ...common, route: 'GET /gone', status: 502, outcome: 'allowed', answeredBy: 'gateway' },
      usage: { ...common, route: 'usage', path: '/v1/usage', answeredBy: 'gateway' },
    })
    expect(logged.whole).not.toHaveProperty('firstTokenMs')
    expect(logged.unrouted).not.toHaveProperty('route')
    expect(logged.unlimited?.durationMs).toBeGreaterThan(0)
    const text = await readFile(file, 'utf8')
    expect(text).not.toContain('secret')
    expect(text.trim().split('\n')).toHaveLength(Object.keys(answers).length)
  })
})

it('the access log names the side that ended a response early, and follows a rotated file', async () => {
  const file = await newFile()
  const arrived = new EventEmitter()
  const { url } = await startTestGateway(
    `access_log: { file: ${file} }\nroutes: [{ match: GET /cut }, { match: GET /wait }]`,
    (request, response) => {
      if (request.url !== '/cut') return void arrived.emit('wait')
      response.writeHead(200, { 'content-length': '10' }).write('part', () => response.destroy())
    },
  )
  await send(url, '/cut', { method: 'GET' }).catch(() => {})
  await until(async () => (await linesOf(file)).length === 1)
  expect(await linesOf(file)).toMatchObject([
    { path: '/cut', status: 200, answeredBy: 'upstream', interruptedBy: 'upstream' },
  ])

  await rename(file, `${file}.1`)
  const socket = createConnection(Number(new URL(url).port), '127.0.0.1')
  socket.write('GET /wait HTTP/1.1\r\nHost: a\r\n\r\n')
  await once(arrived, 'wait')
  socket.destroy()
  await until(async () => (await linesOf(file)).length === 1)
  const [waited] = await linesOf(file)
  expect(waited).toMatchObject({ interruptedBy: 'client' })
  expect(waited).not.toHaveProperty('status')
  expect(waited).not.toHaveProperty('answeredBy')
})

it('access_log: true writes the lines into the log, also those of workers', async () => {
  const { url, output } = await serveWithWorkers(
    2,
    'access_log: true\nroutes: [{ match: GET /free }]',
    upstream,
  )
  const { headers } = await send(url, '/free?secret', { method: 'GET' })
  const found = () =>
    output.err
      .split('\n')
      .filter((line) => line.includes(headers['x-request-id'] as string))
      .map((line) => JSON.parse(line) as Line)
  await until(() => found().length > 0)
  expect(found()).toMatchObject([
    { level: 30, msg: 'request', path: '/free', status: 200, answeredBy: 'upstream', client: '127.0.0.1' },
  ])
  expect(output.err).not.toContain('secret')
})
