import { mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, expect, it } from 'vitest'
import {
  type RedisServer,
  startRedis,
  startRedisCluster,
} from '../../../../sluice/test/stores/servers/redis.js'
import { FileLedger } from '../../../src/server/spend/file-ledger.js'
import { type LedgerOptions, MemoryLedger } from '../../../src/server/spend/memory-ledger.js'
import { RedisLedger } from '../../../src/server/spend/redis-ledger.js'
import { entryOf } from '../../../src/server/spend/spend-entry.js'
import { describeLedger, entriesOf } from './describe-ledger.js'

let redis: RedisServer
let folder: string
let file: string
beforeAll(async () => {
  redis = await startRedis()
  folder = await mkdtemp(join(tmpdir(), 'sluice-spend-'))
  file = join(folder, 'acts.json.spend')
})
afterEach(async () => {
  await redis.cli('flushall')
  await rm(file, { recursive: true, force: true })
})
afterAll(async () => {
  await redis?.stop()
  await rm(folder, { recursive: true, force: true })
})

const lines: object[] = []
const log = {
  warn: (fields: object) => void lines.push(fields),
  error: (fields: object) => void lines.push(fields),
}
const openRedis = (options: LedgerOptions = {}) =>
  new RedisLedger(`redis://127.0.0.1:${redis.port}/0`, options)
const openFile = (options: LedgerOptions = {}) =>
  new FileLedger(file, { log, minAppendedBytes: 2000, ...options })

describeLedger('memory', (options) => new MemoryLedger(options), false)
describeLedger('a file', openFile, true)
describeLedger('Redis', openRedis, true)

const NOW = Date.parse('2026-11-05T10:00:00Z')
const now = () => NOW
const batch = (sequence: number, id = 'acme') => {
  const spent = {
    units: 7,
    currency: 'USD',
    client: { id },
    model: 'big',
    route: 'a',
    input: 1,
    cached: 0,
    output: 1,
  }
  const { month, key, spend } = entryOf(spent, NOW)
  return { writer: 'test', sequence, month, entries: new Map([[key, spend]]) }
}
const amountIn = async (ledger: Parameters<typeof entriesOf>[0]) =>
  (await entriesOf(ledger, NOW)).reduce((sum, { spend }) => sum + spend.amount, 0n)

it('a month in Redis expires 13 months after it, and what recognizes batches after a week', async () => {
  const ledger = openRedis({ now })
  await ledger.add(batch(1))
  const key = 'sluice:spend:v1:{2026-11}'
  const expiry = NOW + Number(await redis.cli('pttl', key))
  expect(Math.abs(expiry - Date.parse('2028-01-01T00:00:00Z'))).toBeLessThan(60_000)
  expect((await redis.cli('keys', '*')).split('\n').toSorted()).toEqual([key, `${key}:sent:test`])
  expect(Number(await redis.cli('ttl', `${key}:sent:test`))).toBeGreaterThan(6 * 86_400)
  await ledger.close()
})

it('two gateways add to the same entries in Redis', async () => {
  const [one, other] = [openRedis({ now }), openRedis({ now })]
  await Promise.all([one.add(batch(1)), other.add({ ...batch(1), writer: 'other' })])
  expect(await amountIn(one)).toBe(14n)
  expect(await amountIn(other)).toBe(14n)
  await Promise.all([one.close(), other.close()])
})

it('a key in Redis that contains something else rejects the batch', async () => {
  const ledger = openRedis({ now })
  await redis.cli('set', 'sluice:spend:v1:{2026-11}', 'text')
  await expect(ledger.add(batch(1))).rejects.toThrow('WRONGTYPE')
  await redis.cli('del', 'sluice:spend:v1:{2026-11}')
  await ledger.add(batch(1))
  expect(await amountIn(ledger)).toBe(7n)
  await ledger.close()
})

it('a server without memory rejects the batch, which is added once there is room', async () => {
  const ledger = openRedis({ now })
  await ledger.add(batch(1))
  await redis.cli('config', 'set', 'maxmemory', '1')
  await expect(ledger.add(batch(2))).rejects.toThrow('OOM')
  await redis.cli('config', 'set', 'maxmemory', '0')
  expect(await ledger.add(batch(2))).toEqual({ other: 0, refused: 0 })
  expect(await amountIn(ledger)).toBe(14n)
  await ledger.close()
})

it('the documented permissions of a Redis user suffice', async () => {
  const page = await readFile(new URL('../../../../../docs/stores.md', import.meta.url), 'utf8')
  const [, rules = ''] = /^ACL SETUSER sluice (.*)$/m.exec(page) ?? []
  expect(await redis.cli('acl', 'setuser', 'sluice', ...rules.split(' '))).toBe('OK')
  const ledger = new RedisLedger(`redis://sluice:password@127.0.0.1:${redis.port}/0`, { now })
  await ledger.add(batch(1))
  await ledger.add(batch(2, 'globex'))
  expect([await ledger.forget('acme'), await ledger.forget('globex')]).toEqual([1, 1])
  expect(await amountIn(ledger)).toBe(14n)
  await ledger.close()
})

it('a cluster keeps all months', async () => {
  const cluster = await startRedisCluster()
  try {
    const ledger = new RedisLedger(cluster.url, { now })
    for (const month of ['2026-09', '2026-10', '2026-11']) await ledger.add({ ...batch(1), month })
    expect(await amountIn(ledger)).toBe(21n)
    expect(await ledger.forget('acme')).toBe(3)
    expect(await amountIn(ledger)).toBe(21n)
    await ledger.close()
  } finally {
    await cluster.stop()
  }
})

async function openedFile() {
  const ledger = openFile({ now })
  await ledger.start()
  return ledger
}

it('a file of spend is readable only by its owner, and leaves no other file', async () => {
  const ledger = await openedFile()
  await ledger.add(batch(1))
  await ledger.add(batch(2))
  expect((await stat(file)).mode & 0o777).toBe(0o600)
  expect(await readdir(folder)).toEqual(['acts.json.spend'])
})

it('a file stays small however many batches are added', async () => {
  const ledger = await openedFile()
  for (let sequence = 1; sequence <= 500; sequence++) await ledger.add(batch(sequence))
  expect((await stat(file)).size).toBeLessThan(4000)
  expect(await amountIn(await openedFile())).toBe(3500n)
})

it('a file that was cut at any byte loses at most the last batch', async () => {
  const ledger = await openedFile()
  await ledger.add(batch(1))
  await ledger.add(batch(2))
  const whole = await readFile(file)
  const before = whole.lastIndexOf('\n')
  for (let length = before; length <= whole.length; length++) {
    await writeFile(file, whole.subarray(0, length))
    lines.length = 0
    const opened = await openedFile()
    expect(await amountIn(opened)).toBe(length === whole.length ? 14n : 7n)
    expect(lines.length).toBe(length > before + 1 && length < whole.length ? 1 : 0)
    await opened.add({ ...batch(3), writer: 'after' })
    expect(await amountIn(await openedFile())).toBe(length === whole.length ? 21n : 14n)
  }
})

it('a batch that is written again after a failure counts once', async () => {
  const ledger = await openedFile()
  await ledger.add(batch(1))
  await ledger.add(batch(2))
  const [last = ''] = (await readFile(file, 'utf8')).split('\n').slice(-1)
  await writeFile(file, `\n${last}`, { flag: 'a' })
  expect(await amountIn(await openedFile())).toBe(14n)
})

it('a file that was removed while the gateway runs is written again', async () => {
  const ledger = await openedFile()
  for (const sequence of [1, 2]) await ledger.add(batch(sequence))
  await rm(file)
  await ledger.add(batch(3))
  expect(await amountIn(await openedFile())).toBe(21n)
})

it('what another process appends survives a rewrite and a client that is forgotten', async () => {
  const [one, other] = [await openedFile(), await openedFile()]
  await one.add(batch(1))
  await other.add({ ...batch(1, 'globex'), writer: 'other' })
  for (let sequence = 2; sequence <= 50; sequence++) await one.add(batch(sequence))
  expect(await one.forget('acme')).toBe(1)
  const clients = (await entriesOf(await openedFile(), NOW)).map(({ key, spend }) => [
    key.client,
    spend.amount,
  ])
  expect(clients.toSorted()).toEqual([
    ['forgotten', 350n],
    ['globex', 7n],
  ])
})

it.each(['x', '{}', '[]', '{"sluice_spend":2}'])(
  'a file of spend is rejected and kept if it contains something else: %j',
  async (text) => {
    await writeFile(file, text)
    await expect(openedFile()).rejects.toThrow(
      /acts\.json\.spend is not a spend file .* restore or remove it/,
    )
    expect(await readFile(file, 'utf8')).toBe(text)
  },
)
