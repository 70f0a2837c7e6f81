import type { Limit, Rule } from 'sluice'
import { costIn } from '../../llm/call-cost.js'
import type { LlmRouteOptions } from '../../llm/llm-call.js'
import { isTokenResource, type TokenResource } from '../../llm/reservation.js'
import { isWorkUnit, workIn } from '../../llm/work.js'
import type { GatewayRequest } from '../../policy-request.js'
import type { Problems } from '../yaml/diagnostics.js'
import type { LocatedRule } from './limit-entry.js'

/** Reports whether the cost of a rule is read from the model call. */
export function readsCall({ cost }: Rule<never>): boolean {
  return typeof cost === 'function' && 'readsCall' in cost
}

/**
 * Gives each rule that counts tokens a cost: the amount that `llm` reserves for a call. A rule
 * without a cost that counts units of work gets those of the call.
 */
export function withTokenCosts(
  limits: readonly LocatedRule[],
  llm: LlmRouteOptions | undefined,
  problems: Problems,
): readonly Rule<GatewayRequest>[] {
  return limits.map(({ rule, node }) => {
    const resource = tokensOf(rule)
    if (resource === undefined) return withWorkCost(rule, llm)
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
      cost: Object.assign(
        ({ call }: GatewayRequest, limit: Limit) => costIn(resource, call, limit),
        FROM_CALL,
      ),
    }
  })
}

/** Marks a cost that is read from the model call. */
const FROM_CALL = { source: 'estimated from the call', readsCall: true } as const

/** A shape that is known and does not count the unit leaves the cost at 1 per request. */
function withWorkCost(rule: Rule<GatewayRequest>, llm: LlmRouteOptions | undefined): Rule<GatewayRequest> {
  const unit = 'of' in rule ? rule.of : undefined
  if (llm === undefined || rule.cost !== undefined || !isWorkUnit(unit)) return rule
  if (typeof llm.shape === 'object' && llm.shape.counts?.includes(unit) !== true) return rule
  const cost = ({ call }: GatewayRequest) => workIn(unit, call.parameters)
  return { ...rule, cost: Object.assign(cost, FROM_CALL) }
}

/** Returns the token resource that a rule counts; undefined if it counts something else. */
export function tokensOf(rule: Rule<never>): TokenResource | undefined {
  const resource = 'of' in rule ? rule.of : undefined
  return isTokenResource(resource) ? resource : undefined
}
