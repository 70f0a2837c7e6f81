/** How an exchange with the upstream ended, as far as it matters to what it cost. */
export type AnswerEnd =
  /** The whole answer went to the client. */
  | { readonly kind: 'answered' }
  /** The client or the upstream closed the connection before that. */
  | { readonly kind: 'cut' }
  /** No answer came: 502, or 504 where it took too long, and the cause. */
  | { readonly kind: 'failed'; readonly status: number; readonly code: string }

/**
 * Statuses that leave open whether the model has worked, and works on: somebody between gave up waiting for it (504, and
 * 524 of Cloudflare), or the upstream takes the client for gone (499).
 */
const UNDECIDED: ReadonlySet<number> = new Set([499, 504, 524])

/** Failures of 504 in which the request was never sent. */
const NEVER_SENT: ReadonlySet<string> = new Set(['UND_ERR_CONNECT_TIMEOUT', 'ETIMEDOUT'])

/** Whether a status says what came of the request: `no` work was done, `yes`, or `unknown`. */
export function billingOfStatus(status: number): 'yes' | 'no' | 'unknown' {
  if (status < 300) return 'yes'
  return UNDECIDED.has(status) ? 'unknown' : 'no'
}

/** Whether an upstream that gave no answer has worked. One that took the request and was too slow may have. */
export function billingOfFailure(end: AnswerEnd & { kind: 'failed' }): 'no' | 'unknown' {
  return end.status === 504 && !NEVER_SENT.has(end.code) ? 'unknown' : 'no'
}
