import type { Client, Decision, MaybePromise, Permit } from 'sluice'
import { problem, refusalProblem } from 'sluice/http'
import { holdsSlots } from '../../policy/holds-slots.js'
import { MeteredCall } from '../../policy/llm/metered-call.js'
import type { UnreadReason } from '../../policy/llm/response/response-meter.js'
import type { PolicyMatch } from '../../policy/policies.js'
import type { Target } from '../../policy/routing/target.js'
import type { BodyLease } from '../http/body-memory.js'
import { answer } from '../http/send-response.js'
import { RequestHead } from '../identity/request-head.js'
import type { RecordedRequest } from '../observability/recording/recorder.js'
import type { RequestOutcome } from '../observability/request-outcome.js'
import { type Admitted, admit } from './admit.js'
import { sendErrorResponse } from './error-response.js'
import { type ForwardOptions, forward, type Sent } from './forward.js'
import type { ForwardResult } from './forward-result.js'
import { callSettlingOf, forwardLlmCall, type Settling, settlingOf } from './llm-forwarding.js'
import type { RequestContext } from './request-context.js'
import { type Field, fieldsOf } from './response-headers.js'

/**
 * One request on its way through the gateway, from its route to its end.
 *
 * Its steps call each other, and only what takes a while is a promise: with a promise a step a small request took a tenth longer.
 */
export class RequestLifecycle {
  readonly #handling: RequestContext
  readonly #target: Target
  readonly #match: PolicyMatch
  /** Undefined where the request holds nothing that has to be released. */
  #permit: Permit | undefined
  /** The memory of its body, where that was read. */
  #lease: BodyLease | undefined
  #recorded: RecordedRequest | undefined
  #client: Client | undefined
  #ended = false

  constructor(handling: RequestContext, target: Target, match: PolicyMatch) {
    this.#handling = handling
    this.#target = target
    this.#match = match
  }

  begin(): void {
    const { request, setup, trouble, proceed } = this.#handling
    const match = this.#match
    const { limiter } = match.policy
    try {
      const admitted =
        limiter === undefined
          ? this.#identify()
          : admit({ request, setup, target: this.#target, match, trouble, proceed }, limiter)
      if (admitted instanceof Promise) {
        admitted.then(
          (admitted) => this.goOn(admitted),
          (error: unknown) => this.#fail(error),
        )
      } else {
        // A small body comes with the head, but Node tells of it a moment later.
        process.nextTick(goOn, this, admitted)
      }
    } catch (error) {
      this.#fail(error)
    }
  }

  /** @param admitted undefined where nothing is to be decided */
  goOn(admitted: Admitted | undefined): void {
    try {
      if (admitted === undefined) {
        this.#handling.proceed()
        this.#send({ responseHeaders: [] })
      } else this.#decided(admitted)
    } catch (error) {
      this.#fail(error)
    }
  }

  /** Finds out who sends a request that nothing limits, where the upstream is told. */
  #identify(): MaybePromise<undefined> {
    const { request, setup } = this.#handling
    if (setup.clients.headersFor === undefined) return undefined
    const client = setup.clients.clientOf(new RequestHead(request, setup.addresses))
    if (client instanceof Promise)
      return client.then((client) => {
        this.#client = client
        return undefined
      })
    this.#client = client
    return undefined
  }

  #decided(admitted: Admitted): void {
    const { request, response, setup } = this.#handling
    const { decision, call } = admitted
    this.#client = admitted.weighed.client
    // First of all: whatever fails from here on, it is released.
    if (decision.allowed && holdsSlots(decision)) this.#permit = decision.permit
    this.#lease = admitted.body?.lease
    this.#recorded = setup.recorder?.begin(this.#target.path, admitted)
    if (call !== undefined) this.#recorded?.reserved(call.reservation)
    const fields = fieldsOf(decision, this.#match.policy.mirror)
    if (decision.allowed) {
      this.#permit?.keepRenewed()
      this.#sendAdmitted(admitted, decision, fields)
    } else {
      const refusal = refusalProblem(decision.refusal)
      answer(request, response, { ...refusal, headers: [...refusal.headers, ...fields] })
      this.#end('refused')
    }
  }

  #sendAdmitted({ body, call }: Admitted, decision: AllowedDecision, fields: readonly Field[]): void {
    if (body === undefined) {
      this.#handling.proceed()
      this.#send({ responseHeaders: fields }, settlingOf(decision))
    } else if (call === undefined) {
      this.#send({ responseHeaders: fields, body: body.bytes }, settlingOf(decision))
    } else {
      const metered = new MeteredCall(call, body.bytes, this.#handling.setup.answers)
      this.#send(
        forwardLlmCall(metered, fields),
        callSettlingOf(metered, decision, this.#recorded, this.#onUnread),
      )
    }
  }

  #send(sent: Sent, settling?: Settling): void {
    const { request, response, setup } = this.#handling
    const { traffic, upstream, clients, addresses, gatewayName } = setup
    const { name } = this.#match.policy
    const peerAddress = request.socket.remoteAddress ?? ''
    const peerTrusted = addresses.isTrusted(peerAddress)
    const begun = performance.now()
    traffic.onInFlightChange(name, 1)
    const options: ForwardOptions = {
      upstream,
      request,
      response,
      target: this.#target,
      peerAddress,
      peerTrusted,
      addresses,
      gatewayName,
      withheld: clients.withheld(request, peerTrusted),
      responseHeaders: sent.responseHeaders,
      requestHeaders: [...(sent.requestHeaders ?? []), ...(clients.headersFor?.(this.#client) ?? [])],
      body: sent.body,
      retriesPost: setup.retriesPost,
      observer: sent.observer,
      filter: sent.filter,
    }
    forward(options, (outcome, passed) => {
      traffic.onInFlightChange(name, -1)
      traffic.onUpstreamResponse(name, (performance.now() - begun) / 1000)
      this.#forwarded(outcome, sent.responseHeaders, settling && (() => settling(outcome, passed)))
    })
  }

  #forwarded(
    outcome: ForwardResult,
    fields: readonly Field[],
    settle: (() => MaybePromise<void>) | undefined,
  ): void {
    try {
      if (outcome.kind === 'failed') this.#answerFailure(outcome, fields)
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

  #answerFailure(outcome: ForwardResult & { readonly kind: 'failed' }, fields: readonly Field[]): void {
    const { request, response, trouble } = this.#handling
    trouble.upstreamFailed(this.#match.policy.name, outcome)
    const title = outcome.status === 504 ? 'Gateway timeout' : 'Bad gateway'
    const failure = problem(outcome.status, title, outcome.detail)
    answer(request, response, { ...failure, headers: [...failure.headers, ...fields] })
  }

  readonly #onUnread = (reason: UnreadReason) => {
    this.#handling.setup.traffic.onUnreadableResponse(this.#match.policy.name, reason)
  }

  #fail(error: unknown): void {
    const { request, response, trouble } = this.#handling
    this.#end(sendErrorResponse(error, request, response, trouble))
  }

  /** Releases what the request held; then it has ended. Does nothing the second time. */
  #end(outcome: RequestOutcome): void {
    if (this.#ended) return
    this.#ended = true
    this.#lease?.release()
    this.#recorded?.end()
    if (this.#permit === undefined) this.#tell(outcome)
    else void this.#release(this.#permit, outcome).then((outcome) => this.#tell(outcome))
  }

  /** @returns how the request ended: with what fails here, if something does */
  async #release(permit: Permit, outcome: RequestOutcome): Promise<RequestOutcome> {
    const { request, response, trouble } = this.#handling
    try {
      await permit.release()
      return outcome
    } catch (error) {
      return sendErrorResponse(error, request, response, trouble)
    }
  }

  #tell(outcome: RequestOutcome): void {
    const { setup, ended } = this.#handling
    setup.traffic.onRequestEnd(this.#match.policy.name, outcome)
    ended()
  }
}

type AllowedDecision = Extract<Decision, { readonly allowed: true }>

function goOn(passage: RequestLifecycle, admitted: Admitted | undefined): void {
  passage.goOn(admitted)
}
