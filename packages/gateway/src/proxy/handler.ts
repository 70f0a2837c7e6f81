import type { IncomingMessage, ServerResponse } from 'node:http'
import {
  type Decision,
  ForbiddenError,
  type Permit,
  RequestError,
  StoreUnavailableError,
  UnauthorizedError,
} from 'sluice'
import {
  type ClientAddressReader,
  limitFields,
  problem,
  refusalProblem,
  requestProblem,
  unavailableProblem,
} from 'sluice/http'
import { IdentityUnavailableError } from 'sluice/identity'
import type { ClientReader } from '../identity/client-reader.js'
import { MeteredCall } from '../llm/metered-call.js'
import { type MirrorName, mirroredFields } from '../llm/quota-mirror.js'
import type { Admission, PolicyMatch } from '../policy/admission.js'
import type { RecordedRequest, Recorder } from '../record/recorder.js'
import { BadTargetError, parseTarget, type Target } from '../routing/target.js'
import { type Admitted, admit, ClientGoneError } from './admit.js'
import { answer } from './answer.js'
import { type ForwardOptions, type ForwardOutcome, forward } from './forward.js'
import { BodyAbortedError, BodyTooLargeError } from './read-body.js'
import type { Outcome, TrafficListener } from './traffic.js'
import type { Upstream } from './upstream.js'

/** What a request is handled with. A request keeps what it began with, also when the configuration changes meanwhile. */
export interface Setup {
  readonly admission: Admission
  readonly addresses: ClientAddressReader
  readonly clients: ClientReader
  readonly upstream: Upstream
  /** The most that is read of a body that a rule reads, in bytes. */
  readonly maxBody: number
  readonly traffic: TrafficListener
  /** Undefined where traffic is not recorded. */
  readonly recorder?: Recorder | undefined
}

/** Told of requests that did not go as they should; none of it comes from a client's own mistakes. */
export interface TroubleListener {
  upstreamFailed(route: string, outcome: ForwardOutcome & { kind: 'failed' }): void
  /** An error that nobody foresaw. */
  crashed(error: unknown): void
}

/**
 * Handles one request from its head to the end of its answer: finds its route, lets it in or refuses it, forwards it,
 * and releases what it held on every way out.
 *
 * @param proceed asks a client that waits for `100 Continue` to send its body
 */
export async function handle(
  request: IncomingMessage,
  response: ServerResponse,
  setup: Setup,
  trouble: TroubleListener,
  proceed: () => void,
): Promise<void> {
  let route: string | undefined
  let outcome: Outcome = 'unrouted'
  try {
    const target = parseTarget(request.url ?? '/')
    const match = setup.admission.policyFor(request.method ?? 'GET', target.segments)
    route = match?.policy.name
    if (match === undefined) {
      answer(request, response, problem(404, 'Not found', 'No route of this gateway takes such requests.'))
    } else {
      outcome = await admitAndForward({ request, response, setup, trouble, proceed, target, match })
    }
  } catch (error) {
    outcome = answerError(error, request, response, trouble)
  } finally {
    setup.traffic.ended(route, outcome)
  }
}

interface Handling {
  readonly request: IncomingMessage
  readonly response: ServerResponse
  readonly setup: Setup
  readonly trouble: TroubleListener
  readonly proceed: () => void
  readonly target: Target
  readonly match: PolicyMatch
}

async function admitAndForward(handling: Handling): Promise<Outcome> {
  const { request, response, setup, proceed, target, match } = handling
  const { policy } = match
  if (policy.limiter === undefined) {
    proceed()
    // A small body comes with the head, but Node tells of it a moment later.
    await undefined
    await send(handling, { responseHeaders: [] })
    return 'allowed'
  }
  const admitted = await admit({ request, setup, proceed, target, match }, policy.limiter)
  const { decision } = admitted
  try {
    const recorded = setup.recorder?.begin(target.path, admitted)
    if (admitted.call !== undefined) recorded?.reserved(admitted.call.reservation)
    try {
      const fields = fieldsOf(decision, policy.mirror)
      if (decision.allowed) {
        await sendAdmitted(handling, admitted, decision.permit, fields, recorded)
        return 'allowed'
      }
      const refusal = refusalProblem(decision.refusal)
      answer(request, response, { ...refusal, headers: [...refusal.headers, ...fields] })
      return 'refused'
    } finally {
      recorded?.end()
    }
  } finally {
    // Whatever failed after it was let in.
    if (decision.allowed) await decision.permit.release()
  }
}

async function sendAdmitted(
  handling: Handling,
  { body, call }: Admitted,
  permit: Permit,
  fields: readonly Field[],
  recorded: RecordedRequest | undefined,
): Promise<void> {
  permit.keepRenewed()
  if (body === undefined) {
    handling.proceed()
    await send(handling, { responseHeaders: fields })
  } else if (call === undefined) {
    await send(handling, { responseHeaders: fields, body })
  } else {
    await sendMetered(handling, fields, new MeteredCall(call, body), permit, recorded)
  }
}

/** Sends a call of a model, and settles what was reserved for it with what it cost. */
async function sendMetered(
  handling: Handling,
  fields: readonly Field[],
  metered: MeteredCall,
  permit: Permit,
  recorded: RecordedRequest | undefined,
): Promise<void> {
  const outcome = await send(handling, {
    responseHeaders: fields,
    // What is compressed cannot be metered.
    requestHeaders: [['Accept-Encoding', 'identity']],
    body: metered.body,
    observer: metered.meter,
    filter: (status, rawHeaders) => metered.filter(status, rawHeaders),
  })
  const cost = metered.settlement(outcome)
  if (cost === 'nothing') await permit.cancel()
  else if (cost !== 'unknown') {
    recorded?.cost(cost)
    await permit.settle({ ...cost })
  }
}

async function send(
  { request, response, setup, trouble, target, match }: Handling,
  options: Pick<ForwardOptions, 'responseHeaders' | 'requestHeaders' | 'body' | 'observer' | 'filter'>,
): Promise<ForwardOutcome> {
  const peerAddress = request.socket.remoteAddress ?? ''
  const peerTrusted = setup.addresses.isTrusted(peerAddress)
  const { traffic } = setup
  const { name } = match.policy
  const begun = performance.now()
  traffic.inFlight(name, 1)
  const outcome = await forward({
    upstream: setup.upstream,
    request,
    response,
    target,
    peerAddress,
    peerTrusted,
    withheld: peerTrusted ? undefined : setup.clients.claims,
    ...options,
  })
  traffic.inFlight(name, -1)
  traffic.exchanged(name, (performance.now() - begun) / 1000)
  if (outcome.kind === 'failed') {
    trouble.upstreamFailed(name, outcome)
    const title = outcome.status === 504 ? 'Gateway timeout' : 'Bad gateway'
    const failure = problem(outcome.status, title, outcome.detail)
    answer(request, response, { ...failure, headers: [...failure.headers, ...options.responseHeaders] })
  }
  return outcome
}

type Field = readonly [name: string, value: string]

function fieldsOf(decision: Decision, mirror: MirrorName | undefined): readonly Field[] {
  const fields = limitFields(decision, {})
  return mirror === undefined ? fields : [...fields, ...mirroredFields(mirror, decision.quotas, Date.now())]
}

function answerError(
  error: unknown,
  request: IncomingMessage,
  response: ServerResponse,
  trouble: TroubleListener,
): Outcome {
  if (error instanceof BodyAbortedError || error instanceof ClientGoneError) return 'abandoned'
  if (error instanceof RequestError) {
    answer(request, response, requestProblem(error))
    if (error instanceof UnauthorizedError) return 'unauthorized'
    return error instanceof ForbiddenError ? 'forbidden' : 'invalid'
  }
  if (error instanceof BadTargetError) {
    answer(request, response, problem(400, 'Bad request', error.message))
    return 'invalid'
  }
  if (error instanceof BodyTooLargeError) {
    answer(request, response, problem(413, 'Content too large', error.message))
    return 'too_large'
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
