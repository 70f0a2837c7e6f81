import { once } from 'node:events'
import { request as httpRequest, type IncomingMessage, type RequestListener } from 'node:http'
import fc from 'fast-check'
import { expect, it } from 'vitest'
import { startTestGateway, type TestGateway, until } from '../running-gateway.js'
import { CHAT, chat, tokensLeft } from './chat-calls.js'
import { jsonOf, wordEvent } from './chat-model.js'
import { type Chunk, tokenChunks } from './token-chunks.js'

const SEED = 20261124
const STREAMS = 1000
const CONCURRENT = 50
const LIMIT = 10_000
const INPUT = 25
/** The number of tokens in the same input, counted with a real vocabulary. */
const INPUT_IN_VOCABULARY = 13

/** The two ways to count delivered tokens: with a real vocabulary, and without one. */
const PATHS = { vocabulary: `/counted${CHAT}`, none: CHAT } as const

const ROUTES = `
limits:
  - { limit: ${LIMIT}/hour, of: tokens, name: tokens, algorithm: fixed-window, by: 'header:x-client' }
  - { concurrent: ${CONCURRENT}, by: everyone }
routes:
  - { match: POST ${PATHS.none}, llm: openai }
  - { match: 'POST ${PATHS.vocabulary}', llm: { shape: openai, tokenizer: o200k_base } }`

/** A stream, and where it is interrupted. */
interface Plan {
  readonly chunks: readonly Chunk[]
  readonly countedBy: keyof typeof PATHS
  readonly by: 'client' | 'upstream'
  /** The number of bytes sent before the interruption. */
  readonly after: number
  /** Whether the client requests the usage. Otherwise it receives only complete events. */
  readonly asksForUsage: boolean
}

const plans: fc.Arbitrary<Plan> = fc
  .record({
    chunks: tokenChunks,
    countedBy: fc.constantFrom('vocabulary', 'none'),
    by: fc.constantFrom('client', 'upstream'),
    fraction: fc.double({ min: 0, max: 1, noNaN: true }),
    asksForUsage: fc.boolean(),
  })
  .map(({ fraction, ...plan }) => ({ ...plan, after: Math.floor(fraction * bytesOf(plan.chunks).length) }))

function bytesOf(chunks: readonly Chunk[]): Buffer {
  return Buffer.from(chunks.map(({ text }) => wordEvent(text)).join(''))
}

const NEVER_INTERRUPTED: Plan = {
  chunks: [{ text: 'x', tokens: 1 }],
  countedBy: 'none',
  by: 'client',
  after: 0,
  asksForUsage: false,
}

/** Returns the complete events in the received bytes. */
function delivered(chunks: readonly Chunk[], received: number): { bytes: number; chunks: Chunk[] } {
  let bytes = 0
  const complete: Chunk[] = []
  for (const chunk of chunks) {
    const end = bytes + Buffer.byteLength(wordEvent(chunk.text))
    if (end > received) break
    bytes = end
    complete.push(chunk)
  }
  return { bytes, chunks: complete }
}

/**
 * Returns the cost of chunks in tokens. Without a vocabulary, the cost is a quarter of their bytes,
 * and at least one token per chunk.
 */
function costOf(chunks: readonly Chunk[], countedBy: Plan['countedBy']): number {
  if (countedBy === 'vocabulary') return chunks.reduce((sum, { tokens }) => sum + tokens, 0)
  const bytes = chunks.reduce((sum, { text }) => sum + Buffer.byteLength(text), 0)
  return Math.max(chunks.length, Math.ceil(bytes / 4))
}

/** Sends each stream up to its interruption, and disconnects if the upstream is to interrupt it. */
function upstreamOf(plan: (client: string) => Plan): RequestListener {
  return async (request, response) => {
    const { chunks, by, after } = plan(String(request.headers['x-client']))
    await jsonOf(request)
    response.writeHead(200, { 'content-type': 'text/event-stream' }).flushHeaders()
    const bytes = bytesOf(chunks).subarray(0, after)
    response.write(bytes, () => by === 'upstream' && response.destroy())
  }
}

/** Reads a stream until the upstream interrupts it, or interrupts it as the client. */
async function readStream(
  { url }: TestGateway,
  client: string,
  { chunks, countedBy, by, after, asksForUsage }: Plan,
): Promise<number> {
  const { hostname, port } = new URL(url)
  const headers = { 'x-client': client, 'content-type': 'application/json' }
  const path = PATHS[countedBy]
  const request = httpRequest({ hostname, port, method: 'POST', path, headers, agent: false })
  request.on('error', () => {})
  request.end(
    JSON.stringify(
      chat(INPUT, { stream: true, max_tokens: 1000, stream_options: { include_usage: asksForUsage } }),
    ),
  )
  const [response] = (await once(request, 'response')) as [IncomingMessage]
  expect(response.statusCode).toBe(200)
  let received = 0
  response.on('data', (chunk: Buffer) => {
    received += chunk.length
  })
  response.on('error', () => {})
  const closed = new Promise((resolve) => response.once('close', resolve))
  if (by === 'client') {
    const shown = asksForUsage ? after : delivered(chunks, after).bytes
    await until(() => received >= shown)
    request.destroy()
  }
  await closed
  return received
}

it(`the gateway settles ${STREAMS} randomly interrupted streams by their delivered tokens, and leaks no slot`, async () => {
  const drawn = fc.sample(plans, { numRuns: STREAMS, seed: SEED })
  const planOf = (client: string) => drawn[Number(client)] ?? NEVER_INTERRUPTED
  const gateway = await startTestGateway(ROUTES, upstreamOf(planOf))
  let next = 0
  const maxError = { vocabulary: 0, none: 0 }
  const interruptions = { client: 0, upstream: 0 }
  await Promise.all(
    Array.from({ length: CONCURRENT }, async () => {
      while (next < STREAMS) {
        const client = String(next++)
        const plan = planOf(client)
        const received = await readStream(gateway, client, plan)
        interruptions[plan.by]++
        const input = plan.countedBy === 'vocabulary' ? INPUT_IN_VOCABULARY : INPUT
        const expected = input + costOf(delivered(plan.chunks, received).chunks, plan.countedBy)
        // The gateway notices an interruption late. Until then, the whole maximum is reserved.
        let settled = 0
        await until(async () => {
          settled = LIMIT - (await tokensLeft(gateway.url, client))
          return settled < 1000
        })
        const chunk = Math.max(...plan.chunks.map((each) => costOf([each], plan.countedBy)))
        maxError[plan.countedBy] = Math.max(maxError[plan.countedBy], Math.abs(settled - expected))
        expect(Math.abs(settled - expected), `stream ${client}, seed ${SEED}`).toBeLessThanOrEqual(chunk)
      }
    }),
  )
  expect(Math.min(interruptions.client, interruptions.upstream)).toBeGreaterThan(STREAMS / 3)
  console.info(
    `${interruptions.client} streams interrupted by their client, ${interruptions.upstream} by the upstream; maximum error: ${maxError.vocabulary} tokens ` +
      `with the model's vocabulary, ${maxError.none} tokens without it`,
  )

  // All slots are free again, so the full number of streams is admitted, and no more.
  const { hostname, port } = new URL(gateway.url)
  const requests = Array.from({ length: CONCURRENT + 1 }, (_, index) => {
    const headers = { 'x-client': `open ${index}`, 'content-type': 'application/json' }
    const request = httpRequest({ hostname, port, method: 'POST', path: CHAT, headers, agent: false })
    request.on('error', () => {})
    return request.end(JSON.stringify(chat(1, { max_tokens: 1 })))
  })
  const statuses: (number | undefined)[] = []
  for (const request of requests) request.on('response', ({ statusCode }) => statuses.push(statusCode))
  await until(() => statuses.includes(429))
  expect(statuses.filter((status) => status === 429)).toHaveLength(1)
  for (const request of requests) request.destroy()
})
