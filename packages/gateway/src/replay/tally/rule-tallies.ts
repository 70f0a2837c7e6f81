import type { Quota } from 'sluice'
import type { GatewayConfig } from '../../config/config.js'
import { Entries } from '../memory/entries.js'
import { RuleTally } from './rule-tally.js'

/** What is said in place of a route of a rule that several share. */
const ALL_ROUTES = '(all routes)'

/** What each rule did, in the order in which they were first met. Rules are known by their names within a route; shared ones in all of them. */
export class RuleTallies {
  readonly all: RuleTally[] = []
  readonly #byRoute = new Map<string, RuleTally[]>()
  readonly #shared = new Map<string, RuleTally>()
  readonly #sharedNames: ReadonlySet<string>
  readonly #entries = new Entries()

  constructor(config: Pick<GatewayConfig, 'routes' | 'fallback'>) {
    this.#sharedNames = sharedNames(config)
  }

  of(route: string, quota: Quota): RuleTally {
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

  #sharedOr(route: string, quota: Quota): RuleTally {
    const { rule: name } = quota
    const isShared = this.#sharedNames.has(name.replace(/-\d+$/, '')) || this.#sharedNames.has(name)
    const known = isShared ? this.#shared.get(name) : undefined
    if (known !== undefined) return known
    const place = this.all.length
    const rule = new RuleTally(place, isShared ? ALL_ROUTES : route, name, quota, this.#entries)
    this.all.push(rule)
    if (isShared) this.#shared.set(name, rule)
    return rule
  }
}

function sharedNames({ routes, fallback }: Pick<GatewayConfig, 'routes' | 'fallback'>): Set<string> {
  const policies = fallback === 'deny' ? routes : [...routes, fallback]
  const shared = policies.flatMap(({ rules }) => rules.filter((rule) => rule.shared === true))
  return new Set(shared.flatMap(({ name }) => name ?? []))
}
