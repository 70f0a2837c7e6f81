import type { Limit, Rule } from 'sluice'
import { costIn } from '../../llm/call-cost.js'
import type { LlmRouteOptions } from '../../llm/llm-call.js'
import { isTokenResource, type TokenResource } from '../../llm/reservation.js'
import type { GatewayRequest } from '../../policy-request.js'
import type { Problems } from '../yaml/diagnostics.js'
import type { LocatedRule } from './limit-entry.js'

/** Reports whether one of the rules counts tokens. */
export function countsTokens(rules: readonly Rule<never>[]): boolean {
  return rules.some((rule) => tokensOf(rule) !== undefined)
}

/** Gives each rule that counts tokens a cost: the amount that `llm` reserves for a call. */
export function withTokenCosts(
  limits: readonly LocatedRule[],
  llm: LlmRouteOptions | undefined,
  problems: Problems,
): readonly Rule<GatewayRequest>[] {
  return limits.map(({ rule, node }) => {
    const resource = tokensOf(rule)
    if (resource === undefined) return rule
    const at = (key: string) => (node.kind === 'map' ? (node.entries.get(key)?.value ?? node) : node)
    if (llm === undefined) {
      if (rule.cost === undefined)
        problems.at(
          at('of'),
          `the cost of a request in '${resource}' is unknown; add 'llm' to the route, or 'cost' to the limit`,
        )
      return rule
    }
    if (rule.cost !== undefined)
      problems.at(
        at('cost'),
        `on a route with 'llm', the call determines the cost in '${resource}'; remove 'cost'`,
      )
    return {
      ...rule,
      cost: Object.assign(({ call }: GatewayRequest, limit: Limit) => costIn(resource, call, limit), {
        source: 'estimated from the call',
      }),
    }
  })
}

/** Returns the token resource that a rule counts; undefined if it counts something else. */
export function tokensOf(rule: Rule<never>): TokenResource | undefined {
  const resource = 'of' in rule ? rule.of : undefined
  return isTokenResource(resource) ? resource : undefined
}
