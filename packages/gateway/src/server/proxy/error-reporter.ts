import { BoundedCache } from 'sluice/internal'
import type { ExpressionFailure } from '../../policy/policy-request.js'
import type { Log } from '../logging/log.js'
import type { FailedForward } from './forward-result.js'

/** Receives the errors of requests. */
export interface ErrorReporter {
  upstreamFailed(route: string, result: FailedForward, requestId: string): void
  unexpectedError(error: unknown, requestId: string): void
  /** An expression of the configuration could not be evaluated for a request. */
  expressionFailed(route: string, failure: ExpressionFailure): void
}

/**
 * Bounds the memory of logged expressions over many reloads. A single configuration has fewer
 * expressions.
 */
const MAX_LOGGED = 10_000

/** Creates a reporter that logs the errors of requests. */
export function errorReporter(log: Log): ErrorReporter {
  const logged = new BoundedCache<string, true>(MAX_LOGGED)
  return {
    upstreamFailed: (route, { status, code, detail }, requestId) =>
      log.upstreamFailed({ route, status, code, detail, requestId }),
    unexpectedError: (error, requestId) => log.crashed(error, { requestId }),
    expressionFailed(route, failure) {
      // Once per expression: a client can trigger the failure at any rate.
      const id = JSON.stringify([route, failure.purpose, failure.expression])
      if (logged.has(id)) return
      logged.set(id, true)
      log.info({ route, ...failure }, 'expression could not be evaluated for a request (logged once)')
    },
  }
}
