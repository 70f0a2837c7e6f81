import { BoundedCache } from 'sluice/internal'
import type { ExpressionFailure } from '../../policy/policy-request.js'
import type { Log } from '../logging/log.js'
import type { ForwardResult } from './forward-result.js'

/** Told of requests that did not go as they should. */
export interface ErrorReporter {
  upstreamFailed(route: string, outcome: ForwardResult & { kind: 'failed' }): void
  /** An error that nobody foresaw. */
  crashed(error: unknown): void
  /** An expression of the configuration could not be worked out for a request. */
  expressionFailed(route: string, failure: ExpressionFailure): void
}

/** Most expressions that are remembered as logged. A configuration has fewer; many reloads may bring more. */
const MAX_LOGGED = 10_000

/** Logs what goes wrong with requests. */
export function errorReporter(log: Log): ErrorReporter {
  const logged = new BoundedCache<string, true>(MAX_LOGGED)
  return {
    upstreamFailed: (route, { status, code, detail }) => log.upstreamFailed({ route, status, code, detail }),
    crashed: (error) => log.crashed(error),
    expressionFailed(route, failure) {
      // Once: a client can fail as often as it likes.
      const name = JSON.stringify([route, failure.purpose, failure.expression])
      if (logged.has(name)) return
      logged.set(name, true)
      log.info({ route, ...failure }, 'an expression could not be worked out for a request; not logged again')
    },
  }
}
