import { MAX_MONEY, MONEY_DECIMALS, unitsOf } from '../../limits/money.js'
import { OptionRangeError, OptionTypeError, unknownOption } from '../../option-error.js'

/**
 * The prices of one model, in a currency. Each is 0 or more, with at most nine digits after the
 * point.
 */
export interface ModelPrice {
  /** Per million input tokens. */
  readonly input: number
  /** Per million input tokens that were read from a cache. Default: `input`. */
  readonly cachedInput?: number
  /** Per million input tokens that were written to a cache. Default: `input`. */
  readonly cacheWrite?: number
  /** Per million output tokens. */
  readonly output: number
  /** Per million output tokens that the model used to reason. Default: `output`. */
  readonly reasoning?: number
  /** Per image. Default: 0. */
  readonly image?: number
  /** Per second of audio. Default: 0. */
  readonly audioSecond?: number
  /** Per request. Default: 0. */
  readonly request?: number
}

/** The billed use of a model. Whole numbers of 0 or more, except for the seconds. */
export interface BilledUsage {
  /** Input tokens, including `cachedInput` and `cacheWrite`. */
  readonly input: number
  readonly cachedInput?: number
  readonly cacheWrite?: number
  /** Output tokens, including `reasoning`. */
  readonly output: number
  readonly reasoning?: number
  readonly images?: number
  /** Seconds of audio; fractions are allowed. */
  readonly audioSeconds?: number
  /** Default: 1. */
  readonly requests?: number
}

const PRICES = [
  'input',
  'cachedInput',
  'cacheWrite',
  'output',
  'reasoning',
  'image',
  'audioSecond',
  'request',
] as const satisfies readonly (keyof ModelPrice)[]

const USAGE = [
  'input',
  'cachedInput',
  'cacheWrite',
  'output',
  'reasoning',
  'images',
  'audioSeconds',
  'requests',
] as const satisfies readonly (keyof BilledUsage)[]

/**
 * Computes the price of a use of a model, in whole units of 10^-9 of the currency:
 *
 *     ( (input - cachedInput - cacheWrite) × price.input + cachedInput × price.cachedInput
 *       + cacheWrite × price.cacheWrite + (output - reasoning) × price.output
 *       + reasoning × price.reasoning ) / 10^6
 *     + images × price.image + audioSeconds × price.audioSecond + requests × price.request
 *
 * The sum is exact, and rounded up once. For example, 1,000 tokens at 2.50 USD per million cost
 * 0.0025 USD:
 *
 *     priceOf({ input: 1000, output: 0 }, { input: 2.5, output: 10 }) // 2500000
 *
 * @param price is read once. Pass another object for other prices.
 * @throws OptionError for a usage or a price that is missing, unknown, negative or not finite, for a
 *   part that is larger than the whole, and for a result of 2^53 units or more.
 */
export function priceOf(usage: BilledUsage, price: ModelPrice): number {
  const rates = ratesOf(price)
  checkUsage(usage)
  const { input, cachedInput = 0, cacheWrite = 0, output, reasoning = 0 } = usage
  const { images = 0, audioSeconds = 0, requests = 1 } = usage
  const counts = [
    ...[input - cachedInput - cacheWrite, cachedInput, cacheWrite, output - reasoning, reasoning],
    ...[images, requests],
  ]
  if (audioSeconds === 0) {
    let sum = 0
    for (let index = 0; index < counts.length; index++)
      sum += (counts[index] as number) * (rates.numbers[index] as number)
    // A sum of non-negative integers below 2^53 is exact.
    if (sum <= MAX_MONEY) return (sum - (sum % MILLION)) / MILLION + (sum % MILLION > 0 ? 1 : 0)
  }
  return exactPrice(counts, audioSeconds, rates)
}

const MILLION = 1_000_000

/** The rates of a model: units of 10^-9 per million of each count, and per second of audio. */
interface Rates {
  readonly exact: readonly bigint[]
  readonly audio: bigint
  /** The rates as numbers. Those of 2^53 or more are only compared. */
  readonly numbers: readonly number[]
}

/** Rates by the object that states the prices, which must not change. */
const known = new WeakMap<ModelPrice, Rates>()

function ratesOf(price: ModelPrice): Rates {
  const cached = typeof price === 'object' && price !== null ? known.get(price) : undefined
  if (cached !== undefined) return cached
  const checked = checkPrice(price)
  const { input, cachedInput = input, cacheWrite = input, output, reasoning = output } = checked
  const { image = 0, audioSecond = 0, request = 0 } = checked
  const perMillion = [input, cachedInput, cacheWrite, output, reasoning].map(priceUnits)
  const each = [image, request].map((units) => priceUnits(units) * BigInt(MILLION))
  const exact = [...perMillion, ...each]
  const rates = { exact, audio: priceUnits(audioSecond), numbers: exact.map(Number) }
  known.set(price, rates)
  return rates
}

function exactPrice(counts: readonly number[], audioSeconds: number, { exact, audio }: Rates): number {
  const seconds = secondsUnits(audioSeconds)
  const tokens = counts.reduce((sum, count, index) => sum + BigInt(count) * (exact[index] as bigint), 0n)
  // Seconds are in units of 10^-9, and tokens in units of 10^-6.
  const sum = tokens * 1000n + seconds * audio
  const units = (sum + 999_999_999n) / 1_000_000_000n
  if (units > BigInt(MAX_MONEY))
    throw new OptionRangeError([], 'the price of this usage is too much to be counted: 2^53 units or more')
  return Number(units)
}

/**
 * Validates the prices of a model.
 *
 * @throws OptionError that names the invalid price
 */
function checkPrice(price: ModelPrice): ModelPrice {
  checkFields(price, PRICES, 'the prices of a model')
  for (const name of PRICES) {
    const value = price[name]
    if (value === undefined && name !== 'input' && name !== 'output') continue
    if (!isAmount(value))
      throw new OptionRangeError(
        [name],
        `the price '${name}' must be a number, 0 or more, not ${String(value)}`,
      )
    if (unitsOf(String(value)) === undefined)
      throw new OptionRangeError(
        [name],
        `the price '${name}' must have at most ${MONEY_DECIMALS} digits after the point, not ${value}`,
      )
  }
  return price
}

function checkUsage(usage: BilledUsage): void {
  checkFields(usage, USAGE, 'a usage')
  for (const name of USAGE) {
    const value = usage[name]
    if (value === undefined && name !== 'input' && name !== 'output') continue
    if (!isAmount(value) || value > MAX_MONEY || (name !== 'audioSeconds' && !Number.isInteger(value)))
      throw new OptionRangeError(
        [name],
        `'${name}' must be a ${name === 'audioSeconds' ? '' : 'whole '}number from 0 to 2^53 - 1, not ${String(value)}`,
      )
  }
  const { input, cachedInput = 0, cacheWrite = 0, output, reasoning = 0 } = usage
  if (cachedInput + cacheWrite > input)
    throw new OptionRangeError(
      ['cachedInput'],
      `'cachedInput' and 'cacheWrite' are parts of 'input', but their sum is more than ${input}`,
    )
  if (reasoning > output)
    throw new OptionRangeError(
      ['reasoning'],
      `'reasoning' is a part of 'output', but ${reasoning} is more than ${output}`,
    )
}

function checkFields(value: unknown, fields: readonly string[], subject: string): void {
  if (value === null || typeof value !== 'object')
    throw new OptionTypeError([], `${subject} must be an object such as { input: 2.5, output: 10 }`)
  for (const field of Object.keys(value))
    if (!fields.includes(field)) throw unknownOption(subject, field, fields)
}

function isAmount(value: unknown): value is number {
  return typeof value === 'number' && Number.isFinite(value) && value >= 0
}

function priceUnits(price: number): bigint {
  return unitsOf(String(price)) as bigint
}

/** Converts seconds to units of 10^-9 seconds, rounded up. */
function secondsUnits(seconds: number): bigint {
  const exact = unitsOf(String(seconds))
  if (exact !== undefined) return exact
  const nearest = unitsOf(seconds.toFixed(MONEY_DECIMALS)) as bigint
  return Number(nearest) / 1e9 >= seconds ? nearest : nearest + 1n
}
