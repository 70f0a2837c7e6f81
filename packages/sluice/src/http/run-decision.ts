import type { ServerResponse } from 'node:http'
import type { HttpDecision, HttpLimiter } from './http-limiter.js'
import { asError } from './thrown-error.js'

/** What is the same for all requests of an adapter whose framework goes on by a callback. */
export interface Application<Response> {
  /** Applies a decision; returns whether the request goes on. */
  apply(decision: HttpDecision, response: Response): boolean
  /** Node's own response. */
  rawOf(response: Response): ServerResponse
}

/**
 * Applies the decision on a request, at once where it is there at once, and calls `next`. Whatever is thrown on the way goes
 * to `next`, which is the framework's way to an error response.
 */
export function runDecision<Request extends object, Response>(
  limiter: HttpLimiter<Request>,
  request: Request,
  response: Response,
  next: (error?: Error) => void,
  application: Application<Response>,
): void {
  let decision: ReturnType<HttpLimiter<Request>['decide']>
  try {
    decision = limiter.decide(request)
  } catch (error) {
    next(asError(error))
    return
  }
  if (!(decision instanceof Promise)) {
    conclude(decision, response, next, application)
    return
  }
  decision
    .then((decided) => conclude(decided, response, next, application))
    // Nobody else would catch what is thrown here.
    .catch((error: unknown) => next(asError(error)))
    .catch(() => application.rawOf(response).destroy())
}

function conclude<Response>(
  decision: HttpDecision,
  response: Response,
  next: (error?: Error) => void,
  application: Application<Response>,
): void {
  let goesOn: boolean
  try {
    goesOn = application.apply(decision, response)
  } catch (error) {
    next(asError(error))
    return
  }
  if (goesOn) next()
}
