import type { Decision, MaybePromise, Permit } from 'sluice'
import type { MeteredCall } from '../../policy/llm/metered-call.js'
import { billingOfFailure, billingOfStatus } from '../../policy/llm/response/billing.js'
import type { Settlement, UnreadReason } from '../../policy/llm/response/response-meter.js'
import { settleCounted } from '../../policy/llm/settle-counted.js'
import { type Amounts, NO_AMOUNTS } from '../../policy/llm/usage.js'
import { holdsSlots } from '../../policy/policy-limiter.js'
import type { RecordedRequest } from '../observability/recording/recorder.js'
import type { ForwardProgress, ForwardResult } from './forward-result.js'
import { reportResult } from './rejection.js'

export type AllowedDecision = Extract<Decision, { readonly allowed: true }>

/** Settles the charges of a request once its exchange with the upstream has ended. */
export type Settler = (result: ForwardResult, progress: ForwardProgress) => MaybePromise<void>

/** The part of a request's charges that is kept, depending on how the exchange ended. */
type Billed =
  /** The request never reached the upstream. */
  | 'nothing'
  /**
   * The upstream received the request but did no work: only resources such as tokens are refunded.
   */
  | 'request'
  /** The reservation is kept, or is settled with the metered cost. */
  | 'work'

/** The cost of a request for which the upstream did no work. */
const NO_WORK = { tokens: 0, input_tokens: 0, output_tokens: 0, money: 0 } as const

function billedFor(result: ForwardResult, { reached, status }: ForwardProgress): Billed {
  if (!reached) return 'nothing'
  if (result.kind === 'failed') return billingOfFailure(result) === 'no' ? 'request' : 'work'
  return status !== 0 && billingOfStatus(status) === 'no' ? 'request' : 'work'
}

/** Returns the charges of the upstream that served a request; undefined if it has no limits. */
export type UpstreamPermit = () => Permit | undefined

/**
 * Creates the settler of an unmetered request. It refunds charges if the upstream did no work.
 *
 * @param onWork called if the upstream may have done work
 */
export function requestSettler(
  decision: AllowedDecision,
  onWork?: () => void,
  upstreamPermit?: UpstreamPermit,
): Settler {
  const ofRoute = routeSettler(decision, onWork)
  if (upstreamPermit === undefined) return ofRoute
  return (result, progress) => {
    const permit = upstreamPermit()
    if (permit === undefined) return ofRoute(result, progress)
    const billed = billedFor(result, progress)
    reportEnd(permit, billed, result, progress)
    return both(ofRoute(result, progress), settleUpstream(permit, billed))
  }
}

function settleUpstream(permit: Permit, billed: Billed): MaybePromise<void> {
  if (billed === 'nothing') return permit.cancel()
  if (billed === 'request') return settleCounted(permit, NO_WORK)
}

/** The upstream did no work for the client, so it is charged for none. */
const NOT_SERVED = { input: 0, output: 0, isCut: true } as const

function servedWork(
  { meter }: MeteredCall,
  cost: Amounts,
  { kind }: ForwardResult,
): Parameters<Permit['served']>[0] {
  const { output: shown, isReported } = meter.shown
  return {
    ...{ input: cost.input_tokens, output: cost.output_tokens, shown },
    ...{ isEstimated: !isReported, isCut: kind !== 'answered' || cost === NO_AMOUNTS },
  }
}

function both(first: MaybePromise<void>, second: MaybePromise<void>): MaybePromise<void> {
  if (first instanceof Promise || second instanceof Promise)
    return Promise.all([first, second]).then(() => undefined)
}

/** Tells the lines of an unmetered request how it ended. */
function reportEnd(permit: Permit, billed: Billed, result: ForwardResult, progress: ForwardProgress): void {
  if (!permit.tracksWork) return
  reportResult(permit, result, progress)
  if (billed === 'request') permit.served(NOT_SERVED)
  else if (billed === 'work' && result.kind === 'answered') permit.served({})
}

function routeSettler(decision: AllowedDecision, onWork: (() => void) | undefined): Settler {
  return (result, progress) => {
    const billed = billedFor(result, progress)
    if (billed === 'work') onWork?.()
    if (holdsSlots(decision)) reportEnd(decision.permit, billed, result, progress)
    if (billed === 'nothing') return decision.permit.cancel()
    if (billed === 'request' && decision.quotas.some(({ resource }) => Object.hasOwn(NO_WORK, resource)))
      return settleCounted(decision.permit, NO_WORK)
  }
}

/**
 * Creates the settler of a model call. It settles the reservation with the metered cost, and
 * records that cost.
 *
 * @param onUnread called if the response cannot be parsed
 * @param onCharged called with the cost unless it is nothing
 * @param onSettled called with the cost
 * @param onUnknown returns what is charged if the cost is unknown. Default: the reservation
 */
export function llmCallSettler(
  metered: MeteredCall,
  { permit }: AllowedDecision,
  recorded: RecordedRequest | undefined,
  onUnread: (reason: UnreadReason) => void,
  onCharged: ((cost: Settlement) => void) | undefined,
  onSettled: ((cost: Settlement) => void) | undefined,
  upstreamPermit?: UpstreamPermit,
  onUnknown?: () => Amounts,
): Settler {
  return (result, progress) => {
    const ofUpstream = upstreamPermit?.()
    const tracking = [permit, ofUpstream].filter((each) => each?.tracksWork === true) as Permit[]
    for (const each of tracking) reportResult(each, result, progress)
    if (billedFor(result, progress) === 'nothing') return both(permit.cancel(), ofUpstream?.cancel())
    const cost = metered.settlement(result)
    if (metered.unread !== undefined) onUnread(metered.unread)
    onSettled?.(cost)
    // A call without tokens can have a price, such as that of a request.
    if (cost === 'unknown' || cost.tokens > 0 || (cost.money ?? 0) > 0) onCharged?.(cost)
    if (cost === 'unknown') {
      if (onUnknown === undefined) return
      // Less was reserved than the call may have used.
      const unknown = onUnknown()
      return both(
        settleCounted(permit, { ...unknown }),
        ofUpstream && settleCounted(ofUpstream, { ...unknown }),
      )
    }
    recorded?.setActualCost(cost)
    for (const each of tracking) each.served(servedWork(metered, cost, result))
    const costs = { ...(cost === NO_AMOUNTS ? NO_WORK : cost), ...metered.work(cost) }
    const settled = settleCounted(permit, costs)
    return ofUpstream === undefined ? settled : both(settled, settleCounted(ofUpstream, costs))
  }
}
