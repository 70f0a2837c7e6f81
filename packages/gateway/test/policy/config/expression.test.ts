import { RequestError } from 'sluice'
import { describe, expect, it } from 'vitest'
import {
  concurrentExpression,
  costExpression,
  type Expression,
  keyExpression,
} from '../../../src/policy/config/cel/expression.js'
import type { GatewayRequest } from '../../../src/policy/policy-request.js'
import { bare, request } from './expression-request.js'

type Compiled<T> = ReturnType<typeof costExpression> | Expression<T>

function requireValid<T>(compiled: Compiled<T>): Expression<T> {
  if (typeof compiled !== 'function') throw new Error(JSON.stringify(compiled))
  return compiled as Expression<T>
}

const cost = (source: string, body: unknown) =>
  requireValid<number>(costExpression(source, { params: [] }))(request({ body }))
const key = (source: string, parts: Partial<GatewayRequest>) =>
  requireValid<string>(keyExpression(source, { params: ['model'] }))(request(parts))

function errorOf(work: () => unknown): string {
  try {
    work()
  } catch (error) {
    expect(error).toBeInstanceOf(RequestError)
    return (error as Error).message
  }
  throw new Error('the expression did not fail')
}

function problemOf(source: string, params: readonly string[] = ['model']): { at: number; message: string } {
  const compiled = costExpression(source, { params })
  if (typeof compiled === 'function' || compiled[0] === undefined) throw new Error(`${source} is valid`)
  return compiled[0]
}

describe('a cost expression', () => {
  it.each<[string, unknown, number]>([
    ['size(body.instances)', { instances: [[1], [2], [3]] }, 3],
    ['size(body)', [1, 2], 2],
    ['size(body.text)', { text: 'grün' }, 4],
    ['body.n * 2', { n: 3 }, 6],
    ['body.n * 2', { n: 2.5 }, 5],
    ['body.n * 2.5', { n: 2 }, 5],
    ['body.n + 0.5', { n: 1 }, 1.5],
    ['body.a / body.b', { a: 1.5, b: 3 }, 0.5],
    ['body.a / body.b', { a: 7, b: 2 }, 3],
    ['body.n', { n: 1e300 }, 1e300],
    ['body.n', { n: 0 }, 0],
    ['5u', null, 5],
    ['has(body.stream) && body.stream ? 5 : 1', {}, 1],
    ['has(body.stream) && body.stream ? 5 : 1', { stream: true }, 5],
    ["'b' in body.list ? 2 : 1", { list: ['a', 'b'] }, 2],
    ['2 in body.list ? 2 : 1', { list: [1, 2] }, 2],
    ["'b' in body ? 2 : 1", { b: 0 }, 2],
    ['body.list[1]', { list: [5, 6] }, 6],
    ["size(body.messages.filter(m, m.role == 'user'))", { messages: [{ role: 'user' }, { role: 'a' }] }, 1],
    ['body.list.exists(x, x > 1) ? 2 : 1', { list: [1, 1.5] }, 2],
    ["body.map.all(name, name == 'a') ? 2 : 1", { map: { a: 1, b: 1 } }, 1],
    ['body.list.map(x, x.n)[0]', { list: [{ n: 4 }] }, 4],
    ['size(body.list + [1])', { list: [2] }, 2],
  ])('evaluates %s of %j to %d', (source, body, expected) => {
    expect(cost(source, body)).toBe(expected)
  })

  it.each<[string, unknown, string]>([
    ['size(body.instances)', {}, "the body has no 'instances'"],
    ['size(body.instances)', [], "the body has no 'instances'"],
    ['size(body.instances)', null, "the body has no 'instances'"],
    ["size(body['in stances'])", {}, "the body has no 'in stances'"],
    ['body.a.b', { a: {} }, "'body.a' has no 'b'"],
    ['body.list[3]', { list: [1] }, "'body.list' has fewer elements than 'body.list[3]' requires"],
    ['size(body.n)', { n: 1 }, "'size(body.n)' does not support the type of the value in the request"],
    ['body.n * 2', { n: 'a' }, "'body.n * 2' does not support the type of the value in the request"],
    ['1 / body.n', { n: 0 }, 'division by zero'],
    ['1.5 / body.n', { n: 0 }, 'the result is negative or not finite'],
    ['body.n * 9007199254740991', { n: 9007199254740991 }, 'a number is out of range'],
    ['body.n', { n: -1 }, 'the result is negative or not finite'],
    ['body.n', { n: 'three' }, 'the result is not a number'],
    ['body.n', { n: null }, 'the result is not a number'],
    ['body.n', { n: [1] }, 'the result is not a number'],
    // Inherited properties are not members of the client's body.
    ['size(body.constructor)', {}, "the body has no 'constructor'"],
    ['body.length', [1], "the body has no 'length'"],
  ])('fails to evaluate %s of %j: %s', (source, body, reason) => {
    expect(errorOf(() => cost(source, body))).toBe(`the rule's cost \`${source}\` cannot be used: ${reason}`)
  })

  it('never quotes the request in an error', () => {
    for (const source of [
      'int(body.s)',
      'bool(body.s) ? 1 : 2',
      'double(body.s)',
      'body.m[body.s]',
      'body.s * 2',
    ]) {
      expect(errorOf(() => cost(source, { s: 'sesame', m: {} }))).not.toContain('sesame')
    }
  })

  it('passes on the error of an unreadable body', () => {
    const unreadable = {
      ...request(),
      get body(): unknown {
        throw new RequestError('the body is unreadable')
      },
    }
    expect(errorOf(() => requireValid<number>(costExpression('body.n', { params: [] }))(unreadable))).toBe(
      'the body is unreadable',
    )
    expect(requireValid<number>(costExpression('size(method)', { params: [] }))(unreadable)).toBe(4)
  })
})

describe('a key expression', () => {
  it.each<[string, Partial<GatewayRequest>, string]>([
    ['params.model', { params: bare({ model: 'Heavy' }) }, 'Heavy'],
    ["headers['x-tenant'] + '/' + ip", { headers: bare({ 'x-tenant': 'a' }) }, 'a/192.0.2.1'],
    ['query.user', { query: bare({ user: '7' }) }, '7'],
    ['body.user', { body: { user: 7 } }, '7'],
    ['body.user', { body: { user: true } }, 'true'],
    ["'x' in query ? 'a' : method", {}, 'POST'],
    // `constructor` also exists on every JavaScript object.
    ['query.a', { query: bare({ constructor: 'c', a: 'b' }) }, 'b'],
    ['headers.a', { headers: bare({ constructor: 'c', a: 'b' }) }, 'b'],
  ])('evaluates %s', (source, parts, expected) => {
    expect(key(source, parts)).toBe(expected)
  })

  it.each<[string, Partial<GatewayRequest>, string]>([
    ["headers['x-tenant']", {}, "the request has no header 'x-tenant'"],
    ['query.user', {}, "the query string has no 'user'"],
    ['body.user', { body: { user: '' } }, 'the result is an empty string'],
    ['body.user', { body: { user: null } }, 'the result is neither a string nor a number'],
    ['body.user', { body: { user: {} } }, 'the result is neither a string nor a number'],
  ])('fails to evaluate %s for a request without a usable value (%#)', (source, parts, reason) => {
    expect(errorOf(() => key(source, parts))).toBe(`the rule's key \`${source}\` cannot be used: ${reason}`)
  })
})

it("an expression for 'concurrent' must return a whole number of at least 1", () => {
  const count = (n: unknown) =>
    requireValid<number>(concurrentExpression('body.n', { params: [] }))(request({ body: { n } }))
  expect(count(3)).toBe(3)
  for (const wrong of [0, -1, 1.5, 'a'])
    expect(errorOf(() => count(wrong))).toContain("the rule's concurrent")
})

describe('the expression compiler', () => {
  it.each<[string, number, string]>([
    ['size(bdy.a)', 5, "unknown variable 'bdy'; did you mean 'body'?"],
    ['sze(body.a)', 0, "unknown function 'sze'; did you mean 'size'?"],
    ['1 + size(params.modl)', 16, "the route has no parameter ':modl'; did you mean 'model'?"],
    ["size(headers['X-A'])", 13, "header names must be in lower case: 'x-a'"],
    ["'a' + 1", 0, 'no such overload: string + int'],
    ['ip', 0, 'the expression must return a number, but returns a string'],
    ['body.a.map(x, 1)', 0, 'the expression must return a number, but returns a list'],
    ['size(body.', 10, 'the expression is incomplete'],
    ['1 2', 2, 'unexpected character'],
    ['', 0, 'the expression is incomplete'],
    ['body.a == [1] ? 1 : 2', 0, 'lists cannot be compared'],
    ["body.s.matches('(a+)+') ? 1 : 2", 7, "'matches' is not supported"],
    ['int(duration(body.s))', 4, "unknown function 'duration'"],
    ['body.a.all(x, x.all(y, y)) ? 1 : 2', 16, "'all' is nested in another loop"],
    ['body.a.all(x, size(body.s) > 1) ? 1 : 2', 19, "'body' cannot be read inside a loop"],
    ['size(body.a.map(x, x + x).map(x, x + x))', 26, "loops over the result of 'map'"],
    ['body.a.contains(body.b) ? 1 : 2', 7, "'contains' requires a string literal"],
    ['body.a.all(ip, true) ? 1 : 2', 11, "'ip' is a predefined variable"],
    ['body.a.all(1, true) ? 1 : 2', 11, 'invalid predicate iteration variable'],
    ['body.a.all(x) ? 1 : 2', 7, "'all' requires a variable for the element"],
    ['cel.bind(a, 1, a)', 0, "unknown variable 'cel'"],
  ])('reports the problem of the expression %j at index %i', (source, at, message) => {
    const found = problemOf(source)
    expect(found.at).toBe(at)
    expect(found.message).toContain(message)
  })

  it('rejects an expression that is too long or nested too deeply', () => {
    expect(problemOf(`1${' + 1'.repeat(240)}`).message).toContain('too long')
    expect(problemOf(`1${' + 1'.repeat(300)}`).message).toContain('at most 1000 characters')
    expect(problemOf(`${'('.repeat(100)}1${')'.repeat(100)}`).message).toContain('too long')
  })

  it('detects whether an expression reads the body', () => {
    const reads = (source: string) =>
      requireValid<number>(costExpression(source, { params: ['model'] })).readsBody
    expect(reads('size(body)')).toBe(true)
    expect(reads('has(body.a) ? 1 : 2')).toBe(true)
    expect(reads("params.model == 'body' ? 1 : 2")).toBe(false)
    expect(reads("'body' in query ? size(query.body) : 1")).toBe(false)
  })

  it('accepts any parameter if the route is invalid', () => {
    expect(typeof costExpression('size(params.any)', { params: undefined })).toBe('function')
  })
})

describe('an expression that is evaluated for a hostile request', () => {
  const nested = (depth: number) => JSON.parse('['.repeat(depth) + ']'.repeat(depth))

  it('reads a deeply nested body only as far as it refers to its members', () => {
    expect(cost('size(body.a)', { a: nested(200_000) })).toBe(1)
    expect(cost("body.a == 'a' ? 1 : 2", { a: nested(200_000) })).toBe(2)
    expect(errorOf(() => cost('body.a * 2', { a: nested(200_000) }))).toContain('does not support the type')
  })

  it('lists the members of a large object once', () => {
    let listings = 0
    const body = new Proxy(Object.fromEntries(Array.from({ length: 1000 }, (_, index) => [`k${index}`, 1])), {
      ownKeys: (target) => {
        listings += 1
        return Reflect.ownKeys(target)
      },
    })
    expect(cost('body.k1 + body.k2 + body.k3 + body.k4', body)).toBe(4)
    expect(listings).toBe(1)
  })

  it('gets the size of a large list without visiting its elements, and refuses to loop over it', () => {
    const visited: number[] = []
    const list = new Proxy(new Array(300_000).fill(1), {
      get: (target, name, receiver) => {
        if (typeof name === 'string' && /^\d+$/.test(name)) visited.push(Number(name))
        return Reflect.get(target, name, receiver)
      },
    })
    expect(cost('size(body.list)', { list })).toBe(300_000)
    expect(errorOf(() => cost('body.list.all(x, x == 1) ? 1 : 2', { list }))).toContain(
      'more than 10000 elements',
    )
    expect(errorOf(() => cost('2 in body.list ? 1 : 2', { list }))).toContain('more than 10000 elements')
    expect(visited).toEqual([])
    const map = Object.fromEntries(Array.from({ length: 10_001 }, (_, index) => [`k${index}`, 1]))
    expect(cost('size(body)', map)).toBe(10_001)
    expect(errorOf(() => cost("body.all(k, k == 'a') ? 1 : 2", map))).toContain('more than 10000 elements')
    expect(cost('size(body.filter(x, x == 1))', new Array(10_000).fill(1))).toBe(10_000)
  })
})
