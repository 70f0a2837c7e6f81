import type { ServerResponse } from 'node:http'
import type { PolicyMatch } from '../../policy/policies.js'
import type { Target } from '../../policy/routing/target.js'
import type { InboundRequest } from '../http/inbound-request.js'
import type { ErrorReporter } from './error-log.js'
import type { RequestServices } from './request-services.js'

/** What a request is handled with. */
export interface RequestContext {
  readonly request: InboundRequest
  readonly response: ServerResponse
  readonly setup: RequestServices
  readonly trouble: ErrorReporter
  /** Asks a client that waits for `100 Continue` to send its body. */
  readonly proceed: () => void
  /** Called once, when the request is answered or its client is gone, and what it held is released. */
  readonly ended: () => void
}

/** A request that its route's policy decides on. */
export interface Candidate {
  readonly request: InboundRequest
  readonly setup: RequestServices
  readonly target: Target
  readonly match: PolicyMatch
  readonly trouble: Pick<ErrorReporter, 'expressionFailed'>
  /** Asks a client that waits for `100 Continue` to send its body. */
  readonly proceed: () => void
}
