import type { ClientOverride, RuleOverride } from 'sluice'
import type { Act, LimitChange } from './acts/act.js'
import { countsByClient } from './client-limits.js'
import type { Policies } from './policies.js'
import type { RoutePolicy, RouteRule } from './policy.js'
import type { Overrides } from './policy-limiter.js'

/** An act that does not fit the rules of a configuration, and is not in effect under it. */
export interface UnfitAct {
  readonly act: Act
  readonly reason: string
}

type OverrideAct = Extract<Act, { readonly act: 'override' }>

/**
 * Returns the overrides of rules that acts cause. An override of a client for one rule takes
 * precedence over the one for all rules that count by client.
 */
export function overridesOf(acts: readonly Act[], routes: readonly RoutePolicy[]): Overrides {
  const rules = new Map<string, RuleOverride>()
  const clients = new Map<string, Map<string, ClientOverride>>()
  const changeRule = (scope: string, changed: RuleOverride) =>
    rules.set(scope, { ...rules.get(scope), ...changed })
  const changeClient = (scope: string, client: string, limit: ClientOverride) => {
    const changed = clients.get(scope) ?? new Map<string, ClientOverride>()
    clients.set(scope, changed.set(client, limit))
  }
  const byClient = routes.flatMap(({ rules }) => rules).filter(countsByClient)
  for (const act of acts) {
    if (act.act === 'shadow') changeRule(act.target.scope, { enforce: !act.shadow })
    else if (act.act === 'limit') changeRule(act.target.scope, { limit: act.limit })
    else if (act.act === 'override' && act.target === undefined)
      for (const { scope } of byClient) changeClient(scope, act.client, clientOverride(act))
  }
  for (const act of acts)
    if (act.act === 'override' && act.target !== undefined)
      changeClient(act.target.scope, act.client, clientOverride(act))
  for (const [scope, changed] of clients) changeRule(scope, { clients: Object.fromEntries(changed) })
  return rules
}

/** Returns the act that sets the limit of a client under a rule; undefined if there is none. */
export function overrideOf(acts: readonly Act[], client: string, rule: RouteRule): OverrideAct | undefined {
  const own = acts.filter((act) => act.act === 'override' && act.client === client) as readonly OverrideAct[]
  return (
    own.findLast(({ target }) => target?.scope === rule.scope) ??
    (countsByClient(rule) ? own.findLast(({ target }) => target === undefined) : undefined)
  )
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
  const failureOf = (some: readonly Act[]): string | undefined => {
    const overrides = overridesOf(some, routes)
    if (overrides.size === 0) return undefined
    try {
      policiesWith(overrides)
      return undefined
    } catch (error) {
      return (error as Error).message
    }
  }
  // Halves find a few unfit acts among many in few attempts.
  const accepted = (some: readonly Act[]): readonly Act[] => {
    const failure = failureOf(some)
    if (failure === undefined) return some
    const [only, ...more] = some
    if (only !== undefined && more.length === 0) {
      unfit.push({ act: only, reason: failure })
      return []
    }
    const middle = some.length >> 1
    const first = accepted(some.slice(0, middle))
    const second = accepted(some.slice(middle))
    if (failureOf([...first, ...second]) === undefined) return [...first, ...second]
    // Acts that fit alone can exceed a limit's maximum together.
    const fitting = [...first]
    for (const act of second) {
      const reason = failureOf([...fitting, act])
      if (reason === undefined) fitting.push(act)
      else unfit.push({ act, reason })
    }
    return fitting
  }
  return { fitting: accepted(known), unfit }
}
