import type { Limit, Rule } from 'sluice'
import type { LlmOptions } from '../../llm/llm-call.js'
import { costIn, isTokenResource, type TokenResource } from '../../llm/reservation.js'
import type { GatewayRequest } from '../../policy-request.js'
import type { Problems } from '../yaml/diagnostics.js'
import type { ReadRule } from './limit-entry.js'

/** Limits of what only a call of a model has: tokens. */

/** Whether one of the rules counts tokens. */
export function countsTokens(rules: readonly Rule<GatewayRequest>[]): boolean {
  return rules.some((rule) => tokensOf(rule) !== undefined)
}

/** The rules, those of tokens with the cost that is read from the request. */
export function withTokenCosts(
  limits: readonly ReadRule[],
  llm: LlmOptions | undefined,
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
          `what a request takes of '${resource}' is not known; give the route 'llm', or the limit a 'cost'`,
        )
      return rule
    }
    if (rule.cost !== undefined)
      problems.at(
        at('cost'),
        `on a route with 'llm' the cost in '${resource}' is read from the request; remove this one`,
      )
    return {
      ...rule,
      cost: Object.assign(
        ({ call }: GatewayRequest, limit: Limit) => costIn(resource, call.reservation, limit),
        { source: 'reserved from the call' },
      ),
    }
  })
}

/** What a rule counts, where that is tokens. */
export function tokensOf(rule: Rule<GatewayRequest>): TokenResource | undefined {
  const resource = 'of' in rule ? rule.of : undefined
  return isTokenResource(resource) ? resource : undefined
}
