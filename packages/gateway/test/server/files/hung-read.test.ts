import * as fs from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, it, onTestFinished, vi } from 'vitest'
import { readBounded } from '../../../src/policy/config/files/bounded-read.js'

vi.mock('node:fs/promises', async (original) => {
  const actual = await original<typeof fs>()
  return { ...actual, open: vi.fn(actual.open) }
})

it('readBounded does not open a file again whose read timed out, until that read has ended', async () => {
  const folder = await fs.mkdtemp(join(tmpdir(), 'sluice-read-'))
  onTestFinished(() => fs.rm(folder, { recursive: true }))
  const file = join(folder, 'file')
  await fs.writeFile(file, 'text')
  const open = vi.mocked(fs.open)
  const openNow = open.getMockImplementation() as typeof fs.open
  let resume = () => {}
  const resumed = new Promise<void>((resolve) => {
    resume = resolve
  })
  open.mockImplementationOnce(async (...args) => {
    await resumed
    return openNow(...args)
  })
  const read = () => readBounded(file, { maxBytes: 100, timeoutMs: 50 })
  for (let attempt = 0; attempt < 3; attempt++)
    await expect(read()).rejects.toThrow('the file could not be read within 0.05 s')
  expect(open).toHaveBeenCalledTimes(1)
  resume()
  await vi.waitFor(async () => expect(String(await readBounded(file, { maxBytes: 100 }))).toBe('text'))
})
