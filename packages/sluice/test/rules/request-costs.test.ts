import { describe, expect, it } from 'vitest'
import { jsonPointer } from '../../src/rules/costs/json-pointer.js'
import { batchSize, bodyBytes, modelWeight, pixels } from '../../src/rules/costs/request-costs.js'
import { RequestError } from '../../src/rules/request-error.js'

describe('a JSON pointer', () => {
  // From RFC 6901, section 5.
  const document = {
    foo: ['bar', 'baz'],
    '': 0,
    'a/b': 1,
    'c%d': 2,
    'e^f': 3,
    'g|h': 4,
    'i\\j': 5,
    'k"l': 6,
    ' ': 7,
    'm~n': 8,
  }
  it.each<[string, unknown]>([
    ['', document],
    ['/foo', ['bar', 'baz']],
    ['/foo/0', 'bar'],
    ['/', 0],
    ['/a~1b', 1],
    ['/c%d', 2],
    ['/e^f', 3],
    ['/g|h', 4],
    ['/i\\j', 5],
    ['/k"l', 6],
    ['/ ', 7],
    ['/m~0n', 8],
    ['/foo/-', undefined],
    ['/foo/01', undefined],
    ['/foo/length', undefined],
    ['/toString', undefined],
    ['/__proto__', undefined],
    ['/foo/0/x', undefined],
  ])('such as %j finds the right value or none', (pointer, value) => {
    expect(jsonPointer(pointer)(document)).toEqual(value)
  })

  it.each(['foo', '/a~2', '/a~'])('is rejected if it is %j', (pointer) => {
    expect(() => jsonPointer(pointer)).toThrow(SyntaxError)
  })
})

describe('the predefined costs', () => {
  it('charge a batch by its elements', () => {
    expect(batchSize('/data')({ body: { data: [[1], [2], [3]] } })).toBe(3)
    expect(batchSize('')({ body: [1, 2] })).toBe(2)
    for (const body of [undefined, null, 7, {}, { data: { length: 3 } }, { data: 'abc' }])
      expect(() => batchSize('/data')({ body })).toThrow(RequestError)
  })

  it('charge a model by its weight', () => {
    const cost = modelWeight('/model', { light: 1, heavy: 10 })
    expect(cost({ body: { model: 'heavy' } })).toBe(10)
    for (const model of ['constructor', 'HEAVY', '', 7, undefined])
      expect(() => cost({ body: { model } })).toThrow(RequestError)
    expect(modelWeight('/model', { heavy: 10 }, 2)({ body: { model: 'another' } })).toBe(2)
    expect(() => modelWeight('/model', { heavy: -1 })).toThrow('the weight of heavy')
    expect(() => modelWeight('/model', {}, Number.NaN)).toThrow('other models')
  })

  it('charge an image by its pixels', () => {
    const cost = pixels('/width', '/height')
    expect(cost({ body: { width: 640, height: 480 } })).toBe(307_200)
    for (const width of [0, -1, 1.5, '640', null, undefined, 1e300])
      expect(() => cost({ body: { width, height: 480 } })).toThrow(RequestError)
  })

  it('charge a body by its bytes', () => {
    const cost = bodyBytes()
    expect(cost({ headers: { 'content-length': '1000' } })).toBe(1_000)
    expect(cost({ headers: {} })).toBe(0)
    expect(cost({ headers: { 'transfer-encoding': 'chunked' }, body: 'ä' })).toBe(2)
    expect(cost({ headers: { 'transfer-encoding': 'chunked' }, body: Buffer.alloc(7) })).toBe(7)
    expect(() => cost({ headers: { 'transfer-encoding': 'chunked' }, body: {} })).toThrow(RequestError)
    expect(() => cost({ headers: { 'content-length': '-1', 'transfer-encoding': 'x' } })).toThrow(
      RequestError,
    )
  })
})
