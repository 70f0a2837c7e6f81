import { clientLabel } from '../../policy/client-label.js'
import { MAX_MODEL_LENGTH } from '../../policy/config/sections/usage-section.js'
import type { LlmCall } from '../../policy/llm/llm-call.js'
import type { Amounts } from '../../policy/llm/usage.js'
import type { RequestSender } from '../../policy/policy-request.js'

/** A model call that ended. Times are in milliseconds. */
export interface ModelAnswer {
  /** The label of the client: its id, or its address if it is anonymous. */
  readonly client: string
  /** The model that the client requested; undefined if it named none. */
  readonly model: string | undefined
  readonly requestId?: string | undefined
  readonly traceId?: string | undefined
  /** The tokens that were charged, so cached input counts by its configured weight. */
  readonly inputTokens: number
  readonly outputTokens: number
  /** The money that was charged, in units of 10^-9; absent if calls are not priced. */
  readonly cost?: { readonly units: number; readonly currency: string }
  /** From forwarding the request to the first text; only of a streamed response. */
  readonly firstTokenMs?: number
  /** Average time per output token after the first; only of a stream of two tokens or more. */
  readonly perOutputTokenMs?: number
}

interface EndedCall {
  readonly sender: RequestSender
  readonly call: LlmCall
  readonly amounts: Amounts
  /** Monotonic milliseconds when the request was forwarded, and when its response ended. */
  readonly startedAt: number
  readonly endedAt: number
  /** Monotonic milliseconds when the first text arrived; undefined if none did. */
  readonly firstTextAt: number | undefined
}

/** Describes an ended model call for observers. */
export function modelAnswer({
  sender,
  call: { parameters, price },
  amounts: { input_tokens, output_tokens, money },
  startedAt,
  endedAt,
  firstTextAt,
}: EndedCall): ModelAnswer {
  const answer = {
    client: clientLabel(sender),
    model: parameters.model?.slice(0, MAX_MODEL_LENGTH),
    inputTokens: input_tokens,
    outputTokens: output_tokens,
    ...(price !== undefined && money !== undefined && { cost: { units: money, currency: price.currency } }),
    requestId: sender.id,
    traceId: sender.traceId,
  }
  if (!parameters.stream || firstTextAt === undefined) return answer
  return {
    ...answer,
    firstTokenMs: firstTextAt - startedAt,
    ...(output_tokens > 1 && { perOutputTokenMs: (endedAt - firstTextAt) / (output_tokens - 1) }),
  }
}
