import { andThen, type MaybePromise, toMaybePromise } from '../maybe-promise.js'
import { OptionTypeError, relocate } from '../option-error.js'
import type { Client } from './client.js'
import { compileKey, defaultKey, type KeyFor, type KeySources, type KeySpec } from './key-spec.js'
import type { ConcurrencyRule, PredictedWork, RateRule } from './rule.js'
import { type AppliesTo, conditionOf } from './rule-condition.js'
import { checkFactor } from './scale.js'
import { checkWork, DEFAULT_COUNTS, type Work } from './work.js'

/** How a rule is fair between tenants. */
export interface Fairness<Request> {
  readonly tenantFor: KeyFor<Request>
  /** Weights by tier. Other clients have a weight of 1. */
  readonly weights: ReadonlyMap<string, number>
  /** Undefined if the cost of the rule is the work. */
  readonly workFor: ((request: Request) => MaybePromise<number | PredictedWork>) | undefined
}

/** The tenant of a request and its predicted work under one rule. */
export interface FairTerms {
  readonly tenant: string
  readonly weight: number
  /** Undefined if the cost of the rule is the input. */
  readonly work: Work | undefined
  readonly counts: Work
}

export const FAIR_OPTIONS = ['fair', 'weights', 'work'] as const

/** @throws OptionTypeError for a rule with a limit over time that has an option of fair lines. */
export function rejectFairness<Request>(rule: RateRule<Request>): void {
  if (rule === null || typeof rule !== 'object') return
  const [option] = FAIR_OPTIONS.filter((option) => option in rule)
  if (option !== undefined)
    throw new OptionTypeError(
      [option],
      `'${option}' requires 'concurrent': only requests that wait for slots are served in fair shares`,
    )
}

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
  const { fair, weights = {}, work, wait } = rule
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
  if (work !== undefined && typeof work !== 'function')
    throw new OptionTypeError(
      ['work'],
      "'work' must be a function, such as (request) => ({ input: 200, output: 100 })",
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
    workFor: work && ((request) => toMaybePromise(work(request))),
  }
}

/** Returns the terms of a request under a fair rule; undefined if the rule does not apply to it. */
export function fairTermsOf<Request>(
  {
    fairness,
    appliesTo,
  }: { readonly fairness: Fairness<Request>; readonly appliesTo: AppliesTo<Request> | undefined },
  request: Request,
  client: Client | undefined,
): MaybePromise<FairTerms | undefined> {
  const { tenantFor, weights, workFor } = fairness
  const weight = (client?.tier === undefined ? undefined : weights.get(client.tier)) ?? 1
  return andThen(appliesTo === undefined || appliesTo(request, client), (applies) => {
    if (!applies) return undefined
    return andThen(tenantFor(request, client), (tenant) =>
      andThen(workFor?.(request), (work) => {
        if (work === undefined) return { tenant, weight, work, counts: DEFAULT_COUNTS }
        const {
          input = 0,
          output = 0,
          counts = DEFAULT_COUNTS,
        } = typeof work === 'number' ? { input: work } : work
        checkWork({ input, output })
        checkWork(counts)
        return { tenant, weight, work: { input, output }, counts }
      }),
    )
  })
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
