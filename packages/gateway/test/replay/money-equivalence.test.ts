import { once } from 'node:events'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { gunzipSync } from 'node:zlib'
import { expect, it, onTestFinished } from 'vitest'
import { type Random, seededRandom } from '../../../../test/fuzz/random.js'
import { replay } from '../../src/replay/replay.js'
import { startPricedGateway } from '../server/gateway/money/priced-gateway.js'
import { send, until } from '../server/gateway/running-gateway.js'
import { CHAT } from '../server/gateway/tokens/chat-calls.js'
import { jsonOf, sendJson, usageEvent, wordEvent } from '../server/gateway/tokens/chat-model.js'

const CALLS = 400
const HELD = 4

/** A line of the record. */
interface Line {
  readonly time: number
  readonly outcome: string
  readonly refused_by?: readonly string[]
  readonly model?: string
  readonly labels?: Readonly<Record<string, string>>
  readonly money?: string
}

const LIMITS = `
identity:
  trusted_proxies: [127.0.0.1]
  proxy_headers: { client: X-Client, tier: X-Tier, labels: { org: X-Org, team: X-Team } }
tiers: { pro: 2 }
unknown_model: dearest
routes:
  - match: POST ${CHAT}
    llm: { shape: openai, default_output: 30 }
    limits:
      - { name: org, limit: 70 USD/day, of: money, by: client.org }
      - { name: own, limit: 20 USD/day, of: money }
      - { name: big, limit: 32 USD/day, of: money, by: everyone, when: "model == 'big'" }
      - { name: tokens, limit: 7k/day, of: tokens, algorithm: fixed-window, by: "client.team + model" }
      - { name: red, limit: 40/day, algorithm: fixed-window, by: client.org, when: "client.team == 'red'" }
      - { name: open, concurrent: 100, by: everyone, visible: true }
`

it('a replay of recorded model calls charges the money and refuses the calls that the gateway did', {
  timeout: 120_000,
}, async () => {
  const folder = await mkdtemp(join(tmpdir(), 'sluice-record-'))
  onTestFinished(() => rm(folder, { recursive: true }))
  const file = join(folder, 'traffic.jsonl.gz')
  const random = seededRandom(20_261_203)
  const upstream = heldModel(random)
  const { url, gateway, configOf } = await startPricedGateway(`record: ${file}\n${LIMITS}`, upstream.listener)
  let lookups = 0
  const openCalls = async () => {
    // A client may look up its usage only once a second.
    const headers = { 'x-client': `reader ${lookups++}` }
    const { rules } = JSON.parse((await send(url, '/usage', { method: 'GET', headers })).text)
    return rules.find(({ rule }: { rule: string }) => rule === 'open').used
  }
  const sent: Promise<unknown>[] = []
  for (let call = 0; call < CALLS; call++) {
    sent.push(send(url, CHAT, randomCall(random)).catch(() => {}))
    // The call is either refused, or held by the model.
    await Promise.race([sent.at(-1), upstream.arrived()])
    if (upstream.held.length > HELD) upstream.release(random.below(upstream.held.length))
    await until(async () => (await openCalls()) === upstream.held.length)
  }
  while (upstream.held.length > 0) upstream.release(0)
  await Promise.all(sent)
  await until(async () => (await openCalls()) === 0)
  await gateway.close()

  const text = gunzipSync(await readFile(file)).toString()
  const lines = text
    .trimEnd()
    .split('\n')
    .slice(1)
    .map((line) => JSON.parse(line) as Line)
    .sort((one, other) => one.time - other.time)
  expect(lines).toHaveLength(CALLS)
  // Every limit has refused calls.
  for (const rule of ['org', 'own', 'big', 'tokens', 'red'])
    expect(lines.filter(({ refused_by }) => refused_by?.includes(rule)).length).toBeGreaterThan(3)
  // Labels that rules only count by are digests.
  expect(text).not.toMatch(/org-\d|client-\d/)
  expect(new Set(lines.map(({ labels }) => labels?.team))).toEqual(new Set(['red', 'blue']))
  expect(new Set(lines.map(({ model }) => model))).toEqual(new Set(['big', 'small-1', 'huge', '']))

  const played: unknown[] = []
  const report = await replay(file, configOf(`prices: prices.yaml\n${LIMITS}`), {
    onDecision({ number, outcome }) {
      played[number] = outcome.kind === 'refused' ? outcome.decision.refusal.violated : outcome.kind
    },
  })
  expect(played).toEqual(lines.map(({ outcome, refused_by }) => refused_by ?? outcome))
  const settled = lines.reduce((sum, { money = '0' }) => sum + Math.round(Number(money) * 1e9), 0)
  const own = report.rules.find(({ rule }) => rule === 'own')
  expect(own).toMatchObject({ currency: 'USD', used: settled })
  expect(own?.reserved).toBeGreaterThan(settled)
})

/** A model that answers calls when they are released: in full, with an error, or with a cut stream. */
function heldModel(random: Random) {
  const held: (() => void)[] = []
  let onArrival = () => {}
  return {
    held,
    arrived: () =>
      new Promise<void>((resolve) => {
        onArrival = resolve
      }),
    release: (index: number) => held.splice(index, 1)[0]?.(),
    async listener(request: IncomingMessage, response: ServerResponse) {
      const { stream, max_tokens: max = 30 } = (await jsonOf(request)) as {
        stream: boolean
        max_tokens?: number
      }
      const usage = {
        ...{ prompt_tokens: 1 + random.below(400), completion_tokens: 1 + random.below(max) },
        prompt_tokens_details: { cached_tokens: random.below(100) },
        completion_tokens_details: { reasoning_tokens: random.below(10) },
      }
      const end = random.pick(['complete', 'complete', 'complete', 'failed', 'cut'] as const)
      held.push(() => {
        if (end === 'failed') sendJson(response, { error: { message: 'overloaded' } }, 503)
        else if (!stream) sendJson(response, { choices: [{ index: 0, message: { content: 'x' } }], usage })
        else {
          response.writeHead(200, { 'content-type': 'text/event-stream' })
          response.write(wordEvent('some words'))
          if (end === 'cut') response.write(wordEvent('more'), () => response.destroy())
          else response.end(`${usageEvent(usage)}data: [DONE]\n\n`)
        }
      })
      onArrival()
      await once(response, 'close').catch(() => {})
    },
  }
}

function randomCall(random: Random) {
  const client = random.below(8)
  const body = {
    model: random.pick(['big', 'small-1', 'huge', undefined]),
    stream: random.chance(0.5),
    messages: [{ role: 'user', content: 'x'.repeat(random.below(800)) }],
    ...(random.chance(0.7) ? { max_tokens: 1 + random.below(100) } : { n: 1 + random.below(3) }),
  }
  return {
    body: JSON.stringify(body),
    headers: {
      'x-client': `client-${client}`,
      'x-org': `org-${client % 2}`,
      'x-team': client % 3 === 0 ? 'red' : 'blue',
      ...(client % 4 === 0 && { 'x-tier': 'pro' }),
    },
  }
}
