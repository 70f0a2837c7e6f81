import { createHash } from 'node:crypto'
import type { ModelPrice } from 'sluice'
import { BoundedCache } from 'sluice/internal'
import { ModelPattern } from './model-pattern.js'

/** The prices of the models that a name or a pattern such as `llama-*` denotes. */
export interface ListedPrice {
  readonly pattern: string
  readonly price: ModelPrice
}

/** The prices that apply to one call. */
export interface CallPrice {
  /** The code of the currency of the prices. */
  readonly currency: string
  readonly price: ModelPrice
  /** The prices with each token at the highest price that it can have. */
  readonly highest: ModelPrice
}

const ids = new WeakMap<CallPrice, string>()

/** Returns a short digest of the prices of a call, by which a record shows whether they have changed. */
export function priceId(call: CallPrice): string {
  const known = ids.get(call)
  if (known !== undefined) return known
  const parts = JSON.stringify([call.currency, Object.entries(call.price).sort()])
  const id = createHash('sha256').update(parts).digest('base64url').slice(0, 12)
  ids.set(call, id)
  return id
}

/** Maximum length of a priced model's name, in UTF-16 code units. */
export const MAX_PRICED_NAME = 256

/** Maximum number of cached names. Clients can invent names. */
const MAX_CACHED_NAMES = 1000

const FREE: ModelPrice = { input: 0, output: 0 }

/** The prices of models in one currency. */
export class PriceList {
  readonly #named = new Map<string, CallPrice>()
  /** The longest pattern first. */
  readonly #patterns: readonly { readonly pattern: ModelPattern; readonly price: CallPrice }[]
  readonly #cache = new BoundedCache<string, { readonly price: CallPrice | undefined }>(MAX_CACHED_NAMES)
  /** The highest of each price in the list. */
  readonly dearest: CallPrice
  /** The prices of calls for which no model runs. */
  readonly free: CallPrice

  /**
   * @param asOf the date of the prices, such as `2026-11-01`; undefined if it is unknown
   * @param models at least one
   */
  constructor(
    readonly currency: string,
    readonly asOf: string | undefined,
    readonly models: readonly ListedPrice[],
  ) {
    const priced = models.map(({ pattern, price }) => ({
      pattern: new ModelPattern(pattern),
      price: { currency, price, highest: highestOf(price) },
    }))
    for (const { pattern, price } of priced) if (pattern.isName) this.#named.set(pattern.source, price)
    this.#patterns = priced
      .filter(({ pattern }) => !pattern.isName)
      .sort((one, other) => other.pattern.source.length - one.pattern.source.length)
    const dearest = dearestOf(models.map(({ price }) => price))
    this.dearest = { currency, price: dearest, highest: highestOf(dearest) }
    this.free = { currency, price: FREE, highest: FREE }
  }

  /**
   * Returns the prices of a model. An exact name takes precedence over patterns, and a longer
   * pattern over a shorter one.
   *
   * @returns undefined for a model without a price
   */
  priceOf(model: string): CallPrice | undefined {
    if (model.length > MAX_PRICED_NAME) return undefined
    const named = this.#named.get(model)
    if (named !== undefined) return named
    const cached = this.#cache.get(model)
    if (cached !== undefined) return cached.price
    const price = this.#patterns.find(({ pattern }) => pattern.matches(model))?.price
    this.#cache.set(model, { price })
    return price
  }
}

function highestOf(price: ModelPrice): ModelPrice {
  const { input, cachedInput = input, cacheWrite = input, output, reasoning = output } = price
  const [highestInput, highestOutput] = [
    Math.max(input, cachedInput, cacheWrite),
    Math.max(output, reasoning),
  ]
  return {
    ...price,
    ...{ input: highestInput, cachedInput: highestInput, cacheWrite: highestInput },
    ...{ output: highestOutput, reasoning: highestOutput },
  }
}

/** Returns the highest of each price. */
function dearestOf(prices: readonly ModelPrice[]): ModelPrice {
  const highest = (priceOf: (price: ModelPrice) => number) => Math.max(...prices.map(priceOf))
  return {
    input: highest(({ input }) => input),
    cachedInput: highest(({ input, cachedInput = input }) => cachedInput),
    cacheWrite: highest(({ input, cacheWrite = input }) => cacheWrite),
    output: highest(({ output }) => output),
    reasoning: highest(({ output, reasoning = output }) => reasoning),
    image: highest(({ image = 0 }) => image),
    audioSecond: highest(({ audioSecond = 0 }) => audioSecond),
    request: highest(({ request = 0 }) => request),
  }
}
