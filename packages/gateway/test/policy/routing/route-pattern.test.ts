import { describe, expect, it } from 'vitest'
import { PatternError, type PatternSegment, parsePattern } from '../../../src/policy/routing/route-pattern.js'

const literal = (text: string): PatternSegment => ({ kind: 'literal', text })
const param = (name: string, suffix = ''): PatternSegment => ({ kind: 'param', name, suffix })

/** Returns the error of a pattern and the index of the invalid character. */
function errorOf(source: string): { message: string; at: number } {
  try {
    parsePattern(source)
  } catch (error) {
    if (!(error instanceof PatternError)) throw error
    return { message: error.message, at: error.at }
  }
  throw new Error(`${source} is a valid pattern`)
}

describe('parsePattern for a valid pattern', () => {
  it.each([
    ['POST /predict', 'POST', [literal('predict')], false],
    ['post /Predict', 'POST', [literal('predict')], false],
    ['/predict', undefined, [literal('predict')], false],
    ['  GET   /predict  ', 'GET', [literal('predict')], false],
    ['\tGET\t/predict', 'GET', [literal('predict')], false],
    ['GET /predict/', 'GET', [literal('predict')], false],
    ['GET /', 'GET', [], false],
    ['/', undefined, [], false],
    ['/*', undefined, [], true],
    ['GET /v1/*', 'GET', [literal('v1')], true],
    ['GET /v1/*/', 'GET', [literal('v1')], true],
    ['/models/:model/predict', undefined, [literal('models'), param('model'), literal('predict')], false],
    ['/models/:model_2:Predict', undefined, [literal('models'), param('model_2', ':predict')], false],
    ['/:a/:B/*', undefined, [param('a'), param('B')], true],
    ['/v1/x:y', undefined, [literal('v1'), literal('x:y')], false],
    ['/.well-known/a..b', undefined, [literal('.well-known'), literal('a..b')], false],
    ['M-SEARCH /é', 'M-SEARCH', [literal('é')], false],
  ])('returns the segments of %j', (source, method, segments, rest) => {
    expect(parsePattern(source)).toEqual({ source, method, segments, rest })
  })
})

describe('parsePattern for an invalid pattern', () => {
  it.each([
    ['', 0, 'a route is a path such as /predict'],
    ['   ', 0, 'a route is a path such as /predict'],
    ['predict', 0, 'a path begins with a slash'],
    ['  POST  ', 2, 'a path begins with a slash'],
    ['POST predict', 5, 'a path begins with a slash'],
    ['POST  :model', 6, 'a path begins with a slash'],
    ['* /predict', 0, 'omit the method'],
    ['GET,POST /predict', 3, '"GET,POST" is not a method'],
    ['GÉT /predict', 1, '"GÉT" is not a method'],
    ['http://host/predict', 0, 'a path begins with a slash'],
    ['/a//b', 3, 'two slashes'],
    ['//', 1, 'two slashes'],
    ['POST //predict', 6, 'two slashes'],
    ['/a//', 3, 'two slashes'],
    ['/./a', 1, '. and .. are resolved'],
    ['GET /a/..', 7, '. and .. are resolved'],
    ['/a/:', 3, 'a parameter needs a name'],
    ['/a/:1', 3, 'a parameter needs a name'],
    ['/a/:é', 3, 'a parameter needs a name'],
    ['/a/::predict', 3, 'a parameter needs a name'],
    ['/:model-name', 7, 'the parameter :model must be followed'],
    ['/:model:', 7, 'the parameter :model must be followed'],
    ['/:model.json', 7, 'the parameter :model must be followed'],
    ['/:modèle', 5, 'the parameter :mod must be followed'],
    ['/:a/b/:a', 6, ':a occurs twice'],
    ['  /:a/b/:a', 8, ':a occurs twice'],
    ['/a/*/b', 3, 'nothing can follow'],
    ['/*/*', 1, 'nothing can follow'],
    ['/a*', 2, 'a * inside a segment'],
    ['/**', 1, 'a * inside a segment'],
    ['/:model:*', 8, 'a * inside a segment'],
    ['/caf%C3%A9', 4, 'a percent sign'],
    ['/a?x=1', 2, 'a query'],
    ['/a#b', 2, 'a fragment'],
    ['/a;b', 2, 'a ;parameter'],
    ['/a\\b', 2, 'a backslash'],
    ['GET /a b', 6, 'spaces or control characters'],
    ['GET /a\0', 6, 'spaces or control characters'],
    ['/a\u00a0b', 2, 'spaces or control characters'],
    ['/:a:b%', 5, 'a percent sign'],
  ])('rejects %j at index %i: %s', (source, at, message) => {
    expect(errorOf(source)).toEqual({ at, message: expect.stringContaining(message) })
  })
})
