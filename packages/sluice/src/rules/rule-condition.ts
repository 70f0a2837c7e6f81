import { andThen, type MaybePromise, toMaybePromise } from '../maybe-promise.js'
import { OptionTypeError } from '../option-error.js'
import type { Client } from './client.js'
import { type KeySpec, labelsIn } from './key-spec.js'
import { labelOf } from './labels.js'
import type { Rule } from './rule.js'

/** Reports whether a rule applies to a request. Adjacent rules that share it call it once. */
export type AppliesTo<Request> = (request: Request, client: Client | undefined) => MaybePromise<boolean>

/**
 * Returns the condition of a rule: the client has the labels that the rule counts by, and `when`
 * holds. Undefined if the rule applies to every request.
 *
 * @throws TypeError if `when` is not a function
 */
export function conditionOf<Request>(
  { when }: Pick<Rule<Request>, 'when'>,
  by: KeySpec<Request>,
): AppliesTo<Request> | undefined {
  if (when !== undefined && typeof when !== 'function')
    throw new OptionTypeError(
      ['when'],
      "'when' must be a function that returns true or false, such as (request) => request.method === 'POST'",
    )
  const labels = labelsIn(by)
  const holds: AppliesTo<Request> | undefined =
    when && ((request, client) => andThen(toMaybePromise(when(request, client)), checkResult))
  if (labels.length === 0) return holds
  const [label] = labels
  const hasLabels: (client: Client | undefined) => boolean =
    label !== undefined && labels.length === 1
      ? (client) => labelOf(client, label) !== undefined
      : (client) => labels.every((name) => labelOf(client, name) !== undefined)
  if (holds === undefined) return (_, client) => hasLabels(client)
  return (request, client) => hasLabels(client) && holds(request, client)
}

function checkResult(result: unknown): boolean {
  if (typeof result === 'boolean') return result
  throw new TypeError(`'when' must return true or false, not ${result === null ? 'null' : typeof result}`)
}

/** Reports whether a rule applies to a request. */
export function isApplicable<Request>(
  { appliesTo }: { readonly appliesTo: AppliesTo<Request> | undefined },
  request: Request,
  client: Client | undefined,
): MaybePromise<boolean> {
  return appliesTo === undefined || appliesTo(request, client)
}

/** The parts of a rule that determine the limit of a request. */
interface Conditional<Request, Limit> {
  readonly appliesTo: AppliesTo<Request> | undefined
  readonly limitFor: (request: Request, client: Client | undefined) => MaybePromise<Limit | undefined>
}

/**
 * Returns the limit of a rule for a request; undefined if the rule does not apply to it, or the client
 * is unlimited.
 */
export function applicableLimit<Request, Limit>(
  rule: Conditional<Request, Limit>,
  request: Request,
  client: Client | undefined,
): MaybePromise<Limit | undefined> {
  return andThen(isApplicable(rule, request, client), (applies) =>
    applies ? rule.limitFor(request, client) : undefined,
  )
}
