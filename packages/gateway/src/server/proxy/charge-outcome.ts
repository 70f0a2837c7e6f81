import { billingOfFailure, billingOfStatus } from '../../policy/llm/response/billing.js'
import type { ForwardResult, Passed } from './forward-result.js'

/** What stays charged for a request, by how its exchange with the upstream ended. */
export type Charged =
  /** It never reached the upstream. */
  | 'nothing'
  /** The upstream got it and did no work: it counts as a request, and costs no tokens and no money. */
  | 'request'
  /** Whatever was taken or is known to have been used. */
  | 'work'

export function chargedFor(outcome: ForwardResult, { reached, status }: Passed): Charged {
  if (!reached) return 'nothing'
  if (outcome.kind === 'failed') return billingOfFailure(outcome) === 'no' ? 'request' : 'work'
  return status !== 0 && billingOfStatus(status) === 'no' ? 'request' : 'work'
}

/** What an upstream that does no work does not use. */
export const NO_WORK = { tokens: 0, input_tokens: 0, output_tokens: 0, money: 0 } as const
