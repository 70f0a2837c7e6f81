import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { RouteCache } from '../../../src/policy/routing/route-cache.js'

const SEED = 20261126

interface Found {
  readonly method: string
  readonly url: string
}

/** Finds what it is asked for, and keeps what it was asked for. */
function finding() {
  const asked: string[] = []
  const known = new RouteCache((method: string, url: string): Found => {
    asked.push(`${method} ${url}`)
    if (url.includes('!')) throw new Error(url)
    return { method, url }
  })
  return { known, asked }
}

describe('targets that came before', () => {
  it('are found as at first, whatever comes between', () => {
    const method = fc.constantFrom('GET', 'POST')
    const url = fc.oneof(
      fc.nat({ max: 3000 }).map((number) => `/${number}`),
      fc.constantFrom('/', '/a', '/a?b=1', '/A', '__proto__', 'constructor'),
    )
    fc.assert(
      fc.property(fc.array(fc.tuple(method, url), { minLength: 100, maxLength: 3000 }), (requests) => {
        const { known } = finding()
        for (const [method, url] of requests) expect(known.of(method, url)).toEqual({ method, url })
      }),
      { seed: SEED, numRuns: 20 },
    )
  })

  it('are not looked for again', () => {
    const { known, asked } = finding()
    const first = known.of('GET', '/a')
    expect(known.of('GET', '/a')).toBe(first)
    expect(known.of('POST', '/a')).not.toBe(first)
    expect(asked).toEqual(['GET /a', 'POST /a'])
  })

  it('are forgotten where there are too many, too long, or with a query', () => {
    const { known, asked } = finding()
    const unlike = ['/a?b', `/${'a'.repeat(128)}`]
    for (const url of [...unlike, ...unlike]) known.of('GET', url)
    expect(asked).toHaveLength(4)
    for (let number = 0; number <= 1000; number++) known.of('GET', `/${number}`)
    asked.length = 0
    known.of('GET', '/0')
    known.of('GET', '/1000')
    expect(asked).toEqual(['GET /0'])
  })

  it('that cannot be read are refused each time', () => {
    const { known, asked } = finding()
    for (let turn = 0; turn < 2; turn++) expect(() => known.of('GET', '/!')).toThrow('/!')
    expect(asked).toHaveLength(2)
  })
})
