import { RequestError } from 'sluice'
import { describe, expect, it } from 'vitest'
import { keyExpression } from '../../../src/policy/config/cel/expression.js'
import { bare, request } from './expression-request.js'

/** Compiles an expression. The cases are from CEL's specification and conformance tests. */
function compile(source: string) {
  const expression = keyExpression(source, { params: [] })
  if (typeof expression !== 'function') throw new Error(`${source}: ${JSON.stringify(expression)}`)
  return expression
}

/** Evaluates an expression to a string. @param s the value of `query.s` */
function resultOf(source: string, s = ''): string {
  const query = bare({ s }) as Record<string, string>
  return compile(`'=' + string(${source})`)(request({ query })).slice(1)
}

function expectError(source: string, s = ''): void {
  expect(() => resultOf(source, s), `${source} of ${JSON.stringify(s)}`).toThrow(RequestError)
}

const MIN = '(-9223372036854775807 - 1)'

describe('CEL with whole numbers', () => {
  it.each([
    ['42 % (-5)', '2'],
    ['-42 % (-5)', '-2'],
    ['-42 / 5', '-8'],
    ['-(-42)', '42'],
    ['-9223372036854775808', '-9223372036854775808'],
    [`${MIN} % -1`, '0'],
    ['7u / 2u', '3'],
    ['int(42u)', '42'],
    ['int(-7.9)', '-7'],
    ['int(-0.5)', '0'],
    ['int(9223372036854774784.0)', '9223372036854774784'],
    ["int('+5')", '5'],
    ["int('-5')", '-5'],
    ["int('007')", '7'],
    ["int('-9223372036854775808')", '-9223372036854775808'],
  ])('evaluates %s to %s', (source, result) => {
    expect(resultOf(source)).toBe(result)
  })

  it.each([
    `-${MIN}`,
    `${MIN} / -1`,
    `${MIN} - 1`,
    `${MIN} * -1`,
    '9223372036854775807 + 1',
    '9223372036854775807 * 2',
    '1 / 0',
    '1 % 0',
    '1u - 2u',
    '18446744073709551615u + 1u',
    '1u / 0u',
    'int(1e99)',
    'int(-1e99)',
    'int(9223372036854775807.0)',
    'int(-9223372036854775808.0)',
    "int(double('nan'))",
    "int(double('inf'))",
    'int(18446744073709551615u)',
  ])('fails to evaluate %s', (source) => {
    expectError(source)
  })

  it.each([
    ...[
      '',
      ' ',
      '+',
      '-',
      '--1',
      '0b11',
      '0B11',
      '0x1F',
      '0o17',
      '1e3',
      '1.0',
      '1_000',
      ' 1',
      '1 ',
      '1\n',
      '1\0',
    ],
    ...[
      '\u00a01',
      '١',
      '\uff11',
      '1n',
      'Infinity',
      '9223372036854775808',
      '-9223372036854775809',
      '1'.repeat(1_000_000),
    ],
  ])('rejects the string %j as a whole number', (s) => {
    expectError('int(query.s)', s)
  })
})

describe('CEL with doubles', () => {
  it.each([
    ["double('6.02214e23')", '6.02214e+23'],
    ["double('-0.0')", '0'],
    ["double('.5')", '0.5'],
    ["double('5.')", '5'],
    ['double(7u)', '7'],
    ["double('inf')", '+Inf'],
    ["double('-Infinity')", '-Inf'],
  ])('evaluates %s to %s', (source, result) => {
    expect(resultOf(source)).toBe(result)
  })

  it.each(['', ' 1', '0x1F', '0b1', '0o7', '1e999', '-1e999', '1_0', '.', 'e5', 'infinit', '1.0.0'])(
    'rejects the string %j as a double',
    (s) => {
      expectError('double(query.s)', s)
    },
  )
})

describe('CEL with strings', () => {
  it.each([
    ["'TacoCÆt İ K'.lowerAscii()", 'tacocÆt İ k'],
    ["'tacoCαt ß ı'.upperAscii()", 'TACOCαT ß ı'],
    ["' \\f\\n\\r\\t\\vtext  '.trim()", 'text'],
    ["'\\u0085\\u00a0\\u1680text'.trim()", 'text'],
    ["'\\u200atext\\u2028\\u2029\\u202F\\u205F\\u3000'.trim()", 'text'],
    ["'\\u180etext\\u200b\\u2060\\ufeff'.trim()", '\u180etext\u200b\u2060\ufeff'],
    ["'tacocat'.indexOf('')", '0'],
    ["'tacocat'.indexOf('', 3)", '3'],
    ["'tacocat'.indexOf('a', 3)", '5'],
    ["'tacocat'.indexOf('a', 99)", '-1'],
    ["'ta😀o😀αT'.indexOf('😀', 3)", '4'],
    ["'tacocat'.lastIndexOf('')", '7'],
    ["'tacocat'.lastIndexOf('', 3)", '3'],
    ["'tacocat'.lastIndexOf('a', 3)", '1'],
    ["'ta😀o😀αT'.lastIndexOf('😀')", '4'],
    ["'ta😀o😀αT'.lastIndexOf('😀', 3)", '2'],
    ["'bananananana'.lastIndexOf('nana', 7)", '6'],
    ["'ta😀o😀αT'.substring(2, 6)", '😀o😀α'],
    ["'tacocat'.substring(7)", ''],
    ["size('😀')", '1'],
  ])('evaluates %s to %s', (source, result) => {
    expect(resultOf(source)).toBe(result)
  })

  it.each(["'😀'.substring(2)", "'abc'.substring(2, 1)", "'abc'.substring(-1)"])(
    'fails to evaluate %s',
    (source) => {
      expectError(source)
    },
  )
})

describe('CEL with maps and loops', () => {
  it.each([
    ["{6: 'six', 7: 'seven', 8: 'eight'}.exists_one(n, n % 5 == 2)", 'true'],
    ["{6: 'six', 7: 'seven', 12: 'twelve'}.exists_one(n, n % 5 == 2)", 'false'],
    ['{1: 1, 2: 4}.all(n, n > 0)', 'true'],
    ['{1: 1, 2: 4}.exists(n, n == 2)', 'true'],
    ['size({0: 10, 1: 11, 2: 12}.filter(n, n % 2 == 0))', '2'],
    ['{1: 1, 2: 4, 3: 9}.map(n, n * n)[2]', '9'],
    ["{1: 'a'}[1]", 'a'],
    ["{true: 'a'}[true]", 'a'],
    ['1 in {1: 2}', 'true'],
    ["{'constructor': 1}['constructor']", '1'],
    ["{'__proto__': 1}['__proto__']", '1'],
    ["size({'prototype': 1})", '1'],
    ['[7].exists_one(n, n == 7)', 'true'],
    ['[1, 2, 3].all(n, 6 / (2 - n) == 6)', 'false'],
  ])('evaluates %s to %s', (source, result) => {
    expect(resultOf(source)).toBe(result)
  })

  it.each(['[3, 2, 1, 0].exists_one(n, 12 / n > 1)', '[2, 1, 0].map(n, 4 / n)[0]'])(
    'fails to evaluate %s',
    (source) => {
      expectError(source)
    },
  )
})
