import { mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, expect, it } from 'vitest'
import { type RedisServer, startRedis } from '../../../../sluice/test/stores/servers/redis.js'
import { NO_ACTS } from '../../../src/policy/acts/act-set.js'
import { MemoryActStore } from '../../../src/server/acts/act-store.js'
import { FileActStore } from '../../../src/server/acts/file-act-store.js'
import { RedisActStore } from '../../../src/server/acts/redis-act-store.js'
import { blockOf, describeActStore, setAfter } from './describe-act-store.js'

let redis: RedisServer
let folder: string
let file: string
beforeAll(async () => {
  redis = await startRedis()
  folder = await mkdtemp(join(tmpdir(), 'sluice-acts-'))
  file = join(folder, 'acts.json')
})
afterEach(async () => {
  await redis.cli('flushall')
  await rm(file, { recursive: true, force: true })
})
afterAll(async () => {
  await redis?.stop()
  await rm(folder, { recursive: true, force: true })
})

const openRedis = () => new RedisActStore(`redis://127.0.0.1:${redis.port}/0`)

describeActStore('memory', () => new MemoryActStore())
describeActStore('a file', () => new FileActStore(file))
describeActStore('Redis', openRedis)

it('two gateways see the changes of each other in Redis and in a file', async () => {
  for (const open of [openRedis, () => new FileActStore(file)]) {
    const [one, other] = [open(), open()]
    const set = setAfter(NO_ACTS, [blockOf('acme')])
    await one.replace(NO_ACTS.version, set)
    expect(await other.read(NO_ACTS.version)).toEqual(set)
    const next = setAfter(set, [])
    expect(await other.replace(set.version, next)).toBe(true)
    expect(await one.read(set.version)).toEqual(next)
    await Promise.all([one.close(), other.close()])
  }
})

it('a file of acts is readable only by its owner, and leaves no other file', async () => {
  await new FileActStore(file).replace(NO_ACTS.version, setAfter(NO_ACTS, [blockOf('acme')]))
  expect((await stat(file)).mode & 0o777).toBe(0o600)
  expect(await readdir(folder)).toEqual(['acts.json'])
  expect(await readFile(file, 'utf8')).toContain('"client": "acme"')
})

it.each([
  '',
  '{',
  '[]',
  '{"version":"1:a"}',
  '{"version":"x","acts":[]}',
  '{"version":"1:a","acts":{}}',
  'null',
])('a file of acts is rejected and kept if it contains something else: %j', async (text) => {
  await writeFile(file, text)
  const store = new FileActStore(file)
  await expect(store.read('')).rejects.toThrow('is not an acts file written by the gateway')
  await expect(store.replace('', setAfter(NO_ACTS, []))).rejects.toThrow('is not an acts file')
  expect(await readFile(file, 'utf8')).toBe(text)
})

it('a key in Redis is rejected and kept if it contains something else', async () => {
  const store = openRedis()
  await redis.cli('hset', 'sluice:acts:v1', 'version', '1:a', 'acts', 'text')
  await expect(store.read('')).rejects.toThrow('does not contain acts')
  await redis.cli('set', 'sluice:acts:v1', 'text')
  await expect(store.read('')).rejects.toThrow('WRONGTYPE')
  await expect(store.replace('', setAfter(NO_ACTS, []))).rejects.toThrow('WRONGTYPE')
  expect(await redis.cli('get', 'sluice:acts:v1')).toBe('text')
  await store.close()
})
