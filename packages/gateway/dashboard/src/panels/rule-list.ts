import type { RouteStatus, RuleStatus } from '../../../src/server/admin/api/gateway-status.js'

/** A rule with the route that identifies it in an action. */
export interface ListedRule {
  readonly route: string
  readonly rule: RuleStatus
}

export type RuleOrder = 'fullest' | 'file'

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
      .map((rule) => ({ route, rule })),
  )
}

/** Returns the rules whose route, name, limit, resource or fullest clients contain the query. */
export function filterRules(rules: readonly ListedRule[], query: string): ListedRule[] {
  const wanted = query.trim().toLowerCase()
  if (wanted === '') return [...rules]
  return rules.filter(({ route, rule }) =>
    [route, rule.rule, rule.limit, rule.resource, ...rule.fullness.map(({ key }) => key)].some((each) =>
      each.toLowerCase().includes(wanted),
    ),
  )
}

/** Sorts rules by usage, or leaves them in file order. */
export function sortRules(rules: readonly ListedRule[], order: RuleOrder): ListedRule[] {
  if (order === 'file') return [...rules]
  return [...rules].sort((a, b) => usageStep(b.rule) - usageStep(a.rule))
}

/** Sorts rules in the order of the ids; others come last. */
export function sortByIds(rules: readonly ListedRule[], ids: readonly string[]): ListedRule[] {
  const places = new Map(ids.map((id, index) => [id, index]))
  const place = (rule: ListedRule) => places.get(ruleId(rule)) ?? places.size
  return [...rules].sort((a, b) => place(a) - place(b))
}

/** Returns a unique id of a rule. */
export function ruleId({ route, rule }: ListedRule): string {
  return JSON.stringify([route, rule.rule])
}

/** Returns the usage of the fullest client, or 0. */
export function fullnessOf({ fullness }: RuleStatus): number {
  return fullness[0]?.used ?? 0
}

/** Rounds usage to 5 % steps, so that rules do not move with every request. */
function usageStep(rule: RuleStatus): number {
  return Math.floor(fullnessOf(rule) * 20)
}
