import type { Client, Decision, Limiter, MaybePromise, RequestBody } from 'sluice'
import { addressOf } from '../../policy/client-label.js'
import type { LlmCall } from '../../policy/llm/llm-call.js'
import type { Policy } from '../../policy/policy.js'
import type { WeighedRequest } from '../../policy/policy-request.js'
import { hasBody } from '../http/client-body.js'
import { whileConnected } from '../http/disconnects.js'
import type { InboundRequest } from '../http/inbound-request.js'
import type { HeldBody } from '../http/read-body.js'
import { RequestHead } from '../identity/request-head.js'
import type { TrafficObserver } from '../observability/request-outcome.js'
import type { UpstreamGroup } from '../upstreams/upstream-group.js'
import type { UpstreamSet } from '../upstreams/upstream-set.js'
import { checkClient } from './blocked.js'
import { IncomingRequest } from './incoming-request.js'
import { PendingBody } from './pending-body.js'
import type { RoutedRequest } from './request-context.js'
import { UnknownUpstreamError } from './upstream-answers.js'

/** A request and the decision on it, which may be a refusal. */
export interface Admitted {
  readonly request: IncomingRequest
  /** Time at which the request reached the limits, from `performance.now()`. */
  readonly arrivedAt: number
  /** Time of the decision; equal to `arrivedAt` if the decision was immediate. */
  readonly decidedAt: number
  readonly decision: Decision
  /** The body, if a rule reads it. Its memory is released when the request ends. */
  readonly body: HeldBody | undefined
  /** The model call, if tokens are limited. */
  readonly call: LlmCall | undefined
  /** True if the limits do not apply to the client. */
  readonly isExempt: boolean
  /** The upstream, or the reason why it is unknown; undefined if routes choose none. */
  readonly upstream: UpstreamGroup | ChoiceFailure | undefined
}

/** The error of an expression that chooses an upstream. */
interface ChoiceFailure {
  readonly error: unknown
}

/**
 * Identifies the client of a request and decides on the request.
 *
 * The request is first charged to the rules that need only its head. Then the body is read if a
 * rule needs it, or its first byte is awaited if the request needs a slot. Finally, the remaining
 * rules decide.
 */
export function admit(routed: RoutedRequest, limiter: Limiter<WeighedRequest>): MaybePromise<Admitted> {
  const { request, services, match } = routed
  const head = new RequestHead(request, services.addresses)
  const client = services.clients.clientOf(head)
  const waitsForBody = hasBody(request) && (match.policy.readsBody || match.policy.holdsSlots)
  if (client instanceof Promise || waitsForBody)
    return admitLater(routed, limiter, head, client, waitsForBody)
  return decide(routed, limiter, head, client, false)
}

async function admitLater(
  routed: RoutedRequest,
  limiter: Limiter<WeighedRequest>,
  head: RequestHead,
  client: MaybePromise<Client | undefined>,
  waitsForBody: boolean,
): Promise<Admitted> {
  const identified = await client
  // Node delivers a small body that arrived with the head one tick later.
  if (waitsForBody) await new Promise((resolve) => process.nextTick(resolve))
  return decide(routed, limiter, head, identified, waitsForBody)
}

function decide(
  routed: RoutedRequest,
  limiter: Limiter<WeighedRequest>,
  head: RequestHead,
  client: Client | undefined,
  waitsForBody: boolean,
): MaybePromise<Admitted> {
  const { request, requestId, services, target, match, errors } = routed
  checkClient(routed, target, match.policy.name, client)
  const exemption = exemptionOf(routed, client)
  if (exemption !== undefined) {
    const exempt = { ...routed, match: { ...match, policy: exemption.policy } }
    const needsBody = waitsForBody && exemption.policy.readsBody
    return decide(exempt, exemption.limiter, head, client, needsBody)
  }
  const { policy, params, pathModel } = match
  const { name: route, llm, models, bodyTypes } = policy
  const incoming = new IncomingRequest({
    message: request,
    id: requestId,
    traceId: routed.telemetry?.traceId,
    target,
    route,
    params,
    head,
    client,
    llm,
    models,
    pathModel,
    bodyTypes,
    predictor: services.predictor,
    onExpressionFailure: errors.expressionFailed,
  })
  const pending =
    policy.readsBody || waitsForBody ? new PendingBody(routed, incoming, waitsForBody) : undefined
  const arrivedAt = performance.now()
  const admitted = (decision: Decision, decidedAt: number): Admitted => {
    const body = pending?.held
    // The expression reads the body, which is released now.
    const upstream = decision.allowed ? upstreamOf(policy, incoming, services.upstreams) : undefined
    if (decision.allowed) pending?.forget()
    else pending?.release()
    incoming.forgetBody()
    return {
      request: incoming,
      arrivedAt,
      decidedAt,
      decision,
      body,
      call: pending?.call,
      isExempt: policy.isExempt,
      upstream,
    }
  }
  let deciding: MaybePromise<Decision>
  try {
    deciding = policy.waits
      ? admitQueued(incoming, request, limiter, services.traffic, pending, policy.hasDeadline)
      : limiter.admit(incoming, pending && { body: pending })
  } catch (error) {
    pending?.release()
    throw error
  }
  if (!(deciding instanceof Promise)) return admitted(deciding, arrivedAt)
  return deciding.then(
    (decision) => admitted(decision, performance.now()),
    (error: unknown) => {
      pending?.release()
      throw error
    },
  )
}

/** Returns the upstream of a request, or the reason why it is unknown. */
function upstreamOf(
  { upstream }: Policy,
  request: WeighedRequest,
  upstreams: UpstreamSet | undefined,
): Admitted['upstream'] {
  if (upstreams === undefined) return undefined
  try {
    const name = typeof upstream === 'function' ? upstream(request) : upstream
    if (name === undefined) return upstreams.default
    return upstreams.groups.get(name) ?? { error: new UnknownUpstreamError(name) }
  } catch (error) {
    return { error }
  }
}

/** Returns the exemption of a client from the limits of its route, if it has one by its ID. */
function exemptionOf({ services: { access }, match }: RoutedRequest, client: Client | undefined) {
  const { exemption, isExempt } = match.policy
  if (access === undefined || client === undefined || isExempt) return undefined
  return access.isAllowed(client.id) ? exemption : undefined
}

/**
 * Decides on a request that may wait. The request leaves the queue when its client
 * disconnects.
 */
async function admitQueued(
  incoming: IncomingRequest,
  { socket }: InboundRequest,
  limiter: Limiter<WeighedRequest>,
  traffic: TrafficObserver,
  body: RequestBody | undefined,
  hasDeadline: boolean,
): Promise<Decision> {
  const beginWithin = hasDeadline ? incoming.beginWithinMs : undefined
  traffic.onWaitingChange(incoming.route, 1)
  try {
    return await whileConnected(socket, async (signal) =>
      limiter.admit(incoming, {
        signal,
        ...(incoming.client === undefined && { waiter: addressOf(incoming) }),
        ...(body && { body }),
        ...(beginWithin !== undefined && { beginWithin }),
      }),
    )
  } finally {
    traffic.onWaitingChange(incoming.route, -1)
  }
}
