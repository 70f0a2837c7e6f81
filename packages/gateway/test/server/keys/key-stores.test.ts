import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { keyDigest } from 'sluice/identity'
import { afterAll, afterEach, beforeAll, describe, expect, it, onTestFinished } from 'vitest'
import {
  type RedisCluster,
  type RedisServer,
  startRedis,
  startRedisCluster,
} from '../../../../sluice/test/stores/servers/redis.js'
import { FileKeyStore } from '../../../src/server/identity/keys/file-key-store.js'
import type { KeyStore } from '../../../src/server/identity/keys/key-store.js'
import { RedisKeyStore } from '../../../src/server/identity/keys/redis-key-store.js'
import { RedisKeyTable } from '../../../src/server/identity/keys/redis-key-table.js'
import { describeKeyStore, pagesOf } from './describe-key-store.js'

let redis: RedisServer
beforeAll(async () => {
  redis = await startRedis()
})
afterEach(async () => {
  await redis.cli('flushall')
})
afterAll(() => redis?.stop())

async function openFile(): Promise<KeyStore> {
  const folder = await mkdtemp(join(tmpdir(), 'sluice-keys-'))
  onTestFinished(() => rm(folder, { recursive: true }))
  return new FileKeyStore(join(folder, 'keys.yaml'))
}

function opened(url: string): KeyStore {
  const store = new RedisKeyStore(url)
  onTestFinished(() => store.close())
  return store
}

async function openRedis(): Promise<KeyStore> {
  return opened(`redis://127.0.0.1:${redis.port}/0`)
}

const HOUR_MS = 3_600_000

describeKeyStore('a file', openFile)
describeKeyStore('Redis', openRedis)
describeKeyStore('Redis, as a user with the documented permissions', async () => {
  const page = await readFile(new URL('../../../../../docs/stores.md', import.meta.url), 'utf8')
  const [, rules = ''] = /^ACL SETUSER sluice (.*)$/m.exec(page) ?? []
  expect(await redis.cli('acl', 'setuser', 'sluice', ...rules.split(' '))).toBe('OK')
  return opened(`redis://sluice:password@127.0.0.1:${redis.port}/0`)
})

describe('a cluster', () => {
  let cluster: RedisCluster
  beforeAll(async () => {
    cluster = await startRedisCluster()
  })
  afterEach(async () => {
    for (const node of cluster.nodes) await node.cli('flushall')
  })
  afterAll(() => cluster?.stop())

  describeKeyStore('Redis Cluster', async () => opened(cluster.url))
})

describe('keys whose digests begin with the same digits', () => {
  const digests = ['ab12cd34ef', 'ab12cd35ef'].map((start) => start.padEnd(64, '7'))

  it('are ambiguous in a file until the ID has enough digits', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'sluice-keys-'))
    onTestFinished(() => rm(folder, { recursive: true }))
    const file = join(folder, 'keys.yaml')
    await writeFile(file, `keys:\n${digests.map((each) => `  - { sha256: ${each}, client: a }\n`).join('')}`)
    const store = new FileKeyStore(file)
    await expect(store.find('ab12')).rejects.toThrow(
      "several keys begin with 'ab12': ab12cd34, ab12cd35; write more digits",
    )
    expect(await store.find('ab12cd35')).toMatchObject({ id: 'ab12cd35' })
  })

  it('are ambiguous in Redis too, and no two keys there have the same ID', async () => {
    const table = new RedisKeyTable(`redis://127.0.0.1:${redis.port}/0`)
    onTestFinished(() => table.close())
    const add = (sha256: string) =>
      table.write([{ before: undefined, after: { sha256, client: 'a', created: 1 } }])
    expect([await add(digests[0] as string), await add(digests[1] as string)]).toEqual(['done', 'done'])
    expect(await add('ab12cd34'.padEnd(64, '0'))).toBe('taken')
    const store = await openRedis()
    await expect(store.find('ab12')).rejects.toMatchObject({ kind: 'conflict' })
    expect(await store.find('ab12cd35ef77')).toMatchObject({ id: 'ab12cd35' })
    const created = await Promise.all([1, 2, 3].map((limit) => pagesOf(store, limit)))
    for (const pages of created) expect(pages.flatMap(({ keys }) => keys)).toHaveLength(2)
  })
})

it('changes of a keys file keep its comments and the properties that they do not concern', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'sluice-keys-'))
  onTestFinished(() => rm(folder, { recursive: true }))
  const file = join(folder, 'keys.yaml')
  const digest = keyDigest('a key')
  await writeFile(
    file,
    `# our keys\nkeys:\n  # of the batch jobs\n  - sha256: ${digest.toUpperCase()} # since May\n    client: acme\n`,
  )
  const store = new FileKeyStore(file)
  await store.rotate(digest.slice(0, 8), HOUR_MS, 'ada')
  await store.label(digest.slice(0, 8), { team: 'red' })
  const text = await readFile(file, 'utf8')
  for (const comment of ['# our keys', '# of the batch jobs', '# since May']) expect(text).toContain(comment)
  expect((await store.list({ limit: 10 })).keys).toMatchObject([
    { client: 'acme', createdBy: 'ada' },
    { client: 'acme', labels: { team: 'red' }, expires: expect.any(Number) },
  ])
})

it('keys of a client in a file cannot have different limits', async () => {
  const store = await openFile()
  const { listed } = await store.create({ client: 'acme', limits: { requests: 2 } }, 'ada')
  await expect(store.create({ client: 'acme', limits: { requests: 3 } }, 'ada')).rejects.toThrow(
    "the file was not changed: the limit 'requests' of this client differs",
  )
  expect(await store.list({ limit: 10 })).toEqual({ keys: [listed] })
})

it('keys in Redis can have limits up to a number of keys, and lose them when they are revoked', async () => {
  const table = new RedisKeyTable(`redis://127.0.0.1:${redis.port}/0`)
  onTestFinished(() => table.close())
  const record = (index: number) => ({
    ...{ sha256: keyDigest(`limited ${index}`), client: `client-${index}`, created: index + 1 },
    limits: { requests: 2 },
  })
  const added = (index: number) => ({ before: undefined, after: record(index) })
  for (let from = 0; from < 5_000; from += 500)
    await table.write(Array.from({ length: 500 }, (_, index) => added(from + index)))
  expect((await table.limited()).map(({ client }) => client)).toEqual(
    Array.from({ length: 5_000 }, (_, index) => `client-${4_999 - index}`),
  )
  const { limits } = await table.changesSince({ epoch: '', version: '0', limits: '' })
  await expect(table.write([added(5_000)])).rejects.toThrow('the store already has 5000 keys with limits')
  const store = await openRedis()
  const { listed } = await store.create({ client: 'acme' }, 'ada')
  await store.label(listed.id, { team: 'red' })
  expect(await table.changesSince({ epoch: '', version: '0', limits: '' })).toMatchObject({ limits })
  await store.revoke(record(7).sha256)
  expect((await table.changesSince({ epoch: '', version: '0', limits: '' })).limits).not.toBe(limits)
  expect(await table.limited()).toHaveLength(4_999)
  expect(await table.write([added(5_000)])).toBe('done')
})

it('keys in Redis are found among 100,000 others, page by page', { timeout: 120_000 }, async () => {
  const table = new RedisKeyTable(`redis://127.0.0.1:${redis.port}/0`)
  onTestFinished(() => table.close())
  const digests = Array.from({ length: 100_000 }, (_, index) => keyDigest(`key ${index}`))
  for (let from = 0; from < digests.length; from += 500)
    await table.write(
      digests.slice(from, from + 500).map((sha256, index) => ({
        before: undefined,
        after: { sha256, client: `client-${from + index}`, created: 1_700_000_000_000 + from + index },
      })),
    )
  const store = await openRedis()
  const wanted = digests[12_345] as string
  expect(await store.find(wanted.slice(0, 12))).toMatchObject({ client: 'client-12345' })
  expect(await table.recordOf(wanted)).toMatchObject({ client: 'client-12345' })
  let found: string[] = []
  let after: string | undefined
  let pages = 0
  do {
    const page = await store.list({ client: 'client-12345', limit: 100, after })
    found = [...found, ...page.keys.map(({ id }) => id)]
    after = page.next
    pages++
  } while (after !== undefined)
  expect(found).toEqual([wanted.slice(0, 8)])
  expect(pages).toBeGreaterThan(1)
  expect(await table.changesSince({ epoch: '', version: '0', limits: '' })).toMatchObject({ changed: 'all' })
})
