import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { RouteCache } from '../../../src/policy/routing/route-cache.js'

const SEED = 20261126

interface Match {
  readonly method: string
  readonly url: string
}

/** Creates a cache and records its lookups. */
function recordingCache() {
  const lookups: string[] = []
  const cache = new RouteCache((method: string, url: string): Match => {
    lookups.push(`${method} ${url}`)
    if (url.includes('!')) throw new Error(url)
    return { method, url }
  })
  return { cache, lookups }
}

describe('the route cache', () => {
  it('returns the same match for a repeated request after any other requests', () => {
    const method = fc.constantFrom('GET', 'POST')
    const url = fc.oneof(
      fc.nat({ max: 3000 }).map((number) => `/${number}`),
      fc.constantFrom('/', '/a', '/a?b=1', '/A', '__proto__', 'constructor'),
    )
    fc.assert(
      fc.property(fc.array(fc.tuple(method, url), { minLength: 100, maxLength: 3000 }), (requests) => {
        const { cache } = recordingCache()
        for (const [method, url] of requests) expect(cache.of(method, url)).toEqual({ method, url })
      }),
      { seed: SEED, numRuns: 20 },
    )
  })

  it('looks up a target only once', () => {
    const { cache, lookups } = recordingCache()
    const first = cache.of('GET', '/a')
    expect(cache.of('GET', '/a')).toBe(first)
    expect(cache.of('POST', '/a')).not.toBe(first)
    expect(lookups).toEqual(['GET /a', 'POST /a'])
  })

  it('does not cache targets that are too long, have a query or exceed its capacity', () => {
    const { cache, lookups } = recordingCache()
    const uncacheable = ['/a?b', `/${'a'.repeat(128)}`]
    for (const url of [...uncacheable, ...uncacheable]) cache.of('GET', url)
    expect(lookups).toHaveLength(4)
    for (let number = 0; number <= 1000; number++) cache.of('GET', `/${number}`)
    lookups.length = 0
    cache.of('GET', '/0')
    cache.of('GET', '/1000')
    expect(lookups).toEqual(['GET /0'])
  })

  it('repeats the lookup of a target that caused an error', () => {
    const { cache, lookups } = recordingCache()
    for (let attempt = 0; attempt < 2; attempt++) expect(() => cache.of('GET', '/!')).toThrow('/!')
    expect(lookups).toHaveLength(2)
  })
})
