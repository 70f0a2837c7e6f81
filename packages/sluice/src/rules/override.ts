import { OptionTypeError } from '../option-error.js'
import type { LimitSpec, RateRule, Rule } from './rule.js'
import { compileConcurrency, compileLimits, type RuleLimit } from './rule-limit.js'
import type { TierScales } from './tiers.js'

/** What is said of a rule in place of what it says itself: as while somebody tries something out. */
export interface RuleOverride {
  /** One limit, counted as the rule counts; for what is in flight, how many may be. Tiers scale it as they do the rule's own. */
  readonly limit?: LimitSpec | number
  /** As in a rule. Nobody waits for the slots of a rule that does not refuse. */
  readonly enforce?: boolean
}

/** The parts of a compiled rule that an override changes. */
interface Overridable {
  readonly enforce: boolean
  readonly waiting: unknown
}

/** @throws LimitSyntaxError, TypeError, RangeError */
export function overridden<Request, Compiled extends Overridable>(
  compiled: Compiled,
  { limit, enforce = compiled.enforce }: RuleOverride,
  rule: Rule<Request>,
  tiers: TierScales,
): Compiled {
  return {
    ...compiled,
    enforce,
    waiting: enforce ? compiled.waiting : undefined,
    ...(limit !== undefined && limitInstead(rule, limit, tiers)),
  }
}

function limitInstead<Request>(
  rule: Rule<Request>,
  limit: LimitSpec | number,
  tiers: TierScales,
): RuleLimit<Request> {
  if ('concurrent' in rule) {
    if (typeof limit !== 'number')
      throw new OptionTypeError(
        ['limit'],
        `what is in flight is limited by a number such as 8, not by '${String(limit)}'`,
      )
    return compileConcurrency({ ...rule, concurrent: limit }, tiers)
  }
  if (typeof limit === 'number')
    throw new OptionTypeError(['limit'], `a limit has a period, such as ${limit}/minute`)
  const [only, ...more] = compileLimits({ ...rule, ...countingOf(rule, limit), limit }, tiers)
  if (only === undefined || more.length > 0)
    throw new OptionTypeError(['limit'], `in place of a limit stands one limit, not '${String(limit)}'`)
  return only
}

/** A text takes over how a limit that is an object counts. */
function countingOf<Request>(rule: RateRule<Request>, limit: LimitSpec) {
  const own = rule.limit
  if (typeof limit !== 'string' || typeof own !== 'object' || own.algorithm === 'concurrency') return {}
  const { algorithm } = own
  if (own.algorithm !== 'fixed-window' || own.align === undefined) return { algorithm }
  return { algorithm, align: own.align, ...(own.timeZone !== undefined && { timeZone: own.timeZone }) }
}
