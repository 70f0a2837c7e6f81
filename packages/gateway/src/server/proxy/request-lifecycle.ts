import type { Client, Decision, MaybePromise, Permit } from 'sluice'
import { limitFields, problem, refusalProblem } from 'sluice/http'
import { describedModel, filteredList } from '../../policy/llm/model-list.js'
import { vendorHeaders } from '../../policy/llm/vendor-headers.js'
import { type ModelList, visibleModels } from '../../policy/model-access.js'
import { holdsSlots, type Policy } from '../../policy/policies.js'
import type { WeighedRequest } from '../../policy/policy-request.js'
import type { Target } from '../../policy/routing/target.js'
import type { BodyLease } from '../http/body-memory.js'
import type { HeaderPair } from '../http/proxy-headers.js'
import { RequestHead } from '../identity/request-head.js'
import type { AccessEntry } from '../observability/access-log.js'
import type { RecordedRequest } from '../observability/recording/recorder.js'
import type { RequestOutcome } from '../observability/request-outcome.js'
import { type Admitted, admit } from './admit.js'
import { checkClient } from './blocked.js'
import { sendErrorResponse } from './error-response.js'
import { type ForwardOptions, type ForwardOverrides, forward } from './forward.js'
import type { FailedForward, ForwardProgress, ForwardResult } from './forward-result.js'
import { meteredForward } from './metered-forward.js'
import { presentationOf, sendOwnAnswer } from './own-answer.js'
import { endRequest, type RoutedRequest } from './request-context.js'
import { type AllowedDecision, requestSettler, type Settler } from './settlement.js'

/**
 * The steps of one routed request: identify, decide, forward, settle, release.
 *
 * Steps call each other directly and only waiting steps return a promise. A promise per step made
 * small requests 10 % slower.
 */
export class RequestLifecycle {
  readonly #routed: RoutedRequest
  /** Undefined unless the request holds slots. */
  #permit: Permit | undefined
  /** The memory of the request body, if it was read. */
  #lease: BodyLease | undefined
  #recorded: RecordedRequest | undefined
  #client: Client | undefined
  #hasEnded = false

  constructor(routed: RoutedRequest) {
    this.#routed = routed
  }

  start(): void {
    const { limiter } = this.#routed.match.policy
    try {
      const admitted = limiter === undefined ? this.#identify() : admit(this.#routed, limiter)
      if (admitted instanceof Promise) {
        admitted.then(
          (admitted) => this.proceed(admitted),
          (error: unknown) => this.#fail(error),
        )
      } else {
        // Node delivers a small body that arrived with the head one tick later.
        process.nextTick(proceed, this, admitted)
      }
    } catch (error) {
      this.#fail(error)
    }
  }

  /**
   * Continues after the decision.
   *
   * @param admitted undefined if the route has no limits
   */
  proceed(admitted: Admitted | undefined): void {
    try {
      if (admitted === undefined) {
        this.#routed.sendContinue()
        this.#forward({ responseHeaders: [] })
      } else this.#applyDecision(admitted)
    } catch (error) {
      this.#fail(error)
    }
  }

  /**
   * Identifies the client of an unlimited request if its identity is forwarded upstream, or if
   * clients are blocked.
   */
  #identify(): MaybePromise<undefined> {
    const { request, services } = this.#routed
    if (services.clients.headersFor === undefined && services.access?.blocksClients !== true) return undefined
    const client = services.clients.clientOf(new RequestHead(request, services.addresses))
    if (client instanceof Promise) return client.then((client) => this.#onIdentified(client))
    return this.#onIdentified(client)
  }

  #onIdentified(client: Client | undefined): undefined {
    const { target, match } = this.#routed
    checkClient(this.#routed, target, match.policy.name, client)
    this.#client = client
    return undefined
  }

  #applyDecision(admitted: Admitted): void {
    const { match } = this.#routed
    const { decision, call } = admitted
    this.#client = admitted.request.client
    this.#routed.telemetry?.onDecision({
      sender: admitted.request,
      decision,
      waitedMs: admitted.decidedAt - admitted.arrivedAt,
      call,
    })
    this.#routed.access?.onDecided(admitted.request, decision, admitted.decidedAt - admitted.arrivedAt)
    // Set first, so that a failure in any later step releases the permit.
    if (decision.allowed && holdsSlots(decision)) this.#permit = decision.permit
    this.#lease = admitted.body?.lease
    // A replay would count the request.
    if (!admitted.isExempt) this.#record(admitted)
    const headers = limitHeaders(decision, match.policy)
    if (decision.allowed) {
      this.#permit?.keepRenewed()
      this.#forwardAdmitted(admitted, decision, headers)
    } else {
      const presentation = presentationOf(this.#routed)
      sendOwnAnswer(this.#routed, refusalProblem(decision.refusal, presentation), presentation, headers)
      this.#end('refused')
    }
  }

  #record(admitted: Admitted): void {
    const { services, target, match } = this.#routed
    this.#recorded = services.recorder?.begin(target.path, admitted, match.policy.labels)
    const { knownModel } = admitted.request
    if (admitted.call === undefined && knownModel !== undefined) this.#recorded?.setModel(knownModel)
  }

  #forwardAdmitted(
    { request, body, call }: Admitted,
    decision: AllowedDecision,
    responseHeaders: readonly HeaderPair[],
  ): void {
    const list = this.#routed.match.policy.modelList
    if (list !== undefined) {
      if (body === undefined) this.#routed.sendContinue()
      const overrides = modelListOverrides(list, request, this.#routed.target)
      this.#forward({ responseHeaders, body: body?.bytes, ...overrides }, requestSettler(decision))
    } else if (body === undefined) {
      this.#routed.sendContinue()
      this.#forward({ responseHeaders }, requestSettler(decision))
    } else if (call === undefined) {
      this.#forward({ responseHeaders, body: request.forwardedBody(body.bytes) }, requestSettler(decision))
    } else {
      const { overrides, settle } = meteredForward(
        { routed: this.#routed, sender: request, call, decision, recorded: this.#recorded },
        request.forwardedBody(body.bytes),
        responseHeaders,
      )
      this.#forward(overrides, settle)
    }
  }

  #forward(overrides: ForwardOverrides, settle?: Settler): void {
    const { request, response, services, target, crossOrigin, peerTrusted, requestId, telemetry, access } =
      this.#routed
    const { traffic, upstream, clients, addresses, gatewayName } = services
    const { name, presentation } = this.#routed.match.policy
    const peerAddress = request.socket.remoteAddress ?? ''
    const startedAt = performance.now()
    const withheld = clients.withheld(request, peerTrusted)
    const ownHeaders = joined(overrides.requestHeaders, clients.headersFor?.(this.#client))
    traffic.onInFlightChange(name, 1)
    const options: ForwardOptions = {
      upstream,
      request,
      response,
      target: overrides.target ?? target,
      peerAddress,
      peerTrusted,
      addresses,
      gatewayName,
      requestId: { id: requestId, inVendorHeader: presentation.errorShape === 'anthropic' },
      withheld: telemetry === undefined ? withheld : telemetry.withheld(withheld),
      responseHeaders: overrides.responseHeaders,
      crossOrigin,
      requestHeaders: telemetry === undefined ? ownHeaders : joined(ownHeaders, telemetry.upstreamHeaders),
      body: overrides.body,
      retriesPost: services.retriesPost,
      observer: overrides.observer,
      filter: overrides.filter,
      replaceBody: overrides.replaceBody,
    }
    forward(options, (result, progress) => {
      traffic.onInFlightChange(name, -1)
      const seconds = (performance.now() - startedAt) / 1000
      traffic.onUpstreamResponse(name, seconds, progress.status, requestId, telemetry?.traceId)
      telemetry?.onForwarded({ ...result, seconds })
      if (access !== undefined) logForwarded(access, result, progress)
      this.#onForwarded(result, overrides.responseHeaders, settle && (() => settle(result, progress)))
    })
  }

  #onForwarded(
    result: ForwardResult,
    headers: readonly HeaderPair[],
    settle: (() => MaybePromise<void>) | undefined,
  ): void {
    try {
      if (result.kind === 'failed') this.#sendFailure(result, headers)
      const settled = settle?.()
      if (settled === undefined) this.#end('allowed')
      else {
        settled.then(
          () => this.#end('allowed'),
          (error: unknown) => this.#fail(error),
        )
      }
    } catch (error) {
      this.#fail(error)
    }
  }

  #sendFailure(result: FailedForward, headers: readonly HeaderPair[]): void {
    const { errors, match, requestId } = this.#routed
    errors.upstreamFailed(match.policy.name, result, requestId)
    const title = result.status === 504 ? 'Gateway timeout' : 'Bad gateway'
    const presentation = presentationOf(this.#routed)
    const failure = problem(result.status, title, result.detail, {}, presentation)
    sendOwnAnswer(this.#routed, failure, presentation, headers)
  }

  #fail(error: unknown): void {
    this.#end(sendErrorResponse(error, this.#routed))
  }

  /** Releases everything the request holds and reports its end. Idempotent. */
  #end(outcome: RequestOutcome): void {
    if (this.#hasEnded) return
    this.#hasEnded = true
    this.#lease?.release()
    this.#recorded?.end()
    if (this.#permit === undefined) this.#reportEnd(outcome)
    else void this.#release(this.#permit, outcome).then((outcome) => this.#reportEnd(outcome))
  }

  /** @returns `outcome`, or the outcome of the error if the release fails */
  async #release(permit: Permit, outcome: RequestOutcome): Promise<RequestOutcome> {
    try {
      await permit.release()
      return outcome
    } catch (error) {
      return sendErrorResponse(error, this.#routed)
    }
  }

  #reportEnd(outcome: RequestOutcome): void {
    endRequest(this.#routed, this.#routed.match.policy.name, outcome)
  }
}

function logForwarded(access: AccessEntry, result: ForwardResult, { status }: ForwardProgress): void {
  if (result.kind !== 'failed' && status !== 0) access.onUpstreamAnswer()
  if (result.kind === 'interrupted') access.onInterrupted(result.by)
}

function joined(
  one: readonly HeaderPair[] | undefined,
  other: readonly HeaderPair[] | undefined,
): readonly HeaderPair[] | undefined {
  return one === undefined || other === undefined ? (one ?? other) : [...one, ...other]
}

/** Returns the overrides that show a client only the models that it may use. */
function modelListOverrides(
  list: ModelList,
  request: WeighedRequest,
  target: Target,
): Pick<ForwardOverrides, 'requestHeaders' | 'replaceBody' | 'target'> {
  // An encoded or partial response cannot be filtered.
  const requestHeaders = [['Accept-Encoding', 'identity']] as const
  const visible = visibleModels(list.access, request)
  if (list.answer.kind === 'list')
    return { requestHeaders, replaceBody: (body) => filteredList(list.answer, visible, body) }
  const requested = request.params[list.answer.kind.param] ?? ''
  const model = visible.alias.get(requested) ?? requested
  return {
    requestHeaders,
    replaceBody: (body) => describedModel(list.answer, requested, model, body),
    ...(model !== requested && { target: withLastSegment(target, model) }),
  }
}

/** Returns a target with another last segment of its path. */
function withLastSegment(target: Target, segment: string): Target {
  const path = target.path.slice(0, target.path.lastIndexOf('/') + 1) + encodeURIComponent(segment)
  return { ...target, path, segments: [...target.segments.slice(0, -1), segment] }
}

/** A function rather than a method, so that scheduling it allocates no closure. */
function proceed(lifecycle: RequestLifecycle, admitted: Admitted | undefined): void {
  lifecycle.proceed(admitted)
}

/** Returns the rate-limit headers, repeated under a vendor's names if `mirror` is set. */
function limitHeaders(
  decision: Decision,
  { headers: options, mirror }: Pick<Policy, 'headers' | 'mirror'>,
): readonly HeaderPair[] {
  const headers = limitFields(decision, options)
  return mirror === undefined ? headers : [...headers, ...vendorHeaders(mirror, decision.quotas, Date.now())]
}
