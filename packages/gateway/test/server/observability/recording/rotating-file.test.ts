import { existsSync } from 'node:fs'
import { appendFile, mkdtemp, readFile, rm, stat, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { gunzipSync, gzipSync } from 'node:zlib'
import { expect, it, onTestFinished } from 'vitest'
import { RecordSnapshot } from '../../../../src/replay/record/snapshot.js'
import { RotatingFile } from '../../../../src/server/observability/recording/rotating-file.js'

async function temporaryFile(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'sluice-record-file-'))
  onTestFinished(() => rm(folder, { recursive: true }))
  return join(folder, 'traffic.jsonl.gz')
}

function openRecord(file: string, maxSize = 2 ** 20) {
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

/** Writes a file as a killed gateway leaves it: flushed, but not closed. */
async function writeAndKill(file: string, lines: readonly string[]): Promise<void> {
  const { record } = openRecord(file)
  for (const line of lines) {
    record.append(line)
    await record.flush()
  }
  const written = await readFile(file)
  await record.close()
  await writeFile(file, written)
}

const decompressed = async (file: string) => gunzipSync(await readFile(file)).toString()

it('RotatingFile appends to a properly closed file', async () => {
  const file = await temporaryFile()
  for (const line of ['one', 'two']) {
    const { record, errors } = openRecord(file)
    record.append(line)
    await record.close()
    expect(errors).toEqual([])
  }
  expect(await decompressed(file)).toBe('head\none\nhead\ntwo\n')
})

it('RotatingFile repairs the file of a killed gateway before appending to it', async () => {
  const file = await temporaryFile()
  await writeAndKill(file, ['one', 'two'])
  await writeAndKill(file, ['three'])
  const { record, errors } = openRecord(file)
  record.append('four')
  await record.close()
  expect(await decompressed(file)).toBe('head\none\ntwo\nhead\nthree\nhead\nfour\n')
  expect((await stat(file)).mode & 0o777).toBe(0o600)
  expect(errors).toEqual([])
})

it('RotatingFile drops an incomplete last line, wherever it ends', async () => {
  const file = await temporaryFile()
  await writeAndKill(file, ['one'])
  const { length: whole } = await readFile(file)
  await rm(file)
  await writeAndKill(file, ['one', 'x'.repeat(40)])
  const written = await readFile(file)
  for (let length = whole; length <= written.length; length++) {
    await writeFile(file, written.subarray(0, length))
    const { record } = openRecord(file)
    record.append('two')
    await record.close()
    expect(await decompressed(file)).toMatch(/^head\none\n(x{40}\n)?head\ntwo\n$/)
  }
})

it('RotatingFile rotates a file that cannot be read', async () => {
  const file = await temporaryFile()
  await writeAndKill(file, ['one'])
  await appendFile(file, gzipSync('two\n'))
  const damaged = await readFile(file)
  const { record, errors } = openRecord(file)
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
  'RotatingFile keeps a file that cannot be repaired because the disk is full, and repairs it later',
  async () => {
    const file = await temporaryFile()
    await writeAndKill(file, ['one'])
    const before = await readFile(file)
    await symlink('/dev/full', `${file}.mended`)
    const { record, errors } = openRecord(file)
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

it('RotatingFile rotates the file at its maximum size', async () => {
  const file = await temporaryFile()
  const { record, errors } = openRecord(file, 1)
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

it.skipIf(!existsSync('/dev/full'))(
  'RotatingFile drops lines while the disk is full and keeps running',
  async () => {
    const file = await temporaryFile()
    await symlink('/dev/full', file)
    const { record, errors } = openRecord(file)
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
  },
)

it('RotatingFile counts every line that is lost in a failed write, and no others', async () => {
  const file = await temporaryFile()
  const { record, errors } = openRecord(join(file, 'missing', 'traffic.jsonl.gz'))
  for (let line = 0; line < 50; line++) record.append(`line ${line}`)
  await record.flush()
  expect(errors).toHaveLength(1)
  expect(record.dropped).toBe(50)
  record.append('one more')
  await record.flush()
  expect(record.dropped).toBe(51)
})
