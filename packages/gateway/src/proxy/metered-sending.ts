import type { Permit } from 'sluice'
import type { UnreadReason } from '../llm/answer/answer-meter.js'
import type { MeteredCall } from '../llm/metered-call.js'
import type { RecordedRequest } from '../record/recorder.js'
import type { Field } from './answer-fields.js'
import type { Sent } from './forward.js'
import type { ForwardOutcome } from './outcome.js'

/** Settles what was reserved for a call of a model. */
export type Settling = (outcome: ForwardOutcome) => Promise<void>

/** How a call of a model is sent, so that it is metered. @param fields of the answer */
export function meteredSending(metered: MeteredCall, fields: readonly Field[]): Sent {
  return {
    responseHeaders: fields,
    // What is compressed cannot be metered.
    requestHeaders: [['Accept-Encoding', 'identity']],
    body: metered.body,
    observer: metered.meter,
    filter: (status, rawHeaders) => metered.filter(status, rawHeaders),
  }
}

/**
 * Settles what was reserved for a call with what it cost, and has that recorded.
 *
 * @param onUnread called where the answer could not be read
 */
export function settlingOf(
  metered: MeteredCall,
  permit: Permit,
  recorded: RecordedRequest | undefined,
  onUnread: (reason: UnreadReason) => void,
): Settling {
  return async (outcome) => {
    const cost = metered.settlement(outcome)
    if (metered.unread !== undefined) onUnread(metered.unread)
    if (cost === 'nothing') await permit.cancel()
    else if (cost !== 'unknown') {
      recorded?.cost(cost)
      await permit.settle({ ...cost })
    }
  }
}
