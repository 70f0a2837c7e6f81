import type { Limit } from '../limits/limit.js'
import { andThen } from '../maybe-promise.js'
import { OptionTypeError, relocate } from '../option-error.js'
import { isAutomatic } from './automatic.js'
import type { LimitSpec, RateRule, Rule } from './rule.js'
import {
  checkSameCurrency,
  compileConcurrency,
  compileLimits,
  type LimitDefaults,
  type RuleLimit,
} from './rule-limit.js'
import { checkFactor, scaleLimit } from './scale.js'
import { UNLIMITED } from './tiers.js'

/** Replaces parts of a rule, for example while an operator tries out a new limit. */
export interface RuleOverride {
  /**
   * One limit, which uses the rule's algorithm, or the number of slots of a concurrency rule. Tiers
   * scale it as they scale the rule's own limit.
   */
  readonly limit?: LimitSpec | number
  /** Replaces `enforce` of the rule. No request waits for a shadow rule. */
  readonly enforce?: boolean
  /**
   * The limits of single clients, by client ID. They take precedence over `limit`.
   *
   *     createLimiter({
   *       rules: [{ name: 'calls', limit: '10/minute', by: 'client' }],
   *       client: () => 'acme',
   *       overrides: { calls: { clients: { acme: { scale: 2 } } } },
   *     })
   */
  readonly clients?: Readonly<Record<string, ClientOverride>>
}

/**
 * The limit of one client under a rule: a multiplier of its limit, greater than 0 and at most a
 * million, or a limit in place of it. A multiplier applies after the client's tier and leaves an
 * unlimited client unlimited. A limit applies to every tier; `unlimited` exempts the client from the rule.
 */
export type ClientOverride =
  | { readonly scale: number; readonly limit?: never }
  | { readonly limit: LimitSpec | number; readonly scale?: never }

/** The parts of a compiled rule that an override changes. */
interface Overridable<Request> extends RuleLimit<Request> {
  readonly enforce: boolean
  readonly waiting: unknown
  readonly fairness: unknown
  readonly window: unknown
  readonly classes: unknown
  readonly warnings: unknown
}

/**
 * Returns a copy of a compiled rule with an override applied. Errors have a path within the
 * override.
 *
 * @throws LimitSyntaxError, TypeError, RangeError for an invalid limit or multiplier.
 */
export function applyOverride<Request, Compiled extends Overridable<Request>>(
  compiled: Compiled,
  { limit, enforce = compiled.enforce, clients }: RuleOverride,
  rule: Rule<Request>,
  defaults: LimitDefaults,
): Compiled {
  const changed = {
    ...compiled,
    enforce,
    waiting: enforce ? compiled.waiting : undefined,
    fairness: enforce ? compiled.fairness : undefined,
    window: enforce ? compiled.window : undefined,
    classes: enforce ? compiled.classes : undefined,
    ...(limit !== undefined &&
      relocate(
        () => replacementLimit(rule, compiled.limit, limit, defaults),
        () => ['limit'],
      )),
  }
  if (clients === undefined || Object.keys(clients).length === 0) return changed
  return { ...changed, ...withClients(changed, clients, rule, defaults) }
}

/** Returns the limit of a rule with the limits of single clients. */
function withClients<Request>(
  base: RuleLimit<Request>,
  clients: Readonly<Record<string, ClientOverride>>,
  rule: Rule<Request>,
  defaults: LimitDefaults,
): RuleLimit<Request> {
  const limits = new Map(
    Object.entries(clients).map(([id, override]) => [
      id,
      relocate(
        () => limitOfClient(override, base, rule, defaults),
        (path) => ['clients', id, ...path],
      ),
    ]),
  )
  return {
    limit: base.limit,
    isFixed: false,
    limitFor: (request, client) => {
      const own = client === undefined ? undefined : limits.get(client.id)
      return own === undefined
        ? base.limitFor(request, client)
        : typeof own === 'object'
          ? own
          : andThen(base.limitFor(request, client), own)
    },
  }
}

/** Returns the limit of a client, or a function that scales the limit it would have. */
function limitOfClient<Request>(
  override: ClientOverride,
  base: RuleLimit<Request>,
  rule: Rule<Request>,
  defaults: LimitDefaults,
): Limit | ((limit: Limit | undefined) => Limit | undefined) {
  if (override.limit === UNLIMITED) return () => undefined
  if (override.limit !== undefined) {
    const { limit } = relocate(
      () => replacementLimit(rule, base.limit, override.limit, defaults),
      () => ['limit'],
    )
    return limit as Limit
  }
  const factor = checkFactor(override.scale, "'scale'", ['scale'])
  // The limit of most requests is the same object.
  let last = base.limit
  let scaled = last && scaleLimit(last, factor)
  return (limit) => {
    if (limit === undefined) return undefined
    if (limit !== last) {
      scaled = scaleLimit(limit, factor)
      last = limit
    }
    return scaled
  }
}

/** @param ownLimit the limit of the rule; undefined if a function computes it */
function replacementLimit<Request>(
  rule: Rule<Request>,
  ownLimit: Limit | undefined,
  limit: LimitSpec | number,
  defaults: LimitDefaults,
): RuleLimit<Request> {
  if ('concurrent' in rule) {
    if (typeof limit !== 'number')
      throw new OptionTypeError(
        ['limit'],
        `the limit of a concurrency rule must be a number such as 8, not '${String(limit)}'`,
      )
    return compileConcurrency(limit, rule, isAutomatic(rule.concurrent) ? { tiers: new Map() } : defaults)
  }
  if (typeof limit === 'number')
    throw new OptionTypeError(['limit'], `a limit needs a period, such as ${limit}/minute`)
  const [only, ...more] = compileLimits({ ...rule, ...countingOf(rule, ownLimit, limit), limit }, defaults)
  if (only === undefined || more.length > 0)
    throw new OptionTypeError(
      ['limit'],
      `an override must be a single limit such as 10/minute, not '${String(limit)}'`,
    )
  if (ownLimit !== undefined && only.limit !== undefined)
    checkSameCurrency(ownLimit, only.limit, ['limit'], 'an override')
  return only
}

/**
 * Returns the counting options that the rule's own limit has, so a limit string that replaces it
 * counts the same way. The rule states them itself, unless its limit is an object or an amount of
 * money with `burst` or `initial`.
 */
function countingOf<Request>(rule: RateRule<Request>, ownLimit: Limit | undefined, limit: LimitSpec) {
  const own = typeof rule.limit === 'object' ? rule.limit : ownLimit
  if (typeof limit !== 'string' || own === undefined || own.algorithm === 'concurrency') return {}
  const { algorithm } = own
  if (typeof rule.limit !== 'object') return own.currency === undefined ? {} : { algorithm }
  if (own.algorithm !== 'fixed-window' || own.align === undefined) return { algorithm }
  return { algorithm, align: own.align, ...(own.timeZone !== undefined && { timeZone: own.timeZone }) }
}
