import type { Decision, Quota } from '../limiter/decision.js'
import { ceilToUnit } from '../limits/format-limit.js'
import { OptionTypeError, unknownOption } from '../option-error.js'
import { dictionaryHeaders, leastRemaining } from './dictionary-headers.js'
import { draft12Headers } from './draft-12-headers.js'
import { type ErrorShapeOptions, retryHints } from './error-shape.js'
import { type HeaderList, headersOfOneRule, rateLimit, rateLimitPolicy } from './ratelimit-headers.js'
import { retryAfterSeconds } from './retry-after.js'
import { sluiceWarning } from './sluice-warning.js'

/** The versions of draft-ietf-httpapi-ratelimit-headers whose headers can be sent. */
const DRAFTS = ['draft-12', 'draft-11', 'draft-8', 'draft-7', 'draft-6'] as const

/** Options of the rate limit headers. */
export interface FieldOptions {
  /**
   * The version of draft-ietf-httpapi-ratelimit-headers to follow. `false` sends neither
   * `RateLimit` nor `RateLimit-Policy`. Default: `draft-11`.
   *
   * - `draft-12`: as `draft-11`, and `RateLimit` also has the parameters of the next version: `a` and
   *   `w`, which repeat `r` and `t`, and `c`, the units that the request consumed.
   * - `draft-8`: as `draft-11`, without the quota unit `qu`.
   * - `draft-7`: `RateLimit: limit=10, remaining=3, reset=21` and `RateLimit-Policy: 10;w=60`.
   * - `draft-6`: `RateLimit-Limit`, `RateLimit-Remaining`, `RateLimit-Reset` and the same policy.
   *
   * `draft-7` and `draft-6` describe the rule with the smallest remaining fraction. They list no
   * `concurrent` rules, because these have no window.
   */
  readonly fields?: (typeof DRAFTS)[number] | false
  /** `false` omits `Retry-After` from responses to requests that a limit refused. Default: `true`. */
  readonly retryAfter?: boolean
  /**
   * Adds `X-RateLimit-Limit`, `-Remaining` and `-Reset` for the rule with the smallest remaining
   * fraction. `-Reset` is in seconds from now (`true` or `{ reset: 'seconds' }`), or in seconds
   * since 1970 by the clock of this process (`{ reset: 'epoch' }`). Default: `false`.
   */
  readonly xRateLimit?: boolean | { readonly reset: 'epoch' | 'seconds' }
  /**
   * Adds partition keys (`pk`): digests of the rules' keys, computed with this secret. Requires
   * `draft-12`, `draft-11` or `draft-8`. Default: none.
   */
  readonly partitionKeySecret?: string
}

/**
 * Checks the options of the headers.
 *
 * @throws TypeError that names the invalid option
 */
export function checkFieldOptions(options: FieldOptions): void {
  const { fields = 'draft-11', retryAfter, xRateLimit, partitionKeySecret } = options
  if (fields !== false && !DRAFTS.includes(fields))
    throw new OptionTypeError(
      ['fields'],
      `'fields' must be ${DRAFTS.map((draft) => `'${draft}'`).join(', ')} or false, not '${String(fields)}'`,
    )
  if (retryAfter !== undefined && typeof retryAfter !== 'boolean')
    throw new OptionTypeError(
      ['retryAfter'],
      `'retryAfter' must be true or false, not '${String(retryAfter)}'`,
    )
  checkXRateLimit(xRateLimit)
  if (partitionKeySecret !== undefined && (fields === false || fields === 'draft-7' || fields === 'draft-6'))
    throw new OptionTypeError(
      ['partitionKeySecret'],
      "'partitionKeySecret' requires 'fields' to be 'draft-12', 'draft-11' or 'draft-8', the only versions with partition keys",
    )
}

function checkXRateLimit(xRateLimit: FieldOptions['xRateLimit']): void {
  if (typeof xRateLimit !== 'object' || xRateLimit === null) {
    if (xRateLimit === undefined || typeof xRateLimit === 'boolean') return
    throw new OptionTypeError(
      ['xRateLimit'],
      `'xRateLimit' must be true, false or { reset: 'epoch' }, not '${String(xRateLimit)}'`,
    )
  }
  for (const option of Object.keys(xRateLimit))
    if (option !== 'reset') throw unknownOption("'xRateLimit'", option, ['reset'])
  const { reset } = xRateLimit
  if (reset !== 'epoch' && reset !== 'seconds')
    throw new OptionTypeError(
      ['xRateLimit', 'reset'],
      `'reset' of 'xRateLimit' must be 'epoch' or 'seconds', not '${String(reset)}'`,
    )
}

/**
 * Returns the response headers that report the quotas of a decision to the client.
 */
export function limitFields(decision: Decision, options: FieldOptions & ErrorShapeOptions): HeaderList {
  const enforced = decision.quotas.every(isEnforced) ? decision.quotas : decision.quotas.filter(isEnforced)
  if (enforced.length === 0) return []
  const { fields = 'draft-11', partitionKeySecret: secret, xRateLimit = false } = options
  const [sole] = enforced
  if (
    sole &&
    enforced.length === 1 &&
    decision.allowed &&
    secret === undefined &&
    xRateLimit === false &&
    fields === 'draft-11' &&
    sole.warning === undefined &&
    sole.overrun === undefined
  )
    return headersOfOneRule(sole)
  // A refusal reports only the rules that refused, so that `Retry-After` is never shorter than a
  // reported `t`.
  const reported = decision.allowed ? enforced : enforced.filter((quota) => !quota.allowed)
  const headers: [name: string, value: string][] = []
  if (fields === 'draft-11' || fields === 'draft-8')
    headers.push(
      ['ratelimit-policy', rateLimitPolicy(enforced, secret, fields === 'draft-11')],
      ['ratelimit', rateLimit(reported, secret)],
    )
  else if (fields === 'draft-12')
    headers.push(...draft12Headers(enforced, reported, decision.allowed, secret))
  else if (fields !== false) headers.push(...dictionaryHeaders(enforced, reported, fields))
  if (xRateLimit !== false) headers.push(...xRateLimitHeaders(leastRemaining(reported), xRateLimit))
  const warning = sluiceWarning(enforced)
  if (warning !== undefined) headers.push(['sluice-warning', warning])
  if (decision.allowed) return headers
  const { refusal } = decision
  const hasRetryAfter = options.retryAfter !== false
  const seconds = hasRetryAfter ? retryAfterSeconds(refusal) : undefined
  if (seconds !== undefined) headers.push(['retry-after', String(seconds)])
  if (options.errorShape === undefined) return headers
  return [...headers, ...retryHints(refusal, options, hasRetryAfter)]
}

const isEnforced = ({ enforced }: Quota) => enforced

function xRateLimitHeaders(
  { limit, remaining, resetAfter }: Quota,
  xRateLimit: Exclude<FieldOptions['xRateLimit'], undefined | false>,
): [name: string, value: string][] {
  const isEpoch = xRateLimit !== true && xRateLimit.reset === 'epoch'
  return [
    ['x-ratelimit-limit', String(limit.limit)],
    ['x-ratelimit-remaining', String(remaining)],
    ['x-ratelimit-reset', String(ceilToUnit(isEpoch ? Date.now() + resetAfter : resetAfter))],
  ]
}
