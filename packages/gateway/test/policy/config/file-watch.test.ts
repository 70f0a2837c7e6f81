import { execFileSync } from 'node:child_process'
import { mkdir, mkdtemp, rename, rm, symlink, writeFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it, onTestFinished } from 'vitest'
import { UnreadableFileError } from '../../../src/policy/config/files/bounded-read.js'
import { FileWatch, type FileWatchOptions } from '../../../src/policy/config/files/file-watch.js'
import { readTextFile } from '../../../src/policy/config/load-config.js'
import { until } from '../../server/gateway/running-gateway.js'

async function emptyFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'sluice-watch-'))
  onTestFinished(() => rm(folder, { recursive: true }))
  return folder
}

/** Starts a watch that polls every few milliseconds, and collects its reports in order. */
function startWatch(file: string, options: Partial<FileWatchOptions> = {}) {
  const events: string[] = []
  let polls = 0
  const watch = new FileWatch({
    ...{ file, text: 'old', intervalMs: 5, timeoutMs: 10_000 },
    onChange: async (text) => {
      events.push(`changed ${text}`)
      return 'done'
    },
    onUnreadable: (reason) => events.push(`unreadable: ${reason}`),
    onReadable: () => events.push('readable'),
    ...options,
    async read(...args) {
      try {
        return await (options.read ?? readTextFile)(...args)
      } finally {
        polls++
      }
    },
  })
  onTestFinished(() => watch.stop())
  return { watch, events, polls: () => polls }
}

async function fileWith(text: string) {
  const file = join(await emptyFolder(), 'gateway.yaml')
  await writeFile(file, text)
  return file
}

describe('FileWatch', () => {
  it('uses new content only after two polls have read it, so a partly written file is never used', async () => {
    const texts = ['old', 'half', 'half and more', 'whole', 'whole']
    const { events } = startWatch(await fileWith('old'), { read: async () => texts.shift() ?? 'whole' })
    await until(() => events.length > 0)
    expect(events).toEqual(['changed whole'])
  })

  it('ignores a file if only its modification time changes', async () => {
    const file = await fileWith('old')
    const { events, polls } = startWatch(file)
    await writeFile(file, 'old')
    const before = polls()
    await until(() => polls() > before + 5)
    expect(events).toEqual([])
  })

  it.each<[string, (file: string) => Promise<void>]>([
    ['is written in place', (file) => writeFile(file, 'new')],
    [
      'is replaced by a rename',
      async (file) => {
        await writeFile(`${file}.new`, 'new')
        await rename(`${file}.new`, file)
      },
    ],
    [
      'is removed and written again',
      async (file) => {
        await rm(file)
        await writeFile(file, 'new')
      },
    ],
  ])('uses a file that %s', async (_, change) => {
    const file = await fileWith('old')
    const { events } = startWatch(file)
    await change(file)
    await until(() => events.includes('changed new'))
    expect(events.at(-1)).toBe('changed new')
  })

  it('uses the new file when the symlink to its folder is replaced, as Kubernetes does', async () => {
    const folder = await emptyFolder()
    for (const [name, text] of Object.entries({ first: 'old', second: 'new' })) {
      await mkdir(join(folder, name))
      await writeFile(join(folder, name, 'gateway.yaml'), text)
    }
    await symlink('first', join(folder, 'data'))
    await symlink(join('data', 'gateway.yaml'), join(folder, 'gateway.yaml'))
    const { events } = startWatch(join(folder, 'gateway.yaml'))
    await symlink('second', join(folder, 'data.new'))
    await rename(join(folder, 'data.new'), join(folder, 'data'))
    await until(() => events.length > 0)
    expect(events).toEqual(['changed new'])
  })

  it('polls an unreadable file until it is readable, and reports a lasting failure once', async () => {
    const file = await fileWith('new')
    let failures = 10
    const { events } = startWatch(file, {
      async read() {
        if (failures-- > 0) throw new UnreadableFileError('out of file descriptors', 'EMFILE')
        return 'new'
      },
    })
    await until(() => events.includes('changed new'))
    expect(events).toEqual(['unreadable: out of file descriptors', 'readable', 'changed new'])
  })

  it('does not report a file that is missing for a single poll', async () => {
    const results = ['missing', 'old', 'missing', 'new', 'new']
    const { events } = startWatch(await fileWith('old'), {
      async read() {
        const result = results.shift() ?? 'new'
        if (result === 'missing') throw new UnreadableFileError('the file does not exist', 'ENOENT')
        return result
      },
    })
    await until(() => events.length > 0)
    expect(events).toEqual(['changed new'])
  })

  it('reports the same content again at the next poll if onChange asks for a retry', async () => {
    let attempts = 0
    const { events } = startWatch(await fileWith('new'), {
      onChange: async () => {
        events.push(`attempt ${++attempts}`)
        return attempts < 3 ? 'retry' : 'done'
      },
    })
    await until(() => attempts === 3)
    expect(events).toEqual(['attempt 1', 'attempt 2', 'attempt 3'])
  })

  it('reports a hung read, does not start another one, and uses the file after the read completes', async () => {
    let completeRead = (_text: string) => {}
    let reads = 0
    const { watch, events } = startWatch(await fileWith('old'), {
      timeoutMs: 100,
      read() {
        reads++
        return reads === 1 ? new Promise((resolve) => (completeRead = resolve)) : Promise.resolve('new')
      },
    })
    await until(() => events.length === 1)
    await watch.reloadNow()
    expect(events).toEqual(Array(2).fill('unreadable: the file could not be read within 0.1 s'))
    expect(reads).toBe(1)
    completeRead('old')
    await until(() => events.includes('changed new'))
    expect(events.slice(2)).toEqual(['readable', 'changed new'])
  })

  it.each<[string, string, (file: string) => void | Promise<void>]>([
    ['pipe', 'the path is a pipe; name a regular file', (file) => void execFileSync('mkfifo', [file])],
    ['folder', 'the path is a directory; name a file in it', (file) => mkdir(file)],
    [
      'socket',
      'the path is a socket; name a regular file',
      (file) => {
        const server = createServer().listen(file)
        onTestFinished(() => void server.close())
      },
    ],
    [
      'device that never ends',
      'the path is a device; name a regular file',
      (file) => symlink('/dev/zero', file),
    ],
    [
      'file that is too large',
      'the file is larger than 1 MiB',
      (file) => writeFile(file, 'x'.repeat(2 ** 21)),
    ],
  ])(
    'reports a file that becomes a %s, and uses it when it is a regular file again',
    async (_, reason, make) => {
      const file = await fileWith('old')
      const { events } = startWatch(file, { timeoutMs: 5000 })
      await rm(file)
      await make(file)
      await until(() => events.length === 1)
      expect(events[0]).toContain(`unreadable: ${reason}`)
      await rm(file, { recursive: true, force: true })
      await writeFile(file, 'new')
      await until(() => events.includes('changed new'))
      expect(events.length).toBeLessThan(6)
    },
  )

  it('reads a file on demand even if it is unchanged', async () => {
    const file = await fileWith('old')
    const { watch, events } = startWatch(file, { intervalMs: 100_000 })
    await watch.reloadNow()
    expect(events).toEqual(['changed old'])
    await Promise.all([watch.reloadNow(), watch.reloadNow()])
    expect(events).toHaveLength(3)
    await rm(file)
    await watch.reloadNow()
    expect(events[3]).toBe('unreadable: the file does not exist')
  })
})

describe('readTextFile', () => {
  it('reads a pipe until its writer closes it', async () => {
    const file = join(await emptyFolder(), 'pipe')
    execFileSync('mkfifo', [file])
    const read = readTextFile(file)
    await writeFile(file, 'through a pipe')
    expect(await read).toBe('through a pipe')
  })

  it('stops reading an endless file at the size limit', async () => {
    await expect(readTextFile('/dev/zero')).rejects.toThrow('larger than 1 MiB')
  })
})
