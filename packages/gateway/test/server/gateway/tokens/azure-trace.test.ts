import { Agent, request as httpRequest, type IncomingMessage, type ServerResponse } from 'node:http'
import { manualClock } from 'sluice'
import { expect, it } from 'vitest'
import { startUpstream } from '../running-gateway.js'
import { CHAT, chat } from './chat-calls.js'
import { sendJson, usageEvent, wordEvent } from './chat-model.js'
import { clockedGateway } from './clocked-gateway.js'
import { hasTrace, type RecordedCall, recordedCalls } from './recorded-calls.js'

const MINUTE = 60_000
const CLIENTS = 20
const LIMIT = 20_000
/** At least the length of the longest recorded response. */
const DEFAULT_OUTPUT = 1024

/** Returns the duration of a call to the test model, in milliseconds. */
const durationOf = ({ input, output }: RecordedCall) => 200 + 0.1 * input + 20 * output

/**
 * A window of a client: the expected charges, which are counted independently, and the actual usage
 * of its admitted calls.
 */
interface Window {
  end: number
  charged: number
  used: number
}

interface Account {
  admitted: number
  refused: number
  /** Refused calls that would have fit, given the actual usage of the admitted ones. */
  fitted: number
  fittedTokens: number
}

const skipped = hasTrace ? '' : ' (skipped: ../shared/traces contains no AzureLLMInferenceTrace_conv.csv)'

it.skipIf(!hasTrace)(
  `the gateway grants no client more tokens in a window than its limit, over an hour of recorded calls${skipped}`,
  { timeout: 300_000 },
  async () => {
    const calls = recordedCalls(CLIENTS)
    const clock = manualClock((calls[0] as RecordedCall).at)
    const model = manualModel()
    const { port } = await clockedGateway(
      `routes: [{ match: POST ${CHAT}, llm: { shape: openai, default_output: ${DEFAULT_OUTPUT} }, limits: [` +
        `{ limit: ${LIMIT}/minute, of: tokens, algorithm: fixed-window, by: 'header:x-client' }] }]`,
      await startUpstream(model.listener),
      clock,
    )
    const agent = new Agent({ keepAlive: true })
    /** The windows of each client. The last one is the current window until it ends. */
    const windows = new Map<string, Window[]>()
    const accounts = new Map<string, Account>()
    const running: { endsAt: number; finish(): Promise<void> }[] = []

    const moveTo = async (time: number) => {
      for (let first = running[0]; first !== undefined && first.endsAt <= time; first = running[0]) {
        running.shift()
        clock.advance(Math.max(0, first.endsAt - clock.now()))
        await first.finish()
      }
      clock.advance(Math.max(0, time - clock.now()))
    }

    for (const call of calls) {
      await moveTo(call.at)
      const window = windowOf(windows, call)
      const account = accounts.get(call.client) ?? { admitted: 0, refused: 0, fitted: 0, fittedTokens: 0 }
      accounts.set(call.client, account)
      const cost = call.input + call.output
      const sent = send(port, agent, call)
      const status = await Promise.race([
        sent.then((response) => response.statusCode),
        model.arrival(call.id),
      ])
      expect(status, `call ${call.id}`).toBe(window.charged + reservedFor(call) <= LIMIT ? 'arrived' : 429)
      if (status === 'arrived') {
        account.admitted++
        window.charged += reservedFor(call)
        window.used += cost
        const endsAt = call.at + durationOf(call)
        const index = running.findIndex((other) => other.endsAt > endsAt)
        running.splice(index === -1 ? running.length : index, 0, {
          endsAt,
          async finish() {
            model.finish(call)
            await drain(await sent)
            if (clock.now() < window.end) window.charged += cost - reservedFor(call)
          },
        })
      } else {
        account.refused++
        if (window.used + cost <= LIMIT) {
          account.fitted++
          account.fittedTokens += cost
        }
        await drain(await sent)
      }
    }
    await moveTo(Number.POSITIVE_INFINITY)
    agent.destroy()

    const rows = [...accounts].map(([client, { admitted, refused, fitted, fittedTokens }]) => {
      const minutes = (windows.get(client) ?? []).map(({ used }) => used)
      const tokens = minutes.reduce((sum, used) => sum + used, 0)
      const over = minutes.reduce((sum, used) => sum + Math.max(0, used - LIMIT), 0)
      return {
        client,
        admitted,
        refused,
        tokens,
        'peak in a window': Math.max(...minutes),
        over,
        fitted,
        fittedTokens,
      }
    })
    console.info(`${calls.length} calls of ${CLIENTS} clients, ${LIMIT} tokens per minute each:`)
    console.table(rows)
    const total = (column: 'refused' | 'fitted') => rows.reduce((sum, row) => sum + row[column], 0)
    console.info(`${total('refused')} calls were refused, of which ${total('fitted')} would have fit`)
    // docs/tokens.md states these figures.
    expect([calls.length, total('refused'), total('fitted')]).toEqual([19_366, 3_561, 1_995])
    expect(rows.reduce((sum, { over }) => sum + over, 0)).toBe(0)
    expect(Math.max(...rows.map((row) => row['peak in a window']))).toBeGreaterThan(0.9 * LIMIT)
  },
)

/** Returns the window of a call. A window starts with its first admitted call. */
function windowOf(windows: Map<string, Window[]>, { client, at }: RecordedCall): Window {
  const all = windows.get(client) ?? []
  windows.set(client, all)
  const last = all.at(-1)
  if (last !== undefined && (at < last.end || last.used === 0)) {
    if (last.used === 0) last.end = at + MINUTE
    return last
  }
  const next = { end: at + MINUTE, charged: 0, used: 0 }
  all.push(next)
  return next
}

function reservedFor({ input }: RecordedCall): number {
  return input + Math.max(0, Math.min(DEFAULT_OUTPUT, LIMIT - input))
}

/** Every second call is a stream. */
const isStream = ({ id }: RecordedCall) => id % 2 === 1

function send(port: number, agent: Agent, call: RecordedCall): Promise<IncomingMessage> {
  const headers = {
    'content-type': 'application/json',
    'x-client': call.client,
    'x-call': String(call.id),
  }
  return new Promise((resolve, reject) => {
    const request = httpRequest(
      { host: '127.0.0.1', port, agent, method: 'POST', path: CHAT, headers },
      resolve,
    )
    request.on('error', reject)
    request.end(JSON.stringify(chat(call.input, { stream: isStream(call) })))
  })
}

async function drain(response: IncomingMessage): Promise<void> {
  for await (const _ of response);
}

/** Creates a model that responds to a call when the test calls `finish`. */
function manualModel() {
  const responses = new Map<number, ServerResponse>()
  const waiting = new Map<number, (arrived: 'arrived') => void>()
  return {
    listener(request: IncomingMessage, response: ServerResponse) {
      const id = Number(request.headers['x-call'])
      request.resume().once('end', () => {
        responses.set(id, response)
        waiting.get(id)?.('arrived')
        waiting.delete(id)
      })
    },
    arrival(id: number): Promise<'arrived'> {
      return new Promise((resolve) => waiting.set(id, resolve))
    },
    finish(call: RecordedCall) {
      const response = responses.get(call.id) as ServerResponse
      responses.delete(call.id)
      const usage = { prompt_tokens: call.input, completion_tokens: call.output }
      if (isStream(call)) {
        response.writeHead(200, { 'content-type': 'text/event-stream' })
        response.end(`${wordEvent('Well.')}${usageEvent(usage)}data: [DONE]\n\n`)
      } else {
        sendJson(response, { choices: [{ index: 0, message: { content: 'Well.' } }], usage })
      }
    },
  }
}
