import type { ErrorShape, HttpAnswer, Presentation } from 'sluice/http'
import type { PolicyMatch } from '../../policy/policies.js'
import type { InboundRequest } from '../http/inbound-request.js'
import type { HeaderPair } from '../http/proxy-headers.js'
import { REQUEST_ID, VENDOR_REQUEST_ID } from '../http/request-id.js'
import { sendResponse } from '../http/send-response.js'
import type { RequestContext } from './request-context.js'

/** A request that the gateway itself answers, with its route if it is known. */
export type AnsweredRequest = RequestContext & { readonly match?: PolicyMatch }

/**
 * Returns how an answer to a request is written: with its ID, in the error format of the route's API,
 * and as configured in `answers`.
 */
export function presentationOf({ request, requestId, services, match }: AnsweredRequest): Presentation {
  const { url = '/' } = request
  if (match === undefined)
    return { ...services.policies.unroutedPresentation(url, isOfAnthropic(request)), requestId }
  const errorShape = errorShapeOf(request, match.policy)
  return { ...match.policy.presentation, ...(errorShape && { errorShape }), requestId }
}

/** Returns the error format of answers to a request of a route; undefined if there is none. */
export function errorShapeOf(
  request: InboundRequest,
  { errorShapeOf: find, presentation }: PolicyMatch['policy'],
): ErrorShape | undefined {
  return find?.(request.url ?? '/', isOfAnthropic(request)) ?? presentation.errorShape
}

/** All SDKs of Anthropic send the header. */
function isOfAnthropic({ headers }: InboundRequest): boolean {
  return headers['anthropic-version'] !== undefined
}

/** Sends an answer of the gateway's own, with the ID of the request. */
export function sendOwnAnswer(
  context: AnsweredRequest,
  answer: HttpAnswer,
  { errorShape }: Presentation,
  more: readonly HeaderPair[] = [],
): void {
  const { request, response, requestId } = context
  const ids: readonly HeaderPair[] = [
    [REQUEST_ID, requestId],
    ...(errorShape === 'anthropic' ? [[VENDOR_REQUEST_ID, requestId] as const] : []),
  ]
  sendResponse(request, response, { ...answer, headers: [...answer.headers, ...more, ...ids] })
}
