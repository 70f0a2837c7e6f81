import type { MaybePromise, Permit } from 'sluice'
import { headerName } from '../../policy/headers/header-name.js'
import type { UpstreamCall } from '../../policy/policy-request.js'
import { arrivedBody } from '../http/client-body.js'
import type { HeaderPair } from '../http/proxy-headers.js'
import type { UpstreamAddress } from '../upstreams/upstream-address.js'
import type { UpstreamGroup } from '../upstreams/upstream-group.js'
import type { UpstreamDecision, UpstreamRefusal } from '../upstreams/upstream-limits.js'
import type { AttemptFailure, Diversion } from './exchange.js'
import { type ForwardOptions, forward, mayRepeat } from './forward.js'
import type { ForwardProgress, ForwardResult } from './forward-result.js'
import { reportFailure, reportStatus } from './rejection.js'

export interface DeliveryOptions {
  /** The upstream to begin with. Its fallbacks are tried after it. */
  readonly upstream: UpstreamGroup
  /** The request as the limits of upstreams see it; undefined if they do not apply to it. */
  readonly call: UpstreamCall | undefined
  /** The request. Its `upstream` is replaced. */
  readonly forward: ForwardOptions
  /** Called when the request is first sent. */
  readonly onSent: () => void
  /** The limits of every upstream refused. Nothing is sent, and nothing is charged to them. */
  readonly onRefused: (refusal: UpstreamRefusal) => void
  /** The limits of an upstream could not decide, or the client disconnected while it waited. */
  readonly onError: (error: unknown) => void
  readonly onSettled: (result: ForwardResult, progress: ForwardProgress) => void
}

/** Failures of an address that can be reached: it is slow, or closes, or its response is not as expected. */
const NOT_UNREACHABLE: ReadonlySet<string> = new Set([
  'UND_ERR_HEADERS_TIMEOUT',
  'UND_ERR_BODY_TIMEOUT',
  'UND_ERR_DESTROYED',
  'UND_ERR_CLOSED',
  'UNEXPECTED_RESPONSE',
])

/**
 * Sends one request to a named upstream: charges the limits of the upstream, chooses an address, and
 * falls back to the next upstream until one serves the request.
 *
 * - If an address cannot be reached, one other address of the same upstream is tried.
 * - The next upstream is tried if the limits of an upstream refuse, if no address can be reached, or
 *   if the response has one of the configured statuses.
 * - A request is sent again only if its whole body is available, and if nothing of it was sent or it
 *   may be repeated. A response with such a status shows that the upstream did not serve the request.
 */
export class Delivery {
  readonly #options: DeliveryOptions
  readonly #body: Buffer | undefined
  readonly #ownHeaders: readonly HeaderPair[]
  /** The fallbacks that were not tried yet. */
  readonly #next: UpstreamGroup[]
  #upstream: UpstreamGroup
  #permit: Permit | undefined
  #isSent = false

  constructor(options: DeliveryOptions) {
    const { upstream, forward } = options
    this.#options = options
    this.#upstream = upstream
    this.#next = [...upstream.fallbacks]
    // Held, because an attempt that fails would lose it.
    this.#body = forward.body ?? arrivedBody(forward.request)
    this.#ownHeaders = forward.requestHeaders ?? []
  }

  /** The name of the upstream that the request was last sent to. */
  get upstream(): string {
    return this.#upstream.name
  }

  /** The charges of that upstream; undefined if it has no limits. */
  get permit(): Permit | undefined {
    return this.#permit
  }

  start(): void {
    this.#enter(this.#upstream)
  }

  /** Charges the limits of an upstream, then sends the request to it. */
  #enter(upstream: UpstreamGroup): void {
    this.#upstream = upstream
    const { call, forward } = this.#options
    if (upstream.limits === undefined || call === undefined) {
      this.#sendFirst()
      return
    }
    let decided: MaybePromise<UpstreamDecision>
    try {
      decided = upstream.limits.admit(call, forward.request.socket)
    } catch (error) {
      this.#options.onError(error)
      return
    }
    if (decided instanceof Promise)
      decided.then(
        (decision) => this.#onDecided(decision),
        (error: unknown) => this.#options.onError(error),
      )
    else this.#onDecided(decided)
  }

  #onDecided(decision: UpstreamDecision): void {
    if (decision.allowed) {
      this.#permit = decision.permit
      if (decision.permit.holdsSlots) decision.permit.keepRenewed()
      this.#sendFirst()
      return
    }
    const next = this.#takeNext()
    if (next === undefined) this.#options.onRefused(decision)
    else this.#enter(next)
  }

  #takeNext(): UpstreamGroup | undefined {
    const next = this.#next.shift()
    if (next !== undefined) this.#upstream.fallbackCount++
    return next
  }

  #sendFirst(): void {
    if (!this.#isSent) this.#options.onSent()
    this.#isSent = true
    this.#send(this.#upstream.choose() as UpstreamAddress, true)
  }

  /** @param isFirst true if another address may be tried */
  #send(address: UpstreamAddress, isFirst: boolean): void {
    const upstream = this.#upstream
    const { forward: options, onSettled } = this.#options
    const attempt = upstream.attempt(address)
    let proceed = () => {}
    const diversion: Diversion = {
      onHead: (status, rawHeaders, isRepeatable) => {
        attempt.onResponse(status)
        upstream.limits?.pause.onResponse(status, rawHeaders)
        if (!isRepeatable || !upstream.fallsBackOn(status) || this.#next.length === 0) return false
        if (this.#permit !== undefined) reportStatus(this.#permit, status, rawHeaders)
        proceed = () => this.#fallBack()
        return true
      },
      onFailure: (failure) => {
        attempt.onFailure(!NOT_UNREACHABLE.has(failure.code))
        if (!this.#maySendAgain(failure)) return false
        const other = isFirst ? upstream.choose(address) : undefined
        if (other !== undefined) proceed = () => this.#send(other, false)
        else if (this.#next.length > 0) proceed = () => this.#fallBack()
        else return false
        // Another address of the same upstream is still the same request to its limits.
        if (other === undefined && this.#permit !== undefined) reportFailure(this.#permit, failure.code)
        return true
      },
      proceed: () => {
        attempt.end()
        proceed()
      },
    }
    forward(
      {
        ...options,
        body: this.#body,
        upstream: address.pool,
        withheld: upstream.withheld(options.withheld),
        requestHeaders: withHeaders(this.#ownHeaders, upstream.headers),
        diversion,
      },
      (result, progress) => {
        attempt.end()
        onSettled(result, progress)
      },
    )
  }

  #maySendAgain({ reached, isConnectionLoss, isRepeatable }: AttemptFailure): boolean {
    const { request, retriesPost } = this.#options.forward
    if (!isRepeatable || request.socket.destroyed) return false
    return !reached || (isConnectionLoss && mayRepeat(request.method ?? 'GET', retriesPost))
  }

  /** Refunds the charges of the upstream, and continues with the next one. */
  #fallBack(): void {
    const permit = this.#permit
    this.#permit = undefined
    const next = this.#takeNext() as UpstreamGroup
    const refunded = permit?.cancel()
    if (refunded === undefined) this.#enter(next)
    else
      refunded.then(
        () => this.#enter(next),
        (error: unknown) => this.#options.onError(error),
      )
  }
}

/** Adds the headers of an upstream, which replace the gateway's own headers of the same names. */
function withHeaders(own: readonly HeaderPair[], added: readonly HeaderPair[]): readonly HeaderPair[] {
  if (added.length === 0) return own
  const names = new Set(added.map(([name]) => headerName(name).folded))
  return [...own.filter(([name]) => !names.has(headerName(name).folded)), ...added]
}
