import type { HttpDecision, HttpLimiter } from './http-limiter.js'

/**
 * Hands the decision on a request to `apply`, at once where it is there at once; and what was thrown to `next`. What they need comes along, so that
 * no function has to be made for a request.
 */
export function decideInto<Request extends object, Response>(
  limiter: HttpLimiter<Request>,
  request: Request,
  response: Response,
  next: (error?: Error) => void,
  apply: (decision: HttpDecision, response: Response, next: () => void) => void,
): void {
  let decision: ReturnType<HttpLimiter<Request>['decide']>
  try {
    decision = limiter.decide(request)
  } catch (error) {
    next(error as Error)
    return
  }
  if (decision instanceof Promise) decision.then((decided) => apply(decided, response, next), next)
  else apply(decision, response, next)
}
