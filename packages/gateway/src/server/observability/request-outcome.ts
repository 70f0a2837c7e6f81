import type { Block } from '../../policy/acts/access-list.js'
import type { WhenExhausted } from '../../policy/llm/llm-call.js'
import type { UnreadReason } from '../../policy/llm/response/response-meter.js'
import type { RequestSender } from '../../policy/policy-request.js'
import type { ModelAnswer } from './model-answer.js'

/** The outcome of a request, which is also the value of the `outcome` label. */
export type RequestOutcome =
  /**
   * Admitted and forwarded, regardless of the upstream's response. Also a request that got the usage
   * of its client.
   */
  | 'allowed'
  | 'refused'
  /** The client is blocked by an act or by the configuration: 403. */
  | 'blocked'
  /** Unknown credentials: 401. */
  | 'unauthorized'
  /** A requirement of the route is not met: 403, unless configured otherwise. */
  | 'forbidden'
  /** A value that a rule reads is missing, or the request target is malformed: 400. */
  | 'invalid'
  | 'too_large'
  /** The body did not start in time: 408. */
  | 'timed_out'
  /** The store or the identity provider is unavailable, or there is no memory for the body. */
  | 'unavailable'
  /** No route matches. */
  | 'unrouted'
  /** The client disconnected before the decision. */
  | 'abandoned'
  /** Unexpected error of the gateway. */
  | 'failed'

/** Receives the events of the requests that pass through a gateway. */
export interface TrafficObserver {
  /** A request ended. `route` is undefined if none matched. */
  onRequestEnd(route: string | undefined, outcome: RequestOutcome): void
  /** A request of a blocked client was refused. `route` is empty if none matched. */
  onBlocked?(route: string, request: RequestSender, block: Block): void
  /** A request was sent to the upstream (+1), or its exchange ended (-1). */
  onInFlightChange(route: string, change: 1 | -1): void
  /** A request started (+1) or stopped (-1) waiting for a limit. */
  onWaitingChange(route: string, change: 1 | -1): void
  /**
   * The upstream completed a response, or failed, after `seconds`.
   *
   * @param status the status of the upstream's response; 0 if there was none
   * @param requestId undefined if it is unknown
   */
  onUpstreamResponse(
    route: string,
    seconds: number,
    status: number,
    requestId?: string,
    traceId?: string,
  ): void
  /** A model call ended and its tokens are known. Undefined if no observer needs it. */
  onModelAnswer?(route: string, answer: ModelAnswer): void
  /** The response of a model could not be parsed, and was charged by its size in bytes. */
  onUnreadableResponse(route: string, reason: UnreadReason): void
  /** A stream has used up what it reserved, while a limit could not hold more. */
  onStreamExhausted(route: string, action: WhenExhausted): void
}
