import { existsSync } from 'node:fs'
import { appendFile, mkdtemp, readFile, rm, stat, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { gunzipSync, gzipSync } from 'node:zlib'
import { expect, it, onTestFinished } from 'vitest'
import { RotatingFile } from '../../../../src/server/observability/recording/rotating-file.js'
import { RecordSnapshot } from '../../../../src/server/observability/recording/snapshot.js'

async function inFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'sluice-record-file-'))
  onTestFinished(() => rm(folder, { recursive: true }))
  return join(folder, 'traffic.jsonl.gz')
}

function opened(file: string, maxSize = 2 ** 20) {
  const errors: unknown[] = []
  const record = new RotatingFile({
    file,
    files: 3,
    maxSize,
    head: 'head',
    onError: (error) => errors.push(error),
  })
  return { record, errors }
}

/** As a gateway writes it that is killed then: all is flushed, and nothing is closed. */
async function killed(file: string, lines: readonly string[]): Promise<void> {
  const { record } = opened(file)
  for (const line of lines) {
    record.append(line)
    await record.flush()
  }
  const written = await readFile(file)
  await record.close()
  await writeFile(file, written)
}

const decompressed = async (file: string) => gunzipSync(await readFile(file)).toString()

it('goes on with a file that was closed, as it is', async () => {
  const file = await inFolder()
  for (const line of ['one', 'two']) {
    const { record, errors } = opened(file)
    record.append(line)
    await record.close()
    expect(errors).toEqual([])
  }
  expect(await decompressed(file)).toBe('head\none\nhead\ntwo\n')
})

it('goes on with the file of a gateway that was killed, so that all of it can be read', async () => {
  const file = await inFolder()
  await killed(file, ['one', 'two'])
  await killed(file, ['three'])
  const { record, errors } = opened(file)
  record.append('four')
  await record.close()
  expect(await decompressed(file)).toBe('head\none\ntwo\nhead\nthree\nhead\nfour\n')
  expect((await stat(file)).mode & 0o777).toBe(0o600)
  expect(errors).toEqual([])
})

it('drops a line that was not written to its end, wherever it ends', async () => {
  const file = await inFolder()
  await killed(file, ['one'])
  const { length: whole } = await readFile(file)
  await rm(file)
  await killed(file, ['one', 'x'.repeat(40)])
  const written = await readFile(file)
  for (let length = whole; length <= written.length; length++) {
    await writeFile(file, written.subarray(0, length))
    const { record } = opened(file)
    record.append('two')
    await record.close()
    expect(await decompressed(file)).toMatch(/^head\none\n(x{40}\n)?head\ntwo\n$/)
  }
})

it('keeps what cannot be read as a file of before', async () => {
  const file = await inFolder()
  await killed(file, ['one'])
  await appendFile(file, gzipSync('two\n'))
  const damaged = await readFile(file)
  const { record, errors } = opened(file)
  record.append('three')
  await record.close()
  expect(await decompressed(file)).toBe('head\nthree\n')
  expect(await readFile(`${file}.1`)).toEqual(damaged)
  expect(errors).toEqual([])
  const snapshot = await RecordSnapshot.take({ file, files: 3 })
  expect(await text(snapshot.read())).toContain('three')
  await snapshot.close()
})

it.skipIf(!existsSync('/dev/full'))(
  'what cannot be mended since the disk is full stays, and is mended once it is not',
  async () => {
    const file = await inFolder()
    await killed(file, ['one'])
    const before = await readFile(file)
    await symlink('/dev/full', `${file}.mended`)
    const { record, errors } = opened(file)
    record.append('two')
    await record.flush()
    expect(errors).toEqual([expect.objectContaining({ code: 'ENOSPC' })])
    expect(await readFile(file)).toEqual(before)
    record.append('three')
    await record.close()
    expect(await decompressed(file)).toBe('head\none\nhead\nthree\n')
    await expect(stat(`${file}.1`)).rejects.toThrow('ENOENT')
    expect([errors.length, record.dropped]).toEqual([1, 1])
  },
)

it('at its largest size makes way for another', async () => {
  const file = await inFolder()
  const { record, errors } = opened(file, 1)
  for (const line of ['one', 'two', 'three', 'four']) {
    record.append(line)
    await record.flush()
  }
  await record.close()
  const files = [1, 2].map((number) => `${file}.${number}`)
  expect(await Promise.all(files.map(decompressed))).toEqual(['head\nfour\n', 'head\nthree\n'])
  await expect(stat(`${file}.3`)).rejects.toThrow('ENOENT')
  expect(errors).toEqual([])
})

it.skipIf(!existsSync('/dev/full'))('a disk that is full costs lines, and ends nothing', async () => {
  const file = await inFolder()
  await symlink('/dev/full', file)
  const { record, errors } = opened(file)
  for (const line of ['one', 'two']) {
    record.append(line)
    await record.flush()
  }
  await record.close()
  expect(errors).toEqual([
    expect.objectContaining({ code: 'ENOSPC' }),
    expect.objectContaining({ code: 'ENOSPC' }),
  ])
  expect(record.dropped).toBe(2)
})
