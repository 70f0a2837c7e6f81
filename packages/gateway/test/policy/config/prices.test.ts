import { describe, expect, it } from 'vitest'
import { describeConfig } from '../../../src/policy/config/describe-config.js'
import { withoutFiles } from '../../../src/policy/config/files/read-variables.js'
import { ConfigError, knownVariables, parseConfig } from '../../../src/policy/config/load-config.js'
import { parsePriceList } from '../../../src/policy/config/prices/price-file.js'

const TODAY = new Date().toISOString().slice(0, 10)
const PRICES = `currency: USD\nas_of: ${TODAY}\nmodels: { big: { input: 2.5, cached_input: 0.25, output: 10 }, "llama-*": { input: 0.1, output: 0.1 } }`
const ROUTE = 'match: POST /v1/chat/completions, llm: openai'

function read(text: string, prices = PRICES) {
  const source = { ...withoutFiles, priceList: () => prices }
  return parseConfig(`upstream: http://127.0.0.1:1\n${text}`, '/etc/sluice/gateway.yaml', source)
}

/** Returns the problems of a file that marks their position with `¦`, as LINE:COLUMN: message. */
function problemsOf(marked: string, parse: (text: string) => unknown) {
  const before = marked.slice(0, marked.indexOf('¦')).split('\n')
  try {
    parse(marked.replace('¦', ''))
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error
    const [problem, ...more] = error.problems
    expect(more).toEqual([])
    expect([problem?.line, problem?.column]).toEqual([before.length, (before.at(-1)?.length ?? 0) + 1])
    return problem?.message
  }
  throw new Error('expected a problem')
}

describe('the price list', () => {
  const parse = (text: string) => parsePriceList(text, 'prices.yaml')

  it('gives the prices of an exact name, then of the longest pattern', () => {
    const list = parse(`currency: EUR
models:
  "*": { input: 1, output: 1 }
  "gpt-*": { input: 2, output: 2 }
  "gpt-*-mini": { input: 3, output: 3 }
  gpt-5-mini: { input: 4, output: 4 }
  "a*b*c": { input: 5, output: 5, reasoning: 7, request: 0.5 }`)
    const inputOf = (model: string) => list.priceOf(model)?.price.input
    expect(['gpt-5-mini', 'gpt-6-mini', 'gpt-6', 'gpt-', 'gpt', ''].map(inputOf)).toEqual([4, 3, 2, 2, 1, 1])
    expect(['abc', 'a-b-b-c', 'ac', 'abcd', 'acb'].map(inputOf)).toEqual([5, 5, 1, 1, 1])
    expect(inputOf('x'.repeat(257))).toBeUndefined()
    expect(list.dearest.price).toMatchObject({
      input: 5,
      cachedInput: 5,
      reasoning: 7,
      request: 0.5,
      image: 0,
    })
    expect(list.priceOf('abc')?.highest).toMatchObject({ output: 7, reasoning: 7 })
    expect(list).toMatchObject({ currency: 'EUR', asOf: undefined })
  })

  it('does not apply a pattern whose parts overlap', () => {
    const list = parse('currency: EUR\nmodels: { "ab*bc": { input: 1, output: 1 } }')
    expect(['abc', 'abbc', 'ab-bc'].map((model) => list.priceOf(model) !== undefined)).toEqual([
      false,
      true,
      true,
    ])
  })

  it('can have 10,000 models with two prices each', () => {
    const models = Array.from({ length: 10_000 }, (_, index) => `  m${index}: { input: 1, output: ${index} }`)
    const list = parse(`currency: EUR\nmodels:\n${models.join('\n')}`)
    expect(list.priceOf('m9999')?.price.output).toBe(9999)
    expect(() =>
      parse(`currency: EUR\nmodels:\n${models.join('\n')}\n  more: { input: 1, output: 1 }`),
    ).toThrow("'models' has 10001 entries; the maximum is 10000")
  })

  it.each<[string, string, string]>([
    ['no currency', '¦models: { a: { input: 1, output: 1 } }', "a price list requires 'currency'"],
    [
      'a wrong currency',
      'currency: ¦usd\nmodels: { a: { input: 1, output: 1 } }',
      "'currency' must be a code of three capital letters such as USD, not 'usd'",
    ],
    ['no models', 'currency: USD\nmodels: ¦{}', 'a price list requires at least one model'],
    [
      'a misspelled price',
      'currency: USD\nmodels: { a: { input: 1, output: 1, ¦cached: 1 } }',
      "unknown key 'cached'",
    ],
    [
      'a negative price',
      'currency: USD\nmodels: { a: { input: ¦-1, output: 1 } }',
      "'input' must be a number from 0 to a million",
    ],
    [
      'ten decimals',
      'currency: USD\nmodels: { a: { input: ¦0.0000000001, output: 1 } }',
      "'input' must be a number from 0 to a million, with at most nine digits after the point",
    ],
    [
      'a missing price',
      'currency: USD\nmodels: { a: ¦{ input: 1 } }',
      "'a' requires 'output', the price of a million output tokens; write 0 if there are none",
    ],
    [
      'a repeated model',
      'currency: USD\nmodels:\n  a: { input: 1, output: 1 }\n  ¦a: { input: 1, output: 1 }',
      "duplicate key 'a'",
    ],
    [
      'no date',
      'currency: USD\nas_of: ¦2026-02-30\nmodels: { a: { input: 1, output: 1 } }',
      "'as_of' must be a date such as 2026-11-01",
    ],
    [
      'a long name',
      `currency: USD\nmodels: { ¦${'a'.repeat(257)}: { input: 1, output: 1 } }`,
      'the name of a model must have 1 to 256 characters',
    ],
  ])('points at %s', (_, marked, message) => {
    expect(problemsOf(marked, parse)).toContain(message)
  })
})

describe('a limit on money', () => {
  it('is read with its currency, and its prices go to the calls of its route', () => {
    const { routes, fallback, prices } = read(`prices: prices.yaml
limits: [{ limit: 2000 USD/month, of: money, align: calendar, time_zone: Europe/Berlin, warn: [80%] }]
routes:
  - { ${ROUTE}, limits: [60/minute, { limit: 20 USD/day, of: money, reserve: stated }] }
  - { match: POST /v1/embeddings, llm: openai, limits: [60/minute] }
unknown_model: dearest`)
    expect(prices?.file).toBe('/etc/sluice/prices.yaml')
    expect(routes.map(({ llm }) => llm?.pricing?.unknownModel)).toEqual(['dearest', 'dearest'])
    expect(routes[0]?.rules.map((rule) => 'of' in rule && rule.of)).toEqual([false, 'money', 'money'])
    expect(fallback).toMatchObject({ rules: [], refusesUnpriced: true })
  })

  it('of no route leaves calls without prices', () => {
    const { routes } = read(
      `prices: prices.yaml\nroutes: [{ ${ROUTE}, limits: [{ limit: 10k/day, of: tokens }] }]`,
    )
    expect(routes[0]?.llm).not.toHaveProperty('pricing')
    expect(routes[0]).not.toHaveProperty('refusesUnpriced')
  })

  it('has a cost in its currency, which is converted exactly', () => {
    const [{ rules }] = read(
      'routes: [{ match: POST /images, limits: [{ limit: 20 USD/day, of: money, cost: 0.002 }] }]',
    ).routes as never as [{ rules: { cost: number }[] }]
    expect(rules[0]?.cost).toBe(2_000_000)
  })

  it('in an expression or with a default algorithm counts in fixed windows', () => {
    const text = `prices: prices.yaml\nalgorithm: sliding-log\nroutes: [{ ${ROUTE}, limits: [{ limit: 20 USD/day, of: money }] }]`
    const [route] = read(text).routes
    expect(route?.rules[0]).not.toHaveProperty('algorithm')
    expect(describeConfig(read(text)).join('\n')).toContain('20 USD/day money (fixed-window) by client')
  })

  it.each<[string, string, string]>([
    [
      'without prices',
      `routes: [{ ${ROUTE}, limits: [{ limit: 20 USD/day, of: ¦money }] }]`,
      "a limit on money requires the prices of models; add 'prices: prices.yaml' to the file",
    ],
    [
      'in another currency',
      `prices: p.yaml\nroutes: [{ ${ROUTE}, limits: [{ limit: 20 ¦EUR/day, of: money }] }]`,
      'the prices are in USD, so a limit cannot be in EUR',
    ],
    [
      'with a tier in another currency',
      `prices: p.yaml\nroutes: [{ ${ROUTE}, limits: [{ limit: 20 USD/day, of: money, tiers: ¦{ a: 30 EUR/day } }] }]`,
      "tier 'a' must be in USD",
    ],
    [
      'in two currencies in an expression',
      `prices: p.yaml\nroutes: [{ ${ROUTE}, limits: [{ limit: "ip == '' ? '1 USD/day' : '1 ¦EUR/day'", of: money }] }]`,
      'the prices are in USD, so a limit cannot be in EUR',
    ],
    [
      'without a currency in an expression',
      `prices: p.yaml\nroutes: [{ ${ROUTE}, limits: [{ limit: "ip == '' ? '1 USD/day' : '¦1/day'", of: money }] }]`,
      'requires an amount of money',
    ],
    [
      'without llm',
      'prices: p.yaml\nroutes: [{ match: /a, limits: [{ limit: 20 USD/day, of: ¦money }] }]',
      "the cost of a request in 'money' is unknown; add 'llm' to the route, or 'cost' to the limit",
    ],
    [
      'with llm and a cost',
      `prices: p.yaml\nroutes: [{ ${ROUTE}, limits: [{ limit: 20 USD/day, of: money, cost: ¦1 }] }]`,
      "on a route with 'llm', the call determines the cost in 'money'; remove 'cost'",
    ],
    [
      'with a cost of ten decimals',
      'routes: [{ match: /a, limits: [{ limit: 20 USD/day, of: money, cost: ¦0.0000000001 }] }]',
      'a cost in money must have at most nine digits after the point',
    ],
    [
      'with a cost above the limit',
      'routes: [{ match: /a, limits: [{ limit: 0.5 USD/day, of: money, cost: ¦0.6 }] }]',
      'each costs 0.60 USD, but the capacity of the limit is 0.50 USD',
    ],
    [
      'without a currency',
      `prices: p.yaml\nroutes: [{ ${ROUTE}, limits: [{ limit: ¦20/day, of: money }] }]`,
      "a limit of money requires a currency, such as '20 USD/day', not '20/day'",
    ],
    [
      'with an unknown reservation',
      `prices: p.yaml\nroutes: [{ ${ROUTE}, limits: [{ limit: 20 USD/day, of: money, reserve: ¦learned }] }]`,
      "'reserve' must be stated, not 'learned'",
    ],
    [
      'of requests with a reservation',
      'routes: [{ match: /a, limits: [{ limit: 20/day, reserve: ¦stated }] }]',
      "'reserve' applies only to a limit of tokens or money",
    ],
    ['for an unknown model without prices', 'unknown_model: ¦refuse', "'unknown_model' requires 'prices'"],
  ])('%s is an error at its position', (_, marked, message) => {
    const above = 'upstream: http://127.0.0.1:1\n'
    expect(problemsOf(above + marked, (text) => read(text.slice(above.length)))).toContain(message)
  })

  it('is an error if the price list is invalid or cannot be read', () => {
    expect(() => read('prices: prices.yaml', 'currency: USD')).toThrow(
      '/etc/sluice/prices.yaml:1:1: a price list requires at least one model',
    )
    expect(() => parseConfig('upstream: http://a\nprices: p.yaml', 'g.yaml')).toThrow(
      'g.yaml:2:9: the price list p.yaml was not read',
    )
  })

  it('keeps its prices in another process', () => {
    const { source } = read('prices: prices.yaml')
    const { prices } = parseConfig(source.text, source.file, knownVariables(source.variables))
    expect(prices?.list.models.map(({ pattern }) => pattern)).toEqual(['big', 'llama-*'])
    expect(() =>
      parseConfig('upstream: http://a\nprices: other.yaml', 'g', knownVariables(source.variables)),
    ).toThrow('the price list other.yaml is unknown here')
  })
})

describe('the check of a configuration', () => {
  it('prints the prices of its models', () => {
    const lines = describeConfig(read('prices: prices.yaml\nmodels: [big, unknown]'))
    expect(
      lines.slice(
        lines.findIndex((line) => line.includes('prices')),
        -1,
      ),
    ).toEqual([
      `  prices of ${TODAY} in USD from prices.yaml, per million tokens:`,
      '    model    input     cached input  output',
      '    big      2.50      0.25          10',
      '    unknown  no price',
      '    llama-*  0.10                    0.10',
    ])
  })

  it('warns about prices without a date, or of more than 90 days ago', () => {
    const warningsOf = (prices: string) =>
      (read('prices: prices.yaml', prices).warnings ?? []).map(({ message }) => message)
    expect(warningsOf(PRICES)).toEqual([])
    expect(warningsOf(PRICES.replace(/as_of.*\n/, ''))).toEqual([
      'prices.yaml does not state the date of its prices; add, for example, as_of: 2026-11-01',
    ])
    expect(warningsOf(PRICES.replace(TODAY, '2020-01-31'))).toEqual([
      "the prices in prices.yaml are of 2020-01-31, more than 90 days ago; check them and update 'as_of'",
    ])
  })
})
