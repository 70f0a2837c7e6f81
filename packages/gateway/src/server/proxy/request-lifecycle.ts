import type { Client, Decision, MaybePromise, Permit } from 'sluice'
import { limitFields, problem, refusalProblem } from 'sluice/http'
import type { Prediction } from '../../policy/llm/prediction/output-predictor.js'
import { vendorHeaders } from '../../policy/llm/vendor-headers.js'
import type { Policy } from '../../policy/policy.js'
import { holdsSlots } from '../../policy/policy-limiter.js'
import type { BodyLease } from '../http/body-memory.js'
import type { HeaderPair } from '../http/proxy-headers.js'
import { RequestHead } from '../identity/request-head.js'
import type { AccessEntry } from '../observability/access-log.js'
import type { RecordedRequest } from '../observability/recording/recorder.js'
import type { RequestOutcome } from '../observability/request-outcome.js'
import type { UpstreamRefusal } from '../upstreams/upstream-limits.js'
import { type Admitted, admit } from './admit.js'
import { checkClient } from './blocked.js'
import type { Delivery } from './delivery.js'
import { sendErrorResponse } from './error-response.js'
import { type ForwardOptions, type ForwardOverrides, forward } from './forward.js'
import type { FailedForward, ForwardProgress, ForwardResult } from './forward-result.js'
import { meteredForward } from './metered-forward.js'
import { modelListAnswer, modelListOverrides } from './model-list-forward.js'
import { errorShapeOf, presentationOf, sendOwnAnswer } from './own-answer.js'
import { endRequest, type RoutedRequest } from './request-context.js'
import { routedDelivery } from './routed-delivery.js'
import { type AllowedDecision, requestSettler, type Settler } from './settlement.js'
import { recordFixedSpend, spendingOf } from './spending.js'
import { NOT_SENT, upstreamRefusal } from './upstream-answers.js'

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
  /** Undefined unless the output of a model call was predicted. */
  #prediction: Prediction | undefined
  #recorded: RecordedRequest | undefined
  #client: Client | undefined
  /** Undefined unless routes choose their upstream. */
  #delivery: Delivery | undefined
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
    this.#prediction = call?.prediction
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
    admitted: Admitted,
    decision: AllowedDecision,
    responseHeaders: readonly HeaderPair[],
  ): void {
    const { request, body, call, upstream } = admitted
    const upstreamPermit = this.#routed.services.upstreams && (() => this.#delivery?.permit)
    const spending = call === undefined ? spendingOf(this.#routed, request.client, decision) : undefined
    const onWork = spending && (() => recordFixedSpend(spending))
    const settle = requestSettler(decision, onWork, upstreamPermit)
    const list = this.#routed.match.policy.modelList
    const listing = list && modelListAnswer(list, request)
    if (listing !== undefined) {
      sendOwnAnswer(this.#routed, listing, presentationOf(this.#routed), responseHeaders)
      this.#onForwarded(ANSWERED, responseHeaders, () => settle(ANSWERED, SERVED))
      return
    }
    if (upstream !== undefined && 'error' in upstream) {
      this.#failUnsent(upstream.error, settle)
      return
    }
    if (list !== undefined) {
      if (body === undefined) this.#routed.sendContinue()
      const overrides = modelListOverrides(list, request, this.#routed.target)
      this.#forward({ responseHeaders, body: body?.bytes, ...overrides }, settle, admitted)
    } else if (body === undefined) {
      this.#routed.sendContinue()
      this.#forward({ responseHeaders }, settle, admitted)
    } else if (call === undefined) {
      this.#forward({ responseHeaders, body: request.forwardedBody(body.bytes) }, settle, admitted)
    } else {
      const metered = meteredForward(
        { routed: this.#routed, sender: request, call, decision, recorded: this.#recorded, upstreamPermit },
        request.forwardedBody(body.bytes),
        responseHeaders,
      )
      this.#forward(metered.overrides, metered.settle, admitted)
    }
  }

  #forward(overrides: ForwardOverrides, settle?: Settler, admitted?: Admitted): void {
    const { request, response, services, target, crossOrigin, peerTrusted, requestId, telemetry, access } =
      this.#routed
    const { traffic, upstream, upstreams, clients, addresses, gatewayName } = services
    const { policy } = this.#routed.match
    const { name } = policy
    const peerAddress = request.socket.remoteAddress ?? ''
    let startedAt = performance.now()
    const withheld = clients.withheld(request, peerTrusted)
    const ownHeaders = joined(overrides.requestHeaders, clients.headersFor?.(this.#client))
    const options: ForwardOptions = {
      upstream,
      request,
      response,
      target: overrides.target ?? target,
      peerAddress,
      peerTrusted,
      addresses,
      gatewayName,
      requestId: { id: requestId, inVendorHeader: errorShapeOf(request, policy) === 'anthropic' },
      withheld: telemetry === undefined ? withheld : telemetry.withheld(withheld),
      responseHeaders: overrides.responseHeaders,
      crossOrigin,
      requestHeaders: telemetry === undefined ? ownHeaders : joined(ownHeaders, telemetry.upstreamHeaders),
      body: overrides.body,
      retriesPost: services.retriesPost,
      observer: overrides.observer,
      filter: overrides.filter,
      onExchange: overrides.onExchange,
      replaceBody: overrides.replaceBody,
    }
    const onSettled = (result: ForwardResult, progress: ForwardProgress) => {
      const seconds = (performance.now() - startedAt) / 1000
      traffic.onUpstreamResponse(name, seconds, progress.status, requestId, telemetry?.traceId)
      telemetry?.onForwarded({ ...result, seconds })
      if (access !== undefined) logForwarded(access, result, progress)
      this.#onForwarded(result, overrides.responseHeaders, settle && (() => settle(result, progress)))
    }
    if (upstreams === undefined) {
      traffic.onInFlightChange(name, 1)
      forward(options, (result, progress) => {
        traffic.onInFlightChange(name, -1)
        onSettled(result, progress)
      })
      return
    }
    const delivery: Delivery = routedDelivery(upstreams, this.#routed, admitted, {
      forward: options,
      onSent: () => {
        startedAt = performance.now()
      },
      onRefused: (refusal) => this.#refuseForUpstream(refusal, overrides.responseHeaders, settle),
      onError: (error) => this.#failUnsent(error, settle),
      onSettled: (result, progress) => {
        this.#recorded?.setUpstream(delivery.upstream)
        onSettled(result, progress)
      },
    })
    this.#delivery = delivery
    delivery.start()
  }

  /** Answers a request that the limits of its upstream refuse, and refunds its charges. */
  #refuseForUpstream(
    refusal: UpstreamRefusal,
    headers: readonly HeaderPair[],
    settle: Settler | undefined,
  ): void {
    const presentation = presentationOf(this.#routed)
    sendOwnAnswer(this.#routed, upstreamRefusal(refusal, presentation), presentation, headers)
    this.#afterRefund(settle, () => this.#end('refused'))
  }

  /** Handles an error before the request was sent, and refunds its charges. */
  #failUnsent(error: unknown, settle: Settler | undefined): void {
    this.#afterRefund(settle, () => this.#fail(error))
  }

  #afterRefund(settle: Settler | undefined, end: () => void): void {
    const refunded = settle?.({ kind: 'interrupted', by: 'upstream', started: false }, NOT_SENT)
    if (refunded === undefined) end()
    else refunded.then(end, (error: unknown) => this.#fail(error))
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
    this.#prediction?.end()
    this.#recorded?.end()
    const permits = [this.#permit, this.#delivery?.permit].filter((permit) => permit !== undefined)
    if (permits.length === 0) this.#reportEnd(outcome)
    else void this.#release(permits, outcome).then((outcome) => this.#reportEnd(outcome))
  }

  /** @returns `outcome`, or the outcome of the error if the release fails */
  async #release(permits: readonly Permit[], outcome: RequestOutcome): Promise<RequestOutcome> {
    try {
      await Promise.all(permits.map((permit) => permit.release()))
      return outcome
    } catch (error) {
      return sendErrorResponse(error, this.#routed)
    }
  }

  #reportEnd(outcome: RequestOutcome): void {
    endRequest(this.#routed, this.#routed.match.policy.name, outcome)
  }
}

/** The exchange of a request that the gateway answers in place of the upstream. */
const ANSWERED: ForwardResult = { kind: 'answered', status: 200 }
const SERVED: ForwardProgress = { reached: true, status: 200 }

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
