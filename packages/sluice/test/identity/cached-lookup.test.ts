import { describe, expect, it, onTestFinished, vi } from 'vitest'
import { cachedLookup } from '../../src/identity/cached-lookup.js'
import { manualClock } from '../../src/time/clock.js'

function database(clients: Record<string, string | undefined>) {
  const lookups: string[] = []
  const lookup = async (digest: string) => {
    lookups.push(digest)
    return clients[digest]
  }
  return { lookups, lookup }
}

describe('cachedLookup', () => {
  it('waits for a lookup until its timeout, even if that is 100 days', async () => {
    vi.useFakeTimers()
    onTestFinished(() => {
      vi.useRealTimers()
    })
    const days = 100 * 86_400_000
    let failed = false
    const find = cachedLookup(() => new Promise(() => {}), { timeout: days })
    Promise.resolve(find('a')).catch(() => {
      failed = true
    })
    await vi.advanceTimersByTimeAsync(days - 1)
    expect(failed).toBe(false)
    await vi.advanceTimersByTimeAsync(1)
    expect(failed).toBe(true)
    expect(vi.getTimerCount()).toBe(0)
  })

  it('looks up each known or unknown key once until its entry expires', async () => {
    const clock = manualClock()
    const { lookups, lookup } = database({ a: 'acme' })
    const find = cachedLookup(lookup, { maxAge: 1_000, unknownMaxAge: 100, clock })
    expect(await find('a')).toEqual({ id: 'acme' })
    expect(await find('b')).toBeUndefined()
    expect(find('a')).toEqual({ id: 'acme' })
    expect(find('b')).toBeUndefined()
    clock.advance(100)
    await find('a')
    await find('b')
    expect(lookups).toEqual(['a', 'b', 'b'])
    clock.advance(900)
    await find('a')
    expect(lookups).toEqual(['a', 'b', 'b', 'a'])
  })

  it('shares one lookup among a thousand concurrent requests', async () => {
    const { lookups, lookup } = database({ a: 'acme' })
    const find = cachedLookup(lookup)
    const found = await Promise.all(Array.from({ length: 1_000 }, () => find('a')))
    expect(new Set(found.map((client) => client?.id))).toEqual(new Set(['acme']))
    expect(lookups).toEqual(['a'])
  })

  it('evicts the least recently used key when it is full', async () => {
    const { lookups, lookup } = database({ a: 'a', b: 'b', c: 'c' })
    const find = cachedLookup(lookup, { maxKeys: 2 })
    await find('a')
    await find('b')
    await find('a')
    await find('c')
    await find('a')
    expect(lookups).toEqual(['a', 'b', 'c'])
    await find('b')
    expect(lookups).toEqual(['a', 'b', 'c', 'b'])
  })

  it('does not evict known keys for unknown ones', async () => {
    const { lookups, lookup } = database({ a: 'acme' })
    const find = cachedLookup(lookup, { maxKeys: 10 })
    await find('a')
    for (let key = 0; key < 1_000; key++) await find(`invented ${key}`)
    expect(find('a')).toEqual({ id: 'acme' })
    expect(lookups).toHaveLength(1_001)
  })

  it('times out a lookup that hangs and repeats it for the next request', async () => {
    let hangs = true
    const find = cachedLookup(() => (hangs ? new Promise(() => {}) : Promise.resolve('acme')), {
      timeout: 20,
    })
    const waiting = Array.from({ length: 100 }, () => find('a'))
    for (const each of waiting) await expect(each).rejects.toMatchObject({ status: 503 })
    hangs = false
    expect(await find('a')).toEqual({ id: 'acme' })
  })

  it('reports an error to all waiting requests and does not cache it', async () => {
    let calls = 0
    const find = cachedLookup(async () => {
      if (++calls === 1) throw new Error('the database is unreachable')
      return 'acme'
    })
    const both = [find('a'), find('a')]
    for (const each of both)
      await expect(each).rejects.toMatchObject({
        name: 'IdentityUnavailableError',
        status: 503,
        cause: { message: 'the database is unreachable' },
      })
    expect(await find('a')).toEqual({ id: 'acme' })
    expect(calls).toBe(2)
  })

  it('repeats a lookup that threw synchronously', async () => {
    let calls = 0
    const find = cachedLookup(() => {
      if (++calls === 1) throw new Error('synchronous')
      return Promise.resolve('acme')
    })
    await expect(find('a')).rejects.toMatchObject({ cause: { message: 'synchronous' } })
    expect(await find('a')).toEqual({ id: 'acme' })
  })

  it('rejects a lookup result that is not a client', async () => {
    const find = cachedLookup(async () => ({ id: 7 }) as unknown as string)
    await expect(find('a')).rejects.toThrow(TypeError)
    expect(() => cachedLookup(async () => 'a', { maxKeys: 0 })).toThrow("'maxKeys'")
    expect(() => cachedLookup(async () => 'a', { timeout: Number.POSITIVE_INFINITY })).toThrow("'timeout'")
    expect(() => cachedLookup(async () => 'a', { maxage: 1 } as never)).toThrow("'maxage'")
  })
})
