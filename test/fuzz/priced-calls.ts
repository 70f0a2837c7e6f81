import type { Random } from './random.js'

/** Units of 10^-9 in a unit of the currency, as limits on money count them. */
const UNITS = 1_000_000_000n

/** The most that a call takes: tokens of input, and of output. */
const MAX_INPUT = 50
const MAX_OUTPUT = 40

/** The prices of a model, in units of 10^-9 of the currency per million tokens, or per request. */
interface Prices {
  readonly name: string
  readonly input: bigint
  readonly output: bigint
  readonly request: bigint
}

/** A call of a model, and what the model will use for it. */
export interface PricedCall {
  readonly id: number
  readonly prices: Prices
  /** Bytes of the prompt. The gateway reserves a token for each four. */
  readonly promptBytes: number
  readonly maxOutput: number
  /** The tokens that the model reports at the end. */
  readonly input: number
  readonly output: number
}

/** What one byte of a prompt is in tokens of the model: less or more than the gateway's estimate. */
export type InputKind = 'estimated in full' | 'underestimated'

/** Makes random calls of random models. Any `concurrent` of them can be reserved at once. */
export class PricedCalls {
  readonly models: readonly Prices[]
  #made = 0

  /** @param limit what may be spent, in whole units of the currency */
  constructor(
    private readonly random: Random,
    private readonly inputs: InputKind,
    limit: number,
    private readonly concurrent: number,
  ) {
    // Prices with nine digits after the point, so that hardly any sum is a whole number of units.
    const share = (BigInt(limit) * UNITS) / BigInt(concurrent)
    const upTo = (most: bigint) => most - BigInt(random.below(Number(most / 2n)))
    this.models = ['plain', 'large', 'tiny-1'].map((name, index) => {
      const most = share / 5n ** BigInt(index)
      const perMillion = (most * 1_000_000n) / 2n
      return {
        name,
        input: upTo(perMillion / BigInt(2 * MAX_INPUT)),
        output: upTo(perMillion / BigInt(MAX_OUTPUT)),
        request: upTo(most / 4n),
      }
    })
  }

  /** The price list as YAML. The last model is priced by a pattern. */
  get yaml(): string {
    const models = this.models.map(
      ({ name, input, output, request }) =>
        `  "${name.replace('-1', '-*')}": { input: ${decimal(input)}, output: ${decimal(output)}, request: ${decimal(request)} }`,
    )
    return ['currency: USD', 'as_of: 2026-11-01', 'models:', ...models, ''].join('\n')
  }

  next(): PricedCall {
    const { random } = this
    const promptBytes = 1 + random.below(4 * MAX_INPUT)
    const maxOutput = 1 + random.below(MAX_OUTPUT)
    const id = this.#made++
    const reserved = Math.ceil(promptBytes / 4)
    // The later calls use all that they reserve. If that were too little, the limit would be exceeded.
    const usesAll = id > 3 * this.concurrent
    const own = usesAll ? reserved : 1 + random.below(reserved)
    const input = this.inputs === 'underestimated' ? promptBytes : own
    const output = usesAll ? maxOutput : 1 + random.below(maxOutput)
    return { id, prices: random.pick(this.models), promptBytes, maxOutput, input, output }
  }
}

/** Returns the price of tokens in units of 10^-9, rounded up once. */
function priceOf({ input, output, request }: Prices, inputTokens: number, outputTokens: number): bigint {
  const tokens = input * BigInt(inputTokens) + output * BigInt(outputTokens)
  return (tokens + request * 1_000_000n + 999_999n) / 1_000_000n
}

/** Returns the price of a call with the output so far. */
export function usedBy({ prices, input }: PricedCall, output: number): bigint {
  return priceOf(prices, input, output)
}

/** Returns the price that the gateway reserves for a call. */
export function reservedFor({ prices, promptBytes, maxOutput }: PricedCall): bigint {
  return priceOf(prices, Math.ceil(promptBytes / 4), maxOutput)
}

/** Formats units of 10^-9 as a decimal number. */
function decimal(units: bigint): string {
  return `${units / UNITS}.${String(units % UNITS).padStart(9, '0')}`
}

/** Parses a decimal number into units of 10^-9. */
export function unitsOf(text: string): bigint {
  const [whole = '0', fraction = ''] = text.split('.')
  return BigInt(whole) * UNITS + BigInt(fraction.padEnd(9, '0'))
}
