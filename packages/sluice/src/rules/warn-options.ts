import { impliedAlgorithm } from '../limits/grammar.js'
import type { Limit } from '../limits/limit.js'
import { MONEY } from '../limits/money.js'
import { OptionRangeError, OptionTypeError } from '../option-error.js'
import type { ConcurrencyRule, RateRule } from './rule.js'

/** Maximum number of thresholds of a rule. */
const MAX_THRESHOLDS = 10
/** The largest threshold of a soft limit, as a fraction of the limit. */
const MAX_SOFT_THRESHOLD = 10
/** The shortest window of a rule with thresholds, whose IDs contain whole seconds. */
const MIN_WINDOW_MS = 1000

export const WARN_OPTIONS = ['warn', 'soft'] as const

/** The resources whose computed costs are estimates that the permit settles. */
const RESERVED_RESOURCES: readonly string[] = ['tokens', 'input_tokens', 'output_tokens', MONEY]

/** What a rule does near its limit and above it, and whether it tells reserved and settled use apart. */
export interface RuleWarnings {
  /** Fractions of the limit, in ascending order. Undefined without `warn`. */
  readonly thresholds: readonly number[] | undefined
  /** True if requests are admitted above the limit. */
  readonly soft: boolean
  /**
   * True if the open reservations are counted. A cost then counts towards the thresholds when it is
   * settled, not when it is taken.
   */
  readonly reserves: boolean
}

/** @throws OptionTypeError for a rule with `concurrent` that has `warn` or `soft`. */
export function rejectWarnings<Request>(rule: ConcurrencyRule<Request>): void {
  if ('warn' in rule)
    throw new OptionTypeError(
      ['warn'],
      "'warn' requires a limit over time with the algorithm fixed-window, such as 1000/day; slots are free again when their requests end",
    )
  if ('soft' in rule)
    throw new OptionTypeError(
      ['soft'],
      "'soft' requires a limit over time, such as 1000/day; slots are free again when their requests end",
    )
}

/**
 * Compiles `warn` and `soft`. Undefined if the rule has neither, and does not reserve money.
 *
 * @throws OptionError that names the invalid option.
 */
export function warningsOf<Request>(rule: RateRule<Request>): RuleWarnings | undefined {
  const { warn, soft, penalty, wait, of: resource = 'requests', cost } = rule
  if (soft !== undefined && typeof soft !== 'boolean')
    throw new OptionTypeError(['soft'], `'soft' must be true or false, not '${String(soft)}'`)
  const isSoft = soft === true
  if (isSoft && penalty !== undefined)
    throw new OptionTypeError(['soft'], "a soft limit never refuses, so it cannot have 'penalty'; remove one")
  if (isSoft && wait !== undefined)
    throw new OptionTypeError(['soft'], "a soft limit never refuses, so it cannot have 'wait'; remove one")
  if (warn !== undefined && penalty !== undefined)
    throw new OptionTypeError(
      ['warn'],
      "a rule cannot have both 'warn' and 'penalty', because a penalty hides the use; write a rule for each",
    )
  const thresholds = warn === undefined ? undefined : thresholdsOf(warn, isSoft)
  const isCounted = thresholds !== undefined || resource === MONEY
  const reserves = isCounted && typeof cost === 'function' && RESERVED_RESOURCES.includes(resource)
  if (thresholds === undefined && !isSoft && !reserves) return undefined
  return { thresholds, soft: isSoft, reserves }
}

/**
 * Checks that the limits of a rule with thresholds are fixed windows.
 *
 * @param limits undefined for a limit that a function computes
 * @throws OptionTypeError for another algorithm
 */
export function checkWindows<Request>(
  rule: RateRule<Request>,
  limits: readonly (Limit | undefined)[],
  defaultAlgorithm: string | undefined,
): void {
  for (const limit of limits) {
    const implied = impliedAlgorithm({ align: rule.align, isMoney: rule.of === MONEY })
    const algorithm = limit?.algorithm ?? rule.algorithm ?? implied ?? defaultAlgorithm ?? 'token-bucket'
    if (limit?.algorithm === 'fixed-window' && limit.period < MIN_WINDOW_MS)
      throw new OptionTypeError(
        ['warn'],
        `'warn' requires a window of at least a second, not of ${limit.period} ms`,
      )
    if (algorithm === 'fixed-window') continue
    throw new OptionTypeError(
      ['warn'],
      `'warn' requires a fixed window, in which use starts again at a known time, but this limit uses the algorithm ${algorithm}; write 'algorithm: fixed-window' beside it`,
    )
  }
}

function thresholdsOf(warn: unknown, isSoft: boolean): readonly number[] {
  const expected = "'warn' must be a list of one to ten thresholds such as ['80%', '95%']"
  if (!Array.isArray(warn) || warn.length === 0 || warn.length > MAX_THRESHOLDS)
    throw new OptionTypeError(['warn'], expected)
  const thresholds = warn.map((threshold: unknown) => thresholdOf(threshold, isSoft))
  if (new Set(thresholds).size < thresholds.length)
    throw new OptionTypeError(['warn'], "'warn' has the same threshold twice; remove one")
  return thresholds.sort((one, other) => one - other)
}

function thresholdOf(threshold: unknown, isSoft: boolean): number {
  const invalid = (reason: string) =>
    new OptionRangeError(
      ['warn'],
      `a threshold of 'warn' must be ${reason}, not ${typeof threshold === 'string' ? `'${threshold.slice(0, 60)}'` : String(threshold)}`,
    )
  const percent =
    typeof threshold === 'string' ? /^(\d{1,4}(?:\.\d{1,3})?) ?%$/.exec(threshold.trim())?.[1] : undefined
  const fraction = percent === undefined ? threshold : Number(percent) / 100
  if (typeof fraction !== 'number') throw invalid("a percentage such as '80%' or a fraction such as 0.8")
  const max = isSoft ? MAX_SOFT_THRESHOLD : 1
  if (!(fraction > 0 && fraction <= max))
    throw invalid(
      isSoft
        ? 'more than 0% and at most 1000%'
        : "more than 0% and at most 100%, or at most 1000% with 'soft'",
    )
  return fraction
}

/** Formats a threshold as a percentage, such as `80%`. */
export function formatThreshold(threshold: number): string {
  return `${Number((threshold * 100).toFixed(6))}%`
}
