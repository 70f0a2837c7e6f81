import type { Permit } from 'sluice'
import type { LlmCall } from '../../policy/llm/llm-call.js'
import { MeteredCall } from '../../policy/llm/metered-call.js'
import type { ResponseMeter, Settlement } from '../../policy/llm/response/response-meter.js'
import { holdsSlots } from '../../policy/policy-limiter.js'
import type { RequestSender } from '../../policy/policy-request.js'
import type { HeaderPair } from '../http/proxy-headers.js'
import { modelAnswer } from '../observability/model-answer.js'
import type { RecordedRequest } from '../observability/recording/recorder.js'
import type { ForwardOverrides } from './forward.js'
import type { RoutedRequest } from './request-context.js'
import { type AllowedDecision, llmCallSettler, type Settler, type UpstreamPermit } from './settlement.js'
import { chargedAmounts, recordCallSpend, spendingOf } from './spending.js'

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
  if (holdsSlots(decision) && decision.permit.tracksWork) followWork(metered.meter, decision.permit)
  return {
    overrides: {
      responseHeaders,
      // Compressed responses can be metered only at their end, and nothing can be filtered from them.
      requestHeaders: [['Accept-Encoding', 'identity']],
      body: metered.body,
      observer: metered.meter,
      filter: (status, rawHeaders) => metered.filter(status, rawHeaders),
    },
    settle: llmCallSettler(
      metered,
      decision,
      recorded,
      (reason) => services.traffic.onUnreadableResponse(match.policy.name, reason),
      reporterOf(admitted, metered),
      spending && ((cost) => recordCallSpend(spending, call, metered.meter, cost)),
      upstreamPermit,
    ),
  }
}

/** Charges output beyond the prediction to its tenant while the response streams. */
function followWork(meter: ResponseMeter, permit: Permit): void {
  meter.follow({ began: () => permit.wrote(0), wrote: (output) => permit.wrote(output) })
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
