import { mkdir, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Limiter } from 'sluice'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { type MemcachedServer, startMemcached } from '../packages/sluice/test/stores/servers/memcached.js'
import { type RedisServer, startRedis } from '../packages/sluice/test/stores/servers/redis.js'
import { ROOT } from './stack.js'

// Runs the limiters of docs/stores.md on real servers. Each limiter counts separately and admits
// ten requests.

// Inside the checkout, so that it resolves the packages as a user's project would.
const folder = join(ROOT, 'test', 'store-listings')

let redis: RedisServer
let memcached: MemcachedServer
let listings: readonly string[] = []

beforeAll(async () => {
  redis = await startRedis()
  memcached = await startMemcached()
  const page = await readFile(join(ROOT, 'docs', 'stores.md'), 'utf8')
  listings = [...page.matchAll(/^```ts\n(.*?)^```$/gms)]
    .map(([, text = '']) => text)
    .filter((text) => text.includes('export const limiter'))
  await rm(folder, { recursive: true, force: true })
  await mkdir(folder)
})

afterAll(async () => {
  await rm(folder, { recursive: true, force: true })
  await redis?.stop()
  await memcached?.stop()
})

interface Connected {
  readonly limiter: Limiter<string>
  connect?(): Promise<unknown>
}

it('every limiter of docs/stores.md counts in its store', async () => {
  expect(listings).toHaveLength(4)
  for (const [index, text] of listings.entries()) {
    const file = join(folder, `listing-${index}.ts`)
    const localListing = text
      .replaceAll('localhost:6379', `127.0.0.1:${redis.port}`)
      .replaceAll('localhost:11211', `127.0.0.1:${memcached.port}`)
      // A long deadline, since a server may be slow on a busy machine.
      .replaceAll('policy:', 'deadline: 30_000, policy:')
    await writeFile(file, localListing)
    const { limiter, connect }: Connected = await import(file)
    await connect?.()
    const decisions = []
    for (let request = 0; request < 12; request++) decisions.push(await limiter.admit('user-42'))
    expect(decisions.map(({ allowed }) => allowed)).toEqual([...Array(10).fill(true), false, false])
    expect(decisions.filter(({ degraded }) => degraded !== undefined)).toEqual([])
  }
  expect((await redis.cli('--scan')).match(/^(sluice|shop):/gm)).toHaveLength(3)
  // The server lists an item some time after it was stored.
  await expect.poll(async () => (await memcached.keys()).size).toBe(1)
})
