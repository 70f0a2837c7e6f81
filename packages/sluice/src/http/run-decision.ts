import type { ServerResponse } from 'node:http'
import type { HttpDecision, HttpLimiter } from './http-limiter.js'
import { asError } from './thrown-error.js'

/** Applies decisions in a callback-based framework. */
export interface DecisionHandler<Response> {
  /** Applies a decision and reports whether the request continues. */
  apply(decision: HttpDecision, response: Response): boolean
  /** Returns Node's response. */
  rawOf(response: Response): ServerResponse
}

/**
 * Decides on a request and applies the decision, synchronously if possible. Then calls `next` if
 * the request is admitted. Passes every error to `next`, so that the framework responds to it.
 */
export function runDecision<Request extends object, Response>(
  limiter: HttpLimiter<Request>,
  request: Request,
  response: Response,
  next: (error?: Error) => void,
  handler: DecisionHandler<Response>,
): void {
  let decision: ReturnType<HttpLimiter<Request>['decide']>
  try {
    decision = limiter.decide(request)
  } catch (error) {
    next(asError(error))
    return
  }
  if (!(decision instanceof Promise)) {
    applyDecision(decision, response, next, handler)
    return
  }
  decision
    .then((decided) => applyDecision(decided, response, next, handler))
    // An error thrown here would otherwise be unhandled.
    .catch((error: unknown) => next(asError(error)))
    .catch(() => handler.rawOf(response).destroy())
}

function applyDecision<Response>(
  decision: HttpDecision,
  response: Response,
  next: (error?: Error) => void,
  handler: DecisionHandler<Response>,
): void {
  let isAdmitted: boolean
  try {
    isAdmitted = handler.apply(decision, response)
  } catch (error) {
    next(asError(error))
    return
  }
  if (isAdmitted) next()
}
