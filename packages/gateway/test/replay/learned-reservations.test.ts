import { existsSync } from 'node:fs'
import { Readable } from 'node:stream'
import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'
import {
  loadServer,
  parseConfig,
  type ReplayReport,
  replay,
  type ServerSetup,
} from '../../src/replay/index.js'

const FOLDER = fileURLToPath(new URL('../../../../../shared/traces', import.meta.url))
const BURST = 20_000

function configOf(llm: string) {
  const limits = `limits: [{ limit: ${BURST}/minute, of: tokens }]`
  return parseConfig(
    `
upstream: http://127.0.0.1:9000
routes:
  - { match: POST /v1/chat/completions, llm: { shape: openai, ${llm} }, ${limits} }
`,
    'learned.yaml',
  )
}

interface Measured {
  readonly report: ReplayReport
  /** Refused requests, in percent. */
  readonly refused: number
  /** Refused requests that would have fit if the lengths of all answers had been known, in percent. */
  readonly falsely: number
}

/** Replays a trace, and compares the refusals with a bucket that is charged the actual cost at once. */
async function measure(
  trace: string | Readable,
  llm: string,
  options: { readonly clients?: number; readonly duration?: string; readonly server?: ServerSetup } = {},
): Promise<Measured> {
  const buckets = new Map<string, { level: number; at: number }>()
  let falsely = 0
  const report = await replay(trace, configOf(llm), {
    ...options,
    threads: 1,
    onDecision({ recorded: { client = '', input = 0, output = 0 }, outcome, decidedAt }) {
      const bucket = buckets.get(client) ?? { level: BURST, at: decidedAt }
      buckets.set(client, bucket)
      bucket.level = Math.min(BURST, bucket.level + ((decidedAt - bucket.at) * BURST) / 60_000)
      bucket.at = decidedAt
      const cost = input + output
      if (outcome.kind === 'allowed') bucket.level -= cost
      else if (cost <= bucket.level) falsely += 1
    },
  })
  const { played, refused } = report.requests
  return { report, refused: (100 * refused) / played, falsely: (100 * falsely) / played }
}

const MODES = {
  'stated maximum of 4,096': 'default_output: 4096',
  'default of 1,024': 'reserve: stated',
  learned: 'reserve: learned',
  p90: 'reserve: p90',
} as const
const ALL_MODES = ['stated maximum of 4,096', 'default of 1,024', 'learned', 'p90'] as const
const COMPARED = ['default of 1,024', 'learned'] as const

describe.skipIf(!existsSync(FOLDER))(
  `a replay of the Azure traces in ${FOLDER}${existsSync(FOLDER) ? '' : ' (skipped: there are none)'}`,
  () => {
    // docs/tokens.md states these figures.
    it.each([
      ['conv', '1s + 25ms/output_token', ALL_MODES, [11.6, 11.6], [6.7, 6.2], [6.0, 0.6], [6.1, 2.7]],
      ['conv', '1s + 100ms/output_token', COMPARED, [8.2, 8.2], [6.0, 2.4]],
      ['code', '1s + 25ms/output_token', ALL_MODES, [21.1, 20.2], [15.6, 8.6], [13.8, 0.2], [13.9, 0.4]],
      ['code', '1s + 100ms/output_token', COMPARED, [16.2, 11.4], [13.8, 0.5]],
    ] as const)(
      'refuses calls of %s at %s because of its reservations',
      async (trace, duration, modes, ...expected) => {
        const file = `${FOLDER}/AzureLLMInferenceTrace_${trace}.csv`
        const rows: [string, Measured][] = []
        for (const mode of modes)
          rows.push([mode, await measure(file, MODES[mode], { clients: 20, duration })])
        console.info(`${trace}, ${duration}, 20 clients with ${BURST} tokens per minute each, in percent:`)
        console.table(
          rows.map(([reserve, { report, refused, falsely }]) => ({
            reserve,
            refused: refused.toFixed(2),
            'falsely refused': falsely.toFixed(2),
            'met an empty bucket': report.requests.exhausted ?? 0,
          })),
        )
        const rounded = rows.map(([, { refused, falsely }]) =>
          [refused, falsely].map((each) => +each.toFixed(1)),
        )
        expect(rounded).toEqual(expected)
        for (const [, { report }] of rows) expect(report.rules[0]?.mostOwed).toBeUndefined()
      },
    )
  },
)

const HEAD = 'timestamp,client,input_tokens,output_tokens,max_tokens,duration_ms\n'

/** A trace of a client with 200 short answers, one a second, and then 100 calls at once. */
function attack({ output = 4096, maximum = 4096, calls = 100 } = {}): Readable {
  const short = Array.from({ length: 200 }, (_, second) => `${second},a,1,4,4096,500`)
  const long = Array.from({ length: calls }, () => `300,a,1,${output},${maximum},80000`)
  return Readable.from([`${HEAD}${[...short, ...long].join('\n')}\n`])
}

describe('a burst of long answers after many short ones', () => {
  const owedIn = ({ rules }: ReplayReport) => (rules[0]?.mostOwed ?? 0) * BURST

  it('overdraws the limit by at most eight answers if streams are finished', async () => {
    const { report } = await measure(attack(), 'reserve: learned')
    // Eight calls reserve little, and the others their maximum.
    expect(report.requests.refused).toBeGreaterThan(85)
    expect(owedIn(report)).toBeLessThanOrEqual(8 * 4096)
    expect(report.requests.exhausted).toBeGreaterThan(0)
    expect(report.requests.exhausted).toBeLessThanOrEqual(8)
  })

  it('overdraws it by at most 64 tokens for each of eight streams if they are cut', async () => {
    const { report } = await measure(attack(), 'reserve: learned, when_exhausted: cut')
    expect(report.requests.exhausted).toBeGreaterThan(0)
    expect(owedIn(report)).toBeLessThanOrEqual(8 * 64)
  })

  it('cannot begin with more calls than the bucket holds at their maximum', async () => {
    const { report } = await measure(attack({ maximum: 20_000, output: 4 }), 'reserve: learned')
    expect(report.requests.allowed).toBe(200 + 8)
  })
})

it('at most 0.1 % of the streams, and 11, of a client with erratic answers meet an empty bucket', async () => {
  // A client that uses all of its limit, whose answers are short in one minute and long in the next.
  const lines = Array.from({ length: 20_000 }, (_, call) => {
    const second = call * 2
    const isLong = Math.floor(second / 60) % 2 === 1
    return `${second},a,10,${isLong ? 1900 : 20},4096,${isLong ? 40_000 : 500}`
  })
  const { report } = await measure(Readable.from([`${HEAD}${lines.join('\n')}\n`]), 'reserve: learned')
  const { allowed, exhausted = 0 } = report.requests
  expect(allowed).toBeGreaterThan(10_000)
  expect(exhausted).toBeLessThanOrEqual(0.001 * allowed + 11 + 8)
})

it('with a model of the server, reservations grow as the server writes, and streams are cut', async () => {
  const lines = Array.from({ length: 60 }, (_, call) => `${call},a,10,${call < 30 ? 20 : 3000},4096,`)
  const trace = () => Readable.from([`${HEAD}${lines.join('\n')}\n`])
  const server = await loadServer('llama-3.1-8b-a100')
  const [finished, cut] = await Promise.all([
    measure(trace(), 'reserve: learned', { server }),
    measure(trace(), 'reserve: learned, when_exhausted: cut', { server }),
  ])
  expect(finished?.report.requests.exhausted).toBeGreaterThan(0)
  expect(cut?.report.requests.exhausted).toBeGreaterThan(0)
  const usedBy = ({ report }: Measured) => report.rules[0]?.used ?? 0
  expect(usedBy(cut)).toBeLessThan(usedBy(finished))
})
