/** The outcome of an exchange with the upstream, as far as it affects the cost. */
export type AnswerEnd =
  /** The client received the complete response. */
  | { readonly kind: 'answered' }
  /** The client or the upstream closed the connection early. */
  | { readonly kind: 'interrupted' }
  /** There was no response: 502, or 504 for a timeout, with the cause. */
  | { readonly kind: 'failed'; readonly status: number; readonly code: string }

/**
 * Statuses after which the model may have done work, or may still be working: a proxy timed out
 * (504, and Cloudflare's 524), or the upstream considers the client gone (499).
 */
const UNDECIDED: ReadonlySet<number> = new Set([499, 504, 524])

/** Causes of a 504 that show that the request was never sent. */
const NEVER_SENT: ReadonlySet<string> = new Set(['UND_ERR_CONNECT_TIMEOUT', 'ETIMEDOUT'])

/** Reports whether the upstream did billable work, based on the status of its response. */
export function billingOfStatus(status: number): 'yes' | 'no' | 'unknown' {
  if (status < 300) return 'yes'
  return UNDECIDED.has(status) ? 'unknown' : 'no'
}

/**
 * Reports whether an upstream that did not respond did billable work. After a timeout, this is
 * unknown.
 */
export function billingOfFailure(end: AnswerEnd & { kind: 'failed' }): 'no' | 'unknown' {
  return end.status === 504 && !NEVER_SENT.has(end.code) ? 'unknown' : 'no'
}
