import { problem } from 'sluice/http'
import { isPaidPath, unpricedError } from '../../policy/llm/unpriced-paths.js'
import type { PolicyMatch } from '../../policy/policies.js'
import type { Target } from '../../policy/routing/target.js'
import { checkHead, FramingError } from '../http/check-head.js'
import { hasBody } from '../http/client-body.js'
import { isListed } from '../http/client-origin.js'
import { type CrossOriginExchange, preflightAnswer, startCrossOrigin } from '../http/cross-origin.js'
import type { InboundRequest } from '../http/inbound-request.js'
import { checkAddress } from './blocked.js'
import { sendErrorResponse } from './error-response.js'
import { presentationOf, sendOwnAnswer } from './own-answer.js'
import { endRequest, type RequestContext, type RoutedRequest } from './request-context.js'
import { RequestLifecycle } from './request-lifecycle.js'
import { answerUsage } from './usage-endpoint.js'

/**
 * Handles one request from its head to the end of its response: routes it, decides on it, forwards
 * or refuses it, and always releases everything it held.
 */
export function handleRequest(context: RequestContext): void {
  const { request, response, services } = context
  try {
    checkHead(request, services.gatewayName)
    if (request.method === 'OPTIONS' && request.url === '*') {
      // A liveness check of the server itself (RFC 9110 section 9.3.7).
      sendOwnAnswer(context, { status: 200, headers: [], body: '' }, {})
      endRequest(context, undefined, 'unrouted')
      return
    }
    handleTarget(context)
  } catch (error) {
    if (error instanceof FramingError) response.shouldKeepAlive = false
    startCrossOrigin(request, response, { name: '', cors: services.cors }, services.corsGrants)
    endRequest(context, undefined, sendErrorResponse(error, context))
  }
}

/** Finds the route of a request, and passes the request on or answers it. @throws BadTargetError */
function handleTarget(context: RequestContext): void {
  const { request, response, services, access, telemetry } = context
  const preflightFor = request.method === 'OPTIONS' ? preflightMethod(request) : undefined
  const method = preflightFor ?? request.method ?? 'GET'
  const { target, match, usage } = services.policies.route(method, request.url ?? '/')
  access?.onRouted(target.path, match?.policy.name)
  const route = match?.policy ?? { name: '', cors: services.cors }
  const crossOrigin = startCrossOrigin(request, response, route, services.corsGrants)
  if (preflightFor !== undefined && route.cors !== undefined) {
    sendOwnAnswer(context, preflightAnswer(request, route.cors), {})
    endRequest(context, match?.policy.name, match === undefined ? 'unrouted' : 'allowed')
    return
  }
  if (services.access !== undefined && !isAddressAccepted(context, target, match)) return
  if (match !== undefined) {
    telemetry?.onRoute(match.policy.name, target.path)
    const routed = routedRequest(context, target, match, crossOrigin)
    const { policy } = routed.match
    if (policy.refusesUnpriced && preflightFor === undefined && isPaidPath(target.segments)) {
      endRequest(context, policy.name, sendErrorResponse(unpricedError(), routed))
      return
    }
    const lifecycle = new RequestLifecycle(routed)
    // A preflight has no credentials, and the request that follows it is charged.
    if (preflightFor === undefined) lifecycle.start()
    else lifecycle.proceed(undefined)
  } else if (usage !== undefined) void answerUsage(context, target, usage)
  else {
    const presentation = presentationOf(context)
    const detail = 'No route of this gateway matches the request.'
    sendOwnAnswer(context, problem(404, 'Not found', detail, {}, presentation), presentation)
    endRequest(context, undefined, 'unrouted')
  }
}

function routedRequest(
  context: RequestContext,
  target: Target,
  match: PolicyMatch,
  crossOrigin: CrossOriginExchange | undefined,
): RoutedRequest {
  // Spread syntax here took 2 of the 100 µs of a small request.
  return {
    request: context.request,
    peerTrusted: context.peerTrusted,
    requestId: context.requestId,
    response: context.response,
    services: context.services,
    errors: context.errors,
    access: context.access,
    sendContinue: context.sendContinue,
    onEnd: context.onEnd,
    telemetry: context.telemetry,
    target,
    match: exemptMatch(match, context),
    crossOrigin,
  }
}

/**
 * Reports whether requests from the address of a client are accepted. If they are not, the request is
 * answered.
 */
function isAddressAccepted(context: RequestContext, target: Target, match: PolicyMatch | undefined): boolean {
  try {
    checkAddress(context, target, match?.policy.name ?? '')
    return true
  } catch (error) {
    const outcome = sendErrorResponse(error, match === undefined ? context : { ...context, match })
    endRequest(context, match?.policy.name, outcome)
    return false
  }
}

/** Returns the match without its limits if they do not apply to the client's address. */
function exemptMatch(match: PolicyMatch, { request, services: { addresses } }: RequestContext): PolicyMatch {
  const { exemption } = match.policy
  return exemption?.addresses !== undefined && isListed(request, addresses, exemption.addresses)
    ? { ...match, policy: exemption.policy }
    : match
}

/**
 * Returns the method of the request for which a browser asks permission; undefined if an OPTIONS
 * request is not a CORS preflight. A preflight has no body.
 */
function preflightMethod(request: InboundRequest): string | undefined {
  const { origin, 'access-control-request-method': method } = request.headers
  if (origin === undefined || hasBody(request)) return undefined
  return typeof method === 'string' && /^[A-Z]{1,20}$/.test(method) ? method : undefined
}
