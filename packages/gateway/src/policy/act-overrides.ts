import type { ClientOverride, RuleOverride } from 'sluice'
import type { Act, LimitChange } from './acts/act.js'
import type { Overrides, Policies, RoutePolicy, RouteRule } from './policies.js'

/** An act that does not fit the rules of a configuration, and is not in effect under it. */
export interface UnfitAct {
  readonly act: Act
  readonly reason: string
}

/** Reports whether a rule has a count for each client. */
export function countsByClient({ keyedBy }: Pick<RouteRule, 'keyedBy'>): boolean {
  return keyedBy.split(' + ').some((part) => part === 'client' || part === 'client.id')
}

/**
 * Returns the overrides of rules that acts cause. An override of a client for one rule takes
 * precedence over the one for all rules that count by client.
 */
export function overridesOf(acts: readonly Act[], routes: readonly RoutePolicy[]): Overrides {
  const overrides = new Map<string, RuleOverride>()
  const change = (scope: string, changed: RuleOverride) =>
    overrides.set(scope, { ...overrides.get(scope), ...changed })
  const changeClient = (scope: string, client: string, limit: ClientOverride) =>
    change(scope, {
      clients: Object.fromEntries([...Object.entries(overrides.get(scope)?.clients ?? {}), [client, limit]]),
    })
  for (const act of acts) {
    if (act.act === 'shadow') change(act.target.scope, { enforce: !act.shadow })
    else if (act.act === 'limit') change(act.target.scope, { limit: act.limit })
    else if (act.act === 'override' && act.target === undefined)
      for (const rule of routes.flatMap(({ rules }) => rules))
        if (countsByClient(rule)) changeClient(rule.scope, act.client, clientOverride(act))
  }
  for (const act of acts)
    if (act.act === 'override' && act.target !== undefined)
      changeClient(act.target.scope, act.client, clientOverride(act))
  return overrides
}

function clientOverride(change: LimitChange): ClientOverride {
  return 'scale' in change ? { scale: change.scale } : { limit: change.limit }
}

/**
 * Separates the acts that fit the rules of a configuration from those that do not, because their
 * rule does not exist or rejects them.
 *
 * @param policiesWith creates the policies with overrides; throws if a rule rejects its override
 */
export function fittingActs(
  acts: readonly Act[],
  routes: readonly RoutePolicy[],
  policiesWith: (overrides: Overrides) => Policies,
): { readonly fitting: readonly Act[]; readonly unfit: readonly UnfitAct[] } {
  const scopes = new Set(routes.flatMap(({ rules }) => rules.map(({ scope }) => scope)))
  const unfit: UnfitAct[] = []
  const known = acts.filter((act) => {
    const isKnown = act.act === 'block' || act.target === undefined || scopes.has(act.target.scope)
    if (!isKnown) unfit.push({ act, reason: 'the configuration has no such rule' })
    return isKnown
  })
  // Halves find a few unfit acts among many in few attempts.
  const accepted = (some: readonly Act[]): readonly Act[] => {
    const overrides = overridesOf(some, routes)
    if (overrides.size === 0) return some
    try {
      policiesWith(overrides)
      return some
    } catch (error) {
      const [only, ...more] = some
      if (only !== undefined && more.length === 0) {
        unfit.push({ act: only, reason: (error as Error).message })
        return []
      }
      const middle = some.length >> 1
      return [...accepted(some.slice(0, middle)), ...accepted(some.slice(middle))]
    }
  }
  return { fitting: accepted(known), unfit }
}
