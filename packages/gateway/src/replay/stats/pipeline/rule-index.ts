import type { Limit, Quota } from 'sluice'
import { type GatewayConfig, policiesOf } from '../../../policy/config/config.js'
import type { ToldRule } from '../stats-events.js'

/** What is said in place of a route of a rule that several share. */
const ALL_ROUTES = '(all routes)'

/** A rule that was told. */
interface PlacedRule {
  readonly place: number
  readonly name: string
  /** That was told last. */
  limit: Limit
}

/** The places of rules, in the order in which they were first met. Rules are known by their names within a route; shared ones in all of them. */
export class RuleIndex {
  #count = 0
  readonly #byRoute = new Map<string, PlacedRule[]>()
  readonly #shared = new Map<string, PlacedRule>()
  readonly #sharedNames: ReadonlySet<string>

  /** @param tell is told of each, once */
  constructor(
    config: Pick<GatewayConfig, 'routes' | 'fallback'>,
    private readonly tell: (rule: ToldRule) => void,
  ) {
    this.#sharedNames = sharedNames(config)
  }

  of(route: string, quota: Quota): PlacedRule {
    let rules = this.#byRoute.get(route)
    if (rules === undefined) {
      rules = []
      this.#byRoute.set(route, rules)
    }
    for (const rule of rules) if (rule.name === quota.rule) return rule
    const rule = this.#sharedOr(route, quota)
    rules.push(rule)
    return rule
  }

  #sharedOr(route: string, { rule: name, limit, resource, enforced }: Quota): PlacedRule {
    const isShared = this.#sharedNames.has(name.replace(/-\d+$/, '')) || this.#sharedNames.has(name)
    const known = isShared ? this.#shared.get(name) : undefined
    if (known !== undefined) return known
    const rule = { place: this.#count++, name, limit }
    if (isShared) this.#shared.set(name, rule)
    this.tell({ route: isShared ? ALL_ROUTES : route, name, limit, resource, enforced })
    return rule
  }
}

function sharedNames(config: Pick<GatewayConfig, 'routes' | 'fallback'>): Set<string> {
  const shared = policiesOf(config).flatMap(({ rules }) => rules.filter((rule) => rule.shared === true))
  return new Set(shared.flatMap(({ name }) => name ?? []))
}
