import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { parsePattern } from '../../../src/policy/routing/route-pattern.js'
import { createRouter, shadows } from '../../../src/policy/routing/router.js'

const SEED = 20261124

/** Short patterns of a few names, many of which overlap. */
const segment = fc.constantFrom('a', 'b', 'x:v', 'x:w:v', ':p', ':p:v', ':p:w:v')
const pattern = fc
  .record({
    method: fc.constantFrom('', 'GET ', 'HEAD ', 'POST '),
    segments: fc.array(segment, { maxLength: 3 }),
    rest: fc.boolean(),
  })
  .map(({ method, segments, rest }) => {
    // Each parameter has its own name.
    const named = segments.map((text, index) => text.replace(':p', `:p${index}`))
    return `${method}/${[...named, ...(rest ? ['*'] : [])].join('/')}`
  })

/** PUT represents every method without a pattern, and `z` every name without one. */
const METHODS = ['GET', 'HEAD', 'POST', 'PUT']
const NAMES = ['a', 'b', 'z', 'x:v', 'z:v', 'x:w:v', 'z:w:v', ':v', ':w:v']

/** Every path of up to three names, and a longer version of each path of three. */
const PATHS = paths(3).flatMap((path) => (path.length === 3 ? [path, [...path, 'z', 'z']] : [path]))

function paths(length: number): string[][] {
  if (length === 0) return [[]]
  const shorter = paths(length - 1)
  const longest = shorter.filter((path) => path.length === length - 1)
  return [...shorter, ...longest.flatMap((path) => NAMES.map((name) => [...path, name]))]
}

/** Reference matcher: a pattern as a regular expression. */
function modelOf(source: string): (method: string, path: readonly string[]) => boolean {
  const [, method = '', path = ''] = /^([A-Z]*) ?(\/.*)$/.exec(source) ?? []
  const rest = path.endsWith('/*')
  const fixed = rest ? path.slice(0, -2) : path === '/' ? '' : path
  const expression = fixed.replace(/\/:p\d/g, '/[^/]+')
  const ending = !rest ? '' : fixed === '' ? '(/[^/]+)*' : '(/[^/]+)+'
  const regular = new RegExp(`^${expression}${ending}$`, 'i')
  return (requestMethod, segments) =>
    (method === '' || method === requestMethod || (method === 'GET' && requestMethod === 'HEAD')) &&
    regular.test(segments.map((name) => `/${name}`).join(''))
}

describe('the router', () => {
  it('finds the same route as trying the patterns in order', () => {
    const request = fc.tuple(fc.constantFrom(...METHODS), fc.constantFrom(...PATHS))
    fc.assert(
      fc.property(
        fc.array(pattern, { maxLength: 6 }),
        fc.array(request, { maxLength: 20 }),
        (sources, requests) => {
          const router = createRouter(
            sources.map((source, value) => ({ pattern: parsePattern(source), value })),
          )
          const models = sources.map(modelOf)
          for (const [method, path] of requests) {
            const first = models.findIndex((matches) => matches(method, path))
            expect(router.find(method, path)?.value ?? -1).toBe(first)
          }
        },
      ),
      { seed: SEED, numRuns: 500 },
    )
  })

  it('returns the parameters of the segments', () => {
    const name = fc.string({ unit: 'grapheme', minLength: 1, maxLength: 6 })
    fc.assert(
      fc.property(name, name, fc.boolean(), (text, verb, upper) => {
        const suffix = `:${verb.replace(/[\s/%?#;\\*\p{Cc}]/gu, '-')}`
        const router = createRouter([{ pattern: parsePattern(`/:model${suffix}`), value: 1 }])
        // The upper case of some letters has several characters, so only ASCII letters are changed.
        const requested = upper ? suffix.replace(/[a-z]/g, (letter) => letter.toUpperCase()) : suffix
        expect(router.find('GET', [text + requested])?.params).toEqual({ model: text })
      }),
      { seed: SEED, numRuns: 2000 },
    )
  })
})

describe('a pattern that is never reached', () => {
  it('is detected if and only if no request reaches it', () => {
    let shadowed = 0
    fc.assert(
      fc.property(pattern, pattern, (earlier, later) => {
        const matchesEarlier = modelOf(earlier)
        const matchesLater = modelOf(later)
        const covered = METHODS.every((method) =>
          PATHS.every((path) => !matchesLater(method, path) || matchesEarlier(method, path)),
        )
        if (covered) shadowed++
        expect(shadows(parsePattern(earlier), parsePattern(later))).toBe(covered)
      }),
      {
        seed: SEED,
        numRuns: 1500,
        examples: [
          ['/*', '/'],
          ['/a/*', '/*'],
          ['GET /a', 'HEAD /a'],
        ],
      },
    )
    // The random patterns include both kinds.
    expect(shadowed).toBeGreaterThan(50)
    expect(shadowed).toBeLessThan(1400)
  })
})
