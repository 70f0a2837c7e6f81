import { RequestError } from 'sluice'
import { describe, expect, it } from 'vitest'
import { limitExpression } from '../../../src/policy/config/cel/expression.js'
import { describeConfig } from '../../../src/policy/config/describe-config.js'
import { ConfigError, parseConfig } from '../../../src/policy/config/load-config.js'
import type { ExpressionFailure } from '../../../src/policy/policy-request.js'
import { replayTrace } from '../../replay/traces.js'
import { send, startTestGateway } from '../../server/gateway/running-gateway.js'
import { bare, request } from './expression-request.js'

const GOLD = "client.tier == 'gold' ? '100/minute' : '2/minute'"

function problemsOf(limit: string): readonly { line: number; column: number; message: string }[] {
  try {
    parseConfig(`{ upstream: "http://127.0.0.1:1", default: { limits: [\n${limit}\n] } }`, 'limit.yaml')
    return []
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error
    return error.problems
  }
}

describe('a limit that is an expression', () => {
  it.each([
    `{ limit: "${GOLD}" }`,
    `"${GOLD}"`,
    `{ limit: "client.tier == 'gold' ? 'unlimited' : headers['x-limit']" }`,
    `{ limit: "headers['x-limit']", algorithm: sliding-window }`,
    `{ limit: "('10/minute')", tiers: { gold: 5 } }`,
    `{ limit: "method == 'GET' ? '9/hour' : '9/day'", algorithm: fixed-window, align: calendar }`,
  ])('is accepted: %s', (limit) => {
    expect(problemsOf(limit)).toEqual([])
  })

  it.each([
    [`{ limit: "method == 'GET' ? '10/minute' : '5/¦minit'" }`, "unknown unit 'minit'"],
    [`{ limit: "method == 'GET' ? (path == '/' ? '1/s' : '¦0/s') : '5/s'" }`, 'a limit of zero'],
    [`{ limit: "method == 'GET' ? '¦1/s; 9/h' : '5/s'" }`, 'an expression must return one limit'],
    [
      `{ limit: "method == 'GET' ? '9/s ¦burst 10' : '9/s'", algorithm: sliding-log }`,
      "'burst' requires the",
    ],
    [
      `{ limit: "method == 'GET' ? '¦2 per 2 days' : '9/day'", algorithm: fixed-window, align: calendar }`,
      'calendar',
    ],
    [
      `{ limit: "¦clent.tier == 'gold' ? '9/s' : '8/s'" }`,
      "unknown variable 'clent'; did you mean 'client'?",
    ],
    [`{ limit: "client.¦plan" }`, "a client has no member 'plan'"],
    [`{ limit: "¦size(path)" }`, 'the expression must return a string such as 10/minute, but returns an int'],
    [`{ limit: ¦ten/minute }`, 'expected a number for the limit'],
    [`{ limit: "${GOLD}", concurrent: ¦4 }`, "'limit' and 'concurrent' are two limits"],
  ])('is rejected at the problem: %s', (marked, message) => {
    const [first, ...others] = problemsOf(marked.replace('¦', ''))
    expect(others).toEqual([])
    expect(first?.message).toContain(message)
    expect([first?.line, first?.column]).toEqual([2, marked.indexOf('¦') + 1])
  })

  it('is shown as written by check', () => {
    const config = parseConfig(
      `{ upstream: "http://127.0.0.1:1", default: { limits: ["${GOLD}"] } }`,
      'a.yaml',
    )
    expect(describeConfig(config).join('\n')).toContain(`${GOLD} (token-bucket) by client`)
  })

  it('limits each request by its result, and counts all of them under one key', async () => {
    const { url } = await startTestGateway(
      `default: { limits: [{ limit: "headers['x-limit']", algorithm: fixed-window }] }`,
    )
    const status = async (limit: string) => (await send(url, '/', { headers: { 'x-limit': limit } })).status
    expect([await status('1/hour'), await status('1/hour'), await status('2/hour')]).toEqual([200, 429, 200])
    expect([await status('2/hour'), await status('unlimited')]).toEqual([429, 200])
  })

  it('rejects a request whose result is no limit, and charges nothing', async () => {
    const { url } = await startTestGateway(`on_unreadable: pass\ndefault: { limits: ["headers['x-limit']"] }`)
    const status = async (headers: object) => (await send(url, '/', { headers })).status
    for (const limit of ['lots', '1/hour; 2/hour', '0/hour', `${'9'.repeat(2000)}/hour`])
      expect(await status({ 'x-limit': limit })).toBe(400)
    expect(await status({})).toBe(400)
    expect(await status({ 'x-limit': '1/hour' })).toBe(200)
    expect(await status({ 'x-limit': '1/hour' })).toBe(429)
  })

  it('reports a result that is no limit, without what the client sent', () => {
    const expression = limitExpression("headers['x-limit']", { params: [] }, () => ({
      at: 0,
      message: 'no limit',
    }))
    if (typeof expression !== 'function') throw new Error(JSON.stringify(expression))
    const failures: ExpressionFailure[] = []
    const sent = request({ headers: bare({ 'x-limit': 'lots' }) })
    expect(() => expression({ ...sent, reportFailure: (failure) => failures.push(failure) })).toThrow(
      RequestError,
    )
    expect(failures).toEqual([
      {
        expression: "headers['x-limit']",
        purpose: 'limit',
        reason: 'the result is not a limit such as 10/minute',
      },
    ])
  })

  it('is replayed, and skips requests whose record lacks what it reads', async () => {
    const lines = [
      'time,client,tier',
      ...['a,gold', 'a,gold', 'a,gold', 'b,', 'b,', 'b,'].map((who) => `1700000000,${who}`),
    ]
    expect((await replayTrace(lines.join('\n'), `["${GOLD}"]`)).admitted).toBe('+++++-')
    const unknown = await replayTrace(lines.join('\n'), `["body.limit", 4/minute]`)
    expect(unknown.admitted).toBe('++++++')
    expect(unknown.report.requests.allowed).toBe(6)
  })
})
