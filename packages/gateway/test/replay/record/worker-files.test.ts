import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { constants, gzipSync } from 'node:zlib'
import { expect, it, onTestFinished } from 'vitest'
import { findRecord, workerFile } from '../../../src/replay/record/worker-files.js'
import { replay } from '../../../src/replay/replay.js'
import { suggest } from '../../../src/replay/suggest/suggest.js'
import { configOf } from '../traces.js'

const START = 1_790_000_000_000

async function temporaryFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'sluice-worker-files-'))
  onTestFinished(() => rm(folder, { recursive: true }))
  return folder
}

/** Builds a compressed record of requests, `times` milliseconds after the start. */
function recordOf(times: readonly number[], finishFlush: number = constants.Z_FINISH): Buffer {
  const lines = times.map((at) => ({ time: START + at, ip: `ip-${at}`, method: 'POST', path: '/predict' }))
  const text = [{ sluice_record: 1 }, ...lines].map((line) => `${JSON.stringify(line)}\n`).join('')
  return gzipSync(text, { finishFlush })
}

it('names the file of a worker after the configured one, and keeps its ending', () => {
  const names = {
    'traffic.jsonl.gz': 'traffic.worker-2.jsonl.gz',
    'traffic.gz': 'traffic.worker-2.gz',
    'a.b.jsonl.gz': 'a.b.worker-2.jsonl.gz',
    traffic: 'traffic.worker-2',
    '.traffic': '.traffic.worker-2',
  }
  for (const [file, expected] of Object.entries(names)) {
    expect(workerFile(file, 2)).toBe(expected)
    expect(workerFile(join('/var/log', file), 2)).toBe(join('/var/log', expected))
  }
})

it('finds the files of all workers by number, and no other files', async () => {
  const folder = await temporaryFolder()
  const names = [
    ...['traffic.worker-10.jsonl.gz', 'traffic.worker-2.jsonl.gz', 'traffic.worker-2.jsonl.gz.3'],
    ...['traffic.worker-3.jsonl.gz.1', 'traffic.jsonl.gz.7', 'traffic.worker-4.jsonl.gz.mended'],
    ...['traffic.worker-0.jsonl.gz', 'traffic.worker-5.jsonl', 'traffic2.worker-6.jsonl.gz'],
    ...['traffic.worker-7.jsonl.gz.20261202', 'traffic.worker-1000.jsonl.gz', 'other.jsonl.gz'],
  ]
  for (const name of names) await writeFile(join(folder, name), '')
  const found = (await findRecord(join(folder, 'traffic.jsonl.gz'))).map(({ file, count }) => [file, count])
  expect(found).toEqual([
    [join(folder, 'traffic.jsonl.gz'), 9],
    [join(folder, 'traffic.worker-2.jsonl.gz'), 5],
    [join(folder, 'traffic.worker-3.jsonl.gz'), 3],
    [join(folder, 'traffic.worker-10.jsonl.gz'), 2],
  ])
  expect(await findRecord(join(folder, 'missing', 'traffic.jsonl.gz'))).toHaveLength(1)
})

it('replays the files of all workers in order of time, including rotated ones', async () => {
  const folder = await temporaryFolder()
  const file = join(folder, 'traffic.jsonl.gz')
  await writeFile(join(folder, 'traffic.worker-1.jsonl.gz.1'), recordOf([1, 4, 3]))
  await writeFile(join(folder, 'traffic.worker-1.jsonl.gz'), recordOf([8, 9]))
  await writeFile(join(folder, 'traffic.worker-2.jsonl.gz'), recordOf([2, 7, 5, 6]))
  const config = configOf('[4/hour]')
  const played: unknown[] = []
  const parts: (number | undefined)[] = []
  const report = await replay(file, config, {
    onDecision: ({ recorded }) => played.push(recorded.ip),
    onProgress: (part) => parts.push(part),
  })
  expect(played).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9].map((at) => `ip-${at}`))
  expect(parts.at(-1)).toBe(1)
  expect(report.trace).toMatchObject({
    format: 'jsonl',
    requests: 9,
    late: 0,
    bad: { count: 0 },
    truncated: false,
  })
  const { granted } = await suggest(file, config, 'refuse at most 0% of requests')
  expect(granted).toMatchObject({ requests: 9, refused: 0 })

  // A file named explicitly is read alone, unless workers recorded beside it.
  const one = await replay(join(folder, 'traffic.worker-2.jsonl.gz'), config)
  expect(one.requests.played).toBe(4)
  await writeFile(file, recordOf([0]))
  expect((await replay(file, config)).requests.played).toBe(10)
})

it('reports that the file of a running or killed worker is incomplete, and replays its complete lines', async () => {
  const folder = await temporaryFolder()
  await writeFile(join(folder, 'traffic.worker-1.jsonl.gz'), recordOf([1, 3]))
  const whole = recordOf([2, 4], constants.Z_SYNC_FLUSH)
  await writeFile(join(folder, 'traffic.worker-2.jsonl.gz'), whole)
  const report = await replay(join(folder, 'traffic.jsonl.gz'), configOf('[4/hour]'))
  expect(report.trace).toMatchObject({ requests: 4, truncated: true })
})
