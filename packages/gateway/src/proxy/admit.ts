import type { IncomingMessage } from 'node:http'
import type { Client, Decision, Limiter, MaybePromise } from 'sluice'
import type { LlmCall } from '../llm/llm-call.js'
import type { PolicyMatch } from '../policy/admission.js'
import type { WeighedRequest } from '../policy/gateway-request.js'
import { IncomingRequest } from '../policy/incoming-request.js'
import { RequestHead } from '../policy/request-head.js'
import type { Target } from '../routing/target.js'
import { hasBody } from './client-body.js'
import { unwatchClient, watchClient } from './client-gone.js'
import { readBody } from './read-body.js'
import type { Setup } from './setup.js'
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
export function admit(candidate: Candidate, limiter: Limiter<WeighedRequest>): MaybePromise<Admitted> {
  const { request, setup, match } = candidate
  const head = new RequestHead(request, setup.addresses)
  const client = setup.clients.clientOf(head)
  if (client instanceof Promise || (match.policy.readsBody && hasBody(request)))
    return admitLater(candidate, limiter, head, client)
  return decide(candidate, limiter, head, client, undefined)
}

async function admitLater(
  candidate: Candidate,
  limiter: Limiter<WeighedRequest>,
  head: RequestHead,
  client: MaybePromise<Client | undefined>,
): Promise<Admitted> {
  const { request, setup, match, proceed } = candidate
  // Before the body is read: who is not known is not listened to.
  const known = await client
  const reads = match.policy.readsBody && hasBody(request)
  const body = reads ? await readBody(request, setup.maxBody, proceed) : undefined
  return decide(candidate, limiter, head, known, body)
}

function decide(
  { request, setup, target, match }: Candidate,
  limiter: Limiter<WeighedRequest>,
  head: RequestHead,
  client: Client | undefined,
  body: Buffer | undefined,
): MaybePromise<Admitted> {
  const { policy, params } = match
  const { name: route, llm } = policy
  const weighed = new IncomingRequest({ message: request, target, route, params, body, head, client, llm })
  // Read before anything is taken: a call that cannot be read is refused, also where only a shadow rule counts it.
  const call = llm && weighed.call
  const came = performance.now()
  const deciding = policy.waits
    ? admitInLine(weighed, request, limiter, setup.traffic)
    : limiter.admit(weighed)
  if (!(deciding instanceof Promise)) return { weighed, came, decided: came, decision: deciding, body, call }
  return deciding.then((decision) => {
    return { weighed, came, decided: performance.now(), decision, body, call }
  })
}

/** While a request waits for a slot its client may leave. */
async function admitInLine(
  weighed: IncomingRequest,
  { socket }: IncomingMessage,
  limiter: Limiter<WeighedRequest>,
  traffic: TrafficListener,
): Promise<Decision> {
  const gone = new AbortController()
  const watcher = { clientGone: () => gone.abort(new ClientGoneError()) }
  watchClient(socket, watcher)
  try {
    traffic.waiting(weighed.route, 1)
    if (socket.destroyed) throw new ClientGoneError()
    return await limiter.admit(weighed, { signal: gone.signal })
  } finally {
    traffic.waiting(weighed.route, -1)
    unwatchClient(socket, watcher)
  }
}
