import { problem } from 'sluice/http'
import { checkHead, FramingError } from '../http/check-head.js'
import { answer } from '../http/send-response.js'
import type { RequestOutcome } from '../observability/request-outcome.js'
import { sendErrorResponse } from './error-response.js'
import type { RequestContext } from './request-context.js'
import { RequestLifecycle } from './request-lifecycle.js'

/**
 * Handles one request from its head to the end of its answer: finds its route, lets it in or refuses it, forwards it,
 * and releases what it held on every way out.
 */
export function handle(handling: RequestContext): void {
  const { request, response, setup, trouble } = handling
  try {
    checkHead(request, setup.gatewayName)
    if (request.method === 'OPTIONS' && request.url === '*') {
      // It asks whether there is a server at all (RFC 9110 section 9.3.7).
      answer(request, response, { status: 200, headers: [], body: '' })
      endUnrouted(handling, 'unrouted')
      return
    }
    const { target, match } = setup.admission.route(request.method ?? 'GET', request.url ?? '/')
    if (match !== undefined) {
      new RequestLifecycle(handling, target, match).begin()
      return
    }
    answer(request, response, problem(404, 'Not found', 'No route of this gateway takes such requests.'))
    endUnrouted(handling, 'unrouted')
  } catch (error) {
    if (error instanceof FramingError) response.shouldKeepAlive = false
    endUnrouted(handling, sendErrorResponse(error, request, response, trouble))
  }
}

function endUnrouted({ setup, ended }: RequestContext, outcome: RequestOutcome): void {
  setup.traffic.onRequestEnd(undefined, outcome)
  ended()
}
