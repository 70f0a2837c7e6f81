import { suggestThenList } from '../did-you-mean.js'
import { type OptionPath, OptionTypeError, relocate } from '../option-error.js'
import { millisecondsIn, toMilliseconds, UNIT_NAMES } from '../time/duration.js'
import { checkLimit } from './check-limit.js'
import { EXAMPLE, readCount } from './count.js'
import {
  type AlgorithmName,
  type FixedWindowLimit,
  type Limit,
  MAX_PERIOD,
  MIN_PERIOD,
  type TokenBucketLimit,
} from './limit.js'
import { formatMoney } from './money.js'
import { LimitSyntaxError, Scanner } from './scanner.js'

/** Options for parsing a limit string: the algorithm and its settings. */
export interface Counting {
  /**
   * Default: `fixed-window` with `align`, and for an amount of money without `burst` and `initial`;
   * otherwise `token-bucket`.
   */
  readonly algorithm?: Exclude<AlgorithmName, 'concurrency'>
  /** For `fixed-window` only. */
  readonly align?: NonNullable<FixedWindowLimit['align']>
  /** An IANA name, for `calendar` windows only. */
  readonly timeZone?: string
}

/** Maximum length of a limit string, in characters. */
const MAX_LENGTH = 1000

/** Maximum number of limits in one string. */
const MAX_LIMITS = 32

/**
 * Parses a limit string: `10/minute`, `10 per minute`, `20/60s`, `5 per 300 seconds`,
 * `100k/minute`, `1M/day`, `10/5m burst 20`, `10/5m burst 20 initial 5`, `20 USD/day`, or several
 * limits joined with `;`, `,` or `|`. The grammar:
 *
 *     limits = limit *( ( ";" / "," / "|" ) limit )
 *     limit  = count ( "/" | "per" ) [ number ] unit [ "burst" count ] [ "initial" count ]
 *     count  = number [ "k" | "M" | "G" ] [ currency ]
 *
 * Without a currency, a count is a whole number of at least 1. With one, three capital letters, it
 * has at most nine digits after the point, and the limit counts units of 10^-9. The counts of one
 * limit are in one currency. The count after `initial` is from 0 to the burst.
 *
 * @throws LimitSyntaxError with the index of the error and a valid example.
 * @throws OptionError if `counting` does not fit the limit. Its path names the option, such as
 *   `['align']`. The path is empty if the string is invalid.
 */
export function parseLimits(input: string, counting: Counting = {}): Limit[] {
  return parseWithDefault(input, counting, undefined)
}

/**
 * Parses a limit string like `parseLimits`.
 *
 * @param defaultAlgorithm replaces `token-bucket` as the default
 */
export function parseWithDefault(
  input: string,
  counting: Counting,
  defaultAlgorithm: Counting['algorithm'],
): Limit[] {
  if (typeof input !== 'string')
    throw new OptionTypeError([], `a limit must be a string such as '10/minute', not ${typeof input}`)
  if (input.length > MAX_LENGTH)
    throw new LimitSyntaxError(input, MAX_LENGTH, `a limit string can have at most ${MAX_LENGTH} characters`)
  const scanner = new Scanner(input)
  const limits: Limit[] = []
  do {
    if (limits.length === MAX_LIMITS)
      scanner.fail(`more than ${MAX_LIMITS} limits in one string; use several rules instead`)
    limits.push(readLimit(scanner, counting, defaultAlgorithm))
  } while (scanner.skip(/[;,|]/y))
  if (!scanner.done()) scanner.fail(`expected the end, ';', 'burst' or 'initial', ${EXAMPLE}`)
  return limits
}

function readLimit(scanner: Scanner, counting: Counting, defaultAlgorithm: Counting['algorithm']): Limit {
  const { units: limit, currency } = readCount(scanner, 'the limit')
  const money = currency === undefined ? {} : { currency }
  if (!scanner.skip(/\/|per\b/iy)) scanner.fail(`expected '/' or 'per' after the number, ${EXAMPLE}`)
  const period = readPeriod(scanner)
  const readMore = (subject: string, min: number) => readCount(scanner, subject, min, money).units
  const burstAt = scanner.position()
  const burst = scanner.skip(/burst\b/iy) ? readMore('the burst', 1) : undefined
  const initialAt = scanner.position()
  const initial = scanner.skip(/initial\b/iy) ? readMore('the initial tokens', 0) : undefined
  const bucket = {
    ...money,
    ...(burst !== undefined && { burst }),
    ...(initial !== undefined && { initial }),
  }
  if (initial !== undefined && initial > (burst ?? limit)) {
    const full = currency === undefined ? String(burst ?? limit) : formatMoney(burst ?? limit, currency)
    scanner.fail(`the initial tokens must not exceed the burst of ${full}`, initialAt)
  }
  const bucketAt = burst === undefined ? initialAt : burstAt
  return toLimit(limit, period, bucket, counting, defaultAlgorithm, scanner, bucketAt)
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
  { currency, ...bucket }: Partial<Pick<TokenBucketLimit, 'burst' | 'initial' | 'currency'>>,
  counting: Counting,
  defaultAlgorithm: Counting['algorithm'],
  scanner: Scanner,
  bucketAt: number,
): Limit {
  const { align, timeZone } = counting
  const money = currency === undefined ? {} : { currency }
  const [option] = Object.keys(bucket)
  const isMoney = currency !== undefined
  const algorithm =
    counting.algorithm ??
    impliedAlgorithm({ align, isMoney }, option !== undefined) ??
    defaultAlgorithm ??
    'token-bucket'
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
      return check({ algorithm, limit, period, burst: limit, ...bucket, ...money })
    case 'fixed-window':
      return check({
        algorithm,
        limit,
        period,
        ...(align !== undefined && { align }),
        ...(timeZone !== undefined && { timeZone }),
        ...money,
      })
    case 'sliding-window':
    case 'sliding-log':
      return check({ algorithm, limit, period, ...money })
    default:
      throw unknownAlgorithm(algorithm)
  }
}

/**
 * Returns the algorithm that the other options of a limit imply; undefined if they imply none.
 *
 * @param hasBucket true if the limit has `burst` or `initial`
 */
export function impliedAlgorithm(
  { align, isMoney }: { readonly align: Counting['align'] | undefined; readonly isMoney: boolean },
  hasBucket = false,
): Counting['algorithm'] {
  if (align !== undefined) return 'fixed-window'
  if (!isMoney) return undefined
  return hasBucket ? 'token-bucket' : 'fixed-window'
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
