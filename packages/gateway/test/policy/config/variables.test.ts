// biome-ignore-all lint/suspicious/noTemplateCurlyInString: configuration files refer to variables like this
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import {
  ConfigError,
  knownVariables,
  loadConfig,
  parseConfig,
} from '../../../src/policy/config/load-config.js'
import { checkText } from './check-text.js'

const SECRET = 'hunter2-hunter2'

let folder: string

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'sluice-variables-'))
  await writeFile(join(folder, 'secret'), `${SECRET}\n`)
  await writeFile(join(folder, 'binary'), Buffer.from([0xff, 0xfe]))
  vi.stubEnv('TEST_HOST', 'model.example')
  vi.stubEnv('TEST_WORKERS', '3')
  vi.stubEnv('TEST_RETRY', 'true')
  vi.stubEnv('TEST_EMPTY', '')
  vi.stubEnv('TEST_SECRET', SECRET)
  vi.stubEnv('TEST_UNSET', undefined)
})

afterAll(async () => {
  vi.unstubAllEnvs()
  await rm(folder, { recursive: true })
})

async function load(text: string) {
  const file = join(folder, 'gateway.yaml')
  await writeFile(file, text)
  return loadConfig(file)
}

describe('variables in a configuration file', () => {
  it('have the values of the environment, of files and of defaults, in strings, numbers and booleans', async () => {
    const config = await load(`
upstream: "http://\${env:TEST_HOST}:\${env:TEST_UNSET:-9000}"
workers: \${env:TEST_WORKERS}
retry_post: \${env:TEST_RETRY}
store: redis://:\${file:secret}@127.0.0.1
default: { limits: ["\${env:TEST_EMPTY:-5}/minute"] }
`)
    expect(config.upstream).toBe('http://model.example:9000')
    expect(config.workers).toBe(3)
    expect(config.retriesPost).toBe(true)
    expect(config.store).toMatchObject({ url: `redis://:${SECRET}@127.0.0.1` })
    expect(config.fallback).toMatchObject({ rules: [{ limit: '5/minute' }] })
  })

  it('are not replaced after two dollar signs, nor in keys', () => {
    const { answers } = parseConfig(
      'upstream: http://127.0.0.1:9000\nanswers: { 404: { detail: "see $${env:TEST_HOST}" } }',
      'gateway.yaml',
    )
    expect(JSON.stringify(answers)).not.toContain('model.example')
  })

  it('have the same values for another process, whose environment may differ', async () => {
    const { source } = await load(
      'upstream: http://${env:TEST_HOST}:${env:TEST_UNSET:-9000}\nstore: redis://:${file:secret}@127.0.0.1',
    )
    expect(source.variables).toEqual({ 'env:TEST_HOST': 'model.example', 'file:secret': SECRET })
    expect(source.text).not.toContain(SECRET)
    vi.stubEnv('TEST_HOST', 'other.example')
    const { upstream } = parseConfig(source.text, source.file, knownVariables(source.variables))
    vi.stubEnv('TEST_HOST', 'model.example')
    expect(upstream).toBe('http://model.example:9000')
  })

  it.each<[string, string]>([
    [
      'upstream: http://¦${env:TEST_UNSET}',
      'TEST_UNSET is not set; set it, or write ${env:TEST_UNSET:-default}',
    ],
    ['upstream: ¦${file:missing}', 'missing: the file does not exist'],
    ['upstream: ¦${file:.}', 'the path is a directory'],
    ['upstream: ¦${file:binary}', 'binary: the file is not UTF-8 text'],
    ['upstream: ¦${TEST_HOST}', '${TEST_HOST} is not a valid reference; write ${env:TEST_HOST}'],
    ['upstream: ¦${env:}', 'write ${env:NAME} or ${file:PATH}'],
    ['upstream: ¦${env:9}', 'write ${env:NAME} or ${file:PATH}'],
  ])('the error in %j states the cause and its position', async (text, message) => {
    const error = await load(text.replace('¦', '')).catch((error) => error)
    expect(error).toBeInstanceOf(ConfigError)
    expect(error.problems).toEqual([
      { line: 1, column: text.indexOf('¦') + 1, message: expect.stringContaining(message) },
    ])
  })

  it.each([
    'upstream: ${env:TEST_SECRET}',
    'upstream: http://${env:TEST_SECRET}@',
    'upstream: http://127.0.0.1:9000\nworkers: ${env:TEST_SECRET}',
    'upstream: http://127.0.0.1:9000\nlisten: ${env:TEST_SECRET}',
    'upstream: http://127.0.0.1:9000\nstore: ${env:TEST_SECRET}',
    'upstream: http://127.0.0.1:9000\nlog: ${env:TEST_SECRET}',
    'upstream: http://127.0.0.1:9000\nmax_body: ${env:TEST_SECRET}',
    'upstream: http://127.0.0.1:9000\ntimeouts: { idle: "${env:TEST_SECRET}" }',
    'upstream: http://127.0.0.1:9000\ndefault: { limits: ["${env:TEST_SECRET}"] }',
    'upstream: http://127.0.0.1:9000\ndefault: { limits: [{ limit: 5/minute, by: "${env:TEST_SECRET}" }] }',
    'upstream: http://127.0.0.1:9000\ndefault: { limits: [{ limit: 5/minute, cost: "${env:TEST_SECRET} +" }] }',
    'upstream: http://127.0.0.1:9000\nroutes: [{ match: "${env:TEST_SECRET}", limits: [] }]',
    'upstream: http://127.0.0.1:9000\nadmin: { listen: ":8081", token_sha256: "${env:TEST_SECRET}" }',
  ])('no value is shown in the errors of %j', async (text) => {
    const { code, out, err } = await checkText(text)
    expect(code).toBe(1)
    expect(err).toMatch(/^\S+:\d+:\d+: .{10}/)
    expect(out + err).not.toMatch(/hunter2|unter2-/)
  })
})
