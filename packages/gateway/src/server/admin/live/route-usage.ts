import { isDeepStrictEqual } from 'node:util'
import type { Quota } from 'sluice'
import type { RoutePolicy, RouteRule } from '../../../policy/policies.js'
import { RuleUsage } from './rule-usage.js'

/** Keys that are remembered of all rules together; of one rule at least so many. */
const MAX_SEEN = 20_000
const MIN_SEEN = 16

/** A rule of a route, and what was seen of it. */
export interface WatchedRule extends RouteRule {
  readonly route: string
  readonly watch: RuleUsage
}

/** The rules of all routes, watched. */
export class RouteUsage {
  #routes: ReadonlyMap<string, ReadonlyMap<string, WatchedRule>> = new Map()

  /** These are the rules from now on. What was seen of those that were there before is kept. */
  keep(policies: readonly RoutePolicy[]): void {
    const count = policies.reduce((sum, { rules }) => sum + rules.length, 0)
    const most = Math.max(MIN_SEEN, Math.floor(MAX_SEEN / Math.max(1, count)))
    // By scope, as the state is kept: a name may be another rule's after a reload.
    const before = new Map(this.all.map((rule) => [`${rule.route}\n${rule.scope}`, rule]))
    const watched = (route: string, rule: RouteRule): WatchedRule => {
      const known = before.get(`${route}\n${rule.scope}`)
      const watch = known?.watch ?? new RuleUsage()
      watch.remember(most)
      if (known !== undefined && !isDeepStrictEqual(known.limit, rule.limit))
        watch.limitChanged(known.limit, rule.limit)
      return { ...rule, route, watch }
    }
    this.#routes = new Map(
      policies.map(({ route, rules }) => [
        route,
        new Map(rules.map((rule) => [rule.name, watched(route, rule)])),
      ]),
    )
  }

  /** @param now in milliseconds of a clock that is never set back */
  see(route: string, quotas: readonly Quota[], now: number): void {
    const rules = this.#routes.get(route)
    for (const quota of quotas) rules?.get(quota.rule)?.watch.see(quota, now)
  }

  get all(): readonly WatchedRule[] {
    return [...this.#routes.values()].flatMap((rules) => [...rules.values()])
  }

  /** Undefined where there is no such route. */
  of(route: string): readonly WatchedRule[] | undefined {
    const rules = this.#routes.get(route)
    return rules && [...rules.values()]
  }

  get routes(): readonly string[] {
    return [...this.#routes.keys()]
  }
}
