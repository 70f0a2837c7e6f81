import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest'
import { startRedis } from '../../../sluice/test/stores/servers/redis.js'
import { until } from '../server/gateway/running-gateway.js'
import { sluiceWith } from './program.js'

let folder = ''
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'sluice-'))
})
afterAll(() => rm(folder, { recursive: true }))

/** @param preload the source of a module that the gateway and its workers load first */
async function serve(text: string, preload?: string) {
  const file = join(folder, 'gateway.yaml')
  await writeFile(
    file,
    `upstream: http://127.0.0.1:1\ndefault: { limits: [9/minute] }\ntimeouts: { drain: 0 }\n${text}`,
  )
  const module = join(folder, 'preload.mjs')
  if (preload !== undefined) await writeFile(module, preload)
  const env: Record<string, string> =
    preload === undefined ? {} : { NODE_OPTIONS: `--import=${pathToFileURL(module).href}` }
  const program = sluiceWith(env, 'serve', file, '--listen', '127.0.0.1:0', '--admin', '127.0.0.1:0')
  await until(() => program.output.out.includes('health'))
  return { ...program, url: /http:\S+/.exec(program.output.out)?.[0] as string }
}

type Line = Readonly<Record<string, unknown>>

/** Parses the lines of a log, and fails if one is not JSON. */
const linesOf = (err: string): Line[] =>
  err
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line))

async function stop({ child, ended }: Awaited<ReturnType<typeof serve>>): Promise<number | null> {
  child.kill('SIGTERM')
  return (await ended)[0]
}

/** A module that prints, as a library may, when the first server of a process starts to listen. */
const PRINTING_MODULE = `
import cluster from 'node:cluster'
import { EventEmitter } from 'node:events'
import { Server } from 'node:net'
const { listen } = Server.prototype
const { warn } = console
Server.prototype.listen = function (...args) {
  Server.prototype.listen = listen
  const role = cluster.isPrimary ? 'primary' : 'worker'
  console.log('%s log', role)
  warn(role + ' warn\\nin two lines')
  console.error(new Error(role + ' error'))
  console.table([{ role }])
  process.stderr.write('\\u001b[31m' + role + ' colour\\u001b[0m\\n')
  process.stdout.write(Buffer.from(role + ' bytes\\n'))
  process.emitWarning(role + ' old', 'DeprecationWarning', 'DEP9999')
  const emitter = new EventEmitter()
  for (let count = 0; count < 11; count++) emitter.on('x', () => {})
  return listen.apply(this, args)
}`

describe.each([1, 2])('a gateway with `workers: %d`', (workers) => {
  it('writes every log line as JSON, including the output of libraries and Node', async () => {
    const running = await serve(`workers: ${workers}`, PRINTING_MODULE)
    expect(running.output.out.trim().split('\n')).toHaveLength(2)
    expect(await stop(running)).toBe(0)
    const lines = linesOf(running.output.err)
    for (const role of workers === 1 ? ['primary'] : ['primary', 'worker']) {
      for (const [level, source, msg] of [
        [30, 'stdout', `${role} log`],
        [40, 'stderr', `${role} warn\nin two lines`],
        [40, 'stderr', `${role} colour`],
        [30, 'stdout', `${role} bytes`],
      ])
        expect(lines).toContainEqual({ level, time: expect.any(String), source, msg })
      expect(lines).toContainEqual(
        expect.objectContaining({ source: 'process', warning: 'DeprecationWarning', code: 'DEP9999' }),
      )
      expect(lines).toContainEqual(
        expect.objectContaining({ source: 'stderr', msg: expect.stringMatching(`^Error: ${role} error\n`) }),
      )
    }
    const listenerWarnings = lines.filter(({ warning }) => warning === 'MaxListenersExceededWarning')
    expect(listenerWarnings).toHaveLength(workers === 1 ? 1 : 1 + workers)
    expect(running.output.out).not.toMatch(/log|bytes/)
  })

  it.each(['forbids the INFO command', 'rejects the password', 'is down'])(
    'prints nothing in plain text if its Redis store %s',
    async (problem) => {
      const redis = await startRedis()
      onTestFinished(() => redis.stop())
      await redis.cli('acl', 'setuser', 'sluice', 'on', '>right', '~*', '&*', '+@all', '-info')
      if (problem === 'is down') await redis.crash()
      const password = problem === 'rejects the password' ? 'wr0ng' : 'right'
      const running = await serve(
        `workers: ${workers}\nstore: redis://sluice:${password}@127.0.0.1:${redis.port}\n`,
      )
      const { status } = await fetch(running.url)
      // The upstream is down, so an admitted request gets a 502. Without its store, the gateway may
      // respond with a 503 first.
      expect([502, 503]).toContain(status)
      expect(await stop(running)).toBe(0)
      const lines = linesOf(running.output.err)
      expect(running.output.err).not.toContain(password)
      if (problem === 'forbids the INFO command')
        expect(lines).toContainEqual(
          expect.objectContaining({ source: 'stderr', msg: expect.stringContaining('INFO command fails') }),
        )
    },
  )
})

it('the gateway logs an uncaught error as the last line and exits with 1', async () => {
  const running = await serve('', "process.on('SIGUSR2', () => { throw new Error('from a library') })")
  running.child.kill('SIGUSR2')
  expect((await running.ended)[0]).toBe(1)
  const { level, err } = linesOf(running.output.err).at(-1) as { level: number; err: { message: string } }
  expect([level, err.message]).toEqual([50, 'from a library'])
})

it('sluice serve prints the reason in plain text if the gateway cannot start', async () => {
  const file = join(folder, 'taken.yaml')
  await writeFile(file, 'upstream: http://127.0.0.1:1\nadmin: off\n')
  const redis = await startRedis()
  onTestFinished(() => redis.stop())
  const { output, ended } = sluiceWith({}, 'serve', file, '--listen', `127.0.0.1:${redis.port}`)
  expect((await ended)[0]).toBe(1)
  expect(output.err).toContain('sluice: ')
})
