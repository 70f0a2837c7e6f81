import type { RouteStatus, RuleStatus } from '../../../src/server/admin/api/gateway-status.js'

/** A rule with the route that names it in an act. */
export interface ListedRule {
  readonly route: string
  readonly rule: RuleStatus
}

export type RuleOrder = 'fullest' | 'file'

/** All rules in the order of the file. One that all routes share stands once. */
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

/** Those that a text occurs in: in the route, the rule, the limit, or one of the nearest clients. */
export function filterRules(rules: readonly ListedRule[], text: string): ListedRule[] {
  const wanted = text.trim().toLowerCase()
  if (wanted === '') return [...rules]
  return rules.filter(({ route, rule }) =>
    [route, rule.rule, rule.limit, rule.resource, ...rule.fullness.map(({ key }) => key)].some((each) =>
      each.toLowerCase().includes(wanted),
    ),
  )
}

export function sortRules(rules: readonly ListedRule[], order: RuleOrder): ListedRule[] {
  if (order === 'file') return [...rules]
  return [...rules].sort((a, b) => step(b.rule) - step(a.rule))
}

/** In the order of these names; those that are not among them come last. */
export function sortByIds(rules: readonly ListedRule[], names: readonly string[]): ListedRule[] {
  const places = new Map(names.map((name, place) => [name, place]))
  const place = (rule: ListedRule) => places.get(nameOf(rule)) ?? places.size
  return [...rules].sort((a, b) => place(a) - place(b))
}

/** One for each rule. */
export function nameOf({ route, rule }: ListedRule): string {
  return JSON.stringify([route, rule.rule])
}

/** How full the fullest client of a rule is, 0 where nobody has used it. */
export function fullnessOf({ fullness }: RuleStatus): number {
  return fullness[0]?.used ?? 0
}

/** In twentieths, so that rules do not change places with every request. */
function step(rule: RuleStatus): number {
  return Math.floor(fullnessOf(rule) * 20)
}
