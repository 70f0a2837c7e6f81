import { isDeepStrictEqual } from 'node:util'
import type { Quota } from 'sluice'
import type { RoutePolicy, RouteRule } from '../../../policy/policy.js'
import { keyOfClient } from './key-labels.js'
import { RuleUsage } from './rule-usage.js'

/** Maximum number of recent keys across all rules, and the minimum per rule. */
const MAX_KEYS = 20_000
const MIN_KEYS_PER_RULE = 16

/** A rule of a route, and its usage. */
export interface WatchedRule extends RouteRule {
  readonly route: string
  readonly usage: RuleUsage
}

/** Returns the keys of the clients whose override differs. */
function changedClients(
  before: WatchedRule['clientOverrides'] = {},
  after: WatchedRule['clientOverrides'] = {},
): ReadonlySet<string> {
  const [old, current] = [new Map(Object.entries(before)), new Map(Object.entries(after))]
  const ids = [...new Set([...old.keys(), ...current.keys()])]
  return new Set(ids.filter((id) => !isDeepStrictEqual(old.get(id), current.get(id))).map(keyOfClient))
}

/** The usage of the rules of all routes. */
export class RouteUsage {
  #routes: ReadonlyMap<string, ReadonlyMap<string, WatchedRule>> = new Map()

  /** Replaces the rules. Rules that already existed keep their usage. */
  setPolicies(policies: readonly RoutePolicy[]): void {
    const count = policies.reduce((sum, { rules }) => sum + rules.length, 0)
    const capacity = Math.max(MIN_KEYS_PER_RULE, Math.floor(MAX_KEYS / Math.max(1, count)))
    // Rules are matched by scope, as in the store: after a reload, a name can belong to another
    // rule.
    const previous = new Map(this.all.map((rule) => [`${rule.route}\n${rule.scope}`, rule]))
    const watched = (route: string, rule: RouteRule): WatchedRule => {
      const known = previous.get(`${route}\n${rule.scope}`)
      const usage = known?.usage ?? new RuleUsage()
      usage.setCapacity(capacity)
      if (known !== undefined && !isDeepStrictEqual(known.limit, rule.limit))
        usage.onLimitChange(known.limit, rule.limit)
      if (known !== undefined) usage.forget(changedClients(known.clientOverrides, rule.clientOverrides))
      return { ...rule, route, usage }
    }
    this.#routes = new Map(
      policies.map(({ route, rules }) => [
        route,
        new Map(rules.map((rule) => [rule.name, watched(route, rule)])),
      ]),
    )
  }

  /** @param now milliseconds of a monotonic clock */
  record(route: string, quotas: readonly Quota[], now: number): void {
    const rules = this.#routes.get(route)
    for (const quota of quotas) rules?.get(quota.rule)?.usage.record(quota, now)
  }

  get all(): readonly WatchedRule[] {
    return [...this.#routes.values()].flatMap((rules) => [...rules.values()])
  }

  /** Returns the rules of a route; undefined for an unknown route. */
  of(route: string): readonly WatchedRule[] | undefined {
    const rules = this.#routes.get(route)
    return rules && [...rules.values()]
  }

  get routes(): readonly string[] {
    return [...this.#routes.keys()]
  }
}
