import { BoundedCache } from '../bounded-cache.js'
import { checkLimit } from '../limits/check-limit.js'
import { type Counting, parseLimits } from '../limits/grammar.js'
import { DEFAULT_LEASE, type Limit } from '../limits/limit.js'
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
  if (limits.length > 1 && [...own.values()].some((entry) => typeof entry === 'object'))
    throw new OptionTypeError(
      ['tiers'],
      "the tiers of a rule with several limits must be multipliers or 'unlimited'; write a rule for each limit",
    )
  return limits.map((fixed) => byTier(fixed, own, all, 'limit'))
}

/** Compiles the limit of a concurrency rule. */
export function compileConcurrency<Request>(
  rule: ConcurrencyRule<Request>,
  { tiers: all }: LimitDefaults,
): RuleLimit<Request> {
  const { concurrent } = rule
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

/** How the limit strings of a rule count. */
interface RuleCounting {
  /** The options of the rule itself. */
  readonly own: Counting
  /** Applies to limit strings if the rule has no algorithm of its own. */
  readonly defaultAlgorithm: Counting['algorithm']
}

/** @param specPath the path of `spec` in the rule */
function readLimits(spec: LimitSpec, counting: RuleCounting, specPath: OptionPath): Limit[] {
  const { own, defaultAlgorithm } = counting
  if (typeof spec === 'string')
    return relocate(
      () => parseLimits(spec, defaultAlgorithm === undefined ? own : { algorithm: defaultAlgorithm, ...own }),
      (path) => (path.length === 0 ? specPath : path),
    )
  const [counted] = Object.keys(own)
  if (counted !== undefined) {
    throw new OptionTypeError(
      [counted],
      "'algorithm', 'align' and 'timeZone' apply only to limit strings; put them into the limit object",
    )
  }
  return [
    relocate(
      () => checkLimit(spec),
      (path) => [...specPath, ...path],
    ),
  ]
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
