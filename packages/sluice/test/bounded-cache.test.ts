import { describe, expect, it } from 'vitest'
import { BoundedCache } from '../src/bounded-cache.js'

describe('BoundedCache', () => {
  it('returns the value of a stored key and undefined for other keys', () => {
    const cache = new BoundedCache<string, number>(2)
    cache.set('a', 1)
    expect(cache.get('a')).toBe(1)
    expect(cache.has('a')).toBe(true)
    expect(cache.get('b')).toBeUndefined()
    expect(cache.has('b')).toBe(false)
  })

  it('keeps all entries until it is full, and drops them all when another key is added', () => {
    const cache = new BoundedCache<string, number>(2)
    cache.set('a', 1)
    cache.set('b', 2)
    expect([cache.get('a'), cache.get('b')]).toEqual([1, 2])
    cache.set('c', 3)
    expect([cache.get('a'), cache.get('b'), cache.get('c')]).toEqual([undefined, undefined, 3])
  })
})
