import { UnauthorizedError } from 'sluice'
import { type HttpAnswer, limitFields, problem, refusalProblem } from 'sluice/http'
import { MAX_MODEL_LENGTH, MAX_USAGE_MODELS } from '../../policy/config/sections/usage-section.js'
import { USAGE_ROUTE, type UsageService } from '../../policy/policies.js'
import type { Target } from '../../policy/routing/target.js'
import { acceptedTypes } from '../http/accept.js'
import { isListed } from '../http/client-origin.js'
import { RequestHead } from '../identity/request-head.js'
import type { RequestOutcome } from '../observability/request-outcome.js'
import { checkClient } from './blocked.js'
import { sendErrorResponse } from './error-response.js'
import { IncomingRequest } from './incoming-request.js'
import { presentationOf, sendOwnAnswer } from './own-answer.js'
import { endRequest, type RequestContext } from './request-context.js'
import { USAGE_PAGE_HEADERS, usagePage } from './usage-page.js'

const NO_CREDENTIALS =
  'The usage of a client is shown only to that client; send the credentials of your other requests.'

/** Answers a request that asks what its client has used and has left. Takes nothing from the limits. */
export async function answerUsage(
  context: RequestContext,
  target: Target,
  service: UsageService,
): Promise<void> {
  context.telemetry?.onRoute(USAGE_ROUTE, target.path)
  context.access?.onRouted(target.path, USAGE_ROUTE)
  let outcome: RequestOutcome
  try {
    outcome = await answer(context, target, service)
  } catch (error) {
    outcome = sendErrorResponse(error, context)
  }
  endRequest(context, USAGE_ROUTE, outcome)
}

async function answer(
  context: RequestContext,
  target: Target,
  service: UsageService,
): Promise<RequestOutcome> {
  const { request, services } = context
  const presentation = presentationOf(context)
  const send = (own: HttpAnswer, more: HttpAnswer['headers'] = []) =>
    sendOwnAnswer(context, own, presentation, more)
  if (request.method !== 'GET' && request.method !== 'HEAD') {
    const detail = 'The usage can only be read; send a GET request.'
    send(problem(405, 'Method not allowed', detail, {}, presentation), [['allow', 'GET, HEAD']])
    return 'invalid'
  }
  const head = new RequestHead(request, services.addresses)
  const client = await services.clients.clientOf(head)
  checkClient(context, target, USAGE_ROUTE, client)
  const incoming = new IncomingRequest({
    id: context.requestId,
    message: request,
    target,
    route: USAGE_ROUTE,
    params: {},
    head,
    client,
    llm: undefined,
  })
  const decision = await service.limiter.admit(incoming)
  const headers = limitFields(decision, service.headers)
  if (!decision.allowed) {
    send(refusalProblem(decision.refusal, presentation), headers)
    return 'refused'
  }
  if (client === undefined && !service.servesAnonymous) throw new UnauthorizedError(NO_CREDENTIALS)
  const models = new URLSearchParams(target.query).getAll('model')
  if (models.length > MAX_USAGE_MODELS || models.some((model) => model.length > MAX_MODEL_LENGTH)) {
    const detail = `Ask for at most ${MAX_USAGE_MODELS} models, of at most ${MAX_MODEL_LENGTH} characters each.`
    send(problem(400, 'Bad Request', detail, {}, presentation), headers)
    return 'invalid'
  }
  const isAllowed = client !== undefined && services.access?.isAllowed(client.id) === true
  const report = await service.report(
    incoming,
    models.filter((model) => model !== ''),
    (route) => isAllowed || isExempt(context, service, route),
  )
  const negotiated = [...headers, ['vary', 'accept']] as const
  send(
    prefersHtml(request.headers.accept)
      ? { status: 200, headers: USAGE_PAGE_HEADERS, body: usagePage(report) }
      : { status: 200, headers: [['content-type', 'application/json']], body: JSON.stringify(report) },
    negotiated,
  )
  return 'allowed'
}

/** Reports whether the limits of a route do not apply to the client's address. */
function isExempt({ request, services }: RequestContext, service: UsageService, route: string): boolean {
  const exempt = service.exemptionOf(route)
  return exempt !== undefined && isListed(request, services.addresses, exempt)
}

/** Reports whether a client prefers a page to JSON, as browsers do. */
function prefersHtml(accept: string | undefined): boolean {
  const weights = acceptedTypes(accept)
  return (weights.get('text/html') ?? 0) > (weights.get('application/json') ?? 0)
}
