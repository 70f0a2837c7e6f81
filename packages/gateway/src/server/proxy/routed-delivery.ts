import type { RequestSender, UpstreamCall } from '../../policy/policy-request.js'
import { UpstreamGroup } from '../upstreams/upstream-group.js'
import type { UpstreamSet } from '../upstreams/upstream-set.js'
import type { Admitted } from './admit.js'
import { Delivery, type DeliveryOptions } from './delivery.js'
import type { RoutedRequest } from './request-context.js'

/**
 * Creates the delivery of a routed request to the upstream that its route chose. It counts the request
 * as in flight while it is sent, and names the upstream in the access log and the trace.
 *
 * @param admitted undefined if nothing decided on the request
 */
export function routedDelivery(
  upstreams: UpstreamSet,
  routed: RoutedRequest,
  admitted: Admitted | undefined,
  options: Omit<DeliveryOptions, 'upstream' | 'call'>,
): Delivery {
  const { access, match, services, telemetry } = routed
  let isInFlight = false
  const setInFlight = (value: boolean) => {
    if (value !== isInFlight) services.traffic.onInFlightChange(match.policy.name, value ? 1 : -1)
    isInFlight = value
  }
  const delivery: Delivery = new Delivery({
    ...options,
    upstream: upstreamOf(upstreams, routed, admitted),
    call: admitted && new SentCall(admitted.request, admitted.call),
    onSent: () => {
      setInFlight(true)
      options.onSent()
    },
    onRefused: (refusal) => {
      setInFlight(false)
      options.onRefused(refusal)
    },
    onError: (error) => {
      setInFlight(false)
      options.onError(error)
    },
    onSettled: (result, progress) => {
      setInFlight(false)
      access?.onUpstream(delivery.upstream)
      telemetry?.onUpstream(delivery.upstream)
      options.onSettled(result, progress)
    },
  })
  return delivery
}

function upstreamOf(
  upstreams: UpstreamSet,
  { match }: RoutedRequest,
  admitted: Admitted | undefined,
): UpstreamGroup {
  const chosen = admitted?.upstream
  if (chosen instanceof UpstreamGroup) return chosen
  // A preflight, on which nothing decides, is not sent to an upstream that depends on the request.
  const { upstream } = match.policy
  const named = typeof upstream === 'string' ? upstreams.groups.get(upstream) : undefined
  return named ?? upstreams.default
}

type SentRequest = Required<RequestSender> & Pick<UpstreamCall, 'beginWithinMs'>

/** An admitted request as the limits of upstreams see it. */
class SentCall implements UpstreamCall {
  readonly #request: SentRequest

  constructor(
    request: SentRequest,
    readonly call: UpstreamCall['call'],
  ) {
    this.#request = request
  }

  get id(): string | undefined {
    return this.#request.id
  }

  get beginWithinMs(): number | undefined {
    return this.#request.beginWithinMs
  }

  get traceId(): string | undefined {
    return this.#request.traceId
  }

  get client(): RequestSender['client'] {
    return this.#request.client
  }

  get ip(): string {
    return this.#request.ip
  }

  get method(): string {
    return this.#request.method
  }

  get path(): string {
    return this.#request.path
  }
}
