import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rename, rm, writeFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { beforeAll, describe, expect, it, onTestFinished } from 'vitest'
import { startUpstream, until } from '../server/gateway/running-gateway.js'
import { sluice, sluiceWith } from './program.js'

let folder: string
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'sluice-'))
})

async function writeConfig(text: string): Promise<string> {
  const file = join(folder, `${Math.random().toString(36).slice(2)}.yaml`)
  await writeFile(file, text)
  return file
}

describe('sluice check', () => {
  it('exits with 0 for a valid file', async () => {
    const { output, ended } = sluice('check', await writeConfig('upstream: http://127.0.0.1:9000\n'))
    expect((await ended)[0]).toBe(0)
    expect(output.out).toContain('ok')
  })

  it('accepts --config instead of a file argument', async () => {
    const { output, ended } = sluice(
      'check',
      '--config',
      await writeConfig('upstream: http://127.0.0.1:9000\n'),
    )
    expect((await ended)[0]).toBe(0)
    expect(output.out).toContain('ok')
  })

  it('exits with 1 and prints the position of each mistake', async () => {
    const file = await writeConfig(
      'upstream: http://127.0.0.1:9000\nroutes:\n  - match: /a\n    limts: [1/minute]\n',
    )
    const { output, ended } = sluice('check', file)
    expect((await ended)[0]).toBe(1)
    expect(output.err).toContain(`${file}:4:5: `)
  })

  it('names a file that it cannot read', async () => {
    const { output, ended } = sluice('check', join(folder, 'missing.yaml'))
    expect((await ended)[0]).toBe(1)
    expect(output.err).toContain('missing.yaml')
  })
})

describe('sluice serve', () => {
  const serveOptions = ['--listen', '127.0.0.1:0', '--admin', '127.0.0.1:0']

  async function serve(text: string) {
    const upstream = await startUpstream((_request, response) => response.end('ok'))
    const file = await writeConfig(text)
    const program = sluice('serve', file, ...serveOptions, '--upstream', upstream)
    await until(() => program.output.out.includes('health'))
    const url = /http:\S+/.exec(program.output.out)?.[0] as string
    return { ...program, file, url }
  }

  const limited = (limit: string) =>
    `upstream: http://127.0.0.1:1\ndefault: { limits: [${limit}] }\ntimeouts: { drain: 0 }\n`

  it('reloads the file when it changes, and keeps the previous configuration if the new one is invalid', async () => {
    const { output, file, url } = await serve(limited('1/minute'))
    expect((await fetch(url)).status).toBe(200)
    expect((await fetch(url)).status).toBe(429)

    await writeFile(file, limited('nonsense'))
    await until(() => output.err.includes('"line":2,"column":21'))
    expect(output.err).toContain('configuration rejected; keeping the previous one')
    expect((await fetch(url)).status).toBe(429)

    // Editors and orchestrators replace the file instead of writing to it.
    const other = await writeConfig('upstream: http://127.0.0.1:1\n')
    await rename(other, file)
    await until(() => output.err.includes('configuration reloaded'))
    expect((await fetch(url)).status).toBe(200)
  })

  it('logs the warnings of the configuration at the start and after a reload', async () => {
    const { output, file } = await serve(`${limited('10/day')}`)
    const warned = () => output.err.split('\n').filter((line) => line.includes('a restart resets'))
    await until(() => warned().length === 1)
    expect(JSON.parse(warned()[0] as string)).toMatchObject({ level: 40, file, line: 2, column: 21 })
    await writeFile(file, `# longer\n${limited('10/week')}`)
    await until(() => warned().length === 2)
    expect(JSON.parse(warned()[1] as string)).toMatchObject({ line: 3 })
  })

  it('accepts --config instead of a file argument, and documents both in the help', async () => {
    const file = await writeConfig(limited('1/minute'))
    const { child, output, ended } = sluice('serve', '--config', file, ...serveOptions)
    await until(() => output.out.includes('health'))
    child.kill('SIGTERM')
    expect((await ended)[0]).toBe(0)
    const help = sluice('serve', '--help')
    await help.ended
    expect(help.output.out).toContain('serve [options] [file]')
    expect(help.output.out).toContain('--config <file>')
  })

  it.each([
    [
      'none is given',
      [],
      'no configuration file given; use sluice serve gateway.yaml, or --config gateway.yaml',
    ],
    [
      'two are given',
      ['a.yaml', '--config', 'b.yaml'],
      'two configuration files given, a.yaml and b.yaml; remove one of them',
    ],
  ])('prints one line about the configuration file if %s', async (_name, files, message) => {
    const { output, ended } = sluice('serve', ...files)
    expect((await ended)[0]).toBe(1)
    expect(output.err).toBe(`sluice: ${message}\n`)
  })

  it('reloads the file on SIGHUP and stops on SIGTERM', async () => {
    const { child, output, ended } = await serve(limited('1/minute'))
    child.kill('SIGHUP')
    await until(() => output.err.includes('configuration reloaded'))
    child.kill('SIGTERM')
    expect((await ended)[0]).toBe(0)
    expect(output.err).toContain('stopped')
  })

  it.each(['redis://:s3cret@127.0.0.1:1', 'redis+cluster://:s3cret@127.0.0.1:1', 'memcached://127.0.0.1:1'])(
    'runs while the store %s is down, reports the failure once and stops on SIGTERM',
    async (store) => {
      const { child, output, ended, url } = await serve(`${limited('2/hour')}store: ${store}\n`)
      const statuses: number[] = []
      for (let request = 0; request < 4; request++) statuses.push((await fetch(url)).status)
      expect(statuses).toEqual([200, 200, 429, 429])
      child.kill('SIGTERM')
      expect((await ended)[0]).toBe(0)
      expect(output.err.match(/store does not respond;/g)).toHaveLength(1)
      expect(output.err + output.out).not.toContain('s3cret')
    },
  )

  it.each([1, 2])(
    'stops on SIGTERM with `workers: %i` even if a file system hangs in every process',
    async (workers) => {
      // A pipe without a writer occupies a thread, as a file on a hung mount does.
      const pipe = join(folder, `pipe-${workers}`)
      execFileSync('mkfifo', [pipe])
      const preload = join(folder, `hang-${workers}.cjs`)
      await writeFile(preload, `require('node:fs').open(${JSON.stringify(pipe)}, 'r', () => {})`)
      const file = await writeConfig(`${limited('1/minute')}workers: ${workers}\n`)
      const { child, output } = sluiceWith(
        { NODE_OPTIONS: `--require ${preload}` },
        'serve',
        file,
        ...serveOptions,
      )
      await until(() => output.out.includes('sluice listens'))
      child.kill('SIGTERM')
      const [code, signal] = await once(child, 'close')
      expect(output.err).toContain('stopped')
      expect({ code, signal }).toEqual({ code: null, signal: 'SIGTERM' })
    },
  )

  it('prints one line if its port is in use', async () => {
    const occupied = createServer().listen(0, '127.0.0.1')
    await once(occupied, 'listening')
    onTestFinished(() => void occupied.close())
    const { port } = occupied.address() as AddressInfo
    const file = await writeConfig('upstream: http://127.0.0.1:9000\n')
    const { output, ended } = sluice('serve', file, '--listen', `127.0.0.1:${port}`, '--admin', '127.0.0.1:0')
    expect((await ended)[0]).toBe(1)
    expect(output.err).toBe(
      `sluice: port ${port} on 127.0.0.1 is already in use; stop the process that uses it or choose another port\n`,
    )
    expect(output.out).toBe('')
  })
})

describe('sluice under npx', () => {
  it.each(['SIGTERM', 'SIGKILL'] as const)('stops the gateway when npx receives %s', async (signal) => {
    const folder = await mkdtemp(join(tmpdir(), 'sluice-npx-'))
    onTestFinished(() => rm(folder, { recursive: true }))
    const file = join(folder, 'gateway.yaml')
    await writeFile(
      file,
      'listen: 127.0.0.1:0\nadmin: off\nupstream: http://127.0.0.1:9\ntimeouts: { drain: 0 }\n',
    )
    const root = fileURLToPath(new URL('../../../../', import.meta.url))
    const npx = spawn('npx', ['sluice', 'serve', file], { cwd: root, detached: true })
    onTestFinished(() => {
      try {
        process.kill(-(npx.pid as number), 'SIGKILL')
      } catch {
        // The process group has already exited.
      }
    })
    let output = ''
    npx.stdout.setEncoding('utf8').on('data', (text) => {
      output += text
    })
    await until(() => output.includes('sluice listens on'))
    const url = /http:\/\/127\.0\.0\.1:\d+/.exec(output)?.[0] as string
    npx.kill(signal)
    await until(() =>
      fetch(url).then(
        () => false,
        () => true,
      ),
    )
  })
})
