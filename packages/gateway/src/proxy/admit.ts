import type { IncomingMessage } from 'node:http'
import type { Decision, Limiter } from 'sluice'
import type { LlmCall } from '../llm/llm-call.js'
import type { PolicyMatch } from '../policy/admission.js'
import type { WeighedRequest } from '../policy/gateway-request.js'
import { IncomingRequest } from '../policy/incoming-request.js'
import { RequestHead } from '../policy/request-head.js'
import type { Target } from '../routing/target.js'
import { hasBody } from './client-body.js'
import { onClientGone } from './client-gone.js'
import type { Setup } from './handler.js'
import { readBody } from './read-body.js'
import type { TrafficListener } from './traffic.js'

/** A request that its route's policy decides on. */
export interface Candidate {
  readonly request: IncomingMessage
  readonly setup: Setup
  readonly target: Target
  readonly match: PolicyMatch
  /** Asks a client that waits for `100 Continue` to send its body. */
  readonly proceed: () => void
}

export interface Admitted {
  readonly weighed: IncomingRequest
  /** When it came before the limits, and when it was decided on where that took a while; by `performance.now()`. */
  readonly came: number
  readonly decided: number
  readonly decision: Decision
  /** What was read of it, where a rule reads the body. */
  readonly body: Buffer | undefined
  /** What it asks a model for, where tokens are limited. */
  readonly call: LlmCall | undefined
}

/** The client left while its request waited for a slot: nobody is left to answer. */
export class ClientGoneError extends Error {
  override readonly name = 'ClientGoneError'
}

/** Finds out who sends a request, reads what its policy reads of it, and decides. */
export async function admit(
  { request, setup, target, match, proceed }: Candidate,
  limiter: Limiter<WeighedRequest>,
): Promise<Admitted> {
  const { policy, params } = match
  const head = new RequestHead(request, setup.addresses)
  // Before the body is read: who is not known is not listened to.
  const client = await setup.clients.clientOf(head)
  let body: Buffer | undefined
  if (policy.readsBody && hasBody(request)) {
    body = await readBody(request, setup.maxBody, proceed)
  }
  const weighed = new IncomingRequest({
    message: request,
    target,
    route: policy.name,
    params,
    body,
    head,
    client,
    llm: policy.llm,
  })
  // Read before anything is taken: a call that cannot be read is refused, also where only a shadow rule counts it.
  const call = policy.llm && weighed.call
  const came = performance.now()
  const deciding = policy.waits
    ? admitInLine(weighed, request, limiter, setup.traffic)
    : limiter.admit(weighed)
  if (!(deciding instanceof Promise)) return { weighed, came, decided: came, decision: deciding, body, call }
  const decision = await deciding
  return { weighed, came, decided: performance.now(), decision, body, call }
}

/** While a request waits for a slot its client may leave. */
async function admitInLine(
  weighed: IncomingRequest,
  { socket }: IncomingMessage,
  limiter: Limiter<WeighedRequest>,
  traffic: TrafficListener,
): Promise<Decision> {
  const gone = new AbortController()
  const stopWatching = onClientGone(socket, () => gone.abort(new ClientGoneError()))
  try {
    traffic.waiting(weighed.route, 1)
    if (socket.destroyed) throw new ClientGoneError()
    return await limiter.admit(weighed, { signal: gone.signal })
  } finally {
    traffic.waiting(weighed.route, -1)
    stopWatching()
  }
}
