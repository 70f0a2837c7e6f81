import type { RouteStatus, RuleStatus } from '../../../src/server/admin/api/gateway-status.js'

/** A rule with the route that identifies it in an action. */
export interface ListedRule {
  readonly route: string
  /** The route to show: `all routes` or `several routes` for a shared rule. */
  readonly shownRoute: string
  readonly rule: RuleStatus
}

export type RuleOrder = 'usage' | 'file'

/** Returns all rules in file order. A shared rule appears once. */
export function listRules(routes: readonly RouteStatus[]): ListedRule[] {
  const shared = new Set<string>()
  return routes.flatMap(({ route, rules }) =>
    rules
      .filter((rule) => {
        if (!rule.shared) return true
        const first = !shared.has(rule.rule)
        shared.add(rule.rule)
        return first
      })
      .map((rule) => ({ route, shownRoute: rule.shared ? routesSharing(rule, routes) : route, rule })),
  )
}

function routesSharing({ rule }: RuleStatus, routes: readonly RouteStatus[]): string {
  const isOnAll = routes.every(({ rules }) => rules.some((each) => each.shared && each.rule === rule))
  return isOnAll ? 'all routes' : 'several routes'
}

/** Returns the rules whose route, name, limit, resource or listed clients contain the query. */
export function filterRules(rules: readonly ListedRule[], query: string): ListedRule[] {
  const wanted = query.trim().toLowerCase()
  if (wanted === '') return [...rules]
  return rules.filter(({ route, rule }) =>
    [route, rule.rule, rule.limit, rule.resource, ...rule.fullness.map(({ key }) => key)].some((each) =>
      each.toLowerCase().includes(wanted),
    ),
  )
}

/** Returns the rules sorted by usage, or in file order. */
export function sortRules(rules: readonly ListedRule[], order: RuleOrder): ListedRule[] {
  if (order === 'file') return [...rules]
  return [...rules].sort((a, b) => usageStep(b.rule) - usageStep(a.rule))
}

/** Sorts rules in the order of `ids`. Rules without an id in the list go last. */
export function sortByIds(rules: readonly ListedRule[], ids: readonly string[]): ListedRule[] {
  const positions = new Map(ids.map((id, index) => [id, index]))
  const positionOf = (rule: ListedRule) => positions.get(ruleId(rule)) ?? positions.size
  return [...rules].sort((a, b) => positionOf(a) - positionOf(b))
}

/** Returns a unique id of a rule. */
export function ruleId({ route, rule }: ListedRule): string {
  return JSON.stringify([route, rule.rule])
}

/** Returns the usage of the client nearest to the limit, or 0 if there are no clients. */
export function highestUsage({ fullness }: RuleStatus): number {
  return fullness[0]?.used ?? 0
}

/** Rounds usage down to a 5 % step, so that rules do not move with every request. */
function usageStep(rule: RuleStatus): number {
  return Math.floor(highestUsage(rule) * 20)
}
