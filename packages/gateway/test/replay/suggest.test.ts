import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { parseObjective } from '../../src/replay/suggest/objective.js'
import { suggest } from '../../src/replay/suggest/suggest.js'
import { suggestedYaml } from '../../src/replay/suggest/suggest-yaml.js'
import { TraceError } from '../../src/replay/trace/trace-request.js'
import { configOf } from './traces.js'

/**
 * Builds a trace of ten minutes. Six clients send thirty requests each at the beginning of every
 * minute, so they need a limit of exactly 30/minute. A seventh client sends ten requests a second.
 */
function buildTrace(): string {
  const requests: [at: number, client: string][] = []
  for (let minute = 0; minute < 10; minute++) {
    for (let number = 0; number < 180; number++)
      requests.push([minute * 60_000 + number * 11, `good-${number % 6}`])
    for (let number = 0; number < 600; number++) requests.push([minute * 60_000 + number * 100, 'bad'])
  }
  const rows = requests.sort(([a], [b]) => a - b).map(([at, client]) => `${1_700_000_000_000 + at},${client}`)
  return ['time,client', ...rows].join('\n')
}

let folder: string
let trace: string
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'sluice-suggest-'))
  trace = join(folder, 'trace.csv')
  await writeFile(trace, buildTrace())
})
afterAll(() => rm(folder, { recursive: true }))

const OBJECTIVE = 'refuse at most 0% of requests of clients under 100/minute'

describe('suggest', () => {
  it('finds the tightest limit that meets the objective', async () => {
    const { granted, current, curve } = await suggest(
      trace,
      configOf('[8/minute]'),
      `${OBJECTIVE}; admit at most 300/minute`.replace('300', '300 requests'),
    )
    expect(current).toBe('8/minute')
    expect(granted?.text).toBe('30/minute')
    // Six clients are never refused. The seventh uses its burst and its limit within a minute.
    expect(granted?.clauses.map(({ value }) => value)).toEqual([0, expect.closeTo(180 + 60, -1)])
    const refused = curve.map((point) => point.refused)
    expect(refused).toEqual([...refused].sort((a, b) => b - a))
  })

  it('returns the nearest limits on both sides if none meets the objective', async () => {
    const { granted, nearest } = await suggest(
      trace,
      configOf('[8/minute]'),
      `${OBJECTIVE}, never admit more than 100 requests a minute in all`,
    )
    expect(granted).toBeNull()
    const [refusing, admitting] = nearest
    expect(refusing?.text).toBe('30/minute')
    expect(refusing?.clauses.map((clause) => clause.granted)).toEqual([true, false])
    expect(admitting?.clauses.map((clause) => clause.granted)).toEqual([false, true])
    expect(admitting?.clauses[1]?.value).toBeLessThanOrEqual(100)
  })

  it('suggests no limit if other limits alone prevent the objective', async () => {
    const { granted, nearest } = await suggest(
      trace,
      configOf('[{ name: mine, limit: 8/minute }, { name: other, limit: 1/hour, enforce: true }]'),
      OBJECTIVE,
      { rule: 'mine' },
    )
    expect(granted).toBeNull()
    expect(nearest).toEqual([])
  })

  it('reports the share that only other limits refuse', async () => {
    const { granted, nearest } = await suggest(
      trace,
      configOf('[{ name: mine, limit: 8/minute }, { name: other, limit: 60/minute, by: everyone }]'),
      `${OBJECTIVE}; admit at most 60 requests/minute per client`,
      { rule: 'mine' },
    )
    expect(granted).toBeNull()
    for (const { clauses } of nearest) {
      const [refused] = clauses
      expect(refused?.byOthers).toBeGreaterThan(0)
      expect(refused?.byOthers).toBeLessThanOrEqual(refused?.value ?? 0)
    }
    // The highest of these limits refuses no request itself.
    const [widest] = nearest.toSorted((a, b) => b.limit - a.limit)
    expect(widest?.clauses[0]?.byOthers).toBe(widest?.clauses[0]?.value)
  })

  it('evaluates fewer limits per round when memory is short, with the same result', async () => {
    const objective = `${OBJECTIVE}; admit at most 300 requests/minute`
    const suggested = async (mostRemembered?: number) => {
      let rounds = 0
      const onRound = () => rounds++
      const suggestion = await suggest(trace, configOf('[8/minute]'), objective, { mostRemembered, onRound })
      return { suggestion, rounds }
    }
    const [unbounded, bounded] = [await suggested(), await suggested(1000)]
    expect(bounded.suggestion).toEqual(unbounded.suggestion)
    expect(bounded.rounds).toBeGreaterThan(unbounded.rounds)
    await expect(suggested(200)).rejects.toThrow('more than 200 requests within the periods of the objective')
    await expect(
      suggest(trace, configOf('[8/minute]'), OBJECTIVE.replace('100/minute', '1000/minute'), {
        mostRemembered: 500,
      }),
    ).rejects.toThrow(TraceError)
  })

  it.each([
    ['[1/minute, 1/hour]', 'requests-3', "no rule 'requests-3' with a single rate limit"],
    ['[1/minute, 1/hour]', undefined, "choose the rule with --rule and --route; the rules are 'requests'"],
    ['[{ concurrent: 1 }]', undefined, 'the configuration has no rule with a single rate limit'],
  ])('lists the rules to choose from for the limits %s and the rule %s', async (limits, rule, message) => {
    await expect(suggest(trace, configOf(limits), OBJECTIVE, { rule })).rejects.toThrow(message)
  })
})

describe('parseObjective', () => {
  it('parses objectives in several forms', () => {
    expect(
      parseObjective(
        'Refuse at most 0.1 % of requests of clients under 100 a minute, never admit more than 2M tokens a minute in all',
      ),
    ).toMatchObject({
      refuse: [{ max: 0.001, clients: { kind: 'under', limit: 100, period: 60_000 } }],
      admit: [{ max: 2_000_000, period: 60_000, of: 'tokens', each: false }],
    })
    expect(
      parseObjective('refuse at most 5% of tier free; admit at most 100 requests/5 minutes per client'),
    ).toMatchObject({
      refuse: [{ max: 0.05, clients: { kind: 'tier', name: 'free' } }],
      admit: [{ max: 100, period: 300_000, of: 'requests', each: true }],
    })
  })

  it.each([
    '',
    'be nice',
    'refuse at most 200%',
    'refuse at most 1% of people',
    'admit at most 5 apples/minute',
  ])('rejects the objective %j', (text) => {
    expect(() => parseObjective(text)).toThrow(/write, for example|at most 100|expected 'clients under/)
  })
})

it('suggestedYaml returns the changed route with its other settings', () => {
  const text =
    'upstream: http://x\nroutes:\n  - match: GET /a\n    limits: [1/minute]\n  - match: POST /b # b\n    limits:\n      - { limit: 1/minute, by: ip } # per address\n      - 5/hour\n'
  const suggestion = {
    route: 'POST /b',
    rule: 'requests-2',
    current: '',
    granted: null,
    nearest: [],
    curve: [],
  }
  expect(suggestedYaml(text, { ...suggestion, index: 1 }, '7/hour')).toBe(
    'routes:\n  - match: POST /b # b\n    limits:\n      - { limit: 1/minute, by: ip } # per address\n      - 7/hour\n',
  )
  expect(suggestedYaml(text, { ...suggestion, index: 0 }, '3/minute')).toContain(
    '{ limit: 3/minute, by: ip }',
  )
})
