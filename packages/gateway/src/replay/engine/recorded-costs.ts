import { type Limit, RequestError, type Rule } from 'sluice'
import type { GatewayConfig, PolicyConfig } from '../../config/config.js'
import type { GatewayRequest } from '../../policy/gateway-request.js'
import { ReplayedRequest } from './replayed-request.js'

type CostFor = (request: GatewayRequest, limit: Limit) => number

/**
 * The policies of a configuration for requests that were recorded: where a cost cannot be worked out from what is recorded, as
 * one that is read from the body, the recorded cost counts in its place.
 */
export function withRecordedCosts<C extends Pick<GatewayConfig, 'routes' | 'fallback'>>(config: C): C {
  const adapted = <P extends PolicyConfig>(policy: P): P => ({ ...policy, rules: policy.rules.map(adapt) })
  const { routes, fallback } = config
  return {
    ...config,
    routes: routes.map(adapted),
    fallback: fallback === 'deny' ? fallback : adapted(fallback),
  }
}

function adapt(rule: Rule<GatewayRequest>): Rule<GatewayRequest> {
  const { cost, name } = rule
  return typeof cost === 'function' ? { ...rule, cost: recordedOr(cost, name) } : rule
}

function recordedOr(cost: CostFor, name: string | undefined): CostFor {
  const workOut = (request: GatewayRequest, limit: Limit) => {
    const recorded = recordedCost(request, name)
    try {
      return cost(request, limit)
    } catch (error) {
      if (!(error instanceof RequestError)) throw error
      if (recorded !== undefined) return recorded
      throw new RequestError(`${error.message}; no cost was recorded (--columns cost=NAME)`)
    }
  }
  // What the expression says of itself goes on to be said.
  return Object.assign(workOut, cost)
}

function recordedCost(request: GatewayRequest, name: string | undefined): number | undefined {
  if (!(request instanceof ReplayedRequest)) return undefined
  const { cost, costs } = request.recorded
  const own =
    name !== undefined && costs !== undefined && Object.hasOwn(costs, name) ? costs[name] : undefined
  return own ?? cost
}
