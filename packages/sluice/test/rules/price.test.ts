import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { isOptionError } from '../../src/option-error.js'
import { type BilledUsage, type ModelPrice, priceOf } from '../../src/rules/costs/price.js'

/** A fraction of two whole numbers. */
type Fraction = readonly [numerator: bigint, denominator: bigint]

/** Reads a decimal digit by digit. */
function fractionOf(value: number): Fraction {
  const [mantissa = '0', exponent = '0'] = String(value).split('e')
  const [whole = '0', digits = ''] = mantissa.split('.')
  const shift = Number(exponent) - digits.length
  const number = BigInt(whole + digits)
  return shift < 0 ? [number, 10n ** BigInt(-shift)] : [number * 10n ** BigInt(shift), 1n]
}

function sumOf([a, b]: Fraction, [c, d]: Fraction): Fraction {
  return [a * d + c * b, b * d]
}

function productOf([a, b]: Fraction, [c, d]: Fraction): Fraction {
  return [a * c, b * d]
}

/** A slow model of `priceOf`: one fraction per term, rounded up at the end. */
function modelPrice(usage: BilledUsage, price: ModelPrice): bigint {
  const { input, cachedInput = 0, cacheWrite = 0, output, reasoning = 0 } = usage
  const terms: [count: number, price: number, per: bigint][] = [
    [input - cachedInput - cacheWrite, price.input, 1_000_000n],
    [cachedInput, price.cachedInput ?? price.input, 1_000_000n],
    [cacheWrite, price.cacheWrite ?? price.input, 1_000_000n],
    [output - reasoning, price.output, 1_000_000n],
    [reasoning, price.reasoning ?? price.output, 1_000_000n],
    [usage.images ?? 0, price.image ?? 0, 1n],
    [usage.audioSeconds ?? 0, price.audioSecond ?? 0, 1n],
    [usage.requests ?? 1, price.request ?? 0, 1n],
  ]
  const [numerator, denominator] = terms
    .map(([count, each, per]) => productOf(productOf(fractionOf(count), fractionOf(each)), [1n, per]))
    .reduce(sumOf)
  const scaled = numerator * 1_000_000_000n
  return scaled / denominator + (scaled % denominator > 0n ? 1n : 0n)
}

/** Omits members that are undefined. */
function defined<T extends object>(value: { readonly [Name in keyof T]: T[Name] | undefined }): T {
  return Object.fromEntries(Object.entries(value).filter(([, each]) => each !== undefined)) as T
}

const big: ModelPrice = {
  input: 2.5,
  cachedInput: 0.25,
  cacheWrite: 3,
  output: 10,
  reasoning: 12,
  image: 0.01,
  audioSecond: 0.0001,
  request: 0.001,
}

describe('priceOf', () => {
  it.each<[string, BilledUsage, ModelPrice, number]>([
    ['input', { input: 1000, output: 0 }, { input: 2.5, output: 10 }, 2_500_000],
    ['output', { input: 0, output: 1000 }, { input: 2.5, output: 10 }, 10_000_000],
    ['cached input', { input: 1000, cachedInput: 900, output: 0 }, { ...big, request: 0 }, 475_000],
    ['cached input by default', { input: 1000, cachedInput: 900, output: 0 }, { input: 1, output: 1 }, 1e6],
    ['cache writes', { input: 1000, cacheWrite: 1000, output: 0 }, { ...big, request: 0 }, 3_000_000],
    ['reasoning', { input: 0, output: 100, reasoning: 50 }, { ...big, request: 0 }, 1_100_000],
    ['an image', { input: 0, output: 0, images: 2, requests: 0 }, big, 20_000_000],
    ['audio', { input: 0, output: 0, audioSeconds: 2.5, requests: 0 }, big, 250_000],
    ['one request by default', { input: 0, output: 0 }, big, 1_000_000],
    ['a fraction of a unit', { input: 1, output: 0 }, { input: 0.000_000_001, output: 0 }, 1],
    ['nothing', { input: 0, output: 0 }, { input: 1, output: 1 }, 0],
  ])('computes the price of %s', (_, usage, price, units) => {
    expect(priceOf(usage, price)).toBe(units)
  })

  it('equals the sum of exact fractions, rounded up once', () => {
    const decimal = fc
      .tuple(fc.integer({ min: 0, max: 999_999_999 }), fc.integer({ min: 7, max: 9 }))
      .map(([digits, places]) => Number(`${digits}e-${places}`))
    const count = fc.oneof(fc.integer({ min: 0, max: 5000 }), fc.integer({ min: 0, max: 2 ** 40 }))
    const optional = <T>(of: fc.Arbitrary<T>) => fc.option(of, { nil: undefined })
    const price = fc
      .record({
        input: decimal,
        cachedInput: optional(decimal),
        cacheWrite: optional(decimal),
        output: decimal,
        reasoning: optional(decimal),
        image: optional(decimal),
        audioSecond: optional(decimal),
        request: optional(decimal),
      })
      .map((each) => defined<ModelPrice>(each))
    const usage = fc
      .record({
        plain: count,
        cachedInput: optional(count),
        cacheWrite: optional(count),
        answer: count,
        reasoning: optional(count),
        images: optional(fc.integer({ min: 0, max: 100 })),
        audioSeconds: optional(decimal),
        requests: optional(fc.integer({ min: 0, max: 3 })),
      })
      .map(({ plain, answer, ...others }) =>
        defined<BilledUsage>({
          ...others,
          input: plain + (others.cachedInput ?? 0) + (others.cacheWrite ?? 0),
          output: answer + (others.reasoning ?? 0),
        }),
      )
    let counted = 0
    fc.assert(
      fc.property(usage, price, (used, prices) => {
        const expected = modelPrice(used, prices)
        if (expected > BigInt(Number.MAX_SAFE_INTEGER)) {
          expect(() => priceOf(used, prices)).toThrow('too much to be counted')
        } else {
          counted += 1
          expect(BigInt(priceOf(used, prices))).toBe(expected)
        }
      }),
      { seed: 20261202, numRuns: 3000 },
    )
    expect(counted).toBeGreaterThan(1000)
  })

  it('rounds seconds with more than nine digits up', () => {
    const price = { input: 0, output: 0, audioSecond: 1 }
    expect(priceOf({ input: 0, output: 0, audioSeconds: 0.1 + 0.2 }, price)).toBe(300_000_001)
    expect(priceOf({ input: 0, output: 0, audioSeconds: 1e-12 }, price)).toBe(1)
  })

  it.each<[string, object, object, string]>([
    ['a negative price', {}, { input: -1 }, "the price 'input' must be a number, 0 or more, not -1"],
    ['a missing price', {}, { output: undefined }, "the price 'output' must be a number, 0 or more"],
    ['ten digits', {}, { image: 1e-10 }, "the price 'image' must have at most 9 digits after the point"],
    ['an unknown price', {}, { cached: 1 }, "the prices of a model has no option 'cached'"],
    ['a price that is not a number', {}, { request: Number.NaN }, "the price 'request' must be a number"],
    ['a negative usage', { input: -1 }, {}, "'input' must be a whole number from 0 to 2^53 - 1, not -1"],
    ['a fraction of a token', { output: 0.5 }, {}, "'output' must be a whole number"],
    ['an infinite usage', { audioSeconds: Number.POSITIVE_INFINITY }, {}, "'audioSeconds' must be a number"],
    ['an unknown usage', { tokens: 1 }, {}, "a usage has no option 'tokens'"],
    ['too large a part', { cachedInput: 60, cacheWrite: 50 }, {}, "are parts of 'input'"],
    ['too much reasoning', { reasoning: 101 }, {}, "'reasoning' is a part of 'output'"],
    ['too large a price', { input: 2 ** 52 }, { input: 1e9 }, 'the price of this usage is too much'],
  ])('rejects %s', (_, usage, price, message) => {
    const call = () =>
      priceOf({ input: 100, output: 100, ...usage }, { input: 1, output: 1, ...price } as ModelPrice)
    expect(call).toThrow(message)
    try {
      call()
    } catch (error) {
      expect(isOptionError(error)).toBe(true)
    }
  })
})
