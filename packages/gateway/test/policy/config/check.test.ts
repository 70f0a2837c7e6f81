import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { checkCommand } from '../../../src/cli/check-command.js'

describe('sluice check', () => {
  let folder = ''
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'sluice-check-'))
  })
  afterAll(() => rmSync(folder, { recursive: true }))

  async function check(text: string | undefined) {
    const file = join(folder, 'gateway.yaml')
    rmSync(file, { force: true })
    if (text !== undefined) writeFileSync(file, text)
    const written = { out: '', err: '' }
    const into = (name: 'out' | 'err') => ({
      write: (piece: string) => {
        written[name] += piece.replaceAll(file, 'FILE')
        return true
      },
    })
    const code = await checkCommand(file, { out: into('out'), err: into('err') })
    return { code, ...written }
  }

  it('summarizes a valid file', async () => {
    const result = await check(
      `
listen: ":8080"
admin: off
upstream: http://127.0.0.1:9000
server: { max_connections: 100, max_body_memory: 64MiB }
routes:
  - match: POST /predict
    limits:
      - { limit: 10/minute; 5/5s burst 9, of: rows, by: [ip, params], cost: size(body.rows) }
`.replace('params', "'header:x-a'"),
    )
    expect(result).toEqual({
      code: 0,
      out: [
        'FILE: ok',
        '  0.0.0.0:8080 -> http://127.0.0.1:9000, admin off',
        '  at most 100 connections, and 64 MiB of request bodies in memory',
        '  POST /predict  10/minute and 5 per 5 seconds burst 9 rows (token-bucket) by ip + header:x-a, cost size(body.rows)',
        '  default        not limited',
        '',
      ].join('\n'),
      err: '',
    })
  })

  it('shows the default algorithm of the file for the limits that it applies to', async () => {
    const { out } = await check(`
upstream: http://127.0.0.1:9000
algorithm: fixed-window
limits: [1000/hour]
routes:
  - match: POST /predict
    limits:
      - 10/minute
      - { limit: 1/day, align: calendar }
      - { limit: 20/minute burst 40, algorithm: token-bucket }
      - { concurrent: 2 }
default: { limits: 5/minute }
`)
    expect(out.split('\n').slice(3, -1)).toEqual([
      '  POST /predict  10/minute (fixed-window) by client; 1/day (fixed-window, calendar) by client; ' +
        '20/minute burst 40 (token-bucket) by client; 2 concurrent by client; 1000/hour (fixed-window) by client',
      '  default        5/minute (fixed-window) by client; 1000/hour (fixed-window) by client',
    ])
  })

  it('states that a route of Bedrock requires API keys', async () => {
    const { out } = await check(`
upstream: http://127.0.0.1:9000
routes:
  - { match: POST /model/:model/converse, llm: bedrock, limits: [{ limit: 10k/minute, of: tokens }] }
  - { match: /model/*, llm: bedrock, limits: [10/minute] }
`)
    const routes = out.split('\n').slice(3, 5)
    for (const line of routes)
      expect(line).toMatch(/; requires Bedrock API keys, since AWS signatures name the host$/)
  })

  it('describes every kind of limit', async () => {
    const { out } = await check(`
upstream: http://127.0.0.1:9000
server: { max_connections: 100, max_body_memory: 64MiB }
routes:
  - match: /a
    limits: [{ concurrent: 4, wait: 200ms }, { concurrent: "1 + 1", by: ip, cost: 2, enforce: false }]
  - match: /b
    limits: [{ limit: 9/day, algorithm: fixed-window, align: calendar, time_zone: Europe/Berlin, by: query.user }]
  - match: /c
    limits: [{ limit: 5/minute, penalty: 15m }, { limit: 9/day, penalty: 1h, penalty_growth: 2, penalty_max: 1d }]
default: deny
`)
    expect(out.split('\n').slice(3)).toEqual([
      '  /a       4 concurrent by client, waits up to 200 ms; 1 + 1 concurrent by ip, cost 2, not enforced',
      '  /b       9/day (fixed-window, calendar of Europe/Berlin) by query.user',
      '  /c       5/minute (token-bucket) by client, penalty of 15 minutes; ' +
        '9/day (token-bucket) by client, penalty of 1 hour, growing 2 times each up to 1 day',
      '  default  deny',
      '',
    ])
  })

  it('describes what is exported over OTLP', async () => {
    const file = (otlp: string) => `upstream: http://127.0.0.1:9000\ntelemetry: { otlp: ${otlp} }\n`
    const exported = async (otlp: string) => (await check(file(otlp))).out.match(/ {2}exports.*/)?.[0]
    expect(await exported('http://127.0.0.1:4318')).toBe(
      '  exports traces and metrics over OTLP to http://127.0.0.1:4318',
    )
    expect(await exported('{ metrics: false }')).toBe('  exports traces over OTLP')
    expect(await exported('false')).toBeUndefined()
  })

  it('describes where clients see their usage', async () => {
    const { out } = await check('upstream: http://127.0.0.1:9000\nusage: /v1/usage\n')
    expect(out).toContain('\n  clients see their usage at /v1/usage\n')
  })

  it('points at each problem with a caret', async () => {
    const result = await check(
      'upstream: http://127.0.0.1:9000\nroutes:\n  - match: /a\n    limits: ["10/minut"]\nadmin: x\n',
    )
    expect(result.code).toBe(1)
    expect(result.out).toBe('')
    const lines = result.err.split('\n')
    expect(lines.filter((_, index) => index % 3 !== 0)).toEqual([
      '      limits: ["10/minut"]',
      '                   ^',
      '  admin: x',
      '         ^',
    ])
    expect(lines[0]).toMatch(/^FILE:4:18: unknown unit 'minut'/)
    expect(lines[3]).toMatch(/^FILE:5:8: 'x' is not a listen address/)
  })

  it('shortens long lines around the problem and replaces control characters', async () => {
    const { err } = await check(
      `{ upstream: "http://a", ${' '.repeat(300)} admin: "\u009b2J", ${' '.repeat(300)} }`,
    )
    const [, source = '', caret = ''] = err.split('\n')
    expect(source.length).toBeLessThan(170)
    expect(source.slice(caret.indexOf('^'))).toMatch(/^"\?2J"/)
    expect(err).not.toContain('\u009b')
  })

  it('explains why a file cannot be read', async () => {
    expect(await check(undefined)).toEqual({ code: 1, out: '', err: 'FILE:1:1: the file does not exist\n' })
    expect((await check('')).err).toMatch(/^FILE:1:1: the file is empty/)
  })
})
