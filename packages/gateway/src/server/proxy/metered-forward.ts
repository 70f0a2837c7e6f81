import type { LlmCall } from '../../policy/llm/llm-call.js'
import { MeteredCall } from '../../policy/llm/metered-call.js'
import type { GrowingReservation } from '../../policy/llm/prediction/growing-reservation.js'
import { growingReservation, unknownCosts } from '../../policy/llm/prediction/predicted-call.js'
import type { ResponseMeter, Settlement } from '../../policy/llm/response/response-meter.js'
import { NO_AMOUNTS } from '../../policy/llm/usage.js'
import { holdsSlots } from '../../policy/policy-limiter.js'
import type { RequestSender } from '../../policy/policy-request.js'
import type { HeaderPair } from '../http/proxy-headers.js'
import { modelAnswer } from '../observability/model-answer.js'
import type { RecordedRequest } from '../observability/recording/recorder.js'
import type { ForwardOverrides } from './forward.js'
import type { RoutedRequest } from './request-context.js'
import { type AllowedDecision, llmCallSettler, type Settler, type UpstreamPermit } from './settlement.js'
import { chargedAmounts, recordCallSpend, spendingOf } from './spending.js'
import { StreamCut } from './stream-cut.js'

/** An admitted model call. */
interface AdmittedCall {
  readonly routed: RoutedRequest
  readonly sender: RequestSender
  readonly call: LlmCall
  readonly decision: AllowedDecision
  /** Undefined unless traffic is recorded. */
  readonly recorded: RecordedRequest | undefined
  /** Undefined unless routes choose their upstream. */
  readonly upstreamPermit: UpstreamPermit | undefined
}

/** Returns how a model call is forwarded so that its tokens are metered, and how it is settled. */
export function meteredForward(
  admitted: AdmittedCall,
  body: Buffer,
  responseHeaders: readonly HeaderPair[],
): { readonly overrides: ForwardOverrides; readonly settle: Settler } {
  const { routed, sender, call, decision, recorded, upstreamPermit } = admitted
  const { services, match } = routed
  const metered = new MeteredCall(call, body, services.responseMemory)
  const spending = spendingOf(routed, sender.client, decision)
  const cut = streamCutOf(call, metered.meter)
  const growing = growingReservationOf(admitted, cut)
  follow(admitted, metered.meter, growing)
  return {
    overrides: {
      responseHeaders,
      // Compressed responses can be metered only at their end, and nothing can be filtered from them.
      requestHeaders: [['Accept-Encoding', 'identity']],
      body: metered.body,
      observer: metered.meter,
      filter: (status, rawHeaders) => {
        const filter = metered.filter(status, rawHeaders)
        return cut === undefined ? filter : cut.filter(status, rawHeaders, filter)
      },
      onExchange: cut && ((exchange) => cut.onExchange(exchange)),
    },
    settle: llmCallSettler(
      metered,
      decision,
      recorded,
      (reason) => services.traffic.onUnreadableResponse(match.policy.name, reason),
      learnerOf(call, reporterOf(admitted, metered), growing),
      spending && ((cost) => recordCallSpend(spending, call, metered.meter, cost)),
      upstreamPermit,
      call.prediction && (() => unknownCosts(call, decision.quotas)),
    ),
  }
}

/**
 * While the response streams, tells the lines of its limits how far it is, and lets the reservation
 * grow.
 */
function follow(
  { routed, decision, upstreamPermit }: AdmittedCall,
  meter: ResponseMeter,
  growing: GrowingReservation | undefined,
): void {
  const permit = holdsSlots(decision) && decision.permit.tracksWork ? decision.permit : undefined
  // An upstream that the request falls back to has limits of its own.
  const ofUpstream = routed.services.upstreams?.tracksWork === true ? upstreamPermit : undefined
  if (permit === undefined && growing === undefined && ofUpstream === undefined) return
  meter.follow({
    began() {
      for (const each of [permit, ofUpstream?.()]) {
        each?.began()
        each?.wrote(0)
      }
    },
    wrote(output, shown) {
      permit?.wrote(output, shown)
      ofUpstream?.()?.wrote(output, shown)
      growing?.wrote(output)
    },
  })
}

/** Returns what ends the stream of a call; undefined if it is never ended before its end. */
function streamCutOf(call: LlmCall, meter: ResponseMeter): StreamCut | undefined {
  const { shape, reserve } = call.options
  const isCut = reserve?.whenExhausted === 'cut' && call.parameters.stream
  return isCut && shape.endingOf !== undefined ? new StreamCut(shape.endingOf(), call, meter) : undefined
}

/** Returns the reservation of a call that may grow; undefined if all that it may use is reserved. */
function growingReservationOf(
  { routed: { match, services }, call, decision, upstreamPermit }: AdmittedCall,
  cut: StreamCut | undefined,
): GrowingReservation | undefined {
  const permits = () => [decision.permit, upstreamPermit?.()].filter((permit) => permit !== undefined)
  return growingReservation(call, decision.quotas, permits, {
    onExhausted: () =>
      services.traffic.onStreamExhausted(match.policy.name, cut?.cut() === true ? 'cut' : 'finish'),
  })
}

/** Returns a function that learns from the cost of a call, and reports it. */
function learnerOf(
  { prediction }: LlmCall,
  report: ((cost: Settlement) => void) | undefined,
  growing: GrowingReservation | undefined,
): ((cost: Settlement) => void) | undefined {
  if (prediction === undefined) return report
  return (cost) => {
    if (cost !== 'unknown' && cost !== NO_AMOUNTS)
      prediction.settle(cost.output_tokens, growing?.isExhausted === true)
    report?.(cost)
  }
}

/** Returns a function that reports what a model call was charged; undefined if no observer needs it. */
function reporterOf(
  { routed: { match, services, telemetry, access }, sender, call, decision }: AdmittedCall,
  { meter }: MeteredCall,
): ((cost: Settlement) => void) | undefined {
  const { traffic } = services
  if ([traffic.onModelAnswer, telemetry, access].every((each) => each === undefined)) return undefined
  if (telemetry !== undefined) meter.readModel()
  const startedAt = performance.now()
  return (cost) => {
    const isKnown = cost !== 'unknown'
    const amounts = isKnown ? cost : chargedAmounts(call, decision)
    const { firstTextAt } = meter
    const endedAt = performance.now()
    const answer = modelAnswer({ sender, call, amounts, startedAt, endedAt, firstTextAt })
    traffic.onModelAnswer?.(match.policy.name, answer)
    if (telemetry !== undefined) {
      const { tokens, model } = meter
      const used = isKnown ? { ...tokens, output: amounts.output_tokens } : undefined
      telemetry.onModelAnswer({ ...answer, tokens: used, model })
    }
    access?.onModelAnswer(answer)
  }
}
