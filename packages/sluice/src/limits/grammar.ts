import {
  markOptionError,
  type OptionError,
  type OptionPath,
  OptionTypeError,
  relocate,
} from '../option-error.js'
import { lengthOf, millisecondsIn, UNIT_NAMES } from '../time/duration.js'
import { checkLimit } from './check-limit.js'
import { type AlgorithmName, type FixedWindowLimit, type Limit, MAX_PERIOD, MIN_PERIOD } from './limit.js'

/**
 * Limit strings: `10/minute`, `10 per minute`, `20/60s`, `5 per 300 seconds`, `100k/minute`, `1M/day`,
 * `10/5m burst 20`, and several of them joined with `;`.
 *
 *     limits = limit *( ";" limit )
 *     limit  = count ( "/" | "per" ) [ number ] unit [ "burst" count ]
 *     count  = number [ "k" | "M" | "G" ]          ; a whole number in the end, one or more
 *
 * A limit string says how much and how often; which algorithm counts it is said beside it, and is a token
 * bucket where nothing is said.
 */

/** How a limit string is counted, where it is not by the default. */
export interface Counting {
  /** Default: `token-bucket`. */
  readonly algorithm?: Exclude<AlgorithmName, 'concurrency'>
  /** Of a `fixed-window` only. */
  readonly align?: NonNullable<FixedWindowLimit['align']>
  /** Of a `calendar` window only; an IANA name. */
  readonly timeZone?: string
}

/** A limit string that does not parse. */
export class LimitSyntaxError extends SyntaxError implements OptionError {
  override readonly name = 'LimitSyntaxError'
  readonly path: OptionPath = []
  readonly code = 'invalid'
  readonly reason: string
  constructor(
    /** The whole string. */
    readonly input: string,
    /** Where it went wrong: an index into the string, from 0. */
    readonly at: number,
    /** What is wrong there, and what would be right. */
    readonly problem: string,
  ) {
    super(`${quote(input)}: ${problem} (at character ${at + 1})`)
    this.reason = this.message
  }
}

markOptionError(LimitSyntaxError)

/** A limit string is short; a longer one is a mistake or an attack. */
const MAX_LENGTH = 1000

/** Most limits that one string may join. */
const MAX_LIMITS = 32

const SUFFIXES: ReadonlyMap<string, number> = new Map([
  ['k', 1e3],
  ['K', 1e3],
  ['M', 1e6],
  ['G', 1e9],
])

/**
 * Reads one or several limits.
 *
 * @throws LimitSyntaxError with the place in the string and an example that would be right.
 * @throws OptionError where `counting` does not go with the limit. Its path is `['align']` or the like, and empty where the
 *   string is wrong.
 */
export function parseLimits(input: string, counting: Counting = {}): Limit[] {
  if (typeof input !== 'string')
    throw new OptionTypeError([], `a limit is a string such as '10/minute', not ${typeof input}`)
  if (input.length > MAX_LENGTH)
    throw new LimitSyntaxError(input, MAX_LENGTH, `longer than ${MAX_LENGTH} characters`)
  const reader = new Reader(input)
  const limits: Limit[] = []
  do {
    if (limits.length === MAX_LIMITS) reader.fail(`more than ${MAX_LIMITS} limits in one string`)
    limits.push(readLimit(reader, counting))
  } while (reader.skip(/;/y))
  if (!reader.done()) reader.fail(`expected the end, ';' or 'burst', ${EXAMPLE}`)
  return limits
}

const EXAMPLE = "as in '10/minute', '5 per 300 seconds' or '10/5m burst 20'"

function readLimit(reader: Reader, counting: Counting): Limit {
  const limit = readCount(reader, 'how many are allowed')
  if (!reader.skip(/\/|per\b/iy)) reader.fail(`expected '/' or 'per' after the number, ${EXAMPLE}`)
  const period = readPeriod(reader)
  const burstAt = reader.position()
  const burst = reader.skip(/burst\b/iy) ? readCount(reader, 'how many may come at once') : undefined
  return toLimit(limit, period, burst, counting, reader, burstAt)
}

function readCount(reader: Reader, what: string): number {
  const at = reader.position()
  const digits = reader.take(/[0-9]{1,32}(\.[0-9]{1,9})?/y)
  if (digits === undefined) return reader.fail(`expected a number, ${what}, ${EXAMPLE}`)
  const suffix = reader.takeHere(/[a-zA-Z]+/y)
  const factor = suffix === undefined ? 1 : SUFFIXES.get(suffix)
  if (factor === undefined)
    return reader.fail(`'${suffix}' is no multiplier; k, M or G is, as in '100k/minute'`, at + digits.length)
  const product = Number(digits) * factor
  const scaled = Number.isInteger(product) ? product : Math.round(product * 1e9) / 1e9
  if (!Number.isSafeInteger(scaled)) {
    return reader.fail(
      `${digits}${suffix ?? ''} is no whole number below 2^53; for less than one, lengthen the period: '1 per 2 seconds'`,
      at,
    )
  }
  if (scaled === 0) return reader.fail('a limit of zero would admit nobody; the least is 1', at)
  return scaled
}

function readPeriod(reader: Reader): number {
  const at = reader.position()
  const amount = reader.take(/[0-9]{1,15}(\.[0-9]{1,9})?/y)
  const unitAt = reader.position()
  const word = reader.take(/[a-zA-Z]+/y)
  if (word === undefined) return reader.fail(`expected a unit of time, ${EXAMPLE}`)
  const unit = millisecondsIn(word)
  if (unit === undefined) return reader.fail(`unknown unit '${word}'; the units are ${UNIT_NAMES}`, unitAt)
  const period = lengthOf(Number(amount ?? 1), unit)
  if (!(period >= MIN_PERIOD && period <= MAX_PERIOD))
    return reader.fail('a period is between 1 ms and ten years', at)
  return period
}

function toLimit(
  limit: number,
  period: number,
  burst: number | undefined,
  counting: Counting,
  reader: Reader,
  burstAt: number,
): Limit {
  const { algorithm = 'token-bucket', align, timeZone } = counting
  if (algorithm !== 'token-bucket' && burst !== undefined) {
    return reader.fail(`a burst belongs to a token-bucket; a ${algorithm} has none`, burstAt)
  }
  if (algorithm !== 'fixed-window' && (align !== undefined || timeZone !== undefined)) {
    throw new OptionTypeError(
      [align !== undefined ? 'align' : 'timeZone'],
      `'align' and 'timeZone' belong to a fixed-window; a ${algorithm} has none`,
      'fixed_window_only',
    )
  }
  const check = (written: Limit) => relocate(() => checkLimit(written), inCounting)
  switch (algorithm) {
    case 'token-bucket':
      return check({ algorithm, limit, period, burst: burst ?? limit })
    case 'fixed-window':
      return check({
        algorithm,
        limit,
        period,
        ...(align !== undefined && { align }),
        ...(timeZone !== undefined && { timeZone }),
      })
    case 'sliding-window':
    case 'sliding-log':
      return check({ algorithm, limit, period })
    default:
      throw new OptionTypeError(
        ['algorithm'],
        `unknown algorithm '${String(algorithm)}'; it is one of token-bucket, fixed-window, sliding-window, sliding-log`,
      )
  }
}

/** The path of what `counting` says; the numbers are parts of the string, which is the whole argument. */
function inCounting(path: OptionPath): OptionPath {
  return path[0] === 'align' || path[0] === 'timeZone' ? path : []
}

/** Walks a string from left to right; white space before each piece counts for nothing. */
class Reader {
  #index = 0
  constructor(private readonly input: string) {}

  position(): number {
    const space = /\s*/y
    space.lastIndex = this.#index
    space.test(this.input)
    this.#index = space.lastIndex
    return this.#index
  }

  done(): boolean {
    return this.position() === this.input.length
  }

  /** Takes what the (sticky) pattern matches behind white space. */
  take(pattern: RegExp): string | undefined {
    this.position()
    return this.takeHere(pattern)
  }

  /** Takes what the (sticky) pattern matches right here. */
  takeHere(pattern: RegExp): string | undefined {
    pattern.lastIndex = this.#index
    const found = pattern.exec(this.input)?.[0]
    if (found !== undefined) this.#index += found.length
    return found
  }

  skip(pattern: RegExp): boolean {
    return this.take(pattern) !== undefined
  }

  fail(problem: string, at = this.position()): never {
    throw new LimitSyntaxError(this.input, at, problem)
  }
}

function quote(input: string): string {
  return `'${input.length > 60 ? `${input.slice(0, 57)}...` : input}'`
}
