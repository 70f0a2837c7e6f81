import { ForbiddenError, RequestError, StoreUnavailableError, UnauthorizedError } from 'sluice'
import { type HttpAnswer, problem, requestProblem, unavailableProblem } from 'sluice/http'
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
import type { RequestOutcome } from '../observability/request-outcome.js'
import { BlockedError, blockedAnswer } from './blocked.js'
import { type AnsweredRequest, presentationOf, sendOwnAnswer } from './own-answer.js'
import { UnknownUpstreamError } from './upstream-answers.js'

/** The detail for a failed expression. It does not reveal the expression to clients. */
const NOT_EVALUATED =
  'A limit of this route needs a value that is missing from this request or cannot be evaluated.'

/** Sends the answer for an error that ended the handling of a request. @returns the outcome */
export function sendErrorResponse(error: unknown, context: AnsweredRequest): RequestOutcome {
  if (error instanceof BodyAbortedError || error instanceof ClientGoneError) return 'abandoned'
  const { response, errors, requestId } = context
  const presentation = presentationOf(context)
  const send = (answer: HttpAnswer) => sendOwnAnswer(context, answer, presentation)
  const sendProblem = (status: number, title: string, detail: string) =>
    send(problem(status, title, detail, {}, presentation))
  if (error instanceof BlockedError) {
    send(blockedAnswer(error, presentation))
    return 'blocked'
  }
  if (error instanceof ExpressionError) {
    sendProblem(400, 'Bad Request', NOT_EVALUATED)
    return 'invalid'
  }
  if (error instanceof RequestError) {
    send(requestProblem(error, presentation))
    if (error instanceof UnauthorizedError) return 'unauthorized'
    return error instanceof ForbiddenError ? 'forbidden' : 'invalid'
  }
  if (error instanceof BadTargetError) {
    sendProblem(400, 'Bad Request', error.message)
    return 'invalid'
  }
  if (error instanceof BodyTooLargeError || error instanceof BodyTooComplexError) {
    sendProblem(413, 'Content too large', error.message)
    return 'too_large'
  }
  if (error instanceof BodyTimeoutError) {
    // The next bytes on the connection would be the body.
    response.shouldKeepAlive = false
    sendProblem(408, 'Request timeout', error.message)
    return 'timed_out'
  }
  if (error instanceof BodyMemoryError) {
    const { headers, ...busy } = problem(503, 'Service unavailable', error.message, {}, presentation)
    send({ ...busy, headers: [...headers, ['retry-after', '1']] })
    return 'unavailable'
  }
  if (error instanceof StoreUnavailableError || error instanceof IdentityUnavailableError) {
    // Clients do not see the cause.
    send(unavailableProblem(error, presentation))
    return 'unavailable'
  }
  if (error instanceof UnknownUpstreamError) {
    errors.upstreamFailed(context.match?.policy.name ?? '', error.failure, requestId)
    sendProblem(502, 'Bad gateway', 'The upstream of this request is not known.')
    return 'failed'
  }
  errors.unexpectedError(error, requestId)
  sendProblem(500, 'Internal error', 'The gateway could not handle this request.')
  // A partial response must not look complete.
  if (!response.writableEnded) response.destroy()
  return 'failed'
}
