import type { Client, Decision, Limiter, MaybePromise, RequestBody } from 'sluice'
import type { LlmCall } from '../../policy/llm/llm-call.js'
import type { WeighedRequest } from '../../policy/policy-request.js'
import { hasBody } from '../http/client-body.js'
import { ClientGoneError, unwatchClient, watchClient } from '../http/disconnects.js'
import type { InboundRequest } from '../http/inbound-request.js'
import type { HeldBody } from '../http/read-body.js'
import { RequestHead } from '../identity/request-head.js'
import type { TrafficObserver } from '../observability/request-outcome.js'
import { IncomingRequest } from './incoming-request.js'
import { PendingBody } from './pending-body.js'
import type { Candidate } from './request-context.js'

export interface Admitted {
  readonly weighed: IncomingRequest
  /** When it came before the limits, and when it was decided on where that took a while; by `performance.now()`. */
  readonly came: number
  readonly decided: number
  readonly decision: Decision
  /** What was read of it, where a rule reads the body; its memory is released at the end of the request. */
  readonly body: HeldBody | undefined
  /** What it asks a model for, where tokens are limited. */
  readonly call: LlmCall | undefined
}

/**
 * Finds out who sends a request and decides on it. The rules that need nothing but its head are charged first. Then its body is
 * read where a rule reads it, or the first byte of it is awaited where it needs a slot, and the other rules are decided.
 */
export function admit(candidate: Candidate, limiter: Limiter<WeighedRequest>): MaybePromise<Admitted> {
  const { request, setup, match } = candidate
  const head = new RequestHead(request, setup.addresses)
  const client = setup.clients.clientOf(head)
  const waitsForBody = hasBody(request) && (match.policy.readsBody || match.policy.holdsSlots)
  if (client instanceof Promise || waitsForBody)
    return admitLater(candidate, limiter, head, client, waitsForBody)
  return decide(candidate, limiter, head, client, false)
}

async function admitLater(
  candidate: Candidate,
  limiter: Limiter<WeighedRequest>,
  head: RequestHead,
  client: MaybePromise<Client | undefined>,
  waitsForBody: boolean,
): Promise<Admitted> {
  const known = await client
  // A small body comes with the head, but Node tells of it a moment later.
  if (waitsForBody) await new Promise((resolve) => process.nextTick(resolve))
  return decide(candidate, limiter, head, known, waitsForBody)
}

function decide(
  candidate: Candidate,
  limiter: Limiter<WeighedRequest>,
  head: RequestHead,
  client: Client | undefined,
  waitsForBody: boolean,
): MaybePromise<Admitted> {
  const { request, setup, target, match } = candidate
  const { policy, params } = match
  const { name: route, llm, bodyTypes } = policy
  const parts = { message: request, target, route, params, head, client, llm, bodyTypes }
  const weighed = new IncomingRequest({ ...parts, reportFailure: candidate.trouble.expressionFailed })
  const pending =
    policy.readsBody || waitsForBody ? new PendingBody(candidate, weighed, waitsForBody) : undefined
  const came = performance.now()
  const admitted = (decision: Decision, decided: number): Admitted => {
    const body = pending?.held
    if (decision.allowed) pending?.forget()
    else pending?.release()
    weighed.forgetBody()
    return { weighed, came, decided, decision, body, call: pending?.call }
  }
  let deciding: MaybePromise<Decision>
  try {
    deciding = policy.waits
      ? admitInLine(weighed, request, limiter, setup.traffic, pending)
      : limiter.admit(weighed, pending && { body: pending })
  } catch (error) {
    pending?.release()
    throw error
  }
  if (!(deciding instanceof Promise)) return admitted(deciding, came)
  return deciding.then(
    (decision) => admitted(decision, performance.now()),
    (error: unknown) => {
      pending?.release()
      throw error
    },
  )
}

/** While a request waits for a slot its client may leave. */
async function admitInLine(
  weighed: IncomingRequest,
  { socket }: InboundRequest,
  limiter: Limiter<WeighedRequest>,
  traffic: TrafficObserver,
  body: RequestBody | undefined,
): Promise<Decision> {
  const gone = new AbortController()
  const watcher = { clientGone: () => gone.abort(new ClientGoneError()) }
  watchClient(socket, watcher)
  try {
    traffic.onWaitingChange(weighed.route, 1)
    if (socket.destroyed) throw new ClientGoneError()
    return await limiter.admit(weighed, { signal: gone.signal, waiter: weighed.ip, ...(body && { body }) })
  } finally {
    traffic.onWaitingChange(weighed.route, -1)
    unwatchClient(socket, watcher)
  }
}
