import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { Sample } from '../../../../src/server/admin/api/live-samples.js'
import { TrafficHistory } from '../../../../src/server/admin/live/traffic-history.js'
import { TrafficSampler } from '../../../../src/server/admin/live/traffic-sampler.js'

const START = 1_764_000_000_000

const answer = (client: string, model: string | undefined, output: number) => ({
  ...{ client, model, inputTokens: 2 * output, outputTokens: output },
  ...{ firstTokenMs: 300, perOutputTokenMs: 20 },
})

const event = fc.oneof(
  fc.record({
    kind: fc.constant('end' as const),
    route: fc.constantFrom('POST /a', 'GET /b', undefined),
    outcome: fc.constantFrom('allowed' as const, 'refused' as const, 'failed' as const),
  }),
  fc.record({
    kind: fc.constant('upstream' as const),
    route: fc.constantFrom('POST /a', 'GET /b'),
    status: fc.constantFrom(200, 204, 302, 429, 500, 0),
  }),
  fc.record({
    kind: fc.constant('model' as const),
    route: fc.constantFrom('POST /a', 'GET /b'),
    model: fc.option(fc.constantFrom('m1', 'm2'), { nil: undefined }),
    output: fc.integer({ min: 1, max: 500 }),
  }),
)

/** Sums what samples of any length contain. */
function totals(samples: readonly Sample[]) {
  const sums: Record<string, number> = {}
  const add = (name: string, value: number) => {
    if (value > 0) sums[name] = (sums[name] ?? 0) + value
  }
  for (const { routes, models = {}, clients = {} } of samples) {
    for (const [route, { allowed, refused, failed, statuses, upstream, model }] of Object.entries(routes)) {
      const counts = { allowed, refused, failed, upstream: upstream.count, ...statuses }
      for (const [name, value] of Object.entries(counts)) add(`${route} ${name}`, value)
      add(`${route} output`, model?.output ?? 0)
      add(`${route} streams`, model?.firstToken.count ?? 0)
    }
    for (const [name, { input, output }] of Object.entries({ ...models, ...clients }))
      add(`tokens ${name}`, input + output)
  }
  return sums
}

describe('TrafficSampler', () => {
  it('counts the same in seconds, in minutes and in a sum over the events', () => {
    fc.assert(
      fc.property(fc.array(fc.array(event, { maxLength: 5 }), { maxLength: 130 }), (seconds) => {
        const minutes: Sample[] = []
        const sampler = new TrafficSampler((minute) => minutes.push(minute))
        const samples: Sample[] = []
        let outputs = 0
        let ends = 0
        seconds.forEach((events, index) => {
          for (const each of events) {
            if (each.kind === 'end') {
              sampler.onRequestEnd(each.route, each.outcome)
              ends++
            } else if (each.kind === 'upstream') sampler.onUpstreamResponse(each.route, 0.1, each.status)
            else {
              sampler.onModelAnswer(each.route, answer('client c', each.model, each.output))
              outputs += each.output
            }
          }
          samples.push(sampler.take(START + index * 1000, 0))
        })
        // Ends the last minute.
        sampler.take(START + 3_600_000, 0)
        expect(totals(minutes)).toEqual(totals(samples))
        expect(minutes.reduce((sum, minute) => sum + minute.seconds, 0)).toBe(seconds.length)
        const sums = Object.entries(totals(samples))
        const sumOf = (pattern: RegExp) =>
          sums.reduce((sum, [name, value]) => sum + (pattern.test(name) ? value : 0), 0)
        expect(sumOf(/ output$/)).toBe(outputs)
        expect(sumOf(/^tokens client c$/)).toBe(3 * outputs)
        expect(sumOf(/ (allowed|refused|failed)$/)).toBe(ends)
      }),
    )
  })

  it('keeps the highest number of requests in progress of a minute', () => {
    const minutes: Sample[] = []
    const sampler = new TrafficSampler((minute) => minutes.push(minute))
    for (const [second, change] of [1, 1, -1, -1].entries()) {
      sampler.onInFlightChange('POST /a', change as 1 | -1)
      sampler.take(START + second * 1000, 0)
    }
    sampler.take(START + 60_000, 0)
    expect(minutes).toMatchObject([
      { at: START, seconds: 4, inFlight: 2, routes: { 'POST /a': { inFlight: 2 } } },
    ])
  })

  it('names at most 8 models and clients in a sample, and sums the others', () => {
    const sampler = new TrafficSampler()
    for (let index = 0; index < 5000; index++)
      sampler.onModelAnswer('POST /a', answer(`client ${index}`, `model ${index}`, index < 8 ? 100 : 1))
    const { models = {}, clients = {} } = sampler.take(START, 0)
    for (const names of [models, clients]) {
      expect(Object.keys(names)).toHaveLength(9)
      expect(names['(others)']).toEqual({ input: 2 * 4992, output: 4992 })
    }
    expect(models['model 7']).toEqual({ input: 200, output: 100 })
    const next = sampler.take(START + 1000, 0)
    expect([next.models, next.clients]).toEqual([undefined, undefined])
  })

  it('counts a model named like a member of an object as any other', () => {
    const sampler = new TrafficSampler()
    for (const model of ['__proto__', 'constructor'])
      sampler.onModelAnswer('POST /a', answer('client c', model, 5))
    const { models } = JSON.parse(JSON.stringify(sampler.take(START, 0))) as Sample
    expect(Object.entries(models ?? {})).toEqual([
      ['__proto__', { input: 10, output: 5 }],
      ['constructor', { input: 10, output: 5 }],
    ])
  })
})

it('TrafficHistory keeps 24 hours', () => {
  const history = new TrafficHistory()
  const sampler = new TrafficSampler((minute) => history.add(minute))
  for (let minute = 0; minute < 1500; minute++) sampler.take(START + minute * 60_000, 0)
  const samples = JSON.parse(history.since(0)) as Sample[]
  expect(samples).toHaveLength(1440)
  expect(samples.at(-1)?.at).toBe(START + 1498 * 60_000)
  expect(JSON.parse(history.since(START + 1497 * 60_000))).toHaveLength(2)
})
