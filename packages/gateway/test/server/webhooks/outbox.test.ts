import { readFile } from 'node:fs/promises'
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest'
import { type RedisServer, startRedis } from '../../../../sluice/test/stores/servers/redis.js'
import { MemoryOutbox } from '../../../src/server/webhooks/memory-outbox.js'
import type { Outbox } from '../../../src/server/webhooks/outbox.js'
import { RedisOutbox } from '../../../src/server/webhooks/redis-outbox.js'
import { until } from '../gateway/running-gateway.js'

let redis: RedisServer
beforeAll(async () => {
  redis = await startRedis()
})
afterAll(() => redis?.stop())

let databases = 0
const OUTBOXES: Readonly<Record<string, () => Outbox>> = {
  memory: () => new MemoryOutbox(),
  Redis: () => new RedisOutbox(`redis://127.0.0.1:${redis.port}/${databases++}`),
}

describe.each(Object.keys(OUTBOXES))('the outbox in %s', (kind) => {
  const open = () => {
    const outbox = (OUTBOXES[kind] as () => Outbox)()
    onTestFinished(() => outbox.close())
    return outbox
  }
  const notice = (id: string) => ({ id, body: `{"id":"${id} é"}`, rememberMs: 60_000 })

  it('gives each notice to one claim per target until its lease ends', async () => {
    const outbox = open()
    expect(await outbox.add(notice('one'), ['a', 'b'])).toBe('added')
    const [claimed, ...more] = await outbox.claim('a', 50, 10)
    expect(more).toEqual([])
    expect(claimed).toMatchObject({ id: 'one', body: '{"id":"one é"}', attempt: 1 })
    expect(await outbox.claim('b', 60_000, 10)).toHaveLength(1)
    expect(await outbox.claim('b', 60_000, 10)).toEqual([])
    let again: Awaited<ReturnType<Outbox['claim']>> = []
    await until(async () => {
      again = await outbox.claim('a', 60_000, 10)
      return again.length > 0
    })
    expect(again).toMatchObject([{ id: 'one', attempt: 2 }])
    expect(again[0]?.ageMs).toBeGreaterThanOrEqual(49)
  })

  it('works for a Redis user with only the commands that the store needs', async () => {
    if (kind !== 'Redis') return
    const page = await readFile(new URL('../../../../../docs/stores.md', import.meta.url), 'utf8')
    const [, rules = ''] = /ACL SETUSER sluice on >password (.*)$/m.exec(page) ?? []
    await redis.cli('ACL', 'SETUSER', 'sluice', 'on', '>password', ...rules.split(' '))
    const outbox = new RedisOutbox(`redis://sluice:password@127.0.0.1:${redis.port}/15`)
    onTestFinished(() => outbox.close())
    await outbox.open()
    expect(await outbox.add(notice('one'), ['a'])).toBe('added')
    expect(await outbox.claim('a', 1000, 1)).toHaveLength(1)
    await outbox.postpone('a', 'one', 0)
    expect(await outbox.claim('a', 1000, 1)).toMatchObject([{ attempt: 2 }])
    await outbox.remove('a', 'one')
    expect(await outbox.add(notice('one'), ['a'])).toBe('known')
  })

  it('knows an ID also after its notice was removed', async () => {
    const outbox = open()
    await outbox.add(notice('one'), ['a'])
    await outbox.claim('a', 1, 10)
    await outbox.remove('a', 'one')
    expect(await outbox.add(notice('one'), ['a'])).toBe('known')
    expect(await outbox.claim('a', 1, 10)).toEqual([])
  })

  it('makes a postponed notice due after the delay, and claims at most as many as asked', async () => {
    const outbox = open()
    for (const id of ['one', 'two', 'three']) await outbox.add(notice(id), ['a'])
    expect(await outbox.claim('a', 60_000, 2)).toHaveLength(2)
    expect(await outbox.claim('a', 60_000, 2)).toHaveLength(1)
    await outbox.postpone('a', 'two', 0)
    await outbox.postpone('a', 'three', 60_000)
    await outbox.postpone('a', 'unknown', 0)
    const claimed = await outbox.claim('a', 60_000, 10)
    expect(claimed.map(({ id }) => id)).toEqual(['two'])
  })
})
