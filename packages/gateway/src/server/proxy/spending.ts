import type { Client } from 'sluice'
import { MONEY } from 'sluice/internal'
import { highestPriceOf } from '../../policy/llm/call-price.js'
import type { LlmCall } from '../../policy/llm/llm-call.js'
import { unknownCosts } from '../../policy/llm/prediction/predicted-call.js'
import type { ResponseMeter, Settlement } from '../../policy/llm/response/response-meter.js'
import { type Amounts, NO_AMOUNTS } from '../../policy/llm/usage.js'
import type { SpendSink } from '../spend/spend-recorder.js'
import type { RoutedRequest } from './request-context.js'
import type { AllowedDecision } from './settlement.js'

/** A request whose spend is recorded. */
interface SpendingRequest {
  readonly spend: SpendSink
  readonly client: Client | undefined
  readonly route: string
  readonly decision: AllowedDecision
}

/** Returns the parts of an admitted request that its spend needs; undefined if nothing counts money. */
export function spendingOf(
  { services, match: { policy } }: Pick<RoutedRequest, 'services' | 'match'>,
  client: Client | undefined,
  decision: AllowedDecision,
): SpendingRequest | undefined {
  const { spend } = services
  return spend && policy.countsMoney ? { spend, client, route: policy.name, decision } : undefined
}

const NO_TOKENS = { input: 0, cached: 0, output: 0 } as const

/**
 * Records what a model call has spent: the price of its usage or, if that is unknown, what stays
 * charged for it. A call for which the upstream did no work has spent nothing.
 */
export function recordCallSpend(
  request: SpendingRequest,
  call: LlmCall,
  meter: Pick<ResponseMeter, 'tokens'>,
  settlement: Settlement,
): void {
  if (settlement === NO_AMOUNTS) return
  const { price } = call
  const { model } = call.parameters
  if (price === undefined) {
    recordFixedSpend(request, model)
    return
  }
  const { currency } = price
  const common = { ...request, model, currency }
  if (settlement === 'unknown') {
    const { input_tokens: input, output_tokens: output, money = 0 } = chargedAmounts(call, request.decision)
    record(common, money, { input, cached: 0, output })
  } else {
    const { input, cached } = meter.tokens
    const { output_tokens: output } = settlement
    record(common, settlement.money ?? 0, { input, cached, output })
  }
}

/**
 * Returns what stays charged for a model call whose usage is unknown: its reservation or, if less
 * than the maximum was reserved, the maximum.
 */
export function chargedAmounts(
  { parameters, prediction, price, reservation }: LlmCall,
  decision: AllowedDecision,
): Amounts {
  if (prediction !== undefined) return unknownCosts({ parameters, price, reservation }, decision.quotas)
  const { input, output, total } = reservation
  const amounts = { tokens: total, input_tokens: input, output_tokens: output }
  if (price === undefined) return amounts
  const charged = chargedMoney(decision).get(price.currency)
  return { ...amounts, money: charged ?? highestPriceOf(price, reservation) }
}

/** Records the amounts of money that limits with a fixed cost have charged for a request. */
export function recordFixedSpend(request: SpendingRequest, model?: string): void {
  for (const [currency, units] of chargedMoney(request.decision))
    record({ ...request, model, currency }, units, NO_TOKENS)
}

function record(
  {
    spend,
    client,
    route,
    model,
    currency,
  }: SpendingRequest & { model: string | undefined; currency: string },
  units: number,
  tokens: { readonly input: number; readonly cached: number; readonly output: number },
): void {
  spend.add({ units, currency, client, model, route, ...tokens })
}

/** Returns the largest charge of a request in each currency. Several limits may count the same money. */
function chargedMoney({ quotas }: AllowedDecision): ReadonlyMap<string, number> {
  const charged = new Map<string, number>()
  for (const { resource, limit, cost } of quotas) {
    if (resource !== MONEY || !('currency' in limit) || limit.currency === undefined) continue
    charged.set(limit.currency, Math.max(cost, charged.get(limit.currency) ?? 0))
  }
  return charged
}
