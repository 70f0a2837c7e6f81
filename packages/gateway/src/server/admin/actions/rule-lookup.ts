import type { RuleTarget } from '../../../policy/acts/act.js'
import { countsByClient } from '../../../policy/client-limits.js'
import type { WatchedRule } from '../live/route-usage.js'
import type { RuleView } from '../live/rule-view.js'
import { AdminActionError } from './action.js'

type Rules = Pick<RuleView, 'rules' | 'rulesOf'>

/** Finds the rule of a route. @throws AdminActionError if there is none */
export function findRule(view: Rules, route: string, name: string): WatchedRule {
  const rules = view.rulesOf(route)
  if (rules === undefined) throw unknownRoute(route)
  const rule = rules.find((each) => each.name === name)
  if (rule !== undefined) return rule
  const names = rules.map((each) => each.name).join(', ') || 'none'
  throw new AdminActionError(`route '${route}' has no rule '${name}'; its rules are: ${names}`, 404)
}

/** Lists the rules that an action names: one, those of a route, or all. */
export function findRules(
  view: Rules,
  route: string | undefined,
  name: string | undefined,
): readonly WatchedRule[] {
  if (route !== undefined && name !== undefined) return [findRule(view, route, name)]
  const rules = route === undefined ? view.rules : view.rulesOf(route)
  if (rules === undefined) throw unknownRoute(route ?? '')
  const matching = rules.filter((rule) => name === undefined || rule.name === name)
  if (matching.length === 0 && name !== undefined)
    throw new AdminActionError(`no route has a rule '${name}'`, 404)
  return matching
}

/**
 * Finds the rule under which a client has a limit of its own.
 *
 * @throws AdminActionError if there is none, if several routes have one, or if the rule does not
 *   count by client
 */
export function findClientRule(view: Rules, route: string | undefined, name: string): WatchedRule {
  const [rule, ...others] = findRules(view, route, name) as [WatchedRule, ...WatchedRule[]]
  if (others.some(({ scope }) => scope !== rule.scope))
    throw new AdminActionError(`several routes have a rule '${name}'; name the route in 'route'`)
  if (countsByClient(rule)) return rule
  throw new AdminActionError(
    `rule '${name}' counts by ${rule.keyedBy}, so no client has a limit of its own under it; choose a rule that counts by client`,
  )
}

export function targetOf({ route, name, scope }: WatchedRule): RuleTarget {
  return { route, rule: name, scope }
}

function unknownRoute(route: string): AdminActionError {
  return new AdminActionError(`there is no route '${route}'`, 404)
}

/**
 * Parses a concurrency limit as a number. Accepts the dashboard's format, such as `8 concurrent`,
 * as well.
 */
export function parseLimit(limit: string, { resource }: WatchedRule): string | number {
  if (resource !== 'concurrent') return limit
  const [, digits] = /^\s*(\d+)(?: concurrent)?\s*$/.exec(limit) ?? []
  if (digits === undefined)
    throw new AdminActionError(`a limit on concurrent requests must be a number such as 8, not '${limit}'`)
  return Number(digits)
}
