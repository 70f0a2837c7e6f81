import type { HttpDecision, HttpLimiter } from './http-limiter.js'

/** Hands the decision on a request to `apply`, at once where it is there at once; and what was thrown to `fail`. */
export function decideInto<Request extends object>(
  limiter: HttpLimiter<Request>,
  request: Request,
  apply: (decision: HttpDecision) => void,
  fail: (error: unknown) => void,
): void {
  try {
    const decision = limiter.decide(request)
    if (decision instanceof Promise) decision.then(apply, fail)
    else apply(decision)
  } catch (error) {
    fail(error)
  }
}
