import type { IncomingMessage, ServerResponse } from 'node:http'
import { ForbiddenError, RequestError, StoreUnavailableError, UnauthorizedError } from 'sluice'
import { problem, requestProblem, unavailableProblem } from 'sluice/http'
import { IdentityUnavailableError } from 'sluice/identity'
import { ExpressionError } from '../../policy/config/cel/expression-error.js'
import { BadTargetError } from '../../policy/routing/target.js'
import { ClientGoneError } from '../http/disconnects.js'
import { BodyTimeoutError } from '../http/first-bytes.js'
import {
  BodyAbortedError,
  BodyMemoryError,
  BodyTooComplexError,
  BodyTooLargeError,
} from '../http/read-body.js'
import { answer } from '../http/send-response.js'
import type { RequestOutcome } from '../observability/request-outcome.js'
import type { ErrorReporter } from './error-log.js'

/** What a client is told whose request an expression cannot be worked out for. The expression itself is not for clients. */
const UNCOUNTABLE =
  'This request lacks something that a limit of this route is read from, or has it in a form that cannot be counted.'

/** Answers a request that could not be handled, by what was thrown. @returns how it ended */
export function sendErrorResponse(
  error: unknown,
  request: IncomingMessage,
  response: ServerResponse,
  trouble: ErrorReporter,
): RequestOutcome {
  if (error instanceof BodyAbortedError || error instanceof ClientGoneError) return 'abandoned'
  if (error instanceof ExpressionError) {
    answer(request, response, problem(400, 'Bad Request', UNCOUNTABLE))
    return 'invalid'
  }
  if (error instanceof RequestError) {
    answer(request, response, requestProblem(error))
    if (error instanceof UnauthorizedError) return 'unauthorized'
    return error instanceof ForbiddenError ? 'forbidden' : 'invalid'
  }
  if (error instanceof BadTargetError) {
    answer(request, response, problem(400, 'Bad request', error.message))
    return 'invalid'
  }
  if (error instanceof BodyTooLargeError || error instanceof BodyTooComplexError) {
    answer(request, response, problem(413, 'Content too large', error.message))
    return 'too_large'
  }
  if (error instanceof BodyTimeoutError) {
    // What comes next on the connection would be the body.
    response.shouldKeepAlive = false
    answer(request, response, problem(408, 'Request timeout', error.message))
    return 'timed_out'
  }
  if (error instanceof BodyMemoryError) {
    const { headers, ...busy } = problem(503, 'Service unavailable', error.message)
    answer(request, response, { ...busy, headers: [...headers, ['retry-after', '1']] })
    return 'unavailable'
  }
  if (error instanceof StoreUnavailableError || error instanceof IdentityUnavailableError) {
    // Why it is so is the business of nobody outside.
    answer(request, response, unavailableProblem(error))
    return 'unavailable'
  }
  trouble.crashed(error)
  answer(request, response, problem(500, 'Internal error', 'The gateway could not handle this request.'))
  // Half an answer must not pass for a whole one.
  if (!response.writableEnded) response.destroy()
  return 'failed'
}
