import { suggestThenList } from '../did-you-mean.js'
import {
  markOptionError,
  type OptionError,
  type OptionPath,
  OptionTypeError,
  relocate,
} from '../option-error.js'
import { millisecondsIn, toMilliseconds, UNIT_NAMES } from '../time/duration.js'
import { checkLimit } from './check-limit.js'
import {
  type AlgorithmName,
  type FixedWindowLimit,
  type Limit,
  MAX_PERIOD,
  MIN_PERIOD,
  type TokenBucketLimit,
} from './limit.js'

/** Options for parsing a limit string: the algorithm and its settings. */
export interface Counting {
  /** Default: `token-bucket`. */
  readonly algorithm?: Exclude<AlgorithmName, 'concurrency'>
  /** For `fixed-window` only. */
  readonly align?: NonNullable<FixedWindowLimit['align']>
  /** An IANA name, for `calendar` windows only. */
  readonly timeZone?: string
}

/** A syntax error in a limit string. */
export class LimitSyntaxError extends SyntaxError implements OptionError {
  override readonly name = 'LimitSyntaxError'
  readonly path: OptionPath = []
  readonly code = 'invalid'
  readonly reason: string
  constructor(
    /** The whole string. */
    readonly input: string,
    /** The index of the error in the string, from 0. */
    readonly at: number,
    /** The error at this index, with a valid example. */
    readonly problem: string,
  ) {
    super(`${quote(input)}: ${problem} (at character ${at + 1})`)
    this.reason = this.message
  }
}

markOptionError(LimitSyntaxError)

/** Maximum length of a limit string, in characters. */
const MAX_LENGTH = 1000

/** Maximum number of limits in one string. */
const MAX_LIMITS = 32

const SUFFIXES: ReadonlyMap<string, number> = new Map([
  ['k', 1e3],
  ['K', 1e3],
  ['M', 1e6],
  ['G', 1e9],
])

/**
 * Parses a limit string: `10/minute`, `10 per minute`, `20/60s`, `5 per 300 seconds`,
 * `100k/minute`, `1M/day`, `10/5m burst 20`, `10/5m burst 20 initial 5`, or several limits joined
 * with `;`, `,` or `|`. The grammar:
 *
 *     limits = limit *( ( ";" / "," / "|" ) limit )
 *     limit  = count ( "/" | "per" ) [ number ] unit [ "burst" count ] [ "initial" count ]
 *     count  = number [ "k" | "M" | "G" ]          ; a whole number of at least 1
 *
 * The count after `initial` is from 0 to the burst.
 *
 * @throws LimitSyntaxError with the index of the error and a valid example.
 * @throws OptionError if `counting` does not fit the limit. Its path names the option, such as
 *   `['align']`. The path is empty if the string is invalid.
 */
export function parseLimits(input: string, counting: Counting = {}): Limit[] {
  if (typeof input !== 'string')
    throw new OptionTypeError([], `a limit must be a string such as '10/minute', not ${typeof input}`)
  if (input.length > MAX_LENGTH)
    throw new LimitSyntaxError(input, MAX_LENGTH, `a limit string can have at most ${MAX_LENGTH} characters`)
  const scanner = new Scanner(input)
  const limits: Limit[] = []
  do {
    if (limits.length === MAX_LIMITS)
      scanner.fail(`more than ${MAX_LIMITS} limits in one string; use several rules instead`)
    limits.push(readLimit(scanner, counting))
  } while (scanner.skip(/[;,|]/y))
  if (!scanner.done()) scanner.fail(`expected the end, ';', 'burst' or 'initial', ${EXAMPLE}`)
  return limits
}

const EXAMPLE = "as in '10/minute', '5 per 300 seconds' or '10/5m burst 20'"

function readLimit(scanner: Scanner, counting: Counting): Limit {
  const limit = readCount(scanner, 'the limit')
  if (!scanner.skip(/\/|per\b/iy)) scanner.fail(`expected '/' or 'per' after the number, ${EXAMPLE}`)
  const period = readPeriod(scanner)
  const burstAt = scanner.position()
  const burst = scanner.skip(/burst\b/iy) ? readCount(scanner, 'the burst') : undefined
  const initialAt = scanner.position()
  const initial = scanner.skip(/initial\b/iy) ? readCount(scanner, 'the initial tokens', 0) : undefined
  if (initial !== undefined && initial > (burst ?? limit))
    scanner.fail(`the initial tokens must not exceed the burst of ${burst ?? limit}`, initialAt)
  const bucket = { ...(burst !== undefined && { burst }), ...(initial !== undefined && { initial }) }
  return toLimit(limit, period, bucket, counting, scanner, burst === undefined ? initialAt : burstAt)
}

function readCount(scanner: Scanner, subject: string, min = 1): number {
  const at = scanner.position()
  const digits = scanner.take(/[0-9]{1,32}(\.[0-9]{1,9})?/y)
  if (digits === undefined) return scanner.fail(`expected a number for ${subject}, ${EXAMPLE}`)
  const suffix = scanner.takeHere(/[a-zA-Z]+/y)
  const factor = suffix === undefined ? 1 : SUFFIXES.get(suffix)
  if (factor === undefined)
    return scanner.fail(
      `'${suffix}' is not a multiplier; use k, M or G, as in '100k/minute'`,
      at + digits.length,
    )
  const product = Number(digits) * factor
  const scaled = Number.isInteger(product) ? product : Math.round(product * 1e9) / 1e9
  if (!Number.isSafeInteger(scaled)) {
    return scanner.fail(
      `${digits}${suffix ?? ''} is not a whole number below 2^53; for less than one unit, lengthen the period, as in '1 per 2 seconds'`,
      at,
    )
  }
  if (scaled < min) return scanner.fail('a limit of zero would refuse every request; the minimum is 1', at)
  return scaled
}

function readPeriod(scanner: Scanner): number {
  const at = scanner.position()
  const amount = scanner.take(/[0-9]{1,15}(\.[0-9]{1,9})?/y)
  const unitAt = scanner.position()
  const word = scanner.take(/[a-zA-Z]+/y)
  if (word === undefined) return scanner.fail(`expected a unit of time, ${EXAMPLE}`)
  const unit = millisecondsIn(word)
  if (unit === undefined) return scanner.fail(`unknown unit '${word}'; the units are ${UNIT_NAMES}`, unitAt)
  const period = toMilliseconds(Number(amount ?? 1), unit)
  if (!(period >= MIN_PERIOD && period <= MAX_PERIOD))
    return scanner.fail('a period must be between 1 ms and ten years', at)
  return period
}

function toLimit(
  limit: number,
  period: number,
  bucket: Partial<Pick<TokenBucketLimit, 'burst' | 'initial'>>,
  counting: Counting,
  scanner: Scanner,
  bucketAt: number,
): Limit {
  const { algorithm = 'token-bucket', align, timeZone } = counting
  const [option] = Object.keys(bucket)
  if (algorithm !== 'token-bucket' && option !== undefined) {
    return scanner.fail(`'${option}' requires the algorithm token-bucket, not ${algorithm}`, bucketAt)
  }
  if (algorithm !== 'fixed-window' && (align !== undefined || timeZone !== undefined)) {
    throw new OptionTypeError(
      [align !== undefined ? 'align' : 'timeZone'],
      `'align' and 'timeZone' require the algorithm fixed-window, not ${algorithm}`,
      'fixed_window_only',
    )
  }
  const check = (written: Limit) => relocate(() => checkLimit(written), toCountingPath)
  switch (algorithm) {
    case 'token-bucket':
      return check({ algorithm, limit, period, burst: limit, ...bucket })
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
      throw unknownAlgorithm(algorithm)
  }
}

/**
 * Checks the name of an algorithm for limit strings.
 *
 * @throws TypeError with the path `['algorithm']` for an unknown name.
 */
export function checkAlgorithm(algorithm: Counting['algorithm']): void {
  if (algorithm !== undefined && !COUNTING_ALGORITHMS.includes(algorithm)) throw unknownAlgorithm(algorithm)
}

const COUNTING_ALGORITHMS: readonly NonNullable<Counting['algorithm']>[] = [
  'token-bucket',
  'fixed-window',
  'sliding-window',
  'sliding-log',
]

function unknownAlgorithm(algorithm: unknown): OptionTypeError {
  const name = String(algorithm).slice(0, 60)
  const suggestion = suggestThenList(
    name,
    COUNTING_ALGORITHMS,
    `use ${COUNTING_ALGORITHMS.slice(0, -1).join(', ')} or ${COUNTING_ALGORITHMS.at(-1)}`,
  )
  return new OptionTypeError(['algorithm'], `unknown algorithm '${name}'${suggestion}`)
}

/**
 * Maps the path of a limit's field to a path in `counting`. Fields other than `align` and
 * `timeZone` come from the string, so their path is empty.
 */
function toCountingPath(path: OptionPath): OptionPath {
  return path[0] === 'align' || path[0] === 'timeZone' ? path : []
}

/** Reads tokens from left to right, skipping white space before each. */
class Scanner {
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

  /** Consumes a match of a sticky pattern after white space. */
  take(pattern: RegExp): string | undefined {
    this.position()
    return this.takeHere(pattern)
  }

  /** Consumes a match of a sticky pattern at the current position. */
  takeHere(pattern: RegExp): string | undefined {
    pattern.lastIndex = this.#index
    const match = pattern.exec(this.input)?.[0]
    if (match !== undefined) this.#index += match.length
    return match
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
