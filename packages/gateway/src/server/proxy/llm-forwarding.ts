import type { Decision, MaybePromise } from 'sluice'
import type { MeteredCall } from '../../policy/llm/metered-call.js'
import type { UnreadReason } from '../../policy/llm/response/response-meter.js'
import { settleCounted } from '../../policy/llm/settle-counted.js'
import { NOTHING } from '../../policy/llm/usage.js'
import type { RecordedRequest } from '../observability/recording/recorder.js'
import { chargedFor, NO_WORK } from './charge-outcome.js'
import type { Sent } from './forward.js'
import type { ForwardResult, Passed } from './forward-result.js'
import type { Field } from './response-headers.js'

/** Settles what was taken for a request once its exchange with the upstream has ended. */
export type Settling = (outcome: ForwardResult, passed: Passed) => MaybePromise<void>

/** How a call of a model is sent, so that it is metered. @param fields of the answer */
export function forwardLlmCall(metered: MeteredCall, fields: readonly Field[]): Sent {
  return {
    responseHeaders: fields,
    // The gateway reads compressed answers only at their end, and can hide nothing in them.
    requestHeaders: [['Accept-Encoding', 'identity']],
    body: metered.body,
    observer: metered.meter,
    filter: (status, rawHeaders) => metered.filter(status, rawHeaders),
  }
}

/** Settles what was taken for a request that is no call of a model: only where the upstream did not work for it. */
export function settlingOf(decision: AllowedDecision): Settling {
  return (outcome, passed) => {
    const charged = chargedFor(outcome, passed)
    if (charged === 'nothing') return decision.permit.cancel()
    if (charged === 'request' && decision.quotas.some(({ resource }) => Object.hasOwn(NO_WORK, resource)))
      return settleCounted(decision.permit, NO_WORK)
  }
}

/**
 * Settles what was reserved for a call of a model with what it cost, and has that recorded.
 *
 * @param onUnread called where the answer could not be read
 */
export function callSettlingOf(
  metered: MeteredCall,
  { permit }: AllowedDecision,
  recorded: RecordedRequest | undefined,
  onUnread: (reason: UnreadReason) => void,
): Settling {
  return (outcome, passed) => {
    const charged = chargedFor(outcome, passed)
    if (charged === 'nothing') return permit.cancel()
    const cost = metered.settlement(outcome)
    if (metered.unread !== undefined) onUnread(metered.unread)
    if (cost === 'unknown') return
    recorded?.cost(cost)
    return settleCounted(permit, { ...(cost === NOTHING || charged === 'request' ? NO_WORK : cost) })
  }
}

type AllowedDecision = Extract<Decision, { readonly allowed: true }>
