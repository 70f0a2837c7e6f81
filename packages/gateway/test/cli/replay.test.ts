import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { sluice } from './program.js'

const TRACE = `time,client\n${['a', 'a', 'b', 'oops,', 'a'].map((client, index) => `${1_700_000_000 + index},${client}`).join('\n')}\n`

let folder: string
let config: string
let other: string
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'sluice-replay-'))
  config = join(folder, 'one.yaml')
  other = join(folder, 'other.yaml')
  await writeFile(config, 'upstream: http://127.0.0.1:9000\ndefault: { limits: [2/minute] }\n')
  await writeFile(other, 'upstream: http://127.0.0.1:9000\ndefault: { limits: [1/minute] }\n')
  await writeFile(join(folder, 'trace.csv.gz'), gzipSync(TRACE))
})
afterAll(() => rm(folder, { recursive: true }))

async function run(args: string[], input?: string) {
  const { child, output, ended } = sluice('replay', ...args)
  child.stdin.end(input)
  const [code] = await ended
  return { code, ...output }
}

describe('sluice replay', () => {
  it('reports what would have been refused and which lines are unreadable', async () => {
    const { code, out, err } = await run([join(folder, 'trace.csv.gz'), '--config', config])
    expect({ code, err }).toEqual({ code: 0, err: '' })
    expect(out).toContain('4 requests from 2023-11-14 22:13:20 UTC')
    expect(out).toContain('line 5: 3 fields, but the header has 2')
    expect(out).toContain('allowed 3 (75.0 %), refused 1 (25.0 %), 0 of them falsely')
    expect(out).toContain('longest lock-out: a fully refused')
  })

  it('reads standard input and prints the same JSON on every run', async () => {
    const [one, two] = await Promise.all([1, 2].map(() => run(['-', '--config', config, '--json'], TRACE)))
    expect(one).toEqual(two)
    expect(JSON.parse(one?.out ?? '')).toMatchObject({
      requests: { played: 4, refused: 1 },
      trace: { bad: { count: 1, first: [{ line: 5 }] } },
    })
  })

  it('exits silently if the reader of its output closes the pipe', async () => {
    const { child, output, ended } = sluice('replay', '-', '--config', config)
    child.stdout.destroy()
    child.stdin.end(TRACE)
    const [code] = await ended
    expect({ code, err: output.err }).toEqual({ code: 0, err: '' })
  })

  it('compares two configurations', async () => {
    const { out } = await run([join(folder, 'trace.csv.gz'), '--config', config, '--against', other])
    expect(out).toContain('allowed by both 2, by neither 1, only by')
    expect(out).toMatch(/ {2}a +3 +1 +2\n/)
  })

  it('suggests a limit with its YAML', async () => {
    const { out, err } = await run([
      join(folder, 'trace.csv.gz'),
      ...['--config', other, '--suggest', 'refuse at most 0% of requests'],
    ])
    expect(err).toBe('')
    // The busiest client sends three requests in five seconds.
    expect(out).toContain('default: { limits: [ 1/minute burst 4 ] }')
  })

  it.each([
    [['nowhere.csv', '--config', 'CONFIG'], 'sluice: nowhere.csv does not exist'],
    [['CONFIG', '--config', 'CONFIG'], 'sluice: no time column found'],
    [['-', '--config', 'nowhere.yaml'], 'nowhere.yaml'],
    [['-', '--config', 'CONFIG', '--clients', 'many'], 'sluice: --clients must be a whole number from 1'],
    [['-', '--config', 'CONFIG', '--format', 'xml'], 'sluice: --format must be one of csv, jsonl, combined'],
    [['-', '--config', 'CONFIG', '--unready', 'soon'], 'sluice: --unready must be a period'],
    [['-', '--config', 'CONFIG', '--reorder', 'soon'], "sluice: --reorder: 'soon' is not a duration"],
    [['-', '--config', 'CONFIG', '--suggest', 'peace'], 'sluice: --suggest reads the trace several times'],
    [['CONFIG', '--config', 'CONFIG', '--suggest', 'peace'], "sluice: 'peace' is not a valid objective"],
  ])('prints a one-line error for the arguments %j', async (args, message) => {
    const { code, out, err } = await run(
      args.map((arg) => (arg === 'CONFIG' ? config : arg)),
      '',
    )
    expect(err).toContain(message)
    expect(err.trimEnd().split('\n')).toHaveLength(1)
    expect({ code, out }).toEqual({ code: 1, out: '' })
  })
})
