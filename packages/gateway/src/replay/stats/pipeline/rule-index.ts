import type { Limit, LimiterRule, Quota } from 'sluice'
import { type GatewayConfig, policiesOf } from '../../../policy/config/config.js'
import { limiterRulesOf } from '../../../policy/config/limits/limit-entry.js'
import { routesOfSharedRules } from '../../../policy/config/shared-rules.js'
import type { RuleEvent } from '../stats-events.js'

/** A rule with its number. */
interface NumberedRule {
  readonly number: number
  readonly name: string
  /** The most recently encoded limit. */
  limit: Limit
}

/**
 * Assigns numbers to rules in the order of their first decisions. A rule is identified by its route
 * and name; a shared rule is a single rule for its routes.
 */
export class RuleIndex {
  #count = 0
  readonly #byRoute = new Map<string, NumberedRule[]>()
  readonly #shared = new Map<string, NumberedRule>()
  /** The rules of the configuration, by route and name. */
  readonly #configured: ReadonlyMap<string, ReadonlyMap<string, LimiterRule>>
  readonly #sharing: ReturnType<typeof routesOfSharedRules>

  /** @param onNew receives each rule once */
  constructor(
    config: Pick<GatewayConfig, 'routes' | 'fallback'>,
    private readonly onNew: (rule: RuleEvent) => void,
  ) {
    this.#sharing = routesOfSharedRules(config)
    this.#configured = new Map(
      policiesOf(config).map(({ name: route, rules }) => [
        route,
        new Map(limiterRulesOf(rules).map((rule) => [rule.name, rule])),
      ]),
    )
  }

  of(route: string, quota: Quota): NumberedRule {
    let rules = this.#byRoute.get(route)
    if (rules === undefined) {
      rules = []
      this.#byRoute.set(route, rules)
    }
    for (const rule of rules) if (rule.name === quota.rule) return rule
    const rule = this.#sharedOrNew(route, quota)
    rules.push(rule)
    return rule
  }

  #sharedOrNew(route: string, { rule: name, limit, resource, enforced }: Quota): NumberedRule {
    const configured = this.#configured.get(route)?.get(name)
    const scope = configured?.shared ? configured.scope : undefined
    const known = scope === undefined ? undefined : this.#shared.get(scope)
    if (known !== undefined) return known
    const rule = { number: this.#count++, name, limit }
    if (scope !== undefined) this.#shared.set(scope, rule)
    const penalized = configured?.penalty !== undefined
    this.onNew({
      route: scope === undefined ? route : `(${this.#sharing.get(scope)})`,
      name,
      limit,
      resource,
      enforced,
      penalized,
    })
    return rule
  }
}
