import { existsSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'
import { parseConfig, replay } from '../../src/replay/index.js'
import {
  countFalseRefusals,
  REFERENCE_LIMITERS,
  type ReferenceRequest,
  TICKS_PER_MS,
} from './reference-limiters.js'

const FOLDER = fileURLToPath(new URL('../../../../../shared/traces', import.meta.url))
const TRACES = ['conv', 'code'].map((name) => `${FOLDER}/AzureLLMInferenceTrace_${name}.csv`)

/** The traces do not name clients. Request n, counted from 0, belongs to client n mod 10. */
const CLIENTS = 10
const LIMIT = 20
const PERIOD = 60_000 * TICKS_PER_MS
/** The traces contain no durations. With this estimate, some requests outlast a lease. */
const DURATION = '1s + 100ms/output_token'

interface Row extends ReferenceRequest {
  readonly index: number
  readonly input: number
  readonly output: number
}

describe.skipIf(!existsSync(FOLDER))(`a replay of the Azure traces in ${FOLDER}`, () => {
  for (const file of TRACES) {
    const rows = existsSync(file) ? rowsOf(file) : []
    it.each(Object.keys(REFERENCE_LIMITERS))(
      `decides about ${file.slice(-8, -4)} like a reference limiter for 20 requests per minute: %s`,
      async (algorithm) => {
        const limit =
          algorithm === 'concurrency'
            ? `concurrent: ${LIMIT}`
            : `limit: ${LIMIT}/minute, algorithm: ${algorithm}`
        await expectAgreement(file, rows, algorithm, LIMIT, `{ ${limit} }`)
      },
    )

    it.each(Object.keys(REFERENCE_LIMITERS).filter((name) => name !== 'concurrency'))(
      `decides about ${file.slice(-8, -4)} like a reference limiter for 20,000 tokens per minute: %s`,
      async (algorithm) => {
        const tokens = rows.map((row) => ({ ...row, cost: row.input + row.output }))
        const limit = `{ limit: 20k/minute, of: tokens, algorithm: ${algorithm} }`
        await expectAgreement(file, tokens, algorithm, 20_000, limit)
      },
    )
  }
})

/** Expects the same refusals as from the reference limiter, and as many false ones. */
async function expectAgreement(
  file: string,
  rows: readonly Row[],
  algorithm: string,
  limit: number,
  rule: string,
): Promise<void> {
  const config = parseConfig(
    `
upstream: http://127.0.0.1:9000
routes:
  - match: POST /v1/chat/completions
    llm: openai
    limits: [${rule}]
`,
    'azure.yaml',
  )
  const refused: number[] = []
  const report = await replay(file, config, {
    clients: CLIENTS,
    duration: DURATION,
    // The requested maximum equals the actual output, so the cost is known at admission.
    columns: 'max_tokens=GeneratedTokens',
    onDecision({ number, outcome }) {
      if (outcome.kind === 'refused') refused.push(number)
    },
  })
  const expected = new Set<number>()
  let falseRefusals = 0
  for (let client = 0; client < CLIENTS; client++) {
    const own = rows.filter(({ index }) => index % CLIENTS === client)
    const refusedIndexes = (REFERENCE_LIMITERS[algorithm] as (typeof REFERENCE_LIMITERS)[string])(
      own,
      limit,
      PERIOD,
    )
    for (const index of refusedIndexes) expected.add((own[index] as Row).index)
    falseRefusals += countFalseRefusals(algorithm, own, refusedIndexes, limit, PERIOD)
  }
  expect(report.requests.played).toBe(rows.length)
  expect(refused).toEqual([...expected].sort((a, b) => a - b))
  expect(report.requests.falselyRefused).toBe(falseRefusals)
}

function rowsOf(file: string): Row[] {
  const [, ...lines] = readFileSync(file, 'utf8').trimEnd().split(/\r?\n/)
  const first = Date.parse(`${lines[0]?.slice(0, 10)}T00:00:00Z`)
  return lines.map((line, index) => {
    const [time = '', input, output] = line.split(',')
    const second = Date.parse(`${time.slice(0, 19).replace(' ', 'T')}Z`) - first
    const at = second * TICKS_PER_MS + Number(time.slice(20))
    const duration = (1000 + 100 * Number(output)) * TICKS_PER_MS
    return { index, at, cost: 1, duration, input: Number(input), output: Number(output) }
  })
}
