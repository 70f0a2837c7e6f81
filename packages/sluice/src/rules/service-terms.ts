import { andThen, type MaybePromise, toMaybePromise } from '../maybe-promise.js'
import { OptionTypeError } from '../option-error.js'
import type { WindowOptions } from '../overload/hand-over-window.js'
import type { Classes } from './classes.js'
import type { Client } from './client.js'
import type { Fairness } from './fairness.js'
import type { ConcurrencyRule, PredictedWork } from './rule.js'
import type { AppliesTo } from './rule-condition.js'
import { checkWork, DEFAULT_COUNTS, type Work } from './work.js'

/** A rule whose line knows the work of its requests. */
export interface ServedRule<Request> {
  readonly appliesTo: AppliesTo<Request> | undefined
  readonly fairness: Fairness<Request> | undefined
  readonly window: WindowOptions | undefined
  readonly classes: Classes<Request> | undefined
  /** Undefined if the cost of the rule is the work. */
  readonly workFor: WorkFor<Request> | undefined
}

export type WorkFor<Request> = (request: Request) => MaybePromise<number | PredictedWork>

/** What a line knows of a request under one rule. */
export interface ServiceTerms {
  /** Undefined if the rule is not fair. */
  readonly tenancy: { readonly tenant: string; readonly weight: number } | undefined
  /** Undefined if the cost of the rule is the input. */
  readonly work: Work | undefined
  readonly counts: Work
  /** The index of its class; undefined if the rule has none. */
  readonly classIndex: number | undefined
  /** False if the response comes as a whole, so that its beginning is not seen. */
  readonly isStream: boolean
}

/**
 * Reads the option `work`.
 *
 * @throws OptionTypeError
 */
export function workOf<Request>(
  { work, fair }: ConcurrencyRule<Request>,
  hasWindow: boolean,
): WorkFor<Request> | undefined {
  if (work === undefined) return undefined
  if (fair === undefined && !hasWindow)
    throw new OptionTypeError(
      ['work'],
      "'work' requires 'fair', such as fair: 'client', or concurrent: 'auto'",
    )
  if (typeof work !== 'function')
    throw new OptionTypeError(
      ['work'],
      "'work' must be a function, such as (request) => ({ input: 200, output: 100 })",
    )
  return (request) => toMaybePromise(work(request))
}

/** Returns the terms of a request under a rule; undefined if the rule does not apply to it. */
export function serviceTermsOf<Request>(
  { appliesTo, fairness, workFor, classes }: ServedRule<Request>,
  request: Request,
  client: Client | undefined,
): MaybePromise<ServiceTerms | undefined> {
  return andThen(appliesTo === undefined || appliesTo(request, client), (applies) => {
    if (!applies) return undefined
    return andThen(fairness?.tenantFor(request, client), (tenant) =>
      andThen(classes?.classFor(request, client), (classIndex) =>
        andThen(workFor?.(request), (predicted) => {
          const tenancy =
            fairness && tenant !== undefined ? { tenant, weight: weightOf(fairness, client) } : undefined
          return { tenancy, classIndex, ...readWork(predicted) }
        }),
      ),
    )
  })
}

/** Reports whether the line of a rule knows the work, the tenant or the class of requests. */
export function isServed({
  fairness,
  window,
  classes,
}: Omit<ServedRule<never>, 'appliesTo' | 'workFor'>): boolean {
  return [fairness, window, classes].some((each) => each !== undefined)
}

function weightOf<Request>({ weights }: Fairness<Request>, client: Client | undefined): number {
  return (client?.tier === undefined ? undefined : weights.get(client.tier)) ?? 1
}

function readWork(
  predicted: number | PredictedWork | undefined,
): Pick<ServiceTerms, 'work' | 'counts' | 'isStream'> {
  const stated = typeof predicted === 'number' ? { input: predicted } : (predicted ?? {})
  const { input, output, counts = DEFAULT_COUNTS, isStream = true } = stated as PredictedWork
  checkWork(counts)
  if (input === undefined && output === undefined) return { work: undefined, counts, isStream }
  const work = { input: input ?? 0, output: output ?? 0 }
  checkWork(work)
  return { work, counts, isStream }
}
