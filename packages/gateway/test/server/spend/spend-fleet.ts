import { createHash } from 'node:crypto'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { onTestFinished } from 'vitest'
import type { Random } from '../../../../../test/fuzz/random.js'
import type { SpendReport } from '../../../src/server/admin/api/spend-report.js'
import { sluice, sluiceWith } from '../../cli/program.js'
import { send, startUpstream, until } from '../gateway/running-gateway.js'
import { jsonOf, sendJson, usageEvent, wordEvent } from '../gateway/tokens/chat-model.js'

const TOKEN = 'a-token-of-some-length'

/** One token costs 2500, 250 or 10000 units of 10^-9 USD, and a request 1,000,000. */
const PRICES = `currency: USD
as_of: ${new Date().toISOString().slice(0, 10)}
models:
  big: { input: 2.5, cached_input: 0.25, output: 10, request: 0.001 }
  "small-*": { input: 0.1, output: 0.2 }
`

/** What the model is told to report, and how its answer ends. */
interface Script {
  readonly input: number
  readonly cached: number
  readonly output: number
  readonly ending: 'answer' | 'stream' | 'error' | 'unknown'
}

/** A call, and what it costs in units of 10^-9 USD. */
export interface Call {
  readonly client: string
  readonly team: string | undefined
  readonly model: string
  readonly script: Script
  readonly units: bigint
}

const MAX_OUTPUT = 50

/** Returns a random call. */
export function randomCall(random: Random): Call {
  const client = random.pick(['ada', 'bob', '=eve', 'zoë, "z"'])
  const team = { ada: 'red', bob: 'red', '=eve': '-green' }[client]
  const model = random.pick(['big', 'small-1'])
  const input = 1 + random.below(500)
  const script = {
    ...{ input, cached: random.below(input), output: 1 + random.below(MAX_OUTPUT) },
    ending: random.pick(['answer', 'answer', 'stream', 'error', 'unknown'] as const),
  }
  return { client, team, model, script, units: unitsOf(model, script) }
}

function unitsOf(model: string, { input, cached, output, ending }: Script): bigint {
  if (ending === 'error') return 0n
  const isBig = model === 'big'
  const [perInput, perCached, perOutput, perRequest] = isBig
    ? [2500, 250, 10_000, 1_000_000]
    : [100, 100, 200, 0]
  // The input is estimated at one token for four bytes of the message.
  if (ending === 'unknown') return BigInt(input * perInput + MAX_OUTPUT * perOutput + perRequest)
  return BigInt((input - cached) * perInput + cached * perCached + output * perOutput + perRequest)
}

/** A model that answers as each request tells it to. */
async function respond(request: IncomingMessage, response: ServerResponse): Promise<void> {
  const { user } = (await jsonOf(request)) as { readonly user: string }
  const { input, cached, output, ending } = JSON.parse(user) as Script
  const usage = {
    ...{ prompt_tokens: input, completion_tokens: output, total_tokens: input + output },
    prompt_tokens_details: { cached_tokens: cached },
  }
  switch (ending) {
    case 'error':
      return sendJson(response, { error: { message: 'overloaded' } }, 503)
    case 'unknown':
      return sendJson(response, { error: { message: 'timeout' } }, 504)
    case 'stream':
      response.writeHead(200, { 'content-type': 'text/event-stream' })
      response.write(wordEvent('Hi'))
      response.write(usageEvent(usage), () => response.destroy())
      return
    case 'answer':
      sendJson(response, { choices: [{ index: 0, message: { content: 'Hi' } }], usage })
  }
}

/** A `sluice serve` process that keeps what its clients spend. */
export interface SpendingGateway {
  readonly adminUrl: string
  readonly log: () => string
  call(call: Call): Promise<number>
  report(query: string): Promise<SpendReport>
  /** Runs `sluice` with arguments, against this gateway. */
  run(...args: string[]): Promise<{ code: number | null; out: string; err: string }>
  metric(name: string): Promise<number>
  stop(signal?: 'SIGKILL' | 'SIGTERM'): Promise<void>
}

/**
 * Creates a function that starts gateways with one configuration file, each with its own ports.
 *
 * @param text the configuration without `listen`, `admin`, `upstream`, `identity`, `prices` and `routes`
 */
export async function spendingFleet(text: string) {
  const folder = await mkdtemp(join(tmpdir(), 'sluice-spend-'))
  onTestFinished(() => rm(folder, { recursive: true, force: true }))
  const upstream = await startUpstream((request, response) => void respond(request, response))
  const digest = createHash('sha256').update(TOKEN).digest('hex')
  const file = join(folder, 'gateway.yaml')
  await writeFile(join(folder, 'prices.yaml'), PRICES)
  await writeFile(
    file,
    `listen: 127.0.0.1:0
admin: { listen: 127.0.0.1:0, token_sha256: ${digest}, audit: audit.jsonl }
upstream: ${upstream}
prices: prices.yaml
timeouts: { drain: 0 }
identity:
  trusted_proxies: [127.0.0.0/8]
  proxy_headers: { client: X-Client-Id, labels: { team: X-Team } }
routes:
  - match: POST /v1/chat/completions
    llm: openai
    limits: [{ limit: 1M USD/day, of: money, name: money, by: client }]
${text}`,
  )
  return { folder, start: () => startProcess(file, upstream) }
}

async function startProcess(file: string, upstream: string): Promise<SpendingGateway> {
  const { child, output, ended } = sluice('serve', file)
  await until(() => output.out.includes('health') || child.exitCode !== null)
  const addresses = output.out.match(/http:\/\/127\.0\.0\.1:\d+/g) ?? []
  const [url, adminUrl] = addresses.filter((each) => each !== upstream)
  if (url === undefined || adminUrl === undefined) throw new Error(`no gateway: ${output.err}`)
  return {
    adminUrl,
    log: () => output.out + output.err,
    async call({ client, team, model, script }) {
      const headers = { 'x-client-id': encodeURIComponent(client), ...(team && { 'x-team': team }) }
      const body = JSON.stringify({
        ...{
          model,
          max_tokens: MAX_OUTPUT,
          stream: script.ending === 'stream',
          user: JSON.stringify(script),
        },
        messages: [{ role: 'user', content: 'x'.repeat(4 * script.input) }],
      })
      const sent = send(url, '/v1/chat/completions', { headers, body })
      return sent.then(
        ({ status }) => status,
        (error: Error) => {
          if (script.ending !== 'stream') throw error
          return 200
        },
      )
    },
    async report(query) {
      return (await (await fetch(`${adminUrl}/api/spend?${query}`)).json()) as SpendReport
    },
    async run(...args) {
      const { output, ended } = sluiceWith({ SLUICE_TOKEN: TOKEN }, ...args, '--admin', adminUrl)
      const [code] = await ended
      return { code, ...output }
    },
    async metric(name) {
      const text = await (await fetch(`${adminUrl}/metrics`)).text()
      return Number(new RegExp(`^${name} (\\S+)$`, 'm').exec(text)?.[1])
    },
    async stop(signal = 'SIGTERM') {
      child.kill(signal)
      await ended
    },
  }
}
