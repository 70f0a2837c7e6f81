import { existsSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'
import { ModelServer } from '../../../src/replay/server/model-server.js'
import { SERVER_PRESETS } from '../../../src/replay/server/presets.js'
import { serviceGap } from '../../../src/replay/server/service-gap.js'

const FILE = fileURLToPath(new URL('../../../../../../shared/traces/arena_real_trace.csv', import.meta.url))

interface ArenaRequest {
  readonly id: number
  readonly tenant: string
  readonly arrivedAt: number
  readonly input: number
  readonly output: number
  readonly service: number
  beganAt: number | undefined
  endedAt: number | undefined
}

/**
 * Compares the model with measurements on an A10G: the result files in `fair_bench` of
 * github.com/Ying1123/VTC-artifact at 192c2e2, evaluated with its own scripts.
 */
describe.skipIf(!existsSync(FILE))(`the model of an A10G on ${FILE}`, () => {
  it('has the throughput and the service gap that were measured first come, first served', () => {
    const { served, throughput, gap } = run(Number.POSITIVE_INFINITY)
    expect(served).toBe(1500)
    expectWithin(0.01, throughput, 777)
    expectWithin(0.02, gap.max, 760)
    expectWithin(0.06, gap.mean, 434)
    expectWithin(0.06, gap.variance, 32_112)
  })

  it.each([
    [5, 581, 340],
    [20, 1158, 694],
    [30, 1324, 747],
  ])('serves as much as was measured with %d requests per minute and client', (limit, count, tokens) => {
    const { served, throughput } = run(limit)
    expect(Math.abs(served - count)).toBeLessThanOrEqual(1)
    expectWithin(0.01, throughput, tokens)
  })
})

function expectWithin(fraction: number, value: number, measured: number): void {
  expect(Math.abs(value / measured - 1), `${value} instead of ${measured}`).toBeLessThanOrEqual(fraction)
}

/** Replays the trace with a sliding log of admitted requests for each client. */
function run(perMinute: number) {
  const requests = readFileSync(FILE, 'utf8').trim().split('\n').slice(1).map(requestOf)
  const server = new ModelServer<ArenaRequest>(SERVER_PRESETS['llama-2-7b-a10g'], {
    began(request, at) {
      request.beganAt = at
    },
    ended(request, at) {
      request.endedAt = at
    },
  })
  const admitted = new Map<string, number[]>()
  for (const request of requests) {
    const { tenant, arrivedAt } = request
    while ((server.nextEventAt ?? Number.POSITIVE_INFINITY) <= arrivedAt) server.advance()
    const recent = (admitted.get(tenant) ?? []).filter((at) => arrivedAt - at <= 60_000)
    if (recent.length >= perMinute) continue
    admitted.set(tenant, [...recent, arrivedAt])
    server.submit(request, arrivedAt)
  }
  while (server.nextEventAt !== undefined) server.advance()
  const served = requests.filter(({ endedAt }) => endedAt !== undefined)
  const seconds = Math.max(...served.map(({ endedAt = 0 }) => endedAt)) / 1000
  const tokens = served.reduce((sum, { input, output }) => sum + input + output, 0)
  return { served: served.length, throughput: tokens / seconds, gap: serviceGap(requests) }
}

function requestOf(line: string, id: number): ArenaRequest {
  const [seconds = 0, client, input = 0, output = 0] = line.split(',').map(Number)
  const times = { arrivedAt: seconds * 1000, beganAt: undefined, endedAt: undefined }
  return { id, tenant: `${client}`, input, output, service: input + 2 * output, ...times }
}
