import { appendFile, mkdtemp, rename, rm, utimes, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { constants, gzipSync } from 'node:zlib'
import fc from 'fast-check'
import { expect, it, onTestFinished } from 'vitest'
import { RecordSnapshot } from '../../../src/replay/record/snapshot.js'

const HEAD = '{"sluice_record":1}'
const START = 1_790_000_000_000

async function temporaryFile(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'sluice-snapshot-'))
  onTestFinished(() => rm(folder, { recursive: true }))
  return join(folder, 'traffic.jsonl.gz')
}

/** Builds a recorded line with a time of `at` milliseconds after the start. */
const line = (at: number) => JSON.stringify({ time: START + at, ip: `ip-${at}`, path: `/é/"time":0,${at}` })
const linesOf = (times: readonly number[]) => [HEAD, ...times.map(line)].map((each) => `${each}\n`).join('')

async function takeSnapshot(file: string, since?: number, files = 10): Promise<RecordSnapshot> {
  const snapshot = await RecordSnapshot.take({ file, files }, since)
  onTestFinished(() => snapshot.close())
  return snapshot
}

it('a record snapshot reads the oldest file first, in every pass', async () => {
  const file = await temporaryFile()
  await writeFile(`${file}.2`, gzipSync(linesOf([1])))
  await writeFile(`${file}.1`, Buffer.concat([gzipSync(linesOf([2])), gzipSync(linesOf([3]))]))
  await writeFile(file, gzipSync(linesOf([4])))
  const all = [[1], [2], [3], [4]].map(linesOf).join('')
  const snapshot = await takeSnapshot(file)
  for (let reading = 0; reading < 2; reading++) {
    expect(await text(snapshot.read())).toBe(all)
    expect(snapshot.part).toBe(1)
  }
  expect(await snapshot.firstRequestTime()).toBe(START + 1)
  expect(await text((await takeSnapshot(file, undefined, 2)).read())).toBe(
    [[2], [3], [4]].map(linesOf).join(''),
  )
  expect(snapshot.damaged).toBe(0)
})

it('a record snapshot skips requests before the start of the time range in every file', async () => {
  const file = await temporaryFile()
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.array(fc.nat(1000), { maxLength: 30 }), { minLength: 1, maxLength: 4 }),
      fc.nat(1001),
      async (files, since) => {
        for (const [index, times] of files.entries())
          await writeFile(`${file}${index === 0 ? '' : `.${index}`}`, gzipSync(linesOf(times)))
        const snapshot = await RecordSnapshot.take({ file, files: files.length }, START + since)
        const kept = files.toReversed().map((times) => linesOf(times.filter((at) => at >= since)))
        expect(await text(snapshot.read())).toBe(kept.join(''))
        await snapshot.close()
      },
    ),
    { numRuns: 50, seed: 6 },
  )
})

it('a record snapshot does not open a file that ended before the time range', async () => {
  const file = await temporaryFile()
  await writeFile(`${file}.1`, gzipSync(linesOf([1])))
  await utimes(`${file}.1`, START / 1000, START / 1000)
  await writeFile(file, gzipSync(linesOf([7_200_000])))
  const snapshot = await takeSnapshot(file, START + 3_600_000)
  expect(snapshot.files).toBe(1)
  expect(await text(snapshot.read())).toBe(linesOf([7_200_000]))
})

it('a record snapshot does not change while requests are recorded and the file is rotated', async () => {
  const file = await temporaryFile()
  await writeFile(file, gzipSync(linesOf([1])))
  const snapshot = await takeSnapshot(file)
  await appendFile(file, gzipSync(linesOf([2])))
  await rename(file, `${file}.1`)
  await writeFile(file, gzipSync(linesOf([3])))
  expect(await text(snapshot.read())).toBe(linesOf([1]))
  await rm(`${file}.1`)
  expect(await text(snapshot.read())).toBe(linesOf([1]))
})

it('a record snapshot reads a file in progress up to its last complete line', async () => {
  const file = await temporaryFile()
  const written = `${linesOf([1, 2])}${line(3).slice(0, 20)}`
  await writeFile(file, gzipSync(written, { finishFlush: constants.Z_SYNC_FLUSH }))
  const snapshot = await takeSnapshot(file)
  expect(await text(snapshot.read())).toBe(linesOf([1, 2]))
  expect(snapshot.damaged).toBe(0)
})

it('a record snapshot counts damaged files and continues with the next file', async () => {
  const file = await temporaryFile()
  const whole = gzipSync(linesOf([1, 2, 3]))
  await writeFile(`${file}.1`, Buffer.concat([whole.subarray(0, -12), gzipSync(linesOf([4]))]))
  await writeFile(file, gzipSync(linesOf([5])))
  const snapshot = await takeSnapshot(file)
  const read = await text(snapshot.read())
  expect(read).toContain(line(5))
  expect(snapshot.damaged).toBe(1)
})

it('a record snapshot is empty if no file exists', async () => {
  const snapshot = await takeSnapshot(await temporaryFile())
  expect(await text(snapshot.read())).toBe('')
  expect(await snapshot.firstRequestTime()).toBeUndefined()
  expect([snapshot.files, snapshot.size]).toEqual([0, 0])
})

it('a record snapshot stops reading a file at an overlong line', async () => {
  const file = await temporaryFile()
  await writeFile(`${file}.1`, gzipSync(Buffer.concat([Buffer.from(linesOf([1])), Buffer.alloc(2 ** 25)])))
  await writeFile(file, gzipSync(linesOf([2])))
  const snapshot = await takeSnapshot(file)
  expect(await text(snapshot.read())).toBe(linesOf([1]) + linesOf([2]))
  expect(snapshot.damaged).toBe(1)
})
