import { BoundedCache } from '../bounded-cache.js'
import { checkLimit } from '../limits/check-limit.js'
import { formatLimit } from '../limits/format-limit.js'
import { type Counting, parseWithDefault } from '../limits/grammar.js'
import { currencyOf, DEFAULT_LEASE, type Limit } from '../limits/limit.js'
import { MONEY } from '../limits/money.js'
import { andThen, type MaybePromise, toMaybePromise } from '../maybe-promise.js'
import { type OptionPath, OptionTypeError, relocate } from '../option-error.js'
import { parseDuration } from '../time/duration.js'
import type { Client } from './client.js'
import type { ConcurrencyRule, LimitSpec, RateRule } from './rule.js'
import { readTiers, type TierLimits, type TierScales, tierLimit, UNLIMITED } from './tiers.js'

/** Options of a limiter that apply to the limits of all its rules. */
export interface LimitDefaults {
  readonly tiers: TierScales
  /** The algorithm of limit strings in rules without their own; undefined for a token bucket. */
  readonly algorithm: Counting['algorithm']
}

/** Returns the limit for a request of a client; undefined if the client is unlimited. */
type LimitFor<Request> = (request: Request, client: Client | undefined) => MaybePromise<Limit | undefined>

/** A rule's limit. */
export interface RuleLimit<Request> {
  readonly limitFor: LimitFor<Request>
  /** The limit of clients without a tier; undefined if a function computes it. */
  readonly limit: Limit | undefined
  /** True if the limit applies to every client. */
  readonly isFixed: boolean
}

/**
 * Compiles the limits of a rule: one, or several joined with `;`, `,` or `|`.
 *
 * @throws LimitSyntaxError, TypeError, RangeError
 */
export function compileLimits<Request>(
  rule: RateRule<Request>,
  { tiers: all, algorithm: defaultAlgorithm }: LimitDefaults,
): RuleLimit<Request>[] {
  const { limit, algorithm, align, timeZone } = rule
  const counting: RuleCounting = {
    isMoney: rule.of === MONEY,
    own: {
      ...(algorithm !== undefined && { algorithm }),
      ...(align !== undefined && { align }),
      ...(timeZone !== undefined && { timeZone }),
    },
    defaultAlgorithm,
  }
  const own = readTiers(rule.tiers, (spec, tier) =>
    oneLimit(spec, counting, ['tiers', tier], `tier '${tier}' must have`),
  )
  if (typeof limit === 'function') {
    const known = new BoundedCache<string, Limit>(MAX_CACHED_LIMITS)
    const limitFor: LimitFor<Request> = (request, client) =>
      andThen(toMaybePromise<LimitSpec>(limit(request, client)), (spec) =>
        spec === UNLIMITED
          ? undefined
          : tierLimit(limitOfSpec(spec, counting, known), client?.tier, own, all),
      )
    return [{ limitFor, limit: undefined, isFixed: false }]
  }
  const limits = readLimits(limit, counting, ['limit'])
  for (const [tier, entry] of own) {
    if (typeof entry !== 'object') continue
    checkSameCurrency(limits[0] as Limit, entry, ['tiers', tier], `tier '${tier}'`)
  }
  if (limits.length > 1 && [...own.values()].some((entry) => typeof entry === 'object'))
    throw new OptionTypeError(
      ['tiers'],
      "the tiers of a rule with several limits must be multipliers or 'unlimited'; write a rule for each limit",
    )
  return limits.map((fixed) => byTier(fixed, own, all, 'limit'))
}

/** The number of slots of a concurrency rule, or a function that returns it. */
export type Slots<Request> = Extract<
  ConcurrencyRule<Request>['concurrent'],
  number | ((...args: never) => unknown)
>

/**
 * Compiles the limit of a concurrency rule.
 *
 * @param concurrent replaces `concurrent` of the rule
 */
export function compileConcurrency<Request>(
  concurrent: Slots<Request>,
  rule: Pick<ConcurrencyRule<Request>, 'lease' | 'tiers'>,
  { tiers: all }: Pick<LimitDefaults, 'tiers'>,
): RuleLimit<Request> {
  const lease = rule.lease === undefined ? DEFAULT_LEASE : leaseOf(rule.lease)
  const limitOf = (limit: number) =>
    relocate(
      () => checkLimit({ algorithm: 'concurrency', limit, lease }),
      ([field = 'limit']) => [field === 'limit' ? 'concurrent' : field],
    )
  const own = readTiers<never>(rule.tiers, (_, tier) => {
    throw new OptionTypeError(
      ['tiers', tier],
      `tier '${tier}' of a concurrency rule must be a multiplier such as 2, or 'unlimited'`,
    )
  })
  if (typeof concurrent !== 'function') return byTier(limitOf(concurrent), own, all, 'concurrent')
  return {
    limitFor: (request, client) =>
      andThen(toMaybePromise<number>(concurrent(request, client)), (slots) =>
        tierLimit(limitOf(slots), client?.tier, own, all),
      ),
    limit: undefined,
    isFixed: false,
  }
}

function leaseOf(lease: number | string): number {
  return relocate(
    () => parseDuration(lease),
    () => ['lease'],
  )
}

/** Computes a fixed limit for each tier in advance. */
function byTier<Request>(
  fixed: Limit,
  own: TierLimits,
  all: TierScales,
  option: 'limit' | 'concurrent',
): RuleLimit<Request> {
  const tiers = [...own.keys(), ...all.keys()]
  const limitOf = (tier: string) =>
    relocate(
      () => tierLimit(fixed, tier, own, all),
      () => (own.has(tier) ? ['tiers', tier] : [option]),
    )
  const limits = new Map(tiers.map((tier) => [tier, limitOf(tier)]))
  if (limits.size === 0) return { limitFor: () => fixed, limit: fixed, isFixed: true }
  return {
    limitFor: (_, client) => {
      const tier = client?.tier
      return tier !== undefined && limits.has(tier) ? limits.get(tier) : fixed
    },
    limit: fixed,
    isFixed: false,
  }
}

/**
 * Checks that a limit counts in the same currency as the limit of its rule that it replaces.
 *
 * @throws OptionTypeError
 */
export function checkSameCurrency(own: Limit, other: Limit, path: OptionPath, subject: string): void {
  const [expected, actual] = [currencyOf(own), currencyOf(other)]
  if (expected !== actual)
    throw new OptionTypeError(
      path,
      `${subject} must be in ${expected}, like the rule's limit, not in ${actual}`,
    )
}

/** How the limit strings of a rule count. */
interface RuleCounting {
  /** True for a rule that counts money. */
  readonly isMoney: boolean
  /** The options of the rule itself. */
  readonly own: Counting
  /** Applies to limit strings if the rule has no algorithm of its own. */
  readonly defaultAlgorithm: Counting['algorithm']
}

/** @param specPath the path of `spec` in the rule */
function readLimits(spec: LimitSpec, counting: RuleCounting, specPath: OptionPath): Limit[] {
  const limits =
    typeof spec === 'string' ? parseSpec(spec, counting, specPath) : [checkSpec(spec, counting, specPath)]
  for (const limit of limits) checkResource(limit, counting, specPath)
  const [first, ...others] = limits as [Limit, ...Limit[]]
  for (const other of others) checkSameCurrency(first, other, specPath, 'every limit of a rule')
  return limits
}

function parseSpec(spec: string, { own, defaultAlgorithm }: RuleCounting, specPath: OptionPath): Limit[] {
  return relocate(
    () => parseWithDefault(spec, own, defaultAlgorithm),
    (path) => (path.length === 0 ? specPath : path),
  )
}

function checkSpec(spec: Limit, { own }: RuleCounting, specPath: OptionPath): Limit {
  const [counted] = Object.keys(own)
  if (counted !== undefined) {
    throw new OptionTypeError(
      [counted],
      "'algorithm', 'align' and 'timeZone' apply only to limit strings; put them into the limit object",
    )
  }
  return relocate(
    () => checkLimit(spec),
    (path) => [...specPath, ...path],
  )
}

/** Checks that the limit of a rule is an amount of money exactly if the rule counts money. */
function checkResource(limit: Limit, { isMoney }: RuleCounting, specPath: OptionPath): void {
  const hasCurrency = currencyOf(limit) !== undefined
  if (isMoney && !hasCurrency)
    throw new OptionTypeError(
      specPath,
      `a limit of money requires a currency, such as '20 USD/day', not '${formatLimit(limit)}'`,
    )
  if (!isMoney && hasCurrency)
    throw new OptionTypeError(
      ['of'],
      `'${formatLimit(limit)}' is a limit of money, which requires 'of: money'`,
    )
}

/** @param requirement the beginning of the error message, such as `tier 'gold' must have` */
function oneLimit(spec: LimitSpec, counting: RuleCounting, specPath: OptionPath, requirement: string): Limit {
  const [limit, ...more] = readLimits(spec, counting, specPath)
  if (limit !== undefined && more.length === 0) return limit
  throw new OptionTypeError(
    specPath,
    `${requirement} one limit, not '${String(spec)}'; write a rule for each`,
  )
}

const FUNCTION_MUST_RETURN = "'limit' must return"

/** Maximum number of cached limit strings that a rule's function returned. */
const MAX_CACHED_LIMITS = 1000

function limitOfSpec(spec: LimitSpec, counting: RuleCounting, known: BoundedCache<string, Limit>): Limit {
  if (typeof spec !== 'string') return oneLimit(spec, counting, ['limit'], FUNCTION_MUST_RETURN)
  const cached = known.get(spec)
  if (cached !== undefined) return cached
  const limit = oneLimit(spec, counting, ['limit'], FUNCTION_MUST_RETURN)
  known.set(spec, limit)
  return limit
}
