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

  it('keeps known keys valid for `maxStaleAge` while lookups fail, and not a moment longer', async () => {
    const clock = manualClock()
    let calls = 0
    let fails = false
    const find = cachedLookup(
      async () => {
        calls++
        if (fails) throw new Error('the database is unreachable')
        return 'acme'
      },
      { maxAge: 10_000, maxStaleAge: 20_000, clock },
    )
    await find('a')
    fails = true
    clock.advance(10_000)
    expect(await find('a')).toEqual({ id: 'acme' })
    await expect(find('b')).rejects.toMatchObject({ status: 503 })
    expect(find('a')).toEqual({ id: 'acme' })
    expect(calls).toBe(3)
    clock.advance(19_999)
    expect(await find('a')).toEqual({ id: 'acme' })
    clock.advance(1)
    await expect(find('a')).rejects.toMatchObject({ status: 503 })
    fails = false
    expect(await find('a')).toEqual({ id: 'acme' })
  })

  it('does not keep a key that was revoked when lookups fail afterwards', async () => {
    const clock = manualClock()
    const answers = ['acme', undefined]
    const lookup = async () => {
      if (answers.length === 0) throw new Error('the database is unreachable')
      return answers.shift()
    }
    const find = cachedLookup(lookup, { maxAge: 10, maxStaleAge: 60_000, unknownMaxAge: 0, clock })
    expect(await find('a')).toEqual({ id: 'acme' })
    clock.advance(10)
    expect(await find('a')).toBeUndefined()
    await expect(find('a')).rejects.toMatchObject({ status: 503 })
  })

  it('ends a key at its expiry, whether or not it is cached', async () => {
    const clock = manualClock()
    const expires = clock.wallTime() + 500
    const find = cachedLookup(async () => ({ id: 'acme', expires }), { maxStaleAge: 60_000, clock })
    expect(await find('a')).toEqual({ id: 'acme' })
    clock.advance(499)
    expect(find('a')).toEqual({ id: 'acme' })
    clock.advance(1)
    expect(await find('a')).toBeUndefined()
  })

  it('forgets a key or all keys, known or unknown', async () => {
    const clients: Record<string, string | undefined> = { a: 'acme', b: 'bolt' }
    const find = cachedLookup(async (digest) => clients[digest])
    await Promise.all(['a', 'b', 'c'].map((digest) => find(digest)))
    Object.assign(clients, { a: undefined, b: 'other', c: 'new' })
    find.forget('a')
    find.forget('c')
    expect([await find('a'), await find('b'), await find('c')]).toEqual([
      undefined,
      { id: 'bolt' },
      { id: 'new' },
    ])
    find.forget()
    expect(await find('b')).toEqual({ id: 'other' })
  })

  it('does not cache the result of a lookup that began before the key was forgotten', async () => {
    const replies: ((client: string | undefined) => void)[] = []
    const find = cachedLookup(() => new Promise<string | undefined>((resolve) => replies.push(resolve)))
    const before = find('a')
    find.forget('a')
    const after = find('a')
    replies[1]?.(undefined)
    replies[0]?.('acme')
    expect(await before).toEqual({ id: 'acme' })
    expect(await after).toBeUndefined()
    expect(find('a')).toBeUndefined()
  })

  it('finds no client for an expired key, even if the key was forgotten during the lookup', async () => {
    const replies: ((client: { id: string; expires: number }) => void)[] = []
    const find = cachedLookup(
      () => new Promise<{ id: string; expires: number }>((resolve) => replies.push(resolve)),
    )
    const found = find('a')
    find.forget('a')
    replies[0]?.({ id: 'acme', expires: Date.now() - 1 })
    expect(await found).toBeUndefined()
  })

  it('rejects a lookup result that is not a client', async () => {
    const find = cachedLookup(async () => ({ id: 7 }) as unknown as string)
    await expect(find('a')).rejects.toThrow(TypeError)
    expect(() => cachedLookup(async () => 'a', { maxKeys: 0 })).toThrow("'maxKeys'")
    expect(() => cachedLookup(async () => 'a', { timeout: Number.POSITIVE_INFINITY })).toThrow("'timeout'")
    expect(() => cachedLookup(async () => 'a', { maxage: 1 } as never)).toThrow("'maxage'")
  })
})
