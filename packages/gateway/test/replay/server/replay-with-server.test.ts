import { describe, expect, it } from 'vitest'
import { compare, replay } from '../../../src/replay/replay.js'
import { comparisonSummary, summary } from '../../../src/replay/report/report-summary.js'
import { parseServer } from '../../../src/replay/server/server-file.js'
import type { ServerReport } from '../../../src/replay/server/server-report.js'
import { configOf, streamOf } from '../traces.js'

/** A prompt of 100 tokens takes 60 ms, and each further token 11 ms. */
const SERVER = `
step: { fixed: 10ms, per_prefill_token: 500us, per_request: 1ms }
kv_tokens: 10_000
max_seqs: 4
max_batched_tokens: 100
`

type Row = readonly [seconds: number, client: string, input: number | '', output: number | '']

function traceOf(rows: readonly Row[]) {
  const lines = rows.map(([at, ...cells]) => [(1_700_000_000 + at).toFixed(3), ...cells].join(','))
  return streamOf(['time,client,input_tokens,output_tokens', ...lines].join('\n'), 1000)
}

async function run(rows: readonly Row[], limits: string, patienceMs?: number, file = SERVER) {
  const server = { ...parseServer(file, 'server.yaml'), patienceMs }
  const config = configOf(`${limits}\n    llm: openai-chat`)
  const report = await replay(traceOf(rows), config, { server, route: 'POST /predict', threads: 1 })
  return { report, server: report.server as ServerReport }
}

const times = (count: number, row: Row): Row[] => Array.from({ length: count }, () => row)

describe('a replay with a server', () => {
  it('lets requests last as long as the server needs for them', async () => {
    const { server } = await run([[0, 'a', 100, 3]], '[100/minute]')
    expect(server.firstToken).toEqual({ p50: 60, p90: 60, p99: 60, max: 60 })
    expect(server.gap).toMatchObject({ p50: 11, max: 11 })
    expect(server.requests).toMatchObject({ arrived: 1, sent: 1, served: 1, abandoned: 0 })
    // 103 tokens in 82 ms
    expect(server.throughput.input).toBeCloseTo(100 / 0.082)
    expect(server.throughput.output).toBeCloseTo(3 / 0.082)
  })

  it('moves the queue from the server to the gateway if a limit holds requests there', async () => {
    const rows = times(8, [0, 'a', 100, 3])
    const open = await run(rows, '[100/minute]')
    expect(open.server.waiting.gateway).toBe(0)
    expect(open.server.waiting.server).toBeGreaterThan(1)
    const held = await run(rows, '[{ concurrent: 1, by: everyone, wait: 10s }]')
    expect(held.server.waiting.gateway).toBeGreaterThan(3)
    expect(held.server.waiting.server).toBe(0)
    // One request after the other, each of which takes 82 ms. A freed slot is used at once.
    expect(held.server.firstToken?.max).toBe(7 * 82 + 60)
    expect(held.report.waits).toMatchObject({ count: 7, max: 7 * 82 })
  })

  it('sends requests without limits to the server, and none that were refused', async () => {
    const unlimited = await run(times(3, [0, 'a', 10, 1]), '[]')
    expect(unlimited.server.requests).toMatchObject({ arrived: 3, sent: 3, served: 3 })
    const limited = await run(times(3, [0, 'a', 10, 1]), '[1/minute]')
    expect(limited.server.requests).toMatchObject({ arrived: 3, sent: 1, served: 1 })
  })

  it('lets clients leave that wait too long for the first token, at the server', async () => {
    // The first request is read within 60 ms, and the second within 120 ms.
    const { server, report } = await run(
      times(2, [0, 'a', 100, 3]),
      '[{ limit: 10k/minute, of: tokens }]',
      100,
    )
    expect(server.requests).toMatchObject({ sent: 2, served: 1, abandoned: 1 })
    // The second client pays for its prompt only.
    expect(report.rules[0]?.used).toBe(103 + 100)
  })

  it('lets clients leave that wait too long for a limit, at the gateway', async () => {
    const limits = '[{ concurrent: 1, by: everyone, wait: 10s }]'
    const { server, report } = await run(times(4, [0, 'a', 100, 3]), limits, 150)
    // The first token of the third request would come after 2 × 82 + 60 ms.
    expect(report.requests).toMatchObject({ allowed: 2, refused: 0, abandoned: 2 })
    expect(server.requests).toMatchObject({ arrived: 4, sent: 2, served: 2, abandoned: 0 })
    expect(summary(report)).toMatch(/2 abandoned while they waited for a limit/)
  })

  it('counts as goodput what reaches the target', async () => {
    const file = `${SERVER}goodput: { first_token: 80ms, gap: 100ms }\n`
    const { server } = await run(times(3, [0, 'a', 100, 2]), '[]', undefined, file)
    // The prompts are read one after the other, the second after 60 ms.
    expect(server.goodput).toMatchObject({ answers: 1, target: { firstTokenMs: 80, gapMs: 100 } })
    expect(server.goodput.output).toBeCloseTo(server.throughput.output / 3)
  })

  it('reports requests that the server cannot serve', async () => {
    const { report, server } = await run(
      [
        [0, 'a', 9900, 1],
        [1, 'a', '', ''],
        [2, 'a', 10, 1],
      ],
      '[100/minute]',
    )
    expect(server.requests).toMatchObject({ arrived: 2, served: 1, tooLong: 1, withoutTokens: 1 })
    expect(report.notes.join('\n')).toMatch(/1 request without recorded tokens did not reach the server/)
    expect(report.notes.join('\n')).toMatch(/1 request did not fit into the KV cache/)
  })

  it('rejects a trace without tokens', async () => {
    await expect(run([[0, 'a', '', '']], '[100/minute]')).rejects.toThrow(
      'the trace has no tokens, which a server requires',
    )
  })

  it('compares what two policies do to the server', async () => {
    const rows = [...times(30, [0, 'heavy', 100, 40]), ...times(2, [0.1, 'light', 100, 5])] as Row[]
    const [open, strict] = [configOf('[100/minute]'), configOf('[10/minute]')]
    const server = parseServer(SERVER, 'server.yaml')
    const comparison = await compare(traceOf(rows), open, strict, { server, threads: 1 })
    const text = comparisonSummary(comparison, ['open.yaml', 'strict.yaml'])
    expect(text).toMatch(/server: server\.yaml +open\.yaml +strict\.yaml/)
    expect(text).toMatch(/served +32 of 32 sent +12 of 12 sent/)
    const [one, other] = [comparison.one.server, comparison.other.server] as [ServerReport, ServerReport]
    expect(one.tenants.map(({ tenant }) => tenant)).toEqual(['heavy', 'light'])
    expect(other.waiting.server).toBeLessThan(one.waiting.server)
  })

  it('splits the service of clients over time without losing any', async () => {
    const rows = Array.from({ length: 60 }, (_, index): Row => [index / 2, `client-${index % 12}`, 50, 200])
    const { server } = await run(rows, '[]')
    const { intervals, tenants, width } = server.timeline
    expect(tenants).toHaveLength(11)
    expect(tenants.at(-1)).toBe('(2 others)')
    server.tenants.forEach(({ service }, index) => {
      const sum = intervals.reduce((total, interval) => total + (interval.service[index] ?? 0), 0)
      expect((sum * width) / 1000).toBeCloseTo(service, 6)
    })
    const waiting = intervals.reduce((sum, { waitingAtServer }) => sum + waitingAtServer, 0)
    const spanMs = (60 * 50 * 1000) / server.throughput.input
    expect(waiting * width).toBeCloseTo(server.waiting.server * spanMs, 3)
    expect(waiting).toBeGreaterThan(0)
  })
})
