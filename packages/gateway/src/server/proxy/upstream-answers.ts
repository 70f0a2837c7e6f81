import { type HttpAnswer, type Presentation, problem } from 'sluice/http'
import type { UpstreamRefusal } from '../upstreams/upstream-limits.js'
import type { FailedForward, ForwardProgress } from './forward-result.js'

/** The progress of a request that was not sent to any upstream. */
export const NOT_SENT: ForwardProgress = { reached: false, status: 0 }

/** Maximum length of a name that is logged. A client may determine it. */
const MAX_LOGGED_NAME = 64

/** Thrown when the expression of a route returns the name of no upstream. */
export class UnknownUpstreamError extends Error {
  override readonly name = 'UnknownUpstreamError'

  /** @param upstream the name, which a client may determine */
  constructor(upstream: string) {
    super(
      `the expression of the route returned '${upstream.slice(0, MAX_LOGGED_NAME)}', which is no upstream`,
    )
  }

  /** The failure as it is logged. */
  get failure(): FailedForward {
    return { kind: 'failed', status: 502, detail: this.message, code: 'UNKNOWN_UPSTREAM' }
  }
}

/** Creates the answer to a request that the limits of its upstream refuse. It does not name them. */
export function upstreamRefusal(
  { isBusy, retryAfterMs }: UpstreamRefusal,
  presentation: Presentation,
): HttpAnswer {
  const status = isBusy ? 503 : 429
  const title = 'Upstream at capacity'
  if (!Number.isFinite(retryAfterMs)) {
    const detail = 'The request is larger than the upstream accepts.'
    return problem(status, title, detail, {}, presentation)
  }
  const seconds = Math.max(1, Math.ceil(retryAfterMs / 1000))
  const wait = seconds === 1 ? '1 second' : `${seconds} seconds`
  const detail = `The upstream accepts no more requests at the moment. Try again in ${wait}.`
  const { headers, ...rest } = problem(status, title, detail, { 'retry-after': seconds }, presentation)
  return { ...rest, headers: [...headers, ['retry-after', String(seconds)]] }
}
