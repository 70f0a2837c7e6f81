import type { UnreadReason } from '../../policy/llm/response/response-meter.js'

/** How a request ended, as far as the gateway decided on it. */
export type RequestOutcome =
  /** It was let in and sent on, whatever the upstream made of it. */
  | 'allowed'
  | 'refused'
  /** Its credentials are not known: 401. */
  | 'unauthorized'
  /** What the route requires does not hold, 403 unless the configuration says otherwise. */
  | 'forbidden'
  /** It lacks what a rule reads, or its target cannot be read: 400. */
  | 'invalid'
  | 'too_large'
  /** Its body did not begin in time: 408. */
  | 'timed_out'
  /** It could not be decided on: the store, or what tells who a client is, does not answer; or there is no memory for its body. */
  | 'unavailable'
  /** No route takes it. */
  | 'unrouted'
  /** The client left before it was decided on. */
  | 'abandoned'
  /** The gateway has a fault. */
  | 'failed'

/** Is told of the requests that come through a gateway. */
export interface TrafficObserver {
  /** A request has ended. @param route undefined where none takes it */
  onRequestEnd(route: string | undefined, outcome: RequestOutcome): void
  /** One request more, or less, is with the upstream. */
  onInFlightChange(route: string, change: 1 | -1): void
  /** One request more, or less, waits for a slot. */
  onWaitingChange(route: string, change: 1 | -1): void
  /** An exchange with the upstream has ended after so many seconds. */
  onUpstreamResponse(route: string, seconds: number): void
  /** The answer to a call of a model could not be read, and was charged by its bytes. */
  onUnreadableResponse(route: string, reason: UnreadReason): void
}
