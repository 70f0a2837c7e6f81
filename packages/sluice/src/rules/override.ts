import { OptionTypeError } from '../option-error.js'
import type { LimitSpec, RateRule, Rule } from './rule.js'
import { compileConcurrency, compileLimits, type LimitDefaults, type RuleLimit } from './rule-limit.js'

/** Replaces parts of a rule, for example while an operator tries out a new limit. */
export interface RuleOverride {
  /**
   * One limit, which uses the rule's algorithm, or the number of slots of a concurrency rule. Tiers
   * scale it as they scale the rule's own limit.
   */
  readonly limit?: LimitSpec | number
  /** Replaces `enforce` of the rule. No request waits for a shadow rule. */
  readonly enforce?: boolean
}

/** The parts of a compiled rule that an override changes. */
interface Overridable {
  readonly enforce: boolean
  readonly waiting: unknown
}

/**
 * Returns a copy of a compiled rule with an override applied.
 *
 * @throws LimitSyntaxError, TypeError, RangeError for an invalid limit.
 */
export function applyOverride<Request, Compiled extends Overridable>(
  compiled: Compiled,
  { limit, enforce = compiled.enforce }: RuleOverride,
  rule: Rule<Request>,
  defaults: LimitDefaults,
): Compiled {
  return {
    ...compiled,
    enforce,
    waiting: enforce ? compiled.waiting : undefined,
    ...(limit !== undefined && replacementLimit(rule, limit, defaults)),
  }
}

function replacementLimit<Request>(
  rule: Rule<Request>,
  limit: LimitSpec | number,
  defaults: LimitDefaults,
): RuleLimit<Request> {
  if ('concurrent' in rule) {
    if (typeof limit !== 'number')
      throw new OptionTypeError(
        ['limit'],
        `the limit of a concurrency rule must be a number such as 8, not '${String(limit)}'`,
      )
    return compileConcurrency({ ...rule, concurrent: limit }, defaults)
  }
  if (typeof limit === 'number')
    throw new OptionTypeError(['limit'], `a limit needs a period, such as ${limit}/minute`)
  const [only, ...more] = compileLimits({ ...rule, ...countingOf(rule, limit), limit }, defaults)
  if (only === undefined || more.length > 0)
    throw new OptionTypeError(
      ['limit'],
      `an override must be a single limit such as 10/minute, not '${String(limit)}'`,
    )
  return only
}

/**
 * Returns the counting options of a limit object, so a limit string that replaces it counts the
 * same way.
 */
function countingOf<Request>(rule: RateRule<Request>, limit: LimitSpec) {
  const own = rule.limit
  if (typeof limit !== 'string' || typeof own !== 'object' || own.algorithm === 'concurrency') return {}
  const { algorithm } = own
  if (own.algorithm !== 'fixed-window' || own.align === undefined) return { algorithm }
  return { algorithm, align: own.align, ...(own.timeZone !== undefined && { timeZone: own.timeZone }) }
}
