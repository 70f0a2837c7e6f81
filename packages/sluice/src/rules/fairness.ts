import { andThen } from '../maybe-promise.js'
import { OptionTypeError, relocate } from '../option-error.js'
import { compileKey, defaultKey, type KeyFor, type KeySources, type KeySpec } from './key-spec.js'
import type { ConcurrencyRule } from './rule.js'
import { conditionOf } from './rule-condition.js'
import { checkFactor } from './scale.js'

/** How a rule is fair between tenants. */
export interface Fairness<Request> {
  readonly tenantFor: KeyFor<Request>
  /** Weights by tier. Other clients have a weight of 1. */
  readonly weights: ReadonlyMap<string, number>
}

export const FAIR_OPTIONS = ['fair', 'weights'] as const

/**
 * Compiles the options of a fair rule. Undefined if its requests are served first come, first served.
 *
 * @throws OptionError that names the invalid option.
 */
export function fairnessOf<Request>(
  rule: ConcurrencyRule<Request>,
  sources: KeySources<Request> | undefined,
  hasClients: boolean,
): Fairness<Request> | undefined {
  const { fair, weights = {}, wait } = rule
  if (fair === undefined) {
    const [option] = FAIR_OPTIONS.filter((option) => rule[option] !== undefined)
    if (option === undefined) return undefined
    throw new OptionTypeError([option], `'${option}' requires 'fair', such as fair: 'client'`)
  }
  if (wait === undefined)
    throw new OptionTypeError(
      ['fair'],
      "'fair' requires 'wait', such as wait: '10s': only requests that wait can be served in fair shares",
    )
  if (weights === null || typeof weights !== 'object')
    throw new OptionTypeError(['weights'], "'weights' must be an object such as { free: 1, premium: 4 }")
  return {
    tenantFor: relocate(
      () => tenantOf(fair, sources, hasClients),
      (path) => ['fair', ...path],
    ),
    weights: new Map(
      Object.entries(weights).map(([tier, weight]) => [
        tier,
        checkFactor(weight, `the weight of the tier '${tier}'`, ['weights', tier]),
      ]),
    ),
  }
}

/** Clients without the labels that tenants are known by are tenants of their own. */
function tenantOf<Request>(
  fair: KeySpec<Request>,
  sources: KeySources<Request> | undefined,
  hasClients: boolean,
): KeyFor<Request> {
  const keyFor = compileKey(fair, sources, hasClients)
  const hasLabels = conditionOf<Request>({}, fair)
  if (hasLabels === undefined) return keyFor
  const clientFor = compileKey(defaultKey(sources, hasClients), sources, hasClients)
  return (request, client) =>
    andThen(hasLabels(request, client), (has) => (has ? keyFor : clientFor)(request, client))
}
