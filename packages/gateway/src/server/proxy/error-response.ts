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
import { sendResponse } from '../http/send-response.js'
import type { RequestOutcome } from '../observability/request-outcome.js'
import type { ErrorReporter } from './error-reporter.js'

/** The detail for a failed expression. It does not reveal the expression to clients. */
const NOT_EVALUATED =
  'A limit of this route needs a value that is missing from this request or cannot be evaluated.'

/** Sends the response for an error that ended the handling of a request. @returns the outcome */
export function sendErrorResponse(
  error: unknown,
  request: IncomingMessage,
  response: ServerResponse,
  errors: ErrorReporter,
): RequestOutcome {
  if (error instanceof BodyAbortedError || error instanceof ClientGoneError) return 'abandoned'
  if (error instanceof ExpressionError) {
    sendResponse(request, response, problem(400, 'Bad Request', NOT_EVALUATED))
    return 'invalid'
  }
  if (error instanceof RequestError) {
    sendResponse(request, response, requestProblem(error))
    if (error instanceof UnauthorizedError) return 'unauthorized'
    return error instanceof ForbiddenError ? 'forbidden' : 'invalid'
  }
  if (error instanceof BadTargetError) {
    sendResponse(request, response, problem(400, 'Bad Request', error.message))
    return 'invalid'
  }
  if (error instanceof BodyTooLargeError || error instanceof BodyTooComplexError) {
    sendResponse(request, response, problem(413, 'Content too large', error.message))
    return 'too_large'
  }
  if (error instanceof BodyTimeoutError) {
    // The next bytes on the connection would be the body.
    response.shouldKeepAlive = false
    sendResponse(request, response, problem(408, 'Request timeout', error.message))
    return 'timed_out'
  }
  if (error instanceof BodyMemoryError) {
    const { headers, ...busy } = problem(503, 'Service unavailable', error.message)
    sendResponse(request, response, { ...busy, headers: [...headers, ['retry-after', '1']] })
    return 'unavailable'
  }
  if (error instanceof StoreUnavailableError || error instanceof IdentityUnavailableError) {
    // Clients do not see the cause.
    sendResponse(request, response, unavailableProblem(error))
    return 'unavailable'
  }
  errors.unexpectedError(error)
  sendResponse(
    request,
    response,
    problem(500, 'Internal error', 'The gateway could not handle this request.'),
  )
  // A partial response must not look complete.
  if (!response.writableEnded) response.destroy()
  return 'failed'
}
