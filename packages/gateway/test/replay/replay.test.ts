import { describe, expect, it } from 'vitest'
import { parseConfig } from '../../src/policy/config/load-config.js'
import { compare, replay } from '../../src/replay/replay.js'
import { summary } from '../../src/replay/report/report-summary.js'
import { configOf, replayTrace, streamOf } from './traces.js'

/** Builds a trace in CSV. Times are in seconds after a fixed start. */
function rows(head: string, ...lines: (readonly [second: number, ...more: (string | number)[]])[]): string {
  const text = lines.map(([second, ...more]) => [1_700_000_000 + second, ...more].join(','))
  return [`time${head}`, ...text].join('\n')
}

describe('a replay', () => {
  it('refills a bucket over time, separately for each client', async () => {
    const trace = rows(',client', [0, 'a'], [1, 'a'], [2, 'a'], [2, 'b'], [31, 'a'], [32, 'a'], [92, 'a'])
    const { admitted, report } = await replayTrace(trace, '[2/minute]')
    expect(admitted).toBe('++-++-+')
    expect(report.requests).toMatchObject({ played: 7, allowed: 5, refused: 2, falselyRefused: 0 })
    expect(report.clients.listed[0]).toMatchObject({ client: 'a', requests: 6, refused: 2 })
  })

  it('plays penalties in virtual time, and counts none of their refusals as false', async () => {
    const trace = rows('', [0], [1], [2], [30], [3600], [3601.5], [3603], [5403], [5405])
    const penalty = 'penalty: 15m, penalty_growth: 2, penalty_max: 1d'
    const { admitted, report } = await replayTrace(trace, `[{ limit: 1/minute, ${penalty} }]`)
    // The second penalty ends 1,800 seconds after 3,601.5.
    expect(admitted).toBe('+---+--+-')
    expect(report.requests).toMatchObject({ allowed: 3, refused: 6, falselyRefused: 0 })
    expect(report.rules[0]).toMatchObject({ refused: 6, falselyRefused: null })
  })

  it('holds a slot for the recorded duration and frees it before an arrival at the same time', async () => {
    const trace = rows(',duration', [0, '10s'], [9.999, '1s'], [10, '10s'])
    const { admitted } = await replayTrace(trace, '[{ concurrent: 1 }]')
    expect(admitted).toBe('+-+')
  })

  it('keeps the slot of a request that outlasts its lease', async () => {
    const trace = rows(',duration', [0, '100s'], [40, '1s'], [99, '1s'], [100, '1s'])
    const { admitted } = await replayTrace(trace, '[{ concurrent: 1, lease: 10s }]')
    expect(admitted).toBe('+--+')
  })

  it('processes a request with a duration of a million years as fast as any other', async () => {
    const trace = rows(',duration', [0, '1e16'], [40, '1s'], [41, '1e16'])
    const { admitted } = await replayTrace(trace, '[{ concurrent: 1, lease: 10s, wait: 5s }]')
    expect(admitted).toBe('+--')
  })

  it('estimates durations per request and per token', async () => {
    const trace = rows(',output_tokens', [0, 10], [1.4, 0], [1.6, 0])
    const { admitted } = await replayTrace(trace, '[{ concurrent: 1 }]', {
      duration: '500ms + 100ms/output_token',
    })
    expect(admitted).toBe('+-+')
    await expect(replayTrace(trace, '[{ concurrent: 1 }]', { duration: '5 apples' })).rejects.toThrow(
      "'5 apples' is not a valid duration",
    )
  })

  it('serves waiting requests in order of arrival until a slot is free or their wait times out', async () => {
    const trace = rows(',duration', [0, '10s'], [1, '10s'], [2, '10s'], [3, '1s'])
    const { admitted, report } = await replayTrace(trace, '[{ concurrent: 1, wait: 15s }]')
    // The second waits 9 s. The third would wait 18 s and the fourth 17 s, so both time out.
    expect(admitted).toBe('++--')
    expect(report.waits).toMatchObject({ count: 3, max: 15_000 })
  })

  it('serves waiting requests of all routes in order of arrival', async () => {
    const config = parseConfig(
      `upstream: http://127.0.0.1:9000
limits: [{ concurrent: 1, by: everyone, wait: 1m, queue: 5 }]
routes: [{ match: POST /a }, { match: POST /b, limits: [100/minute] }]`,
      'replayed.yaml',
    )
    const trace = rows(',path,duration', [0, '/a,10s'], [1, '/b,10s'], [2, '/b,10s'], [3, '/a,10s'])
    const decided: (readonly [number, number])[] = []
    await replay(streamOf(trace, 1000), config, {
      onDecision: ({ number, cameAt, decidedAt }) => decided.push([number, decidedAt - cameAt]),
    })
    expect(decided).toEqual([0, 1, 2, 3].map((number) => [number, 9_000 * number]))
  })

  it('admits requests that wait for a rate at that rate, in virtual time', async () => {
    const trace = rows('', [0], [0], [0], [0], [0])
    const { admitted, report } = await replayTrace(
      trace,
      '[{ limit: 1/second, by: everyone, wait: 15s, queue: 3 }]',
    )
    // The queue is full when the fifth arrives.
    expect(admitted).toBe('++++-')
    expect(report.waits).toMatchObject({ count: 3, max: 3000 })
  })

  it('grants a slot to a waiting request when one is freed in the trace, and holds the slot from then on', async () => {
    const trace = rows(',duration', [0, '5s'], [1, '5s'], [9.9, '1s'], [10, '1s'])
    const { admitted, report } = await replayTrace(trace, '[{ concurrent: 1, wait: 4.1s }]')
    expect(admitted).toBe('++++')
    expect(report.waits).toMatchObject({ count: 3, max: 4000 })
  })

  it('raises limits while a model warms up, starting when it becomes ready', async () => {
    const config =
      '[{ limit: 10/second, by: everyone }]\n    warm_up: { ready: http://127.0.0.1:1/, from: 0.1, over: 100s }'
    const requestsAt = (at: number) => Array.from({ length: 12 }, () => [at] as const)
    const trace = rows('', ...requestsAt(0), ...requestsAt(20), ...requestsAt(80), ...requestsAt(200))
    const { report } = await replayTrace(trace, config, { unready: [{ from: 10_000, to: 30_000 }] })
    const allowedAt = (from: number) =>
      report.timeline.stretches.filter(({ at }) => at === (1_700_000_000 + from) * 1000)[0]?.allowed
    expect([allowedAt(0), allowedAt(20), allowedAt(80), allowedAt(200)]).toEqual([10, 1, 5, 10])
  })

  it('aligns calendar windows to the recorded date', async () => {
    const trace = 'time\n2024-02-29 23:59:58\n2024-02-29 23:59:59\n2024-03-01 00:00:00'
    const { admitted } = await replayTrace(
      trace,
      '[{ limit: 1/day, algorithm: fixed-window, align: calendar, by: everyone }]',
    )
    expect(admitted).toBe('+-+')
  })

  it('reserves tokens when a call arrives and settles them when it ends', async () => {
    const llm = '[{ limit: 100/hour, of: tokens, by: everyone }]\n    llm: openai-chat'
    // 10 + 90 tokens are reserved; 10 + 5 are used after ten seconds.
    const trace = rows(
      ',input_tokens,output_tokens,max_tokens,duration',
      [0, 10, 5, 90, '10s'],
      [9, 1, 1, 1, '1s'],
      [10, 1, 1, 1, '1s'],
    )
    const { admitted, report } = await replayTrace(trace, llm)
    expect(admitted).toBe('+-+')
    expect(report.rules[0]).toMatchObject({ reserved: 102, used: 17, refused: 1 })
  })

  it('admits requests above a soft limit and counts them', async () => {
    const { admitted, report } = await replayTrace(
      rows('', ...Array.from({ length: 5 }, () => [0] as const)),
      "[{ limit: 3/hour, algorithm: fixed-window, by: everyone, soft: true, warn: ['100%'] }]",
    )
    expect(admitted).toBe('+++++')
    expect(report.rules[0]).toMatchObject({ refused: 0, softOverruns: 2, used: 5 })
  })
})

describe('a replay of recorded requests', () => {
  const twoRoutes =
    '[1/minute]\n  - match: POST /models/:model/predict\n    limits: [{ limit: 10/minute, cost: "params.model == \'heavy\' ? 10 : 1" }]'

  it('finds routes by path and computes costs from the request', async () => {
    const trace = rows(
      ',path',
      ...[
        [0, '/predict'],
        [0, 'POST /predict'],
        [0, '/models/heavy/predict'],
        [0, '/models/light/predict'],
      ].map(([at, path]) => [at as number, path as string] as const),
      [0, '/elsewhere'],
      [0, '/%2f'],
    )
    const { admitted, report } = await replayTrace(trace, twoRoutes)
    expect(admitted).toBe('+-+-+-')
    expect(report.requests).toMatchObject({ refused: 2, unlimited: 1, invalid: 1 })
  })

  it('replays only the selected route', async () => {
    const trace = rows(',path', [0, '/predict'], [0, '/models/a/predict'], [1, '/predict'])
    const { report } = await replayTrace(trace, twoRoutes, { route: 'POST /predict' })
    expect(report.requests).toMatchObject({ played: 2, passedOver: 1, refused: 1 })
  })

  it('requires --route if the trace has no paths and there are several routes', async () => {
    const trace = rows('', [0])
    await expect(replayTrace(trace, twoRoutes)).rejects.toThrow(
      'the trace has no paths; choose a route with --route: one of POST /predict, POST /models/:model/predict',
    )
    await expect(replayTrace(trace, twoRoutes, { route: 'POST /nowhere/at all' })).rejects.toThrow(
      'unknown route',
    )
    expect(
      (await replayTrace(trace, twoRoutes, { route: 'POST /models/heavy/predict' })).report.rules[0],
    ).toMatchObject({
      reserved: 10,
    })
  })

  it('counts a request without a path as invalid if others have one', async () => {
    const { admitted, report } = await replayTrace(
      rows(',path', [0, '/predict'], [1, ''], [2, '/predict']),
      twoRoutes,
    )
    expect(admitted).toBe('+--')
    expect(report.requests).toMatchObject({ played: 3, invalid: 1, refused: 1 })
    expect(report.reasons).toEqual([{ why: 'the request has no recorded path', count: 1 }])
  })

  it('uses the recorded cost if the cost depends on the body, and counts requests without one as invalid', async () => {
    const limits = '[{ limit: 10/minute, cost: size(body.rows) }]'
    expect((await replayTrace(rows(',cost', [0, 6], [0, 6], [0, 4]), limits)).admitted).toBe('+-+')
    const { report } = await replayTrace(rows('', [0]), limits)
    expect(report.requests.invalid).toBe(1)
    expect(report.reasons[0]?.why).toContain('the trace has no bodies; no cost was recorded')
  })

  it('skips a rule whose cost was not recorded, applies the others and reports the skipped rule', async () => {
    const limits = '[2/minute, { limit: 100/minute, of: rows, cost: size(body.rows) }, { concurrent: 9 }]'
    const { admitted, report } = await replayTrace(rows('', [0], [1], [2]), limits)
    expect(admitted).toBe('++-')
    expect(report.requests).toMatchObject({ allowed: 2, refused: 1, invalid: 0 })
    expect(report.notes).toContain(
      "The rule 'rows' of POST /predict was skipped for 3 requests, to which the other rules still applied: the trace has no bodies; no cost was recorded (--columns cost=NAME).",
    )
    const whenBody = '[2/minute, { limit: 1/minute, when: "body.user == 1" }]'
    expect((await replayTrace(rows('', [0], [1], [2]), whenBody)).admitted).toBe('++-')
    const byBody = '[2/minute, { limit: 1/minute, by: "body.user" }]'
    expect((await replayTrace(rows('', [0], [1], [2]), byBody)).admitted).toBe('++-')
  })

  it('uses the fallback cost if no cost was recorded', async () => {
    const limits = '[9/minute, { limit: 6/minute, of: rows, cost: size(body.rows), fallback_cost: 3 }]'
    expect((await replayTrace(rows('', [0], [0], [0]), limits)).admitted).toBe('++-')
  })

  it('applies all rules except token rules to model calls from an access log', async () => {
    const line = (second: number) =>
      `192.0.2.1 - - [10/Oct/2000:13:55:${second} -0700] "POST /predict HTTP/1.1" 200 9 "-" "-"`
    const limits = '[2/minute, { limit: 1000/minute, of: tokens }]\n    llm: openai-chat'
    const { admitted, report } = await replayTrace([line(10), line(11), line(12)].join('\n'), limits)
    expect(admitted).toBe('++-')
    expect(report.notes.join('\n')).toMatch(
      /'tokens' of POST \/predict was skipped for 3 requests.*the trace has no input_tokens.*CSV or JSON lines/,
    )
    expect(summary(report)).toContain('was skipped for 3 requests')
  })

  it('reports the inferred unit of numeric times and the resulting length of the trace', async () => {
    const { report } = await replayTrace('time\n0\n250000000000', '[9/minute]')
    expect(report.trace.timeUnit).toBe('s')
    expect(report.notes[0]).toBe(
      'Numeric times were read as seconds. The trace then spans 7,927 years. If that is wrong, specify the unit of the column, as in --columns time=NAME:us.',
    )
    expect(summary(report)).toContain('were read as seconds')
    expect((await replayTrace('time\n2023-11-14T22:13:20Z', '[9/minute]')).report.notes.join()).not.toContain(
      'read as',
    )
  })

  it('evaluates tiers, requirements and headers', async () => {
    const limits = [
      '[{ limit: 1/minute, by: header:x-tenant }]',
      "    require: client.tier != 'banned'",
    ].join('\n')
    const trace = rows(
      ',client,tier,header:x-tenant',
      ...[
        [0, 'a', 'pro', 't'],
        [0, 'b', 'pro', 't'],
        [0, 'c', 'banned', 'u'],
        [0, 'd', 'pro', 'u'],
      ].map((row) => row as [number, ...string[]]),
    )
    const { admitted, report } = await replayTrace(trace, limits)
    expect(admitted).toBe('+--+')
    expect(report.requests).toMatchObject({ refused: 1, forbidden: 1 })
    expect(report.tiers.map(({ tier, requests }) => [tier, requests])).toEqual([
      ['banned', 1],
      ['pro', 3],
    ])
  })

  it('escapes tier names for the terminal', async () => {
    const { report } = await replayTrace(
      rows(',client,tier', [0, 'a', '\u001b[2Jgold'], [0, '\u001b[2Jb', ''], [0, '\u001b[2Jb', '']),
      '[1/minute]',
    )
    expect(report.tiers).toContainEqual(expect.objectContaining({ tier: '\u001b[2Jgold' }))
    expect(summary(report)).toContain('?[2Jgold')
    expect(summary(report)).not.toContain('\u001b')
  })

  it('counts a thousand tiers separately and all others together', async () => {
    const tiers = Array.from({ length: 1002 }, (_, index) => [0, `tier ${index}`] as const)
    const { report } = await replayTrace(rows(',tier', ...tiers), '[1/minute]')
    expect(report.tiers).toHaveLength(1001)
    expect(report.tiers.find(({ tier }) => tier === null)?.requests).toBe(2)
  })

  it('assigns requests without a client to the given number of clients', async () => {
    const { report, admitted } = await replayTrace(rows('', [0], [0], [0], [0]), '[1/minute]', { clients: 3 })
    expect(admitted).toBe('+++-')
    expect(report.clients.listed[0]).toMatchObject({ client: 'client-0', requests: 2, refused: 1 })
    expect(report.notes.join()).toContain('assigned to 3 clients')
  })
})

describe('the report of a replay', () => {
  const trace = rows(
    ',client',
    ...Array.from(
      { length: 3000 },
      (_, index) => [(index * index) % 7001, `c${(index * 7) % 13}`] as [number, string],
    ),
  )
  const options = { reorder: 86_400_000 }

  it('is the same, byte for byte, for chunks of any size', async () => {
    const limits = '[{ limit: 5/minute, algorithm: sliding-window }, { concurrent: 2, wait: 5s }]'
    const reports = await Promise.all(
      [1, 64, 100_000].map(async (size) =>
        JSON.stringify(await replay(streamOf(trace, size), configOf(limits), { ...options, duration: '7s' })),
      ),
    )
    expect(new Set(reports).size).toBe(1)
  })

  it('contains the longest lock-out, the usage, the hours and a timeline of bounded length', async () => {
    const { report } = await replayTrace(
      rows(',client', [0, 'a'], [10, 'a'], [20, 'a'], [3600, 'a'], [7200 * 30, 'b']),
      '[1/hour]',
    )
    expect(report.longestLockout).toMatchObject({
      client: 'a',
      rule: 'requests',
      length: 3_590_000,
      refused: 2,
    })
    expect(report.rules[0]?.fullness).toEqual({ p50: 1, p95: 1, max: 1 })
    expect(report.hours.stretches.filter(({ requests }) => requests > 0)).toHaveLength(3)
    expect(report.timeline.stretches.length).toBeLessThanOrEqual(720)
    expect(report.timeline.stretches.reduce((sum, { requests }) => sum + requests, 0)).toBe(5)
  })

  it('counts the refusals of shadow rules, which refuse no request', async () => {
    const { report } = await replayTrace(rows('', [0], [0]), '[{ limit: 1/minute, enforce: false }]')
    expect(report.requests.refused).toBe(0)
    expect(report.rules[0]).toMatchObject({ enforced: false, allowed: 1, refused: 1 })
  })

  it('sums the clients that are not listed', async () => {
    const { report } = await replayTrace(trace, '[1/minute]', { ...options, listed: 3 })
    expect(report.clients.listed).toHaveLength(3)
    const { listed, others } = report.clients
    expect(listed.reduce((sum, { requests }) => sum + requests, others?.requests ?? 0)).toBe(3000)
  })

  it('compares two policies request by request', async () => {
    const comparison = await compare(
      streamOf(trace, 1000),
      configOf('[2/minute]'),
      configOf('[{ limit: 4/minute, algorithm: sliding-log }, { concurrent: 1, wait: 10s }]'),
      { ...options, duration: '20s' },
    )
    const { both, neither, onlyOne, onlyOther } = comparison.requests
    expect(both + neither + onlyOne + onlyOther).toBe(3000)
    expect(both + onlyOne).toBe(comparison.one.requests.allowed)
    expect(both + onlyOther).toBe(comparison.other.requests.allowed)
    expect(onlyOne * onlyOther).toBeGreaterThan(0)
    for (const { client, refusedByOne, refusedByOther } of comparison.clients) {
      const statsIn = ({ clients }: typeof comparison.one) =>
        clients.listed.find((each) => each.client === client)
      expect([statsIn(comparison.one)?.refused, statsIn(comparison.other)?.refused]).toEqual([
        refusedByOne,
        refusedByOther,
      ])
    }
  })
})
