import type { ConcurrencyRule, Limit, PredictedWork, Rule } from 'sluice'
import { isAutomatic } from 'sluice/internal'
import { costIn } from '../../llm/call-cost.js'
import type { LlmRouteOptions } from '../../llm/llm-call.js'
import { isTokenResource, type TokenResource } from '../../llm/reservation.js'
import { isWorkUnit, workIn } from '../../llm/work.js'
import type { GatewayRequest, UpstreamCall } from '../../policy-request.js'
import type { Problems } from '../yaml/diagnostics.js'
import type { LocatedRule } from './limit-entry.js'

/** The API of the calls to a pattern of a route. */
export interface RouteShape {
  readonly shape?: LlmRouteOptions['shape'] | undefined
}

/** Reports whether the cost or the work of a rule is read from the model call. */
export function readsCall(rule: Rule<never>): boolean {
  const work = 'work' in rule ? rule.work : undefined
  return [rule.cost, work].some((each) => typeof each === 'function' && 'readsCall' in each)
}

/**
 * Gives each rule that counts tokens a cost: the amount that `llm` reserves for a call. A rule
 * without a cost that counts units of work gets those of the call, and a fair rule its work in
 * tokens.
 *
 * If one limit of a resource has `reserve: stated`, all of them reserve the maximum, because they
 * grow together.
 *
 * @param others the other patterns of the route, whose calls may belong to other APIs
 */
export function withTokenCosts(
  limits: readonly LocatedRule[],
  llm: LlmRouteOptions | undefined,
  problems: Problems,
  others: readonly RouteShape[] = [],
): readonly Rule<GatewayRequest>[] {
  const stated = new Set(
    limits.flatMap(({ rule, node }) =>
      node.kind === 'map' && node.entries.has('reserve') ? tokensOf(rule) : [],
    ),
  )
  return limits.map(({ rule, node }) => {
    const resource = tokensOf(rule)
    if (resource === undefined)
      return withWorkCost(llm === undefined ? withDocuments(rule) : withTokenWork(rule), [llm, ...others])
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
        ({ call }: GatewayRequest, limit: Limit) => costIn(resource, call, limit, stated.has(resource)),
        FROM_CALL,
      ),
    }
  })
}

/** Marks a cost that is read from the model call. */
export const FROM_CALL = { source: 'estimated from the call', readsCall: true } as const

/** Tells the line of a rule the tokens of calls. */
function withTokenWork(rule: Rule<GatewayRequest>): Rule<GatewayRequest> {
  if (!('concurrent' in rule) || !knowsWork(rule)) return rule
  return { ...rule, work: Object.assign(({ call }: GatewayRequest) => workOfCall(call), FROM_CALL) }
}

/** Tells the hand-over window of a rule that the beginning of responses is not seen. */
function withDocuments(rule: Rule<GatewayRequest>): Rule<GatewayRequest> {
  if (!('concurrent' in rule) || !isAutomatic(rule.concurrent)) return rule
  return { ...rule, work: () => DOCUMENT }
}

/** Reports whether the line of a rule knows the work of requests. */
function knowsWork({ fair, concurrent }: Pick<ConcurrencyRule<never>, 'fair' | 'concurrent'>): boolean {
  return fair !== undefined || isAutomatic(concurrent)
}

/** The work of a request that is not metered as a model call. Its cost is that of the limit. */
const DOCUMENT: PredictedWork = { isStream: false }

/** Returns what the limit of an upstream knows of the work of a request; undefined if it does not matter. */
export function upstreamWork(rule: Rule<never>): ((call: UpstreamCall) => PredictedWork) | undefined {
  if (!('concurrent' in rule) || !knowsWork(rule)) return undefined
  const work = ({ call }: UpstreamCall) => (call === undefined ? DOCUMENT : workOfCall(call))
  return Object.assign(work, FROM_CALL)
}

/** Returns the work that is expected of a model call, in tokens. */
function workOfCall({ parameters, reservation }: UpstreamCall['call'] & object): PredictedWork {
  const { input, output, expected = output } = reservation
  return { input, output: expected, isStream: parameters.stream }
}

/** If no call of the route can have the unit, the cost of a request stays 1. */
function withWorkCost(
  rule: Rule<GatewayRequest>,
  apis: readonly (RouteShape | undefined)[],
): Rule<GatewayRequest> {
  const unit = 'of' in rule ? rule.of : undefined
  if (rule.cost !== undefined || !isWorkUnit(unit)) return rule
  const shapes = apis.flatMap((api) => api?.shape ?? [])
  if (!shapes.some((shape) => typeof shape === 'function' || shape.counts?.includes(unit))) return rule
  const cost = ({ call }: GatewayRequest) => workIn(unit, call.parameters)
  return { ...rule, cost: Object.assign(cost, FROM_CALL) }
}

/** Returns the token resource that a rule counts; undefined if it counts something else. */
export function tokensOf(rule: Rule<never>): TokenResource | undefined {
  const resource = 'of' in rule ? rule.of : undefined
  return isTokenResource(resource) ? resource : undefined
}
