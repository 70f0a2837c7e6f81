import type { ServerResponse } from 'node:http'
import type { PolicyMatch } from '../../policy/policies.js'
import type { Target } from '../../policy/routing/target.js'
import type { InboundRequest } from '../http/inbound-request.js'
import type { TroubleListener } from './error-log.js'
import type { Setup } from './request-services.js'

/** What a request is handled with. */
export interface Handling {
  readonly request: InboundRequest
  readonly response: ServerResponse
  readonly setup: Setup
  readonly trouble: TroubleListener
  /** Asks a client that waits for `100 Continue` to send its body. */
  readonly proceed: () => void
  /** Called once, when the request is answered or its client is gone, and what it held is released. */
  readonly ended: () => void
}

/** A request that its route's policy decides on. */
export interface Candidate {
  readonly request: InboundRequest
  readonly setup: Setup
  readonly target: Target
  readonly match: PolicyMatch
  readonly trouble: Pick<TroubleListener, 'expressionFailed'>
  /** Asks a client that waits for `100 Continue` to send its body. */
  readonly proceed: () => void
}
