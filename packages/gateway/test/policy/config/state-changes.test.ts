import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { checkCommand } from '../../../src/cli/check-command.js'
import { parseConfig } from '../../../src/policy/config/load-config.js'
import { stateChanges } from '../../../src/policy/config/state-changes.js'
import { send, startTestGateway } from '../../server/gateway/running-gateway.js'
import { collectOutput } from './check-text.js'

const configOf = (limits: string, shared = '[]') =>
  parseConfig(
    `upstream: http://127.0.0.1:9000\nlimits: ${shared}\nroutes: [{ match: POST /predict, limits: ${limits} }]`,
    'gateway.yaml',
  )

describe('stateChanges', () => {
  it.each([
    ['inserting a rule first', '[10/minute]', '[5/second, 10/minute]', [], ['requests (5/second by client)']],
    ['removing a rule', '[5/second, 10/minute]', '[10/minute]', ['requests (5/second by client)'], []],
    ['reordering the rules', '[5/second, 10/minute]', '[10/minute, 5/second]', [], []],
    ['raising a limit', '[{ limit: 10/minute, by: ip }]', '[{ limit: 99/minute burst 200, by: ip }]', [], []],
    [
      'changing the period of an unnamed rule',
      '[10/minute]',
      '[10/hour]',
      ['requests (10/minute by client)'],
      ['requests (10/hour by client)'],
    ],
    [
      'changing the algorithm of an unnamed rule',
      '[10/minute]',
      '[{ limit: 10/minute, algorithm: sliding-log }]',
      ['requests (10/minute by client)'],
      ['requests (10/minute by client)'],
    ],
    [
      'changing the period of a named rule',
      '[{ limit: 10/minute, name: few }]',
      '[{ limit: 9/day, name: few }]',
      [],
      [],
    ],
    [
      'adding a name',
      '[10/minute]',
      '[{ limit: 10/minute, name: few }]',
      ['requests (10/minute by client)'],
      ['few (10/minute by client)'],
    ],
    [
      'changing the expression of a key',
      '[{ limit: 10/minute, by: "query.a" }]',
      '[{ limit: 10/minute, by: "query.b" }]',
      ['requests (10/minute by query.a)'],
      ['requests (10/minute by query.b)'],
    ],
  ])('lists the abandoned and the new states after %s', (_, before, after, abandoned, empty) => {
    const onRoute = (rules: string[]) => rules.map((rule) => `POST /predict: ${rule}`)
    expect(stateChanges(configOf(before), configOf(after))).toEqual({
      abandoned: onRoute(abandoned),
      empty: onRoute(empty),
    })
  })

  it('lists a shared rule once for all routes', () => {
    expect(stateChanges(configOf('[]', '[10/minute]'), configOf('[]', '[10/hour]'))).toEqual({
      abandoned: ['all routes: all requests (10/minute by client)'],
      empty: ['all routes: all requests (10/hour by client)'],
    })
  })
})

it('the states of two configurations list a limit once that several routes share', () => {
  const config = (limit: string) => {
    const shared = `limits: [{ limit: ${limit}, shared: llm }]`
    return parseConfig(
      `{ upstream: "http://127.0.0.1:1", routes: [{ match: /a, ${shared} }, { match: /b, ${shared} }] }`,
      'shared.yaml',
    )
  }
  expect(stateChanges(config('10/minute'), config('10 per hour'))).toEqual({ abandoned: [], empty: [] })
  expect(stateChanges(config('10/minute'), config('"1/s; 9/hour"')).abandoned).toEqual([
    'several routes: llm (10/minute by client)',
  ])
})

describe('sluice check --against', () => {
  let folder = ''
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'sluice-against-'))
  })
  afterAll(() => rm(folder, { recursive: true }))

  async function check(before: string, after: string) {
    const [now, next] = [join(folder, 'now.yaml'), join(folder, 'next.yaml')]
    await writeFile(now, `upstream: http://127.0.0.1:9000\nroutes: [{ match: /a, limits: ${before} }]`)
    await writeFile(next, `upstream: http://127.0.0.1:9000\nroutes: [{ match: /a, limits: ${after} }]`)
    const { out, err } = { out: collectOutput(), err: collectOutput() }
    const code = await checkCommand(next, { out, err }, now)
    return { code, out: out.text().replaceAll(now, 'NOW'), err: err.text().replaceAll(now, 'NOW') }
  }

  it('lists the states that an edit abandons and recommends a name', async () => {
    const { code, out } = await check('[10/minute]', '[10/hour]')
    expect(code).toBe(0)
    expect(out.split('\n').slice(-5, -1)).toEqual([
      '  compared with NOW:',
      '    /a: requests (10/minute by client) was removed: its state is abandoned',
      '    /a: requests (10/hour by client) is new: it starts empty',
      "    a rule with a 'name' keeps its state when its period or algorithm changes",
    ])
  })

  it('reports that every rule keeps its state', async () => {
    expect((await check('[10/minute]', '[20/minute]')).out).toContain('every rule of NOW keeps its state')
  })

  it('names the invalid file in the error', async () => {
    expect(await check('[10/minut]', '[20/minute]')).toMatchObject({
      code: 1,
      err: expect.stringMatching(/^NOW:2:/),
    })
  })
})

describe('a reload', () => {
  it('keeps the usage of an unnamed rule when another rule is inserted before it', async () => {
    const limits = (list: string) => `routes: [{ match: POST /predict, limits: ${list} }]`
    const { gateway, url, configOf } = await startTestGateway(limits('[2/day]'))
    const statuses = async (count: number) => {
      const all: number[] = []
      for (let index = 0; index < count; index++) all.push((await send(url, '/predict')).status)
      return all
    }
    expect(await statuses(3)).toEqual([200, 200, 429])
    await gateway.apply(configOf(limits('[3/hour, 2/day]')))
    expect(await statuses(1)).toEqual([429])
    await gateway.apply(configOf(limits('[3/hour]')))
    expect(await statuses(4)).toEqual([200, 200, 200, 429])
  })
})

describe('a shared limit', () => {
  it('also counts requests of a route whose own limit has the same resource and key', async () => {
    const { url } = await startTestGateway(
      `limits: [3/day]\nroutes: [{ match: /a, limits: [100/day] }, { match: /b, limits: [50/day, 60/day] }]`,
    )
    const statuses: number[] = []
    for (const path of ['/a', '/b', '/c', '/a', '/b', '/c']) statuses.push((await send(url, path)).status)
    expect(statuses).toEqual([200, 200, 200, 429, 429, 429])
  })
})
