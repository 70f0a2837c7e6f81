import { describe, expect, it } from 'vitest'
import { parsePattern } from '../../../src/policy/routing/route-pattern.js'
import { createRouter } from '../../../src/policy/routing/router.js'
import { parseTarget } from '../../../src/policy/routing/target.js'

/** Finds the route of a request. The value of each route is its pattern. */
function find(patterns: readonly string[], method: string, target: string) {
  const router = createRouter(patterns.map((source) => ({ pattern: parsePattern(source), value: source })))
  return router.find(method, parseTarget(target).segments)
}

const matchedPattern = (patterns: readonly string[], method: string, target: string): string | undefined =>
  find(patterns, method, target)?.value

const paramsOf = (pattern: string, target: string): Record<string, string> | undefined => {
  const match = find([pattern], 'GET', target)
  return match === undefined ? undefined : { ...match.params }
}

describe('the matching route', () => {
  it('is the first match in the order of the file', () => {
    expect(matchedPattern(['/:any', '/predict'], 'GET', '/predict')).toBe('/:any')
    expect(matchedPattern(['/predict', '/:any'], 'GET', '/predict')).toBe('/predict')
    expect(matchedPattern(['/*', '/predict'], 'GET', '/predict')).toBe('/*')
    expect(matchedPattern(['POST /predict', '/:any', '/*'], 'GET', '/predict')).toBe('/:any')
    expect(matchedPattern(['/a/b', '/a/*', '/*'], 'GET', '/a/c')).toBe('/a/*')
    expect(matchedPattern(['/a/b', '/a/*', '/*'], 'GET', '/c')).toBe('/*')
  })

  it('is undefined if no pattern matches', () => {
    expect(matchedPattern([], 'GET', '/')).toBeUndefined()
    expect(matchedPattern(['/a', '/a/b/c'], 'GET', '/a/b')).toBeUndefined()
    expect(matchedPattern(['/a/b'], 'GET', '/a')).toBeUndefined()
    expect(matchedPattern(['/a'], 'GET', '/')).toBeUndefined()
    expect(matchedPattern(['/'], 'GET', '/a')).toBeUndefined()
  })

  it('is found for the root path', () => {
    expect(matchedPattern(['/'], 'GET', '/')).toBe('/')
    expect(matchedPattern(['/:a', '/'], 'GET', '//')).toBe('/')
  })
})

describe('the method of a request', () => {
  it('must equal the method of the pattern, except that GET also matches HEAD', () => {
    expect(matchedPattern(['GET /a'], 'GET', '/a')).toBe('GET /a')
    expect(matchedPattern(['GET /a'], 'HEAD', '/a')).toBe('GET /a')
    expect(matchedPattern(['HEAD /a', 'GET /a'], 'HEAD', '/a')).toBe('HEAD /a')
    expect(matchedPattern(['HEAD /a'], 'GET', '/a')).toBeUndefined()
    expect(matchedPattern(['GET /a'], 'POST', '/a')).toBeUndefined()
    expect(matchedPattern(['POST /a'], 'HEAD', '/a')).toBeUndefined()
  })

  it('is ignored if the pattern has no method', () => {
    for (const method of ['GET', 'HEAD', 'POST', 'PURGE'])
      expect(matchedPattern(['/a'], method, '/a')).toBe('/a')
  })
})

describe('a segment of a route', () => {
  it('matches in any letter case, and parameters keep the case of the request', () => {
    expect(matchedPattern(['/Predict'], 'GET', '/pREDICT')).toBe('/Predict')
    expect(matchedPattern(['/café'], 'GET', '/CAF%C3%89')).toBe('/café')
    expect(paramsOf('/models/:model', '/MODELS/GPT-4o')).toEqual({ model: 'GPT-4o' })
    expect(paramsOf('/models/:model:predict', '/models/Heavy:PREDICT')).toEqual({ model: 'Heavy' })
  })

  it('matches exactly one decoded segment if it is a parameter', () => {
    expect(paramsOf('/m/:model', '/m/a%20b;v=1')).toEqual({ model: 'a b' })
    expect(paramsOf('/m/:model', '/m')).toBeUndefined()
    expect(paramsOf('/m/:model', '/m/')).toBeUndefined()
    expect(paramsOf('/m/:model', '/m/a/b')).toBeUndefined()
    expect(paramsOf('/:a/:b', '/1/2/')).toEqual({ a: '1', b: '2' })
  })

  it('with a verb requires the verb and a value before it', () => {
    expect(paramsOf('/m/:model:predict', '/m/heavy:predict')).toEqual({ model: 'heavy' })
    expect(paramsOf('/m/:model:predict', '/m/heavy%3Apredict')).toEqual({ model: 'heavy' })
    expect(paramsOf('/m/:model:predict', '/m/a:b:predict')).toEqual({ model: 'a:b' })
    expect(paramsOf('/m/:model:predict', '/m/:predict')).toBeUndefined()
    expect(paramsOf('/m/:model:predict', '/m/heavy:explain')).toBeUndefined()
    expect(paramsOf('/m/:model:predict', '/m/heavypredict')).toBeUndefined()
    expect(paramsOf('/m/:model:a:b', '/m/x:a:b')).toEqual({ model: 'x' })
  })

  it('is split at the verb even if its lower case is longer', () => {
    // The lower case of İ has two characters.
    expect(paramsOf('/m/:model:İ', '/m/heavy%3A%C4%B0')).toEqual({ model: 'heavy' })
    expect(paramsOf('/m/:model:run', '/m/%C4%B0%3Arun')).toEqual({ model: 'İ' })
    // The lower case of Σ differs at the end of a word.
    expect(paramsOf('/m/:model:Σ', '/m/heavy%3A%CE%A3')).toEqual({ model: 'heavy' })
    expect(paramsOf('/m/ΑΣ', '/m/%CE%91%CF%83')).toEqual({})
  })
})

describe('a route with a wildcard', () => {
  it('matches one or more segments, and `/*` also matches none', () => {
    expect(matchedPattern(['/v1/*'], 'GET', '/v1')).toBeUndefined()
    expect(matchedPattern(['/v1/*'], 'GET', '/v1/')).toBeUndefined()
    expect(matchedPattern(['/v1/*'], 'GET', '/v1/a')).toBe('/v1/*')
    expect(matchedPattern(['/v1/*'], 'GET', '/v1/a/b/c/d/e')).toBe('/v1/*')
    expect(matchedPattern(['/v1/*'], 'GET', '/v2/a')).toBeUndefined()
    expect(matchedPattern(['/*'], 'GET', '/')).toBe('/*')
    expect(matchedPattern(['/*'], 'GET', '/a/b/c')).toBe('/*')
    expect(paramsOf('/:a/*', '/1/2/3')).toEqual({ a: '1' })
  })

  it('matches paths that are longer than every other pattern', () => {
    const patterns = ['/a/b/c', '/:x/*', '/*']
    expect(matchedPattern(patterns, 'GET', `/a${'/b'.repeat(50)}`)).toBe('/:x/*')
  })
})

describe('the parameters of a route', () => {
  it('are in an object without a prototype and may have any name', () => {
    const match = find(['/:__proto__/:constructor/:b'], 'GET', '/1/2/3')
    expect(Object.getPrototypeOf(match?.params)).toBeNull()
    expect(Object.entries(match?.params ?? {})).toEqual([
      ['__proto__', '1'],
      ['constructor', '2'],
      ['b', '3'],
    ])
    expect(match?.params.toString).toBeUndefined()
  })
})
